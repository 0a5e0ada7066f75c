"""Rewards (b + Delta, b, ..., b): both bounds, the published cases, and the exact flow."""

from __future__ import annotations

import numpy as np
import pytest

from eigenwell.benchmarks._wells_checks import escape_times, homogeneous_cases
from eigenwell.errors import ArgumentError
from eigenwell.wells import bounds


@pytest.mark.parametrize(
    ("probability", "time", "lower", "upper"),
    [(0.05, 63, 63, 64), (0.01, 509, 508, 512), (0.002, 2660, 2658, 2681)],
)
def test_the_published_cases(probability: float, time: int, lower: int, upper: int) -> None:
    start = np.array([probability, *(4 * [(1 - probability) / 4])])
    found = bounds.homogeneous_bounds(start, gap=0.3, learning_rate=0.5)
    assert (found.lower, found.upper) == (lower, upper)
    rewards = np.array([[0.3, 0, 0, 0, 0]])
    measured = escape_times(
        start[None], rewards, np.array([0.5]), fraction=np.array([0.9]), limit=3000
    )
    assert measured == [time]


@pytest.mark.parametrize("pull", [(0.05, 1.0), (1.0, 11.0)])
def test_both_bounds_hold_and_are_close(pull: tuple[float, float]) -> None:
    cases = homogeneous_cases(
        np.random.default_rng(0), instances=40, probability=(0.005, 0.09), pull=pull
    )
    assert (cases.lower <= cases.times).all()
    assert (cases.times <= cases.upper).all()
    if pull[1] == 1.0:
        assert np.median(cases.lower / cases.times) > 0.97
        assert np.median(cases.upper / cases.times) < 1.12


def test_the_flow_is_the_limit_of_small_rates() -> None:
    start = np.array([[0.03, 0.5, 0.3, 0.1, 0.07]])
    rewards = np.array([[1.0, 0, 0, 0, 0]])
    flow = float(bounds.homogeneous_flow_time(start)[0])
    errors = []
    for rate in (0.04, 0.02, 0.01):
        # Interpolated by the rate: the first whole step beyond is up to one step late.
        time = escape_times(start, rewards, np.array([rate]), fraction=np.array([0.9]), limit=10**5)
        errors.append((time[0] - 1) * rate - flow)
    assert all(
        0 <= error < 3 * rate for error, rate in zip(errors, (0.04, 0.02, 0.01), strict=True)
    )


def test_even_shares_make_the_flow_and_the_lower_bound_one() -> None:
    """With equal shares the sum of their squares stays, and the flow is the potential's clock."""
    start = np.array([0.02, *(7 * [0.14])])
    clock = bounds.corner_potential(0.1) - bounds.corner_potential(0.02)
    assert bounds.homogeneous_flow_time(start) == pytest.approx(clock / (1 + 1 / 7), rel=1e-10)


def test_the_flow_from_a_start_of_1e_minus_200() -> None:
    """Escape time is about 1 / ((1 + k1) p) there; the quadrature must not miss the start."""
    p = 1e-200
    start = [p, 0.5, 0.5]
    assert bounds.homogeneous_flow_time(start) * p == pytest.approx(1 / 1.5, rel=1e-10)
    assert bounds.homogeneous_flow_time([0.2, 0.8]) == 0


def test_hypotheses_are_named() -> None:
    start = [0.2, 0.4, 0.4]
    with pytest.raises(ArgumentError, match="`policy` must hold the optimal action"):
        bounds.homogeneous_bounds(start, gap=1.0, learning_rate=0.5)
    with pytest.raises(ArgumentError, match=r"must be at most 11.1111 at this corner, got 20"):
        bounds.homogeneous_bounds([0.05, 0.95], gap=2.0, learning_rate=10.0)
    assert bounds.homogeneous_bounds(start, gap=1.0, learning_rate=0.5, corner=0.3).lower > 2
    moved = bounds.homogeneous_bounds([0.5, 0.05, 0.45], gap=1, learning_rate=0.5, optimal=1)
    assert (
        moved.upper == bounds.homogeneous_bounds([0.05, 0.5, 0.45], gap=1, learning_rate=0.5).upper
    )
