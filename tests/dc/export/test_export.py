"""The entry of the exporters: targets, names, files; and what all text exports have in common."""

from __future__ import annotations

import re
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dc.export.support import STRICT, Case, compiled, status

from eigenwell import dc
from eigenwell.dc.export import TARGETS, _template, _text, _vectors, export
from eigenwell.errors import ArgumentError, DTypeError, EigenwellError, SelfTestError

TEXTS = ("c", "cpp", "python")

HOSTILE = (
    "*/ int x; /*",
    "line\nbreak\r\n#error split\x0b\x0c\u2028\u2029\x85",
    "trigraph ??/\nand splice \\",
    "\\",
    '""" import os """ \' " % { } {0} @name@ @words@',
    "caf\u00e9 \u6f22\u5b57 \U0001f916 \x00 \x1b[31m \u202e",
    "//% end",
    "#% end",
    "x" * 5000,
)


def strange(text: object) -> dc.PackedPolicy:
    keys = ("name", "environment", "score", "episodes", "source", "license")
    return dc.PackedPolicy.from_arrays(
        [[0, 1], [1, 0]],
        [0.5, -0.5],
        [0.0, 0.1],
        eigenvalues=2,
        metadata=dict.fromkeys(keys, text),
    )


@pytest.mark.parametrize("target", TARGETS)
def test_the_file_holds_what_is_returned(
    walker: dc.PackedPolicy, target: str, tmp_path: Path
) -> None:
    path = tmp_path / "out"
    content = export(walker, target, path, name="walker")
    assert isinstance(content, bytes if target == "onnx" else str)
    assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert export(walker, target, name="walker") == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("walker.h", "walker"),
        ("fast-walker.v2.h", "fast_walker"),
        ("_hidden_.h", "hidden"),
        ("2legs.h", "policy"),
        ("class.h", "policy"),
        ("\u00e9.h", "policy"),
    ],
)
def test_the_name_comes_from_the_file(
    walker: dc.PackedPolicy, file: str, name: str, tmp_path: Path
) -> None:
    assert f"static inline int {name}_act(" in str(export(walker, "c", tmp_path / file))


def test_without_a_file_the_name_is_policy(walker: dc.PackedPolicy) -> None:
    assert "static inline int policy_act(" in str(export(walker, "c"))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "2legs",
        "a b",
        "a-b",
        "_a",
        "a_",
        "a__b",
        "int",
        "std",
        "lambda",
        "\u00e9",
        "a\n",
        "a" * 41,
    ],
)
def test_names_that_a_language_would_not_take_are_refused(
    walker: dc.PackedPolicy, name: str
) -> None:
    for target in TARGETS:
        with pytest.raises(ArgumentError, match="`name` must be a C identifier"):
            export(walker, target, name=name)
    assert export(walker, "c", name="a" * 40)


def test_a_name_is_a_string(walker: dc.PackedPolicy) -> None:
    with pytest.raises(DTypeError, match="`name` must be a string, got int"):
        export(walker, "c", name=7)  # type: ignore[arg-type]


def test_an_unknown_target_is_refused(walker: dc.PackedPolicy) -> None:
    with pytest.raises(ArgumentError, match="`to` must be one of c, cpp, python, onnx, got 'rust'"):
        export(walker, "rust")


@pytest.mark.parametrize("target", TARGETS)
def test_an_unwritable_path_leaves_nothing_behind(
    walker: dc.PackedPolicy, target: str, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "missing" / "walker.h", tmp_path / "folder"):
        with pytest.raises(EigenwellError, match="cannot be written") as caught:
            export(walker, target, path, name="walker")
        assert "\n" not in str(caught.value)
    assert [entry.name for entry in tmp_path.rglob("*")] == ["folder"]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_metadata_stay_text(text: str, tmp_path: Path) -> None:
    policy = strange(text)
    plain = strange("x")
    sources = {
        "c.c": """
#include "p.h"
int main(void) { p_policy p; p_init(&p); return p_self_test(&p); }
""",
        "p.h": str(export(policy, "c", name="p")),
    }
    # c89 dialects and -trigraphs read comments in the most ways; -Wcomment sees what looks nested.
    program = compiled(tmp_path, "gcc", sources, "-std=c99", "-trigraphs", *STRICT)
    assert status([program]) == 0
    sources = {
        "cpp.cpp": '#include "p.hpp"\nint main() { return p::self_test(); }\n',
        "p.hpp": str(export(policy, "cpp", name="p")),
    }
    assert status([compiled(tmp_path, "g++", sources, "-std=c++17", *STRICT)]) == 0
    (tmp_path / "p.py").write_text(str(export(policy, "python", name="p")), "ascii")
    assert status([sys.executable, tmp_path / "p.py", "0"]) == 0
    for target in TEXTS:
        ours, theirs = (str(export(each, target, name="p")) for each in (policy, plain))
        # Only comments may differ, and no more than the known keys have lines.
        start = {"c": "#ifndef", "cpp": "#pragma once", "python": "import sys"}[target]
        if target != "python":
            assert ours[ours.index(start) :] == theirs[theirs.index(start) :]
        assert re.search(r"[^\x20-\x7e\n]", ours) is None
    assert export(policy, "onnx", name="p")


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_literal_reads_back_as_the_same_float32(value: float) -> None:
    literal = _text.float32(value)
    assert np.float32(float(literal)).tobytes() == np.float32(value).tobytes()
    assert re.fullmatch(r"-?\d+(\.\d+)?(e[+-]\d+)?", literal)
    assert "." in literal or "e" in literal, "C would read an integer with the suffix f"


