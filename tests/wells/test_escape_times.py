"""Escape times and last policies in native code: those of softmax_pg, on every instruction set."""

from __future__ import annotations

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

from eigenwell import backend, wells
from eigenwell.errors import ArgumentError, DTypeError, ShapeError

Float64 = npt.NDArray[np.float64]

THREE = wells.Bandit([1.0, 0.9, 0.1])
BAD, GOOD = (0.01, 0.05, 0.94), (0.05, 0.01, 0.94)
# Rounding of some 1e-16 a step, on either side, grows while a start leaves its well, at worst by
# the square of its escape time over the length of the passage; after 500 steps this is ample.
TOLERANCE = 1e-11


@pytest.fixture(params=backend.available_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    with backend.forced_isa(request.param):
        yield request.param


def _starts(shape: tuple[int, ...], actions: int, seed: int = 0) -> Float64:
    p = np.random.default_rng(seed).dirichlet(np.full(actions, 0.5), shape).clip(1e-9)
    return np.asarray(p / p.sum(axis=-1, keepdims=True))


def test_golden_escapes(isa: str) -> None:
    assert wells.escape_times(THREE, [BAD, GOOD], learning_rate=0.4, steps=8000).tolist() == [
        7368,
        54,
    ]
    worst = wells.Bandit([1.0, 0.9, 0.89])
    start = [0.0005, 0.1, 0.8995]
    last = wells.final_policies(worst, start, learning_rate=0.5, steps=106_502)
    before = wells.final_policies(worst, start, learning_rate=0.5, steps=106_501)
    assert before[0] <= 0.9 < last[0]


@pytest.mark.parametrize("actions", [2, 3, 4, 9, 64])
@pytest.mark.parametrize("batched", [False, True], ids=["one bandit", "a bandit each"])
@pytest.mark.parametrize("rate", [0.3, 5.0], ids=["gentle", "any"])
def test_agrees_with_softmax_pg(isa: str, actions: int, batched: bool, rate: float) -> None:
    starts = _starts((13, 5), actions)
    rewards = np.random.default_rng(1).uniform(size=(5, actions) if batched else actions)
    bandit = wells.Bandit(rewards)
    run = wells.softmax_pg(bandit, starts, learning_rate=rate, steps=500, record=500)
    times = wells.escape_times(bandit, starts, learning_rate=rate, steps=500)
    np.testing.assert_array_equal(times, wells.escape_time(run))
    last = wells.final_policies(bandit, starts, learning_rate=rate, steps=500)
    np.testing.assert_allclose(last, run.policies[-1], rtol=0, atol=TOLERANCE)


def test_rates_over_time_and_fraction() -> None:
    starts, rates = _starts((40,), 3), np.linspace(0.5, 0.01, 300)
    run = wells.softmax_pg(THREE, starts, learning_rate=rates, steps=300, record=300)
    last = wells.final_policies(THREE, starts, learning_rate=rates, steps=300)
    np.testing.assert_allclose(last, run.policies[-1], rtol=0, atol=TOLERANCE)
    for fraction in (0.5, 1.0):
        times = wells.escape_times(THREE, starts, learning_rate=rates, steps=300, fraction=fraction)
        np.testing.assert_array_equal(times, wells.escape_time(run, fraction))


def test_error_after_ten_thousand_steps() -> None:
    # The truth: extended precision, by weights. A start that leaves its well about then multiplies
    # its rounding errors most: `softmax_pg` itself is 1.3e-12 from the truth at the worst.
    best = np.linspace(0.0047, 0.0051, 16)
    starts = np.stack([best, 4 * best, 1 - 5 * best], axis=1)
    rewards = np.array([[1.0], [0.9], [0.1]])
    shortfalls = (rewards[0] - rewards).astype(np.longdouble)
    weights = starts.T.astype(np.longdouble)
    for _ in range(9_999):
        p = weights / weights.sum(axis=0)
        weights *= np.exp(np.longdouble(0.4) * p * ((p * shortfalls).sum(axis=0) - shortfalls))
    truth = (weights / weights.sum(axis=0)).T
    last = wells.final_policies(THREE, starts, learning_rate=0.4, steps=10_000)
    assert truth[:, 0].min() < 0.1
    assert truth[:, 0].max() > 0.5
    # Where long double is float64 the truth is no better than what it judges.
    limit = 1e-12 if np.finfo(np.longdouble).eps < 1e-18 else 1e-11
    assert np.abs(last - truth).max() <= limit


def test_a_grid_escapes_at_the_first_time_as_a_run_does() -> None:
    # Points of a grid lie on the line delta = 0.9 gap but for rounding.
    i, j = np.divmod(np.arange(41 * 41), 41)
    inside = (i > 0) & (j > 0) & (i + j < 40)
    grid = np.stack([i, j, 40 - i - j], axis=1)[inside] / 40
    run = wells.softmax_pg(THREE, grid, learning_rate=0.4, steps=3)
    times = wells.escape_times(THREE, grid, learning_rate=0.4, steps=3)
    np.testing.assert_array_equal(times, wells.escape_time(run))
    assert set(times.tolist()) == {-1, 1, 2, 3}


def test_same_bits_alone_in_a_batch_and_on_any_number_of_threads(isa: str) -> None:
    starts = _starts((300,), 3, seed=3)

    def both(p: Float64, threads: int) -> tuple[Float64, npt.NDArray[np.int64]]:
        return (
            wells.final_policies(THREE, p, learning_rate=0.4, steps=2000, threads=threads),
            wells.escape_times(THREE, p, learning_rate=0.4, steps=2000, threads=threads),
        )

    last, times = both(starts, 1)
    for part in (slice(None), slice(0, 1), slice(77, 78), slice(130, 300)):
        again, again_times = both(starts[part], 3)
        assert (again == last[part]).all()
        assert (again_times == times[part]).all()


@settings(max_examples=60, deadline=None)
@given(data=st.data(), actions=st.integers(2, 6), span=st.floats(1e-3, 100.0))
def test_extreme_starts_and_rates_stay_on_the_simplex(
    data: st.DataObject, actions: int, span: float
) -> None:
    logs = data.draw(st.lists(st.floats(-459.0, 0.0), min_size=actions, max_size=actions))
    p = np.exp(np.array(logs) - np.logaddexp.reduce(logs)).clip(1e-200)
    rewards = np.array(data.draw(st.permutations(np.linspace(0, 1, actions).tolist())))
    bandit = wells.Bandit(rewards)
    last = wells.final_policies(bandit, p, learning_rate=span, steps=400)
    assert (last >= 0).all()
    assert last.sum() == pytest.approx(1, abs=1e-14)
    assert wells.escape_times(bandit, p, learning_rate=span, steps=400) in range(-1, 401)


def test_shapes() -> None:
    assert wells.escape_times(THREE, GOOD, learning_rate=0.4, steps=60).shape == ()
    assert wells.final_policies(THREE, GOOD, learning_rate=0.4, steps=1).tolist() == pytest.approx(
        GOOD
    )
    none = np.empty((0, 3))
    assert wells.escape_times(THREE, none, learning_rate=0.4, steps=60).shape == (0,)
    assert wells.final_policies(THREE, none, learning_rate=0.4, steps=60).shape == (0, 3)
    two = wells.Bandit([[1.0, 0.9, 0.1], [0.1, 0.9, 1.0]])
    last = wells.final_policies(two, [BAD, BAD[::-1]], learning_rate=0.4, steps=50)
    assert (last[0] == last[1, ::-1]).all()
    assert wells.escape_times(two, np.ones((4, 1, 3)) / 3, learning_rate=0.4, steps=9).shape == (
        4,
        2,
    )


def test_scale_of_the_rewards_cancels() -> None:
    small = wells.Bandit(np.array([1.0, 0.9, 0.1]) * 2.0**-1000)
    large = wells.Bandit(np.array([1.0, 0.9, 0.1]) * 2.0**1000)
    for bandit, rate in ((small, 0.4 * 2.0**1000), (large, 0.4 * 2.0**-1000)):
        assert wells.escape_times(bandit, BAD, learning_rate=rate, steps=8000) == 7368


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"policy": [0.5, 0.5]}, ShapeError, "`policy` must have shape"),
        ({"policy": [0.5, 0.6, 0.1]}, ArgumentError, "`policy` must sum to 1"),
        ({"policy": [1.0, 0.0, 0.0]}, ArgumentError, "`policy` must give every action"),
        ({"policy": [1e-201, 0.5, 0.5]}, ArgumentError, "must be at least 1e-200 here"),
        ({"learning_rate": 0.0}, ArgumentError, "`learning_rate` must be finite and above 0"),
        ({"learning_rate": [0.4, 0.4]}, ShapeError, "`learning_rate` must be a number or"),
        ({"learning_rate": 112.0}, ArgumentError, "must be at most 100 here, got 101"),
        ({"steps": 0}, ArgumentError, "`steps` must be between 1 and"),
        ({"steps": 1.5}, DTypeError, "`steps` must be an integer"),
        ({"threads": 0}, ArgumentError, "`threads` must be between 1 and 256"),
        ({"bandit": wells.Bandit(lambda t: [1.0, 1 / t, 0.0])}, ArgumentError, "escape_time"),
    ],
)
def test_mistakes(changed: dict[str, Any], error: type[Exception], message: str) -> None:
    arguments: dict[str, Any] = {
        "bandit": THREE,
        "policy": BAD,
        "learning_rate": 0.4,
        "steps": 5,
        **changed,
    }
    for function in (wells.escape_times, wells.final_policies):
        with pytest.raises(error, match=message):
            function(**arguments)


@pytest.mark.parametrize("fraction", [0.0, 1.1, float("nan")])
def test_fraction_out_of_range(fraction: float) -> None:
    with pytest.raises(ArgumentError, match="`fraction` must be above 0"):
        wells.escape_times(THREE, BAD, learning_rate=0.4, steps=5, fraction=fraction)


def test_ctrl_c_stops_it() -> None:
    def interrupt() -> None:
        time.sleep(0.1)
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        wells.final_policies(THREE, BAD, learning_rate=0.4, steps=2**50)
    thread.join()
