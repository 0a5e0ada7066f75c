from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eigenwell.errors import ArgumentError, DTypeError, ShapeError
from eigenwell.wells import Bandit


def test_one_bandit() -> None:
    bandit = Bandit([0.1, 1, 0.75])
    assert (bandit.actions, bandit.shape, int(bandit.optimal)) == (3, (), 1)
    assert bandit.gap == 0.25
    assert bandit.rewards_at(10**9).tolist() == [0.1, 1, 0.75]


def test_a_batch() -> None:
    bandit = Bandit(np.array([[[1.0, 0.5]], [[-2.0, -1.0]]]))
    assert bandit.shape == (2, 1)
    assert bandit.optimal.tolist() == [[0], [1]]
    assert bandit.gap.tolist() == [[0.5], [1.0]]


def test_rewards_over_time_as_array_and_as_function() -> None:
    table = np.array([[1.0, 0.0], [0.25, 0.5], [0.5, 0.5]])
    array, function = Bandit(table, over_time=True), Bandit(lambda t: table[t - 1])
    for bandit in (array, function):
        assert not bandit.constant
        assert int(bandit.optimal) == 0
        assert [float(bandit.gap_at(t)) for t in (1, 2, 3)] == [1.0, 0.25, 0.0]
        assert bandit.rewards_at(2).tolist() == [0.25, 0.5]
    assert array.last_time == 3


def test_it_keeps_its_rewards() -> None:
    rewards = np.array([1.0, 0.0])
    bandit = Bandit(rewards)
    rewards[:] = 7
    assert bandit.rewards_at(1).tolist() == [1.0, 0.0]
    with pytest.raises(ValueError, match="read-only"):
        bandit.rewards_at(1)[0] = 3


@pytest.mark.parametrize(
    ("rewards", "over_time", "error", "message"),
    [
        ([1.0], False, ArgumentError, "at least 2 actions, got K = 1"),
        (3.0, False, ShapeError, r"`rewards` must have shape \(\.\.\., K\), got \(\)"),
        (np.empty((2, 0)), False, ShapeError, r"got \(2, 0\)"),
        (["a", "b"], False, DTypeError, "real numbers"),
        ([1.0, np.nan], False, ArgumentError, "NaN or infinity"),
        ([1.0, 1.0, 0.0], False, ArgumentError, "gap 0: the best two actions tie, so"),
        ([[1.0, 0.0], [2.0, 2.0]], False, ArgumentError, "gap 0"),
        ([1.0, 0.0], True, ShapeError, r"over time must have shape \(T, \.\.\., K\), got \(2,\)"),
        ([[1.0, 1.0], [2.0, 2.0]], True, ArgumentError, "tie at every time"),
        (lambda t: [np.inf, 0.0], False, ArgumentError, r"`rewards\(1\)` must be finite"),
    ],
)
def test_bad_rewards(rewards: Any, over_time: bool, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Bandit(rewards, over_time=over_time)


def test_bad_times() -> None:
    with pytest.raises(ArgumentError, match="`t` must be between 1 and 2, got 3"):
        Bandit([[1.0, 0.0]] * 2, over_time=True).rewards_at(3)
    with pytest.raises(ArgumentError, match="`t` must be between 1"):
        Bandit([1.0, 0.0]).rewards_at(0)
    with pytest.raises(ShapeError, match=r"`rewards\(2\)` must have the shape of `rewards\(1\)`"):
        Bandit(lambda t: np.arange(1.0 + t)).rewards_at(2)
