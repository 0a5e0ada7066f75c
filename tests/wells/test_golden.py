"""The golden cases: measured with an independent script before this code was written.

Escape times and steps to a probability are whole numbers and hold to the step.
"""

from __future__ import annotations

import numpy as np
import pytest

from eigenwell import wells

THREE = wells.Bandit([1.0, 0.9, 0.1])
BAD, GOOD = (0.01, 0.05, 0.94), (0.05, 0.01, 0.94)


def test_bad_and_good_start() -> None:
    run = wells.softmax_pg(THREE, [BAD, GOOD], learning_rate=0.4, steps=8000, record=8000)
    sunk = wells.sinking(run)
    assert wells.escape_time(run).tolist() == [7368, 54]
    assert wells.time_above(run, 0.9).tolist() == [7690, 57]
    assert sunk.time.tolist() == [1954, 1]
    assert round(float(sunk.probability[0]), 5) == 0.00383


@pytest.mark.parametrize(("start", "escape"), [(0.05, 63), (0.01, 509), (0.002, 2660)])
def test_homogeneous_rewards(start: float, escape: int) -> None:
    policy = [start] + 4 * [(1 - start) / 4]
    bandit = wells.Bandit([0.8, 0.5, 0.5, 0.5, 0.5])
    run = wells.softmax_pg(bandit, policy, learning_rate=0.5, steps=3000)
    assert wells.escape_time(run) == escape


@pytest.mark.parametrize(
    ("ratio", "visited"), [(2, {0: 732, 1: 329}), (3, {2: 341, 1: 4462})], ids=["one", "two"]
)
def test_nested_wells(ratio: int, visited: dict[int, int]) -> None:
    # The design page's "escapes at 732" is pi(a*) > 0.9; delta < 0.9 gap comes at 588.
    policy = float(ratio) ** np.arange(6)
    bandit = wells.Bandit(np.linspace(1, 0, 6))
    run = wells.softmax_pg(bandit, policy / policy.sum(), learning_rate=0.4, steps=5000)
    times = wells.corners(run)
    assert {a: t for a, t in enumerate(times.tolist()) if t > 0} == visited
    assert wells.escape_time(run) == (588 if ratio == 2 else -1)


STEPS_TO_A_TENTH = {
    "softmax": 7356,
    "log-barrier": 785,
    "escort-4": 169,
    "normalised": 27,
    "escort-2": 10,
    "spma": 10,
    "npg": 9,
}


@pytest.mark.parametrize("name", STEPS_TO_A_TENTH)
def test_steps_of_the_remedies_to_a_tenth(name: str) -> None:
    row = next(row for row in wells.remedies() if row.name == name)
    run = row.run(THREE, BAD, learning_rate=0.4, steps=7400, record=7400)
    assert wells.time_above(run, 0.1) == STEPS_TO_A_TENTH[name]
    assert (wells.sinking(run).depth > 0) == (name in {"softmax", "normalised"})


def test_a_hundred_thousand_steps() -> None:
    bandit = wells.Bandit([1.0, 0.9, 0.89])
    start = [0.0005, 0.1, 0.8995]
    run = wells.softmax_pg(bandit, start, learning_rate=0.5, steps=106_510, record=10**6)
    assert wells.time_above(run, 0.9) == 106_502
