"""The built processes have the wells they are built for; Gymnasium's tables are what it plays."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from eigenwell import errors
from eigenwell.wells.mdp import delayed_chain, from_gymnasium, nested_wells, softmax_pg, tree


def test_nested_wells_are_left_from_the_end_and_ever_later() -> None:
    mdp = nested_wells(3, actions=4)
    best = mdp.optimum()
    np.testing.assert_allclose(best.values, [0.9**2, 0.9, 1, 0], atol=1e-14)
    np.testing.assert_allclose(best.action_values[:3, 1], 0.9 * best.values[:3], atol=1e-14)
    run = softmax_pg(mdp, mdp.uniform(), learning_rate=1.0, steps=1500, record=5)
    on = run.policies[:, :3, 0]
    sunk, left = on.min(axis=0), run.times[(on > 0.5).argmax(axis=0)]
    assert (np.diff(sunk) > 0).all(), "the earlier, the deeper"
    assert sunk[0] < 0.05
    assert (left[:-1] > 3 * left[1:]).all(), "each well takes over three times as long as the next"


def test_nested_wells_start_where_told() -> None:
    assert nested_wells(3, start="first").initial.tolist() == [1, 0, 0, 0]
    assert nested_wells(2).initial.tolist() == [0.5, 0.5, 0]
    assert nested_wells(2).labels == ("1", "2", "end")


@pytest.mark.parametrize(("depth", "branching"), [(1, 2), (3, 2), (3, 3)])
def test_tree_has_one_good_leaf_and_a_fair_side(depth: int, branching: int) -> None:
    mdp = tree(depth, branching=branching, bait=0.5, discount=0.9)
    assert mdp.states == sum(branching**level for level in range(depth)) + 1
    best = mdp.optimum()
    assert best.values[0] == pytest.approx(0.9 ** (depth - 1))
    q = mdp.action_values(mdp.uniform())[0]
    assert q[-1] == pytest.approx(0.5 * 0.9 ** (depth - 1))
    assert q[0] == pytest.approx((0.9 / branching) ** (depth - 1))
    assert (q[1:-1] == 0).all()
    assert (mdp.rewards == 1).sum() == 1


def test_tree_sinks_at_the_root() -> None:
    mdp = tree(4)
    run = softmax_pg(mdp, mdp.uniform(), learning_rate=1.0, steps=500, record=10)
    at_root = run.policies[:, 0, 0]
    assert at_root.min() < 0.3
    assert at_root.argmin() > 0


def test_delayed_chain_has_the_published_properties() -> None:
    """What the abstract of Li et al. 2021 says, and the mechanism; see the docstring."""
    mdp = delayed_chain(5, copies=16, discount=0.97)
    assert mdp.actions == 3
    np.testing.assert_allclose(mdp.initial, mdp.copies / mdp.copies.sum(), atol=1e-15)
    best, at = mdp.optimum(), {name: i for i, name in enumerate(mdp.labels)}
    for s in range(1, 6):
        assert best.values[at[f"{s}"]] == pytest.approx(0.97 ** (2 * s))
        assert best.values[at[f"adjoint {s}"]] == pytest.approx(0.97 ** (2 * s + 1))
        assert best.policy[at[f"{s}"]] == 1
    for s in range(3, 6):
        middle = best.action_values[at[f"{s}"]]
        assert middle[1] > middle[2] > middle[0], "in the end action 2 is between"
    q = mdp.action_values(mdp.uniform())[at["3"]]
    assert q[0] > q[2] > q[1], "at the start the optimal action is the worst"


def test_delayed_chain_waits_longer_the_further_and_the_more_copies() -> None:
    times, sunk = [], []
    for copies in (16, 64):
        mdp = delayed_chain(4, copies=copies, discount=0.97)
        run = softmax_pg(mdp, mdp.uniform(), learning_rate=20.0, steps=700, record=5)
        on = run.policies[:, [mdp.labels.index(name) for name in ("1", "3", "4")], 1]
        times.append(run.times[(on > 0.5).argmax(axis=0)])
        sunk.append(on.min(axis=0))
    times, sunk = np.array(times), np.array(sunk)
    assert (np.diff(times, axis=1) > 0).all(), "in the order of the chain"
    exponents = np.log(times[1] / times[0]) / np.log(4)
    assert exponents[1] > exponents[0] - 0.1  # 1 within the record's grid of 5 steps
    # The buffers are learnt after a time in proportion to their number; until then 3 sinks as a
    # power of that time above 1 (measured: 1.5).
    assert np.log(sunk[0] / sunk[1])[1] / np.log(4) == pytest.approx(1.5, abs=0.2)


@pytest.mark.parametrize("name", ["FrozenLake-v1", "Taxi-v4", "CliffWalking-v1"])
def test_gymnasiums_tables_are_what_it_plays(name: str) -> None:
    mdp = from_gymnasium(name)
    with gymnasium.make(name) as env:
        assert mdp.states == env.observation_space.n + 1
        assert mdp.actions == env.action_space.n
        end, rng = mdp.states - 1, np.random.default_rng(0)
        assert mdp.initial[end] == 0
        for episode in range(5):
            state, _ = env.reset(seed=episode)
            assert mdp.initial[state] > 0
            done = False
            for _ in range(40):
                action = int(rng.integers(mdp.actions))
                after, reward, done, _, _ = env.step(action)
                assert mdp.transitions[state, action, end if done else after] > 0
                low, high = mdp.rewards[state, action] * 3, 1.0
                assert reward == mdp.rewards[state, action] or low <= reward <= high
                state = after
                if done:
                    break
    assert (mdp.transitions[end, :, end] == 1).all()
    assert (mdp.rewards[end] == 0).all()


def test_known_optima_of_gymnasiums_tasks() -> None:
    cliff = from_gymnasium("CliffWalking-v1", discount=0.999999)
    assert cliff.initial @ cliff.optimum().values == pytest.approx(-13, abs=1e-3)
    plain = gymnasium.make("FrozenLake-v1", is_slippery=False)
    lake = from_gymnasium(plain, discount=0.9)
    plain.close()
    # Six steps, the last of which is paid.
    assert lake.initial @ lake.optimum().values == pytest.approx(0.9**5)


def test_other_environments_are_refused() -> None:
    with pytest.raises(errors.ArgumentError, match=r"`environment` must list its transitions"):
        from_gymnasium("CartPole-v1")
    with pytest.raises(errors.ArgumentError, match="`environment` must be a Gymnasium id"):
        from_gymnasium("NoSuchLake-v1")
    with pytest.raises(errors.ArgumentError, match="`discount`"):
        from_gymnasium("FrozenLake-v1", discount=1.0)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: nested_wells(0), "`length` must be between"),
        (lambda: nested_wells(2, actions=1), "`actions` must be between"),
        (lambda: nested_wells(2, bait=1.0), "`bait` must be above 0 and below 1"),
        (lambda: nested_wells(2, start="last"), "`start` must be"),
        (lambda: tree(0), "`depth` must be between"),
        (lambda: tree(12, branching=5), "`depth` must give at most"),
        (lambda: delayed_chain(40), "`length` must keep"),
        (lambda: delayed_chain(3, probability=0.0), "`probability` must be"),
    ],
)
def test_bad_arguments_are_refused(build, message: str) -> None:
    with pytest.raises(errors.ArgumentError, match=message):
        build()
