"""The corner lemma and everything summed from it, against adversaries found by Hypothesis."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eigenwell.wells import bounds

# Rounding of a step is some 1e-16 of logits below 30; runs here have at most 12 steps.
STEP, RUN = 1e-12, 1e-11


class Corner(NamedTuple):
    """A start near the corner of action 0, and what an adversary does to it."""

    policy: Any
    better: Any
    rewards: Any  # (T, K)
    rates: Any  # (T,)


@st.composite
def corners(draw: st.DrawFn) -> Corner:
    """Masses down to 1e-12, rates up to 10, rewards that change in every step."""
    actions, steps = draw(st.integers(2, 12)), draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    better = rng.random(actions) < draw(st.floats(0, 1))
    better[0], better[draw(st.integers(1, actions - 1))] = False, True
    odds = 10 ** (rng.uniform(-1, 1, actions) * draw(st.floats(0, 4)))
    mass = 0.5 * 10 ** draw(st.floats(-12, 0))
    odds = np.where(better, odds / odds[better].sum() * mass / (1 - mass), odds)
    odds[0] = 1.0
    rewards = {
        "signs": rng.choice([-1.0, 0.0, 1.0], size=(steps, actions)),
        "pull": np.ones((steps, actions)),
        "normal": rng.normal(size=(steps, actions)),
    }[draw(st.sampled_from(["signs", "pull", "normal"]))]
    rewards *= 10 ** draw(st.floats(-2, 2))
    rewards[:, ~better] = -np.abs(rewards[:, ~better]) * draw(st.sampled_from([0.0, 1.0, 100.0]))
    rewards[:, 0] = 0.0
    rates = 10 ** rng.uniform(draw(st.floats(-4, 1)), 1, steps)
    return Corner(odds / odds.sum(), better, rewards, rates)


def run(corner: Corner) -> tuple[Any, Any]:
    """Return theta ``(T + 1, K)`` and the policies, by the definition of the update."""
    theta, policies = [np.log(corner.policy)], []
    for reward, rate in zip(corner.rewards, corner.rates, strict=True):
        weights = np.exp(theta[-1] - theta[-1].max())
        p = weights / weights.sum()
        policies.append(p)
        theta.append(theta[-1] + rate * p * (reward - p @ reward))
    return np.array(theta), np.array(policies)


def logits(theta: Any, better: Any) -> Any:
    """Logit of the better actions' share beside action 0."""
    return np.logaddexp.reduce(theta[:, better], axis=1) - theta[:, 0]


@settings(max_examples=150, deadline=None)
@given(corners())
def test_nothing_leaves_a_corner_faster_than_the_lemma_allows(corner: Corner) -> None:
    theta, policies = run(corner)
    logit = logits(theta, corner.better)
    masses = 1 / (1 + np.exp(-np.clip(logit, -700, 700)))
    gaps = np.maximum(corner.rewards.max(axis=1), 0.0)
    inside = masses[:-1] <= 0.5
    rise = bounds.logit_increment_bound(np.minimum(masses[:-1], 0.5), gaps, corner.rates)
    allowed = rise + STEP * (1 + np.abs(logit[:-1]))
    assert (np.diff(logit) <= allowed)[inside].all()

    first = bounds.corner_mass(corner.policy, 0, better=corner.better)
    over = {
        form: bounds.corner_mass_bounds(
            min(float(first), 0.5), gaps, learning_rate=corner.rates, form=form
        )
        for form in bounds.FORMS
    }
    over["worst case"] = bounds.worst_case_masses(
        corner.policy, gaps, learning_rate=corner.rates, action=0, better=corner.better
    )
    for form, bound in over.items():
        assert (masses <= bound * (1 + RUN)).all(), form
    for form in bounds.FORMS[:2]:  # where they say something, in this order of sharpness
        meaningful = over[form] < 1
        assert (over["logit"] <= over[form] * (1 + RUN))[meaningful].all()

    for form in bounds.FORMS:
        steps = bounds.certified_steps_over_time(
            min(float(first), 0.5), gaps, learning_rate=corner.rates, corner=0.1, form=form
        )
        certified = np.arange(len(gaps)) <= steps
        delta = corner.rewards.max(axis=1) - (policies * corner.rewards).sum(axis=1)
        slack = RUN * np.abs(corner.rewards).max()
        assert (delta >= 0.9 * gaps - slack)[certified].all()