def test_literals_are_exact_in_c(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    values = rng.integers(0, 2**32, 4000, dtype=np.uint32).view(np.float32)
    special = [0.0, -0.0, 1e-45, 1.17549435e-38, 3.4028235e38, 0.1, 16777216.0, 1e16]
    values = np.concatenate([values[np.isfinite(values)], np.array(special, dtype=np.float32)])
    main = f"""
#include <stdio.h>
static const float values[] = {{
{_text.table(_text.floats(values, "f"))}
}};
int main(void) {{ return fwrite(values, sizeof values, 1, stdout) == 1 ? 0 : 1; }}
"""
    program = compiled(tmp_path, "gcc", {"main.c": main}, "-std=c99", *STRICT)
    out = subprocess.run([program], capture_output=True, check=True).stdout
    assert out == values.tobytes()


def test_a_template_resolves_nested_conditions_and_fills_once() -> None:
    lines = _template.render(
        "policy.py.in",
        {"name": "@mask@"} | dict.fromkeys(_placeholders("policy.py.in") - {"name"}, "1"),
        set(),
    )
    assert '"""@mask@: ' in lines
    assert "#%" not in lines
    assert "K * linear" not in lines
    # The shift stands inside the normalisation: without that there is none, whatever its own flag.
    header = _template.render(
        "policy.h.in", dict.fromkeys(_placeholders("policy.h.in"), "1"), {"shift"}
    )
    assert "value -=" not in header


def _placeholders(template: str) -> set[str]:
    folder = Path(_template.__file__).parent / "templates"
    return set(re.findall(r"@(\w+)@", (folder / template).read_text("ascii")))


def test_the_vectors_that_reach_most_are_chosen(walker: dc.PackedPolicy) -> None:
    dull = np.zeros((3, 24))
    lively = 0.3 * np.random.default_rng(5).standard_normal((4, 24))
    policy = dc.PackedPolicy.from_arrays(
        walker.indices,
        walker.codebook,
        walker.biases,
        eigenvalues=6,
        self_test_inputs=np.concatenate([dull, lively]),
    )
    two, many = _vectors.choose(policy, 2), _vectors.choose(policy, 8)
    assert two.inputs.any(axis=1).all(), "a dull vector was chosen before a lively one"
    assert len(two.inputs) == 2
    assert len(two.inputs) < len(many.inputs) <= 4, "a second dull vector adds nothing"
    assert 8 < two.reached < many.reached <= 24
    np.testing.assert_allclose(policy(many.inputs), many.outputs, rtol=0, atol=many.tolerance)


def test_a_policy_that_fails_its_own_test_is_not_exported(
    walker: dc.PackedPolicy, tmp_path: Path
) -> None:
    data = walker.dumps()
    right = walker.self_test_outputs.tobytes()
    assert data.count(right) == 1
    body = data.replace(right, (walker.self_test_outputs / 2).tobytes())[:-4]
    wrong = dc.PackedPolicy.loads(body + zlib.crc32(body).to_bytes(4, "little"))
    with pytest.raises(SelfTestError, match="the self-test of the policy failed"):
        export(wrong, "c", tmp_path / "walker.h")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("target", TARGETS)
def test_a_policy_without_vectors_gets_some(target: str) -> None:
    case = Case(5, 2, 3, 4, ("shift", "scale", "quadratic"))
    full = case.policy()
    bare = dc.PackedPolicy.from_arrays(
        full.indices,
        full.codebook,
        full.biases,
        eigenvalues=3,
        quadratic=full.quadratic,
        shift=full.shift,
        scale=full.scale,
        bits=4,
        metadata=full.metadata,
        self_test_inputs=np.zeros((0, 5)),
    )
    assert len(bare.self_test_inputs) == 0
    assert export(bare, target) == export(full, target)
