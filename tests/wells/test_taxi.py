"""The monitor beside PPO: what the example on Taxi shows it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from eigenwell.benchmarks.wells_taxi import (
    ACTIONS,
    MEMORY,
    PICK_UP,
    STATES,
    Watcher,
    numbers,
    one_hot,
)

# A taxi at the first corner, whose passenger waits there and wants to go to the second.
AT_PASSENGER = 1


def rollout(states, actions):
    return SimpleNamespace(x=one_hot(np.asarray(states)), actions=np.asarray(actions))


def policy(logits):
    return SimpleNamespace(normalise=lambda x: x, output=lambda x: np.tile(logits, (len(x), 1)))


def test_observations_are_one_hot_fields() -> None:
    every = np.arange(STATES)
    assert one_hot(every).sum(axis=1).tolist() == [4.0] * STATES
    assert numbers(one_hot(every)).tolist() == every.tolist()
    assert one_hot([[0, AT_PASSENGER]]).shape == (1, 2, 19)


def test_the_watcher_sorts_advantages_by_state_and_action() -> None:
    watcher = Watcher([7, AT_PASSENGER])
    logits = np.zeros(ACTIONS)
    states, actions = [[1, 7], [1, 9], [1, 1]], [[PICK_UP, 0], [PICK_UP, 0]]
    watcher(policy(logits), rollout(states, actions), np.array([[2.0, -1.0], [4.0, 99.0]]))
    expected = np.full((2, ACTIONS), np.nan)
    expected[1, PICK_UP], expected[0, 0] = 3.0, -1.0
    np.testing.assert_array_equal(watcher._known, expected)
    # In the first rollout the second state was met twice; in both, once on average.
    watcher(policy(logits), rollout([[9, 9], [9, 9]], [[0, 0]]), np.zeros((1, 2)))
    np.testing.assert_array_equal(watcher._known, expected)
    assert watcher.monitor.last.weights.tolist() == pytest.approx([1 / 3, 2 / 3])
    for _ in range(MEMORY):  # what is no longer sampled keeps its last estimate
        watcher(policy(logits), rollout([[9, 9], [9, 9]], [[0, 0]]), np.zeros((1, 2)))
    np.testing.assert_array_equal(watcher._known, expected)


def test_the_watcher_sees_a_pick_up_that_is_given_up() -> None:
    watcher = Watcher([AT_PASSENGER])
    met = rollout([[1, 1], [1, 1]], [[PICK_UP, 0]])
    for update in range(20):
        logits = np.zeros(ACTIONS)
        logits[PICK_UP] = -update
        watcher(policy(logits), met, np.array([[1.0, -0.2]]))
    alarm = watcher.monitor.first_alarm
    assert alarm is not None
    assert alarm.best[0] == PICK_UP
    assert alarm.trap[0] != PICK_UP
    # After three updates its probability is e^-3 / (5 + e^-3) = 0.0099: at two samples an update,
    # the next one is 51 updates away, more than the patience of 50.
    assert alarm.step == 4


def test_an_example_runs() -> None:
    pytest.importorskip("gymnasium")
    pytest.importorskip("torch")
    from eigenwell.benchmarks import wells_taxi

    legal = wells_taxi.register(forgiving=False)
    assert len(legal) == 12
    assert AT_PASSENGER in legal
    outcome = wells_taxi.run(0, forgiving=True, updates=2)
    assert outcome.returns.shape == (2,)
    assert [m.summary()["updates"] for m in (outcome.few, outcome.every)] == [2, 2]
    assert outcome.every.last.weights[legal].sum() > 0
    assert outcome.seen() == -1
    cells = wells_taxi.row("forgiving", 0, outcome)
    assert cells[:2] == ("forgiving", "0")
    assert len(cells) == 10
