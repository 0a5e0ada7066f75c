"""The certificate of MDPs against exact policy gradient."""

from __future__ import annotations

import numpy as np
import pytest

from eigenwell.benchmarks._wells_mdp import check_mdps, evaluate, optimal_values
from eigenwell.errors import ArgumentError, ShapeError
from eigenwell.wells import bounds


def test_no_state_leaves_early_and_no_value_is_gained() -> None:
    checks = check_mdps(np.random.default_rng(3), instances=30, steps=40)
    assert {check.name for check in checks} == {
        "MDP, value by start",
        "MDP, value by visits",
        "MDP, mass",
        "MDP, prior mass",
    }
    assert sum(check.violations for check in checks) == 0
    assert min(check.comparisons for check in checks) > 100


def test_one_state_is_the_bandit() -> None:
    """With one absorbing state and no discount the pull is eta times the gap."""
    policy = np.array([[0.01, 0.99]])
    pulls = bounds.mdp_pulls([[1.0, 0.4]], [1.0], action=[1], learning_rate=0.5, discount=0.0)
    assert pulls == pytest.approx([0.3])
    found = bounds.mdp_certificate(policy, 0.6, learning_rate=0.5, discount=0.0)
    assert found.action == [1]
    assert found.steps == bounds.certified_steps(0.01, 0.6, learning_rate=0.5)


def test_visits_weigh_at_least_as_much_as_the_start() -> None:
    """d / (1 - gamma) is at least mu, so its bound on the loss is the larger one."""
    rng = np.random.default_rng(0)
    transitions, rewards = rng.dirichlet(np.ones(3), (1, 3, 2)), rng.random((1, 3, 2))
    policy, start = np.full((1, 3, 2), 0.5), np.array([[0.2, 0.3, 0.5]])
    best = optimal_values(transitions, rewards, 0.9)[0]
    visited = evaluate(policy, transitions, rewards, start, 0.9)[2][0]
    assert visited.sum() == pytest.approx(1)
    action = best.argmin(axis=-1)
    by_start, by_visits = (
        bounds.mdp_suboptimality_bound(best, weight, action=action, inside=[True, True, False])
        for weight in (start[0], visited / 0.1)
    )
    assert 0 < by_start < by_visits


def test_bad_input() -> None:
    policy = np.array([[0.01, 0.99]])
    with pytest.raises(ArgumentError, match="`discount` must be at least 0 and below 1, got 1"):
        bounds.mdp_certificate(policy, 1.0, learning_rate=0.1, discount=1.0)
    with pytest.raises(ShapeError, match=r"`policy` must have shape \(..., S, A\)"):
        bounds.mdp_certificate(policy[0], 1.0, learning_rate=0.1, discount=0.9)
    with pytest.raises(ShapeError, match="`action_values` must be finite"):
        bounds.mdp_pulls([1.0, 2.0], 1.0, action=0, learning_rate=0.1, discount=0.9)
    with pytest.raises(ShapeError, match=r"`optimal_values` must have shape \(S, A\)"):
        bounds.mdp_suboptimality_bound([1.0, 2.0], 1.0, action=0, inside=True)
