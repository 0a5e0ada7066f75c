"""Native rollouts against the oracle, on every instruction set."""

from __future__ import annotations

import dataclasses
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eigenwell import backend, cartpole, reference

Float64 = npt.NDArray[np.float64]

ARCHITECTURES = [
    cartpole.MLP(),
    cartpole.MLP(activation="relu"),
    cartpole.MLP((4, 2)),
    cartpole.MLP((4, 1, 9, 3, 2), activation="relu"),
    cartpole.DC(6),
    cartpole.DC(1, quadratic=True),
    cartpole.DC(7, quadratic=True),
]
NOISY = cartpole.Physics(observation_noise=0.05, half_length=0.7, force=7.0, tau=0.015)
CHANCE: list[dict[str, Any]] = [
    {},
    {"actions": "sampled", "seed": 2**64 - 3},
    {"physics": NOISY, "seed": 5},
    {"physics": NOISY, "seed": 5, "actions": "sampled"},
]
# Of episodes in float32 that may have another length: two logits are seldom that close.
FLOAT32_TOLERANCE = 0.02


@pytest.fixture(params=[name for name in backend.available_isas() if name != "avx512vbmi"])
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    with backend.forced_isa(request.param):
        yield request.param


def _agents(count: int, architecture: cartpole.Architecture, seed: int = 0) -> Float64:
    rng = np.random.default_rng(seed)
    scale = rng.uniform(0.1, 3.0, (count, 1))
    return np.asarray(scale * rng.standard_normal((count, architecture.parameters)))


def _oracle(
    weights: Float64,
    starts: Float64,
    *,
    architecture: cartpole.Architecture,
    cap: int,
    physics: cartpole.Physics = cartpole.Physics(),  # noqa: B008  (frozen)
    actions: str = "argmax",
    seed: int = 0,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32], npt.NDArray[np.int8]]:
    """Lengths, and observations and actions in the order of Visits."""
    steps = np.zeros((len(weights), len(starts)), dtype=np.int32)
    seen, done, rows = [], [], []
    for alive, observed, acted, _ in reference.cartpole_rollouts(
        weights,
        starts,
        architecture=architecture,
        physics=physics,
        cap=cap,
        seed=seed,
        sampled=actions == "sampled",
    ):
        steps += alive
        seen.append(observed[alive])
        done.append(acted[alive])
        rows.append(np.flatnonzero(alive))
    order = np.argsort(np.concatenate(rows), kind="stable")
    return steps, np.concatenate(seen)[order], np.concatenate(done)[order]


@pytest.mark.parametrize("chance", CHANCE, ids=["", "sampled", "noisy", "both"])
@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
def test_agrees_with_the_oracle(
    isa: str, architecture: cartpole.Architecture, chance: dict[str, Any]
) -> None:
    weights, starts = _agents(33, architecture), cartpole.starts(5, seed=1)
    wanted, seen, done = _oracle(weights, starts, architecture=architecture, cap=60, **chance)
    common: dict[str, Any] = {"architecture": architecture, "starts": starts, "cap": 60, **chance}
    got = cartpole.rollout(weights, states=True, **common)
    np.testing.assert_array_equal(got.steps, wanted)
    # The states of both are those of the C library's sine and cosine.
    np.testing.assert_array_equal(got.observations, seen)
    np.testing.assert_array_equal(got.actions, done)
    fast = cartpole.rollout(weights, mode="fast", **common)
    wanted32, *_ = _oracle(
        weights.astype(np.float32), starts, architecture=architecture, cap=60, **chance
    )
    assert (fast != wanted32).mean() <= FLOAT32_TOLERANCE


@pytest.mark.parametrize("agents", [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33])
def test_numbers_of_agents(isa: str, agents: int) -> None:
    net = cartpole.MLP((4, 5, 2))
    weights = _agents(agents, net, seed=2)
    for episodes in (0, 1, 2, 13):
        starts = cartpole.starts(episodes, seed=3)
        for mode in ("exact", "fast"):
            got = cartpole.rollout(
                weights, starts=starts, architecture=net, cap=60, mode=mode, states=4
            )
            assert got.steps.shape == (agents, episodes)
            assert len(got.observations) == len(got.actions) == got.counts.sum()
            if agents and episodes and mode == "exact":
                wanted, *_ = _oracle(weights, starts, architecture=net, cap=60)
                np.testing.assert_array_equal(got.steps, wanted)


