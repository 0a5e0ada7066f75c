"""Certificates never exceed the measured escape time; the theorems' constants; the second one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eigenwell.benchmarks._wells_checks import escape_times
from eigenwell.errors import ArgumentError
from eigenwell.wells import bounds

BAD_START, REWARDS, RATE = [0.01, 0.05, 0.94], [1.0, 0.9, 0.1], 0.4


def escape(policy: Any, rewards: Any, rate: float, *, steps: int) -> float:
    """First t with delta < 0.9 * gap; NaN if that is later than ``steps``."""
    policy, rewards, rates = (np.array([v], dtype=float) for v in (policy, rewards, rate))
    return float(escape_times(policy, rewards, rates, fraction=np.array([0.9]), limit=steps)[0])


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 8), st.integers(0, 2**32 - 1), st.floats(0.3, 0.98))
def test_a_certificate_is_never_longer_than_the_escape(
    actions: int, seed: int, fraction: float
) -> None:
    rng = np.random.default_rng(seed)
    rewards = rng.permuted(np.arange(actions) + 0.8 * rng.random((64, actions)), axis=1) / actions
    policy = rng.dirichlet(np.full(actions, 0.2), 64) + 1e-3
    policy /= policy.sum(axis=1, keepdims=True)
    rate = 10 ** rng.uniform(-1, 1, 64)
    times = escape_times(policy, rewards, rate, fraction=np.full(64, fraction), limit=300)
    for form in ("simple", "sharp"):
        certificate = bounds.escape_certificate(
            policy, rewards, learning_rate=rate, fraction=fraction, form=form, strict=False
        )
        assert not (certificate.time > times).any()  # a run without an escape in time is NaN


def test_the_constant_of_the_first_theorem() -> None:
    """C from the simple budget; the claim holds up to t_0 = C / (Delta pi_1(a*))."""
    policy, gap = np.array([0.004, 0.99, 0.006]), 0.1
    constant = bounds.escape_constant(policy, REWARDS, learning_rate=RATE)
    assert constant == pytest.approx(0.994 * (1 - 10 * 0.004 / 0.994) / (2 * RATE))
    time = float(constant / (gap * policy[0]))
    assert time == pytest.approx(2981.25)
    assert np.isnan(escape(policy, REWARDS, RATE, steps=int(time)))


def test_online_the_certificate_closes_in_on_the_published_escape() -> None:
    """7368 steps from the bad start; the minimum of pi(a*) is at 1954."""
    theta = np.log(BAD_START)
    policies = []
    for _ in range(7367):
        p = np.exp(theta) / np.exp(theta).sum()
        policies.append(p)
        theta = theta + RATE * p * (REWARDS - p @ np.array(REWARDS))
    times = np.arange(1, 7368)
    bound = bounds.online_certificate(times, np.array(policies), REWARDS, learning_rate=RATE)
    assert bound[0] == 31
    assert bound[1953] > 5000
    assert 7360 < bound[-1] <= 7368
    assert (np.diff(bound) >= 0).all()


def test_remaining_time_counts_down() -> None:
    now = float(bounds.remaining_time([0.001, 0.999], 0.1, learning_rate=RATE))
    assert now == bounds.certified_steps(0.001, 0.1, learning_rate=RATE) + 1
    assert bounds.remaining_time([0.4, 0.6], 0.1, learning_rate=RATE) == 0
    assert bounds.remaining_time([0.001, 0.999], 0.0, learning_rate=RATE) == np.inf
    two = [[0.001, 0.004, 0.995], [0.5, 0.25, 0.25]]
    better = [True, False, False]
    loose = bounds.remaining_time(two, 0.1, learning_rate=RATE, action=2)
    sharp = bounds.remaining_time(two, 0.1, learning_rate=RATE, action=2, better=better)
    assert sharp[0] > 4 * loose[0]
    assert sharp[1] == loose[1] == 0


def test_the_worst_case_certifies_most() -> None:
    start = [0.002, 0.002, 0.996]
    sharp = bounds.certified_steps(0.004, 1.0, learning_rate=0.2)
    worst = bounds.worst_case_steps(start, 1.0, learning_rate=0.2, action=2)
    assert worst > 1.25 * sharp
    assert bounds.worst_case_steps(start, 1.0, learning_rate=0.2, action=2, limit=9) == 9
    assert bounds.worst_case_steps([0.3, 0.7], 1.0, learning_rate=0.2, action=1) == -1


def test_starts_in_a_batch_are_separate() -> None:
    starts = np.array([[0.01, 0.98, 0.01], BAD_START, [0.6, 0.2, 0.2]])
    batch = bounds.escape_certificate(starts, REWARDS, learning_rate=RATE, strict=False)
    single = [
        bounds.escape_certificate(start, REWARDS, learning_rate=RATE, strict=False).time
        for start in starts
    ]
    np.testing.assert_array_equal(batch.time, single)
    assert batch.time[2] == 1
    with pytest.raises(ArgumentError, match="`policy` must start in a corner"):
        bounds.escape_certificate(starts, REWARDS, learning_rate=RATE)


def test_the_printed_second_theorem_is_false() -> None:
    """Its hypotheses hold, its claim fails at t = 1 for any start."""
    case = bounds.counterexample(actions=4, gap=0.3)
    assert (case.base <= case.beta).all()
    assert case.beta <= case.base[0] + case.gap
    assert (case.rewards == 0.3).all()
    for policy in (np.full(4, 0.25), np.array([1e-9, 1 - 3e-9, 1e-9, 1e-9])):
        delta = case.rewards[0] - policy @ case.rewards
        assert delta == pytest.approx(0, abs=1e-16)
        assert delta < 0.9 * case.gap
    with pytest.raises(ArgumentError, match="the theorem is false"):
        bounds.second_theorem([0.005, 0.99, 0.005], case.base[:3], case.gap)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 6), st.integers(0, 2**32 - 1), st.floats(1e-3, 0.09), st.floats(0.05, 0.9))
def test_the_corrected_second_theorem_holds(
    actions: int, seed: int, mass: float, gap: float
) -> None:
    """Base rewards drawn anew in every step, rates up to 1."""
    rng = np.random.default_rng(seed)
    policy = np.full(actions, mass / (actions - 1))
    policy[1] = 1 - mass
    base = rng.random((200, actions)) * (1 - gap)
    base[:, 0] = base.max(axis=1)
    rates = rng.random(200) + 1e-3
    rates /= rates.max()
    found = bounds.second_theorem(policy, base, gap, learning_rate=1.0)
    assert found.certified >= np.floor(found.time) - 1
    theta = np.log(policy)
    for t in range(1, 201):
        if t > max(found.time, found.certified):
            break
        p = np.exp(theta - theta.max()) / np.exp(theta - theta.max()).sum()
        reward = base[t - 1].copy()
        reward[0] += gap
        delta = reward[0] - p @ reward
        assert delta >= 0.9 * gap - 1e-12
        theta = theta + rates[t - 1] * p * (reward - p @ reward)
