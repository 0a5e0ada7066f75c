"""The C99 header: compiled without a warning and run against the float64 reference."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.dc.export.support import (
    CASES,
    STRICT,
    Case,
    acted,
    assert_agrees,
    compiled,
    damaged,
    found,
    observations,
    status,
)
from tests.helpers.repository import EXAMPLES

from eigenwell.dc.export import export

if TYPE_CHECKING:
    from eigenwell import dc

C99 = ("-std=c99", "-O2", *STRICT)
LIMIT = 8  # test vectors in a C header

# Observations come in on stdin and actions go out on stdout; the exit status is the self-test's.
FILTER = """
#include <stdio.h>
#include "p.h"

int main(void) {
    static p_policy policy;
    float observation[P_INPUTS], action[P_NEURONS];
    p_init(&policy);
    while (fread(observation, sizeof observation, 1, stdin) == 1) {
        if (p_act(&policy, observation, action) != P_OK) {
            return 100;
        }
        fwrite(action, sizeof action, 1, stdout);
    }
    return p_self_test(&policy);
}
"""


def header(policy: dc.PackedPolicy) -> str:
    text = export(policy, "c", name="p")
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("way", [(), ("-DP_ON_THE_FLY",)], ids=["decoded", "on_the_fly"])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_actions_agree_with_the_oracle(
    policy: dc.PackedPolicy, compiler: str, way: tuple[str, ...], tmp_path: Path
) -> None:
    program = compiled(tmp_path, compiler, {"main.c": FILTER, "p.h": header(policy)}, *C99, *way)
    obs = observations(policy)
    assert_agrees(policy, obs, acted([program], obs, policy.neurons))


@pytest.mark.parametrize("way", [(), ("-DP_ON_THE_FLY",)], ids=["decoded", "on_the_fly"])
@pytest.mark.parametrize("case", [CASES[5], CASES[7], CASES[8]], ids=str)
def test_actions_agree_on_32_bit_arm(case: Case, way: tuple[str, ...], tmp_path: Path) -> None:
    emulator = found("qemu-arm")
    policy = case.policy()
    sources = {"main.c": FILTER, "p.h": header(policy)}
    program = compiled(tmp_path, "arm-linux-gnueabihf-gcc", sources, *C99, *way, "-static")
    obs = observations(policy)
    assert_agrees(policy, obs, acted([emulator, program], obs, policy.neurons))


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_self_test_finds_one_wrong_weight_in_flash(
    walker: dc.PackedPolicy, compiler: str, tmp_path: Path
) -> None:
    sound = header(walker)
    good = compiled(tmp_path, compiler, {"main.c": FILTER, "p.h": sound}, *C99)
    assert status([good]) == 0
    broken = {"main.c": FILTER, "p.h": damaged(walker, sound, LIMIT)}
    for way in ((), ("-DP_ON_THE_FLY",)):
        assert status([compiled(tmp_path, compiler, broken, *C99, *way)]) in range(1, LIMIT + 1)


def test_the_self_test_finds_a_wrong_weight_in_ram(walker: dc.PackedPolicy, tmp_path: Path) -> None:
    main = FILTER.replace("return p_self_test", "policy.weights[0] += 1.0f; return p_self_test")
    program = compiled(tmp_path, "gcc", {"main.c": main, "p.h": header(walker)}, *C99)
    assert status([program]) != 0


@pytest.mark.parametrize("flags", [(), ("-Ofast",)], ids=["O2", "Ofast"])
@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ('nanf("")', "P_NOT_FINITE"),
        ("INFINITY", "P_NOT_FINITE"),
        ("-INFINITY", "P_NOT_FINITE"),
        ("FLT_MAX", "P_OVERFLOW"),
        ("0.5f", "P_OK"),
    ],
)
def test_what_is_not_a_number_is_refused_and_leaves_the_action_alone(
    walker: dc.PackedPolicy, expression: str, result: str, flags: tuple[str, ...], tmp_path: Path
) -> None:
    main = f"""
#include <float.h>
#include <math.h>
#include "p.h"