@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_same_bits_on_any_number_of_threads_and_among_other_agents(isa: str, mode: Any) -> None:
    net = cartpole.MLP()
    weights, starts = _agents(70, net, seed=4), cartpole.starts(40, seed=5)
    common: dict[str, Any] = {
        "starts": starts,
        "mode": mode,
        "actions": "sampled",
        "seed": 3,
        "states": 2,
    }
    one = cartpole.rollout(weights, threads=1, **common)
    four = cartpole.rollout(weights, threads=4, **common)
    few = cartpole.rollout(weights[:3], threads=3, **common)
    ends = int(one.counts[:3].sum())
    for a, b in zip(dataclasses.astuple(one)[:3], dataclasses.astuple(four)[:3], strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(few.steps, one.steps[:3])
    np.testing.assert_array_equal(few.observations, one.observations[:ends])
    np.testing.assert_array_equal(few.actions, one.actions[:ends])


def test_exact_has_the_same_bits_on_every_instruction_set() -> None:
    net = cartpole.MLP()
    weights, starts = _agents(40, net, seed=6), cartpole.starts(10, seed=7)
    results = []
    for name in backend.available_isas():
        with backend.forced_isa(name):
            results.append(cartpole.rollout(weights, starts=starts, states=True))
    for other in results[1:]:
        np.testing.assert_array_equal(other.observations, results[0].observations)
        np.testing.assert_array_equal(other.actions, results[0].actions)


@settings(max_examples=25)
@given(
    hidden=st.lists(st.integers(1, 14), max_size=3),
    activation=st.sampled_from(["tanh", "relu"]),
    agents=st.integers(1, 20),
    cap=st.integers(1, 40),
    seed=st.integers(0, 2**64 - 1),
)
def test_any_network(hidden: list[int], activation: Any, agents: int, cap: int, seed: int) -> None:
    net = cartpole.MLP((4, *hidden, 2), activation=activation)
    weights, starts = _agents(agents, net, seed=8), cartpole.starts(3, seed=9, spread=0.15)
    wanted, *_ = _oracle(weights, starts, architecture=net, cap=cap, actions="sampled", seed=seed)
    got = cartpole.rollout(
        weights, starts=starts, architecture=net, cap=cap, actions="sampled", seed=seed
    )
    np.testing.assert_array_equal(got, wanted)


def test_visits_say_where_they_are_from() -> None:
    net = cartpole.MLP((4, 3, 2))
    weights, starts = _agents(6, net, seed=10), cartpole.starts(5, seed=11)
    every = cartpole.rollout(weights, starts=starts, architecture=net, states=True)
    third = cartpole.rollout(weights, starts=starts, architecture=net, states=3)
    agent, episode, t = every.where
    assert (t < every.steps[agent, episode]).all()
    np.testing.assert_array_equal(every.observations[t == 0], np.tile(starts, (6, 1)).astype("f4"))
    kept = t % 3 == 0
    np.testing.assert_array_equal(third.observations, every.observations[kept])
    np.testing.assert_array_equal(third.actions, every.actions[kept])
    for short, long in zip(third.where, every.where, strict=True):
        np.testing.assert_array_equal(short, long[kept])


def test_ties_go_to_the_left_and_samples_follow_the_softmax() -> None:
    net = cartpole.MLP((4, 2))
    starts = cartpole.starts(4000, seed=12)
    tie = np.zeros((1, 10))
    assert not cartpole.rollout(tie, starts=starts, architecture=net, states=True).actions.any()
    odds = tie.copy()
    odds[0, 9] = np.log(3.0)  # three to one for the right
    for mode in ("exact", "fast"):
        visits = cartpole.rollout(
            odds, starts=starts, architecture=net, actions="sampled", seed=1, states=True, mode=mode
        )
        n = len(visits.actions)
        # Four standard deviations: one in 16,000 seeds fails, and this one does not.
        assert abs(visits.actions.mean() - 0.75) < 4 * np.sqrt(0.75 * 0.25 / n)


def test_weights_of_any_layout_and_type() -> None:
    net = cartpole.MLP((4, 3, 2))
    weights, starts = _agents(8, net, seed=13).astype(np.float32), cartpole.starts(3, seed=14)
    frozen = np.asfortranarray(weights)
    frozen.setflags(write=False)
    wanted = cartpole.rollout(weights, starts=starts, architecture=net)
    strided = np.repeat(weights, 2, axis=1)[:, ::2]
    for same in (frozen, weights.astype(np.float64), weights.tolist(), strided):
        got = cartpole.rollout(same, starts=starts, architecture=net)
        np.testing.assert_array_equal(got, wanted)


def test_long_caps_and_hard_physics() -> None:
    # A linear policy that leans against the pole, its rate and the cart balances without end.
    policy = np.zeros((1, 10))
    policy[0, 1:8:2] = 0.1, 0.5, 10.0, 1.5
    net, starts = cartpole.MLP((4, 2)), cartpole.starts(20, seed=15)
    common: dict[str, Any] = {"starts": starts, "architecture": net, "cap": 20_000}
    for mode in ("exact", "fast"):
        assert (cartpole.rollout(policy, mode=mode, **common) == 20_000).all()
        hard = cartpole.Physics(observation_noise=0.5, force=2.0)
        assert cartpole.rollout(policy, mode=mode, physics=hard, seed=0, **common).mean() < 2000


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to a thread")
def test_ctrl_c_ends_it() -> None:
    policy = np.zeros((64, 10))
    policy[:, 1:8:2] = 0.1, 0.5, 10.0, 1.5
    main = threading.get_ident()
    # A shell starts what runs in the background with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(0.2, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            cartpole.rollout(
                policy,
                starts=cartpole.starts(1000, seed=0),
                architecture=cartpole.MLP((4, 2)),
                cap=10_000_000,
            )
    finally:
        signal.signal(signal.SIGINT, before)
    # Uninterrupted it would take hours.
    assert time.monotonic() - started < 60
