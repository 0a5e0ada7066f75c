"""Verdicts follow from intervals by one rule."""

from __future__ import annotations

import pytest

from eigenwell.studies import Check, Result, judge, verdict


def results(values: list[float]) -> list[Result]:
    return [Result("run", seed, {}, {"x": value}, 0.0) for seed, value in enumerate(values)]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.5, 1.5, "holds"),
        (1.5, 2.0, "fails"),
        (0.0, 0.5, "fails"),
        (1.0, 2.0, "undecided"),
        (float("nan"), 2.0, "undecided"),
    ],
)
def test_the_rule(low: float, high: float, expected: str) -> None:
    check = Check("x", "run", "about 1", low, high)
    assert judge(check, results([0.9, 1.0, 1.1])).verdict == expected


def test_nothing_measured_decides_nothing() -> None:
    check = Check("y", "run", "about 1", 0, 2)
    assert judge(check, results([1.0, 1.0])).verdict == "undecided"
    assert judge(Check("x", "run", "about 1", 0, 2), results([1.0])).verdict == "undecided"


def test_a_claim_falls_with_one_check() -> None:
    data = results([0.9, 1.0, 1.1])
    holds = judge(Check("x", "run", "", 0, 2), data)
    fails = judge(Check("x", "run", "", 2, 3), data)
    undecided = judge(Check("x", "run", "", 1, 3), data)
    assert verdict([holds, holds]) == "holds"
    assert verdict([holds, undecided]) == "undecided"
    assert verdict([holds, undecided, fails]) == "fails"