int main(void) {{
    static p_policy policy;
    float observation[P_INPUTS] = {{0.0f}}, action[P_NEURONS] = {{7.0f, 7.0f, 7.0f, 7.0f}};
    p_init(&policy);
    volatile float hidden = {expression};
    observation[5] = hidden;
    if (p_act(&policy, observation, action) != {result}) {{
        return 1;
    }}
    for (int k = 0; k < P_NEURONS; ++k) {{
        if ((action[k] < 6.0f) != ({result} == P_OK)) {{
            return 2;
        }}
    }}
    return 0;
}}
"""
    # gcc says that -Ofast makes no sense of an infinity; that the header still does is the point.
    strict = C99 if not flags else ("-std=c99",)
    program = compiled(tmp_path, "gcc", {"main.c": main, "p.h": header(walker)}, *strict, *flags)
    assert status([program]) == 0


def test_a_program_of_c_and_cpp_units_includes_it_everywhere(
    walker: dc.PackedPolicy, tmp_path: Path
) -> None:
    main = """
#include "p.h"
#include "p.h"
int other(void);
int main(void) {
    static p_policy policy;
    p_init(&policy);
    return p_self_test(&policy) + other();
}
"""
    # Only the first includes it to look at a constant: nothing unused may warn.
    other = '#include "p.h"\nint other(void);\nint other(void) { return P_INPUTS - 24; }\n'
    sources = {"main.c": main, "other.c": other, "p.h": header(walker)}
    assert status([compiled(tmp_path, "gcc", sources, *C99)]) == 0
    as_cpp = {"main.cpp": main, "other.cpp": other, "p.h": sources["p.h"]}
    for compiler in ("g++", "clang++"):
        if shutil.which(compiler):
            program = compiled(tmp_path, compiler, as_cpp, "-std=c++11", "-O2", *STRICT)
            assert status([program]) == 0


def test_it_runs_clean_under_the_sanitizers(tmp_path: Path) -> None:
    policy = CASES[9].policy()
    sources = {"main.c": FILTER, "p.h": header(policy)}
    flags = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    for way in ((), ("-DP_ON_THE_FLY",)):
        program = compiled(tmp_path, "gcc", sources, *C99, *flags, *way)
        obs = observations(policy)
        assert_agrees(policy, obs, acted([program], obs, policy.neurons))


def test_an_index_past_the_codebook_stays_in_the_table(
    walker: dc.PackedPolicy, tmp_path: Path
) -> None:
    # The walker's codebook has 31 entries: index 31 can only come from a damaged word.
    text = header(walker)
    words = re.sub(r"0x([0-9a-f]{15})u", "0xfffffffffffffffu", text)
    assert words != text
    program = compiled(
        tmp_path, "gcc", {"main.c": FILTER, "p.h": words}, *C99, "-fsanitize=address,undefined"
    )
    done = subprocess.run([program], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert done.stderr == b""
    assert done.returncode in range(1, LIMIT + 1)


def test_every_name_starts_with_the_name_of_the_export(walker: dc.PackedPolicy) -> None:
    text = header(walker)
    macros = re.findall(r"#define (\w+)", text)
    assert "P_INPUTS" in macros
    assert all(macro.startswith("P_") for macro in macros)
    functions = re.findall(
        r"^static (?:inline |const )?[\w ]*?\*?\s?(\w+)[\[(]", text, re.MULTILINE
    )
    types = re.findall(r"^} (\w+);", text, re.MULTILINE)
    assert {"p_init", "p_act", "p_self_test", "p_words", "p_policy"} <= {*functions, *types}
    assert all(name.startswith("p_") for name in (*functions, *types))


def test_the_example_builds_and_runs_as_its_makefile_says(tmp_path: Path) -> None:
    found("gcc")
    folder = shutil.copytree(EXAMPLES / "embed_c", tmp_path / "embed_c")
    for flags in ("-O2 -Werror", "-O2 -Werror -DWALKER_ON_THE_FLY"):
        done = subprocess.run(
            [found("make"), "-B", "run", "CC=gcc", f"PYTHON={sys.executable}", f"CFLAGS={flags}"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "self-test passed\n24 observations, 4 actions" in done.stdout


def test_the_example_runs_on_32_bit_arm(walker: dc.PackedPolicy, tmp_path: Path) -> None:
    emulator = found("qemu-arm")
    sources = {
        "main.c": (EXAMPLES / "embed_c" / "main.c").read_text("ascii"),
        "walker.h": str(export(walker, "c", name="walker")),
    }
    program = compiled(tmp_path, "arm-linux-gnueabihf-gcc", sources, *C99, "-static")
    assert status([emulator, program]) == 0
