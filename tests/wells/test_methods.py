"""Every remedy against its definition: gradients by torch's autograd or by differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eigenwell import wells
from eigenwell.errors import ArgumentError, DTypeError
from eigenwell.wells import Bandit

REWARDS = np.array([0.9, 0.2, 1.0, 0.4])
POLICY = np.array([0.3, 0.45, 0.05, 0.2])
ETA = 0.3
# One step in float64, a few dozen roundings.
SAME = {"rtol": 0, "atol": 1e-14}
NAMES = [row.name for row in wells.remedies()]
ROW = {row.name: row for row in wells.remedies()}


def step(method: Callable[..., wells.Run], rate: float = ETA, **options: Any) -> np.ndarray:
    run = method(Bandit(REWARDS), POLICY, learning_rate=rate, steps=2, **options)
    return run.policies[1]


def normalise(weights: np.ndarray) -> np.ndarray:
    return weights / weights.sum()


def gradient(objective: Callable[[Any], Any], theta: np.ndarray) -> np.ndarray:
    torch = pytest.importorskip("torch")
    parameters = torch.tensor(theta, requires_grad=True)
    objective(parameters).backward()
    return parameters.grad.numpy()


def value(theta: Any) -> Any:
    import torch

    return torch.softmax(theta, 0) @ torch.tensor(REWARDS)


def entropy(theta: Any) -> Any:
    import torch

    pi = torch.softmax(theta, 0)
    return value(theta) - 0.2 * pi @ torch.log(pi)


def barrier(theta: Any) -> Any:
    import torch

    return value(theta) + 0.2 / 4 * torch.log_softmax(theta, 0).sum()


@pytest.mark.parametrize(
    ("objective", "method", "options"),
    [
        (value, wells.softmax_pg, {}),
        (entropy, wells.entropy_pg, {"temperature": 0.2}),
        (barrier, wells.log_barrier_pg, {"barrier": 0.2}),
    ],
    ids=["softmax", "entropy", "log-barrier"],
)
def test_gradients_of_the_softmax(objective: Any, method: Any, options: Any) -> None:
    theta = np.log(POLICY)
    expected = normalise(np.exp(theta + ETA * gradient(objective, theta)))
    np.testing.assert_allclose(step(method, **options), expected, **SAME)


def test_normalised() -> None:
    g = gradient(value, np.log(POLICY))
    expected = normalise(POLICY * np.exp(ETA * g / np.linalg.norm(g)))
    np.testing.assert_allclose(step(wells.normalised_pg), expected, **SAME)


def test_natural_gradient_solves_with_the_fisher_matrix() -> None:
    fisher = np.diag(POLICY) - np.outer(POLICY, POLICY)
    direction = np.linalg.pinv(fisher) @ gradient(value, np.log(POLICY))
    expected = normalise(POLICY * np.exp(ETA * direction))
    np.testing.assert_allclose(step(wells.npg), expected, rtol=0, atol=1e-12)  # pinv: its condition


def test_spma_is_mirror_ascent_with_the_log_sum_exp() -> None:
    # Its mirror map is the softmax: pi <- pi + eta grad J needs no normalisation.
    expected = POLICY + ETA * gradient(value, np.log(POLICY))
    np.testing.assert_allclose(step(wells.spma), expected, **SAME)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.5])
@pytest.mark.parametrize("scale", [1.0, 7.0])
def test_escort(p: float, scale: float) -> None:
    def objective(theta: Any) -> Any:
        import torch

        weights = torch.abs(theta) ** p
        return weights / weights.sum() @ torch.tensor(REWARDS)

    theta = scale * POLICY ** (1 / p)
    norm = (theta**p).sum() ** (1 / p)
    after = theta + ETA * norm**2 / p**2 * gradient(objective, theta)
    expected = normalise(np.abs(after) ** p)
    np.testing.assert_allclose(step(wells.escort_pg, p=p), expected, **SAME)


def test_hadamard_steps_along_the_tangent_of_the_sphere() -> None:
    theta = np.sqrt(POLICY)
    slope = 2 * theta * REWARDS
    expected = normalise((theta + ETA * (slope - slope @ theta * theta)) ** 2)
    np.testing.assert_allclose(step(wells.hadamard_pg), expected, **SAME)
    np.testing.assert_allclose(step(wells.escort_pg, 4 * ETA, p=2.0), expected, **SAME)


def tsallis(theta: np.ndarray, alpha: float) -> np.ndarray:
    """The f-softargmax by bisection of its threshold."""
    low, high = theta.max() - 1 / (alpha - 1), theta.max()
    for _ in range(100):
        middle = (low + high) / 2
        pi = np.maximum((alpha - 1) * (theta - middle), 0) ** (1 / (alpha - 1))
        low, high = (middle, high) if pi.sum() > 1 else (low, middle)
    return pi / pi.sum()


@pytest.mark.parametrize("alpha", [1.05, 1.25, 1.5, 1.9, 2.0])
def test_tsallis(alpha: float) -> None:
    theta = POLICY ** (alpha - 1) / (alpha - 1)
    np.testing.assert_allclose(tsallis(theta, alpha), POLICY, rtol=0, atol=1e-14)
    small = 1e-5
    slopes = [
        (tsallis(theta + d, alpha) - tsallis(theta - d, alpha)) @ REWARDS / (2 * small)
        for d in small * np.eye(4)
    ]
    expected = tsallis(theta + ETA * np.array(slopes), alpha)
    # Central differences: of order small^2, and rounding over small.
    np.testing.assert_allclose(step(wells.tsallis_pg, alpha=alpha), expected, rtol=0, atol=1e-9)


def test_tsallis_maximises_its_regularised_value() -> None:
    alpha, theta = 1.5, np.array([0.3, -0.2, 1.0])
    pi = tsallis(theta, alpha)

    def regularised(p: np.ndarray) -> float:
        return float(p @ theta - (p**alpha - p).sum() / (alpha * (alpha - 1)))

    others = np.random.default_rng(0).dirichlet(np.ones(3), 2000)
    assert max(map(regularised, others)) < regularised(pi)


def test_sparsemax_drops_an_action_and_keeps_its_distance() -> None:
    bandit, start = Bandit([1.0, 0.9, 0.0]), [0.5, 0.4, 0.1]
    run = wells.tsallis_pg(bandit, start, learning_rate=1.0, steps=400, alpha=2.0)
    assert run.policies[5, 2] == 0
    assert not np.isnan(run.log_policies).any()
    np.testing.assert_allclose(run.policies[-1], [1, 0, 0])


def test_delightful() -> None:
    advantage = REWARDS - POLICY @ REWARDS
    for temperature in (0.0, 0.5, 2.0):
        with np.errstate(divide="ignore"):
            gate = 1 / (1 + np.exp(-np.divide(advantage * -np.log(POLICY), temperature)))
        scores = np.eye(4) - POLICY  # row a: grad log pi(a)
        expected = normalise(POLICY * np.exp(ETA * (POLICY * gate * advantage) @ scores))
        got = step(wells.delightful_pg, temperature=temperature)
        np.testing.assert_allclose(got, expected, **SAME)
    half = step(wells.delightful_pg, 2 * ETA, temperature=1e18)
    np.testing.assert_allclose(half, step(wells.softmax_pg), **SAME)


def test_frozen_rollouts() -> None:
    bandit = Bandit(REWARDS)
    fresh = wells.frozen_rollout_pg(bandit, POLICY, learning_rate=ETA, steps=50, refresh=1)
    plain = wells.softmax_pg(bandit, POLICY, learning_rate=ETA, steps=50)
    np.testing.assert_allclose(fresh.policies, plain.policies, rtol=0, atol=1e-13)
    # Enough updates between two refreshes reach multiplicative weights; and again from there.
    run = wells.frozen_rollout_pg(bandit, POLICY, learning_rate=2.0, steps=8001, refresh=4000)
    once = normalise(POLICY * REWARDS)
    np.testing.assert_allclose(run.policies[4000], once, rtol=0, atol=1e-10)
    np.testing.assert_allclose(run.policies[8000], normalise(once * REWARDS), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_policies_stay_policies_and_values_grow(name: str, data: st.DataObject) -> None:
    actions = data.draw(st.integers(2, 6))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    rewards, policy = rng.random(actions), rng.dirichlet(np.ones(actions)) + 1e-6
    run = ROW[name].run(Bandit(rewards), policy / policy.sum(), learning_rate=0.01, steps=30)
    np.testing.assert_allclose(run.policies.sum(-1), 1, rtol=0, atol=1e-14)
    # Ascent at a small rate; regularisers and stale rollouts do not promise it.
    if name not in {"entropy", "log-barrier", "frozen-rollout"}:
        assert (np.diff(run.suboptimality) < 1e-14).all()


@pytest.mark.parametrize("name", NAMES)
def test_torch_runs_the_same_code(name: str) -> None:
    torch = pytest.importorskip("torch")
    row = ROW[name]
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        arguments: dict[str, Any] = {"learning_rate": 0.4, "steps": 40, **row.options}
        starts = [[0.01, 0.05, 0.94], [0.3, 0.3, 0.4]]
        ours = row.method(Bandit([1.0, 0.9, 0.1]), starts, **arguments)
        theirs = row.method(Bandit([1.0, 0.9, 0.1]), starts, device=device, **arguments)
        np.testing.assert_allclose(theirs.policies, ours.policies, rtol=0, atol=1e-12)
        seeded = [
            row.method(
                Bandit([1.0, 0.9, 0.1]), starts,
                sampled=np.random.default_rng(1), device=where, **arguments,
            )
            for where in (None, device)
        ]  # fmt: skip
        np.testing.assert_allclose(seeded[0].policies, seeded[1].policies, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "name", ["softmax", "npg", "entropy", "log-barrier", "delightful", "frozen-rollout"]
)
def test_sampled_updates_are_exact_on_average(name: str) -> None:
    count = 40_000
    arguments: dict[str, Any] = {"learning_rate": 1.0, "steps": 2, **ROW[name].options}
    exact = ROW[name].method(Bandit(REWARDS), POLICY, **arguments).log_policies[1]
    starts = np.broadcast_to(POLICY, (count, 4))
    sampled = (
        ROW[name]
        .method(Bandit(REWARDS), starts, sampled=np.random.default_rng(3), **arguments)
        .log_policies[1]
    )
    # Differences of logits: the normalisation, which is not linear, cancels.
    changes = np.diff(sampled, axis=-1)
    error = changes.std(axis=0) / np.sqrt(count)
    assert (np.abs(changes.mean(axis=0) - np.diff(exact)) < 5 * error).all()


@pytest.mark.parametrize("method", [wells.npg, wells.normalised_pg], ids=["npg", "normalised"])
def test_on_policy_samples_reverse_the_order(method: Callable[..., wells.Run]) -> None:
    """Mei et al. 2021: exact NPG is the fastest, sampled NPG commits to a wrong action for ever."""
    bandit, starts = Bandit([1.0, 0.9, 0.1]), np.full((200, 3), 1 / 3)
    arguments: dict[str, Any] = {"learning_rate": 0.4, "steps": 1500, "record": 1500}

    def wrong(method: Callable[..., wells.Run], sampled: np.random.Generator | None) -> float:
        last = method(bandit, starts, sampled=sampled, **arguments).policies[-1]
        return float((last[:, 1:].max(axis=1) > 1 - 1e-6).mean())

    assert wrong(method, None) == 0
    assert wrong(method, np.random.default_rng(0)) > 0.3
    assert wrong(wells.softmax_pg, np.random.default_rng(0)) == 0


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        (wells.escort_pg, {"p": 0.5}, "`p` must be at least 1, got 0.5"),
        (wells.escort_pg, {"p": np.nan}, "`p` must be finite"),
        (wells.tsallis_pg, {"alpha": 1.0}, "alpha = 1 is softmax_pg"),
        (wells.tsallis_pg, {"alpha": 2.5}, "`alpha` must be above 1 and at most 2, got 2.5"),
        (wells.entropy_pg, {"temperature": -1}, "`temperature` must be finite and at least 0"),
        (wells.log_barrier_pg, {"barrier": np.inf}, "`barrier` must be finite"),
        (wells.delightful_pg, {"temperature": -0.1}, "`temperature` must be finite"),
        (wells.frozen_rollout_pg, {"refresh": 0}, "`refresh` must be between 1"),
        (wells.spma, {"learning_rate": 2.0}, "must stay above -1 for spma, got -1.14 at t = 1"),
    ],
)
def test_bad_options(method: Callable[..., wells.Run], options: Any, message: str) -> None:
    arguments = {"learning_rate": 0.4, "steps": 5} | options
    with pytest.raises(ArgumentError, match=message):
        method(Bandit([1.0, 0.9, 0.1]), [0.01, 0.7, 0.29], **arguments)


def test_wrong_types_and_negative_rewards() -> None:
    with pytest.raises(DTypeError, match="`p` must be a number"):
        step(wells.escort_pg, p="two")
    with pytest.raises(ArgumentError, match="at least 0 for frozen_rollout_pg, got -1 at t = 1"):
        wells.frozen_rollout_pg(Bandit([1.0, -1.0]), [0.5, 0.5], learning_rate=1.0, steps=3)