def test_the_lemma_is_an_equality_for_two_actions() -> None:
    corner = Corner(
        np.array([0.7, 0.3]), np.array([False, True]), np.array([[0.0, 2.0]]), np.array([3.0])
    )
    theta, _ = run(corner)
    rise = np.diff(logits(theta, corner.better))[0]
    assert rise == pytest.approx(float(bounds.logit_increment_bound(0.3, 2.0, 3.0)), rel=1e-14)


def test_beyond_a_half_the_lemma_fails() -> None:
    """Two large better actions, one punished: the other outruns the bound by far."""
    corner = Corner(
        np.array([0.02, 0.49, 0.49]),
        np.array([False, True, True]),
        np.array([[0.0, 1.0, -1.0]]),
        np.array([9.0]),
    )
    rise = np.diff(logits(run(corner)[0], corner.better))[0]
    assert rise > 10 * 2 * 9 * 0.98 * 0.02


def test_the_worst_case_is_attained() -> None:
    start = np.array([0.95, 0.02, 0.03])
    corner = Corner(
        start, np.array([False, True, True]), np.tile([0.0, 1.0, 1.0], (60, 1)), np.full(60, 0.3)
    )
    masses = 1 / (1 + np.exp(-logits(run(corner)[0], corner.better)))
    over = bounds.worst_case_masses(start, np.ones(60), learning_rate=0.3, action=0)
    inside = over < 1
    assert 40 < inside.sum() < 61  # then it is above 1/4
    np.testing.assert_allclose(masses[inside], over[inside], rtol=1e-12)


def test_the_potential_has_the_derivative_that_makes_it_a_clock() -> None:
    mass = np.array([1e-6, 0.01, 0.3, 0.5, 0.8])
    step = 1e-5 * mass * (1 - mass)
    slope = (bounds.corner_potential(mass + step) - bounds.corner_potential(mass - step)) / 2 / step
    # The difference quotient is good to step^2, its rounding to 1e-16 / 1e-5.
    np.testing.assert_allclose(slope, (mass * (1 - mass)) ** -2.0, rtol=1e-8)
    np.testing.assert_allclose(bounds.corner_potential(1 - mass), -bounds.corner_potential(mass))


@given(st.floats(-1e300, 1e300))
def test_the_inverse_of_the_potential(value: float) -> None:
    mass = bounds.corner_potential_inverse(value)
    if 1e-300 < mass < 0.999:  # beyond, 1 - m has few digits
        # 1/m is large, and a relative error of m appears in it as it is.
        assert bounds.corner_potential(mass) == pytest.approx(value, rel=1e-12, abs=1e-12)


def test_the_sharp_form_is_the_flow_of_the_worst_case_for_two_actions() -> None:
    """With small rates the bound on two actions becomes an identity."""
    rate, steps, start = 1e-3, 4000, 0.05
    bound = bounds.corner_mass_bounds(start, np.ones(steps), learning_rate=rate, form="sharp")
    logit = np.log(start / (1 - start))
    for _ in range(steps):
        mass = 1 / (1 + np.exp(-logit))
        logit += 2 * rate * mass * (1 - mass)
    assert 1 / (1 + np.exp(-logit)) == pytest.approx(float(bound[-1]), rel=1e-3)


def test_an_action_that_never_wins_does_not_count() -> None:
    """The published bad start is in no corner by 1 - pi(j), and soon in one beside the best."""
    policy = [0.00383, 0.9, 0.09617]
    better = [True, False, False]
    assert bounds.corner_mass(policy, 1) == pytest.approx(0.1)
    assert bounds.corner_mass(policy, 1, better=better) == pytest.approx(0.00383 / 0.90383)
