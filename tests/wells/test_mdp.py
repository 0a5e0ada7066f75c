"""Tabular processes: their equations, gradients by differences, certificates along runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eigenwell import errors
from eigenwell.wells import Bandit
from eigenwell.wells import softmax_pg as bandit_pg
from eigenwell.wells.mdp import (
    TabularMDP,
    corner_certificates,
    holding_back,
    nested_wells,
    softmax_pg,
)

# Linear solves with condition numbers up to (1 + gamma) / (1 - gamma), here 200, lose 3 digits.
SOLVED = 1e-12


def random_mdp(rng: np.random.Generator, states: int, actions: int) -> TabularMDP:
    return TabularMDP(
        rng.dirichlet(np.full(states, 0.3), (states, actions)),
        rng.uniform(-1, 1, (states, actions)),
        float(rng.choice([0.0, 0.5, 0.9, 0.99])),
        rng.dirichlet(np.ones(states)),
    )


def random_policy(rng: np.random.Generator, mdp: TabularMDP) -> np.ndarray:
    return rng.dirichlet(np.ones(mdp.actions), mdp.states)


def in_corners(rng: np.random.Generator, mdp: TabularMDP) -> np.ndarray:
    """A policy that is within 1e-5 to 1e-1 of some corner in every state."""
    policy = random_policy(rng, mdp) * 10.0 ** rng.uniform(-5, -1, (mdp.states, 1))
    corner = rng.integers(mdp.actions, size=mdp.states)
    policy[np.arange(mdp.states), corner] += 1 - policy.sum(axis=1)
    return policy


@pytest.fixture(params=range(6))
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    return np.random.default_rng(request.param)


def test_values_solve_bellmans_equation_and_agree_with_iterating_it(rng) -> None:
    mdp = random_mdp(rng, 5, 3)
    policy = random_policy(rng, mdp)
    v = mdp.values(policy)
    np.testing.assert_allclose((policy * mdp.action_values(policy)).sum(axis=1), v, atol=1e-11)
    iterated = np.zeros(5)
    for _ in range(4000):  # 0.99^4000 < 1e-17
        q = mdp.rewards + mdp.discount * mdp.transitions @ iterated
        iterated = (policy * q).sum(axis=1)
    np.testing.assert_allclose(v, iterated, atol=1e-11)


def test_visitation_sums_to_one_and_gives_the_same_value(rng) -> None:
    mdp = random_mdp(rng, 5, 3)
    policy = random_policy(rng, mdp)
    d = mdp.visitation(policy)
    assert (d > 0).all()
    assert d.sum() == pytest.approx(1, abs=SOLVED)
    paid = (policy * mdp.rewards).sum(axis=1)
    assert d @ paid / (1 - mdp.discount) == pytest.approx(mdp.value(policy), abs=1e-11)


def test_optimum_agrees_with_value_iteration(rng) -> None:
    mdp = random_mdp(rng, 6, 3)
    v = np.zeros(6)
    for _ in range(4000):
        v = (mdp.rewards + mdp.discount * mdp.transitions @ v).max(axis=1)
    best = mdp.optimum()
    np.testing.assert_allclose(best.values, v, atol=1e-11)
    np.testing.assert_array_equal(best.policy, best.action_values.argmax(axis=1))
    worst = mdp.worst()
    assert (worst.values <= mdp.values(mdp.uniform())).all()
    assert (mdp.values(mdp.uniform()) <= best.values).all()


def test_gradient_agrees_with_central_differences(rng) -> None:
    mdp = random_mdp(rng, 4, 3)
    theta = rng.normal(size=(4, 3))

    def value(logits: np.ndarray) -> float:
        p = np.exp(logits)
        return mdp.value(p / p.sum(axis=1, keepdims=True))

    p = np.exp(theta) / np.exp(theta).sum(axis=1, keepdims=True)
    gradient, step = mdp.gradient(p), 1e-5
    for at in np.ndindex(4, 3):
        change = np.zeros((4, 3))
        change[at] = step
        difference = (value(theta + change) - value(theta - change)) / (2 * step)
        # Third derivatives grow as 1/(1 - gamma)^4, and rounding of V is divided by the step.
        assert gradient[at] == pytest.approx(difference, abs=2e-4 * (1 - mdp.discount) ** -1)


def test_losses_sum_to_the_suboptimality(rng) -> None:
    mdp = random_mdp(rng, 5, 3)
    policy = random_policy(rng, mdp)
    losses = mdp.losses(policy)
    assert (losses >= -SOLVED).all()
    missing = mdp.initial @ mdp.optimum().values - mdp.value(policy)
    assert losses.sum() == pytest.approx(missing, abs=1e-10)


def test_visit_bounds_hold_for_every_policy_of_a_sample(rng) -> None:
    mdp = random_mdp(rng, 4, 2)
    fewest, most = mdp.visit_bounds()
    assert (fewest >= mdp.initial - 1e-10).all()
    for choice in np.ndindex(2, 2, 2, 2):
        visits = mdp.visits(np.eye(2)[list(choice)])
        assert (fewest <= visits + 1e-9).all()
        assert (visits <= most + 1e-9).all()


def test_one_state_without_discount_is_a_bandit() -> None:
    rewards, start = [1.0, 0.9, 0.1], [0.01, 0.05, 0.94]
    mdp = TabularMDP(np.ones((1, 3, 1)), [rewards], 0.0)
    ours = softmax_pg(mdp, [start], learning_rate=0.4, steps=500, record=100)
    bandit = bandit_pg(Bandit(rewards), start, learning_rate=0.4, steps=500, record=100)
    np.testing.assert_array_equal(ours.times, bandit.times)
    # 500 steps of rounding near 1e-16 each, none of it amplified.
    np.testing.assert_allclose(ours.log_policies[:, 0], bandit.log_policies, atol=1e-12)
    np.testing.assert_allclose(ours.suboptimality, bandit.suboptimality, atol=1e-12)


def test_training_follows_the_gradient_and_rises() -> None:
    mdp = random_mdp(np.random.default_rng(1), 4, 3)
    run = softmax_pg(mdp, mdp.uniform(), learning_rate=0.01, steps=200)
    ratios = np.diff(run.log_policies[:2], axis=0)[0]
    expected = 0.01 * mdp.gradient(mdp.uniform())
    centred = expected - expected.mean(axis=1, keepdims=True)
    # The normaliser of the softmax changes by the square of the step.
    np.testing.assert_allclose(ratios - ratios.mean(axis=1, keepdims=True), centred, atol=1e-12)
    assert (np.diff(run.suboptimality) < 0).all()
    assert run.first_below(run.suboptimality[100]) == 102
    assert run.first_below(1e-9) == -1


def test_copies_are_the_states_they_stand_for() -> None:
    """A chain with a first state of two copies, and the same written out."""
    p, r = np.zeros((3, 2, 3)), np.array([[0.0, 0.5], [1.0, -1.0], [0.0, 0.0]])
    p[0, 0, 1] = p[0, 1, 2] = p[1, :, 2] = p[2, :, 2] = 1
    one = TabularMDP(p, r, 0.9, [2 / 3, 1 / 3, 0], copies=[2, 1, 1])
    q = np.zeros((4, 2, 4))
    q[0, 0, 2] = q[0, 1, 3] = q[1, 0, 2] = q[1, 1, 3] = q[2, :, 3] = q[3, :, 3] = 1
    two = TabularMDP(q, r[[0, 0, 1, 2]], 0.9, [1 / 3, 1 / 3, 1 / 3, 0])
    a = softmax_pg(one, one.uniform(), learning_rate=1.0, steps=50)
    b = softmax_pg(two, two.uniform(), learning_rate=1.0, steps=50)
    np.testing.assert_allclose(a.policies[-1][[0, 0, 1, 2]], b.policies[-1], atol=1e-13)


def masses(policies: np.ndarray) -> np.ndarray:
    return policies @ (1 - np.eye(policies.shape[-1]))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    states=st.integers(1, 4),
    actions=st.integers(2, 4),
    log_rate=st.floats(-2, 1),
)
def test_no_certificate_is_ever_violated(seed, states, actions, log_rate) -> None:
    rng = np.random.default_rng(seed)
    mdp = random_mdp(rng, states, actions)
    start, rate = in_corners(rng, mdp), 10.0**log_rate
    certificate = corner_certificates(mdp, start, learning_rate=rate)
    run = softmax_pg(mdp, start, learning_rate=rate, steps=60)
    mass = masses(run.policies)
    loss = run.suboptimality[:, None, None]
    inside = (certificate.budget > 0) & (run.spent <= certificate.budget)
    ahead = (certificate.budget > 0) & (run.times[:, None, None] - 1 <= certificate.updates)
    assert inside[0].any() == (masses(start) < 0.1).any()
    # The budget itself carries the rounding allowance; these are sums of A and S terms.
    for held in (inside, ahead):
        assert (mass <= 0.1 + 1e-12)[held].all()
        assert (loss >= certificate.floor - 1e-10)[held].all()
    assert (inside | ~ahead).all(), "what is certain in advance is not when the run is known"


def test_holding_back_ranks_by_loss_and_tells_sinking_from_learning() -> None:
    mdp = nested_wells(3, actions=4)
    run = softmax_pg(mdp, mdp.uniform(), learning_rate=1.0, steps=1500, record=100)
    early, late = (holding_back(mdp, run.policies[k], learning_rate=1.0) for k in (2, 10))
    assert {row.label for row in early[:2]} == {"1", "2"}
    assert next(row for row in early if row.label == "1").drift < 0
    assert late[0].label == "1"
    assert late[0].share > 0.8
    assert late[0].action == 1
    assert late[0].drift > 0
    assert sum(row.loss for row in late) == pytest.approx(run.suboptimality[1000], rel=1e-9)
    assert len(holding_back(mdp, run.policies[1], limit=1)) == 1
    assert holding_back(mdp, np.eye(4)[mdp.optimum().policy]) == []


P, R = np.full((2, 2, 2), 0.5), np.zeros((2, 2))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((P[0], R, 0.9), errors.ShapeError, "`transitions` must have shape"),
        ((P, R[0], 0.9), errors.ShapeError, "`rewards` must have shape"),
        ((P * 2, R, 0.9), errors.ArgumentError, "`transitions` must sum to 1"),
        ((-P, R, 0.9), errors.ArgumentError, "`transitions` must hold probabilities"),
        ((P * np.nan, R, 0.9), errors.ArgumentError, "`transitions` must hold probabilities"),
        ((P, R * np.nan, 0.9), errors.ArgumentError, "`rewards` must be finite"),
        ((P, R, 1.0), errors.ArgumentError, "`discount` must be at least 0 and below 1"),
        ((P, R, "much"), errors.DTypeError, "`discount` must be a number"),
        ((P, R, 0.9, [1.0]), errors.ShapeError, "`initial` must have shape"),
        ((P, R, 0.9, [1.0, 1.0]), errors.ArgumentError, "`initial` must sum to 1"),
        ((P.astype(complex), R, 0.9), errors.DTypeError, "`transitions` must hold real"),
    ],
)
def test_bad_processes_are_refused(arguments, error, message) -> None:
    with pytest.raises(error, match=message):
        TabularMDP(*arguments)


def test_bad_names_and_copies_are_refused() -> None:
    with pytest.raises(errors.ShapeError, match="`labels` must have one name per state"):
        TabularMDP(P, R, 0.9, labels=["a"])
    with pytest.raises(errors.ShapeError, match="`copies` must have shape"):
        TabularMDP(P, R, 0.9, copies=[1.0])
    with pytest.raises(errors.ArgumentError, match="`copies` must be finite and at least 1"):
        TabularMDP(P, R, 0.9, copies=[1.0, 0.5])


def test_bad_runs_are_refused() -> None:
    mdp = TabularMDP(P, R, 0.9)
    good = {"learning_rate": 0.1, "steps": 3}
    for policy, changes, error, message in [
        ([[1.0, 0.0]] * 2, {}, errors.ArgumentError, "`policy` must be above 0 everywhere"),
        ([[0.5, 0.5]], {}, errors.ShapeError, "`policy` must have shape"),
        (mdp.uniform(), {"learning_rate": 0}, errors.ArgumentError, "`learning_rate` must be"),
        (mdp.uniform(), {"steps": 0}, errors.ArgumentError, "`steps` must be"),
        (mdp.uniform(), {"record": 0}, errors.ArgumentError, "`record` must be"),
        (mdp.uniform(), {"steps": 10**9}, errors.ArgumentError, "`record` must leave"),
    ]:
        with pytest.raises(error, match=message):
            softmax_pg(mdp, policy, **{**good, **changes})
    with pytest.raises(errors.ArgumentError, match=r"at most 0\.5"):
        corner_certificates(mdp, mdp.uniform(), learning_rate=0.1, threshold=0.6)
