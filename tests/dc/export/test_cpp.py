"""The C++17 header: constant expressions, run time, and the compilers' limits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.dc.export.support import (
    ALL,
    INF,
    STRICT,
    Case,
    acted,
    assert_agrees,
    compiled,
    damaged,
    observations,
    status,
)

from eigenwell.dc.export import cpp, export

if TYPE_CHECKING:
    from eigenwell import dc

CPP17 = ("-std=c++17", "-O2", "-Wsign-conversion", *STRICT)
LIMIT = 8  # test vectors in a C++ header
ASSERTED = "static_assert(self_test() == 0"

FILTER = """
#include <cstdio>
#include "p.hpp"

int main() {
    p::Observation observation{};
    while (std::fread(observation.data(), sizeof(float), p::inputs, stdin) == p::inputs) {
        const p::Action action = p::act(observation);
        std::fwrite(action.data(), sizeof(float), p::neurons, stdout);
    }
    return p::self_test();
}
"""


def header(policy: dc.PackedPolicy) -> str:
    text = export(policy, "cpp", name="p")
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_actions_agree_with_the_oracle(
    policy: dc.PackedPolicy, compiler: str, tmp_path: Path
) -> None:
    sources = {"main.cpp": FILTER, "p.hpp": header(policy)}
    program = compiled(tmp_path, compiler, sources, *CPP17)
    obs = observations(policy)
    assert_agrees(policy, obs, acted([program], obs, policy.neurons))


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_the_walker_acts_and_tests_itself_while_compiling(
    walker: dc.PackedPolicy, compiler: str, tmp_path: Path
) -> None:
    main = """
#include "p.hpp"
static_assert(p::self_test() == 0);
constexpr p::Action resting = p::act(p::Observation{});
static_assert(resting[0] > 0.056f && resting[0] < 0.058f);
int main() {}
"""
    # The biases alone: 0.167 + -0.110.
    assert walker([0.0] * 24)[0] == pytest.approx(0.057)
    assert ASSERTED in header(walker)
    compiled(tmp_path, compiler, {"main.cpp": main, "p.hpp": header(walker)}, *CPP17)


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_one_wrong_weight_stops_the_compiler_and_fails_the_self_test(
    walker: dc.PackedPolicy, compiler: str, tmp_path: Path
) -> None:
    broken = damaged(walker, header(walker), LIMIT)
    with pytest.raises(AssertionError, match="does not compute the policy"):
        compiled(tmp_path, compiler, {"main.cpp": FILTER, "p.hpp": broken}, *CPP17)
    unasserted = broken.replace(ASSERTED, "static_assert(self_test() != 0")
    program = compiled(tmp_path, compiler, {"main.cpp": FILTER, "p.hpp": unasserted}, *CPP17)
    assert status([program]) in range(1, LIMIT + 1)


# The costliest shapes below each limit: a row per input, per product and per column; then above it.
@pytest.mark.parametrize(
    ("case", "constant", "asserted"),
    [
        (Case(4096, 1, 8, 5, ALL), True, True),
        (Case(259, 4, 26, 5, ALL), True, True),
        (Case(1, 49, 31, 5, ALL), True, True),
        (Case(8, 64, 32, 5, ALL), True, False),
        (Case(4096, 3, 3, 5), False, False),
    ],
    ids=str,
)
@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_large_policies_stay_below_the_limits_of_constant_evaluation(
    case: Case, constant: bool, asserted: bool, compiler: str, tmp_path: Path
) -> None:
    policy = case.policy()
    weights = case.n * case.k * case.m
    assert constant == (weights <= cpp._MAX_DECODED)
    assert ("inline constexpr Weights" in header(policy)) is constant
    assert (ASSERTED in header(policy)) is asserted
    sources = {"main.cpp": FILTER, "p.hpp": header(policy)}
    program = compiled(tmp_path, compiler, sources, *CPP17)
    obs = observations(policy, 9)
    assert_agrees(policy, obs, acted([program], obs, policy.neurons))


@pytest.mark.parametrize(
    "case", [Case(24, 4, 6, 5), Case(9, 2, 3, 4, ("input_clip",), (-INF, INF))]
)
def test_what_is_not_a_number_gives_nan_in_every_action(case: Case, tmp_path: Path) -> None:
    main = """
#include <limits>
#include "p.hpp"
int main() {
    using limits = std::numeric_limits<float>;
    for (float value : {limits::quiet_NaN(), limits::infinity(), -limits::infinity()}) {
        p::Observation observation{};
        observation[3] = value;
        for (float action : p::act(observation)) {
            if (action == action) {
                return 1;
            }
        }
    }
    for (float action : p::act(p::Observation{})) {
        if (action != action) {
            return 2;
        }
    }
}
"""
    sources = {"main.cpp": main, "p.hpp": header(case.policy())}
    assert status([compiled(tmp_path, "g++", sources, *CPP17)]) == 0


def test_units_share_one_copy(walker: dc.PackedPolicy, tmp_path: Path) -> None:
    sources = {
        "main.cpp": """
#include "p.hpp"
const void* other();
int main() { return p::detail::weights.rows == other() ? p::self_test() : 100; }
""",
        "other.cpp": """
#include "p.hpp"
const void* other();
const void* other() { return p::detail::weights.rows; }
""",
        "p.hpp": header(walker),
    }
    assert status([compiled(tmp_path, "g++", sources, *CPP17)]) == 0
