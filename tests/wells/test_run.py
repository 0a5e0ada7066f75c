"""The loop and its record: shapes, times, measures, bad input, and the same numbers from torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eigenwell import wells
from eigenwell.errors import ArgumentError, DeviceError, DTypeError, ShapeError
from eigenwell.wells import Bandit, Run, softmax_pg

# Two orders of rounding in float64 over some hundred steps on logarithms of order 10.
SAME = {"rtol": 0, "atol": 1e-12}


def plain(rewards: Any, policy: Any, rates: Any, steps: int) -> np.ndarray:
    """The definition, one start and one action at a time."""
    theta = [float(np.log(p)) for p in policy]
    policies = []
    for t in range(steps):
        weights = [np.exp(x) for x in theta]
        pi = [w / sum(weights) for w in weights]
        policies.append(pi)
        value = sum(p * r for p, r in zip(pi, rewards[t], strict=True))
        theta = [
            x + rates[t] * p * (r - value) for x, p, r in zip(theta, pi, rewards[t], strict=True)
        ]
    return np.array(policies)


def random_policies(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).dirichlet(np.ones(shape[-1]), shape[:-1])


def test_the_definition() -> None:
    rewards, policies = [0.3, -1.0, 0.9, 0.2], random_policies(5, 4)
    run = softmax_pg(Bandit(rewards), policies, learning_rate=0.7, steps=60)
    for i, policy in enumerate(policies):
        expected = plain([rewards] * 60, policy, [0.7] * 60, 60)
        np.testing.assert_allclose(run.policies[:, i], expected, **SAME)
        np.testing.assert_allclose(run.suboptimality[:, i], 0.9 - expected @ rewards, **SAME)
        np.testing.assert_allclose(
            run.optimal_log_probability[:, i], np.log(expected[:, 2]), **SAME
        )
    assert run.times.tolist() == list(range(1, 61))
    assert run.steps == 60


@pytest.mark.parametrize("as_function", [False, True], ids=["array", "function"])
def test_rewards_and_rates_over_time(as_function: bool) -> None:
    rng = np.random.default_rng(0)
    table, rates = rng.normal(size=(40, 2, 3)), rng.uniform(0.1, 2, 40)
    bandit = Bandit(lambda t: table[t - 1]) if as_function else Bandit(table, over_time=True)
    start = random_policies(3)
    run = softmax_pg(bandit, start, learning_rate=rates, steps=40)
    for i in range(2):
        np.testing.assert_allclose(run.policies[:, i], plain(table[:, i], start, rates, 40), **SAME)
    assert run.suboptimality.shape == (40, 2)
    np.testing.assert_array_equal(run.gaps, [bandit.gap_at(t) for t in range(1, 41)])


@pytest.mark.parametrize(
    ("rewards", "policies", "shape"),
    [((3,), (3,), ()), ((3,), (4, 3), (4,)), ((4, 3), (3,), (4,)), ((4, 1, 3), (5, 3), (4, 5))],
)
def test_starts_and_rewards_broadcast(
    rewards: tuple[int, ...], policies: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    bandit = Bandit(np.random.default_rng(1).random(rewards))
    starts = random_policies(*policies)
    run = softmax_pg(bandit, starts, learning_rate=0.5, steps=7)
    assert run.policies.shape == (7, *shape, 3)
    assert run.suboptimality.shape == run.optimal_log_probability.shape == (7, *shape)
    assert wells.escape_time(run).shape == wells.sinking(run).time.shape == shape
    assert wells.corners(run).shape == (*shape, 3)
    for index in np.ndindex(shape):
        alone = softmax_pg(
            Bandit(np.broadcast_to(bandit.rewards_at(1), (*shape, 3))[index]),
            np.broadcast_to(starts, (*shape, 3))[index],
            learning_rate=0.5,
            steps=7,
        )
        np.testing.assert_allclose(run.policies[:, *index], alone.policies, **SAME)
        assert wells.escape_time(run)[index] == wells.escape_time(alone)


def test_no_starts_at_all() -> None:
    run = softmax_pg(Bandit([1.0, 0.0]), np.empty((0, 2)), learning_rate=1.0, steps=3)
    assert run.policies.shape == (3, 0, 2)
    assert wells.escape_time(run).shape == (0,)


def test_thinned_records() -> None:
    bandit, start = Bandit([1.0, 0.9, 0.1]), [0.01, 0.05, 0.94]
    full = softmax_pg(bandit, start, learning_rate=0.4, steps=101)
    thin = softmax_pg(bandit, start, learning_rate=0.4, steps=101, record=30, trace=40)
    assert thin.times.tolist() == [1, 31, 61, 91, 101]
    assert thin.trace_times.tolist() == [1, 41, 81, 101]
    np.testing.assert_array_equal(thin.log_policies, full.log_policies[thin.times - 1])
    np.testing.assert_array_equal(thin.suboptimality, full.suboptimality[thin.trace_times - 1])


def test_tiny_probabilities_survive() -> None:
    run = wells.npg(Bandit([0.0, 1.0]), [1e-300, 1 - 1e-16], learning_rate=200.0, steps=3)
    np.testing.assert_allclose(run.log_policies[:, 0], np.log(1e-300) - 200 * np.arange(3))
    assert run.policies[-1, 0] == 0


def synthetic(deltas: Any, probabilities: Any) -> Run:
    times = np.arange(1, len(deltas) + 1)
    return Run(
        "synthetic", Bandit([1.0, 0.0]), 1.0, times, np.zeros((len(times), 2)), times,
        np.array(deltas), np.log(probabilities), np.ones(1),
    )  # fmt: skip


def test_measures_on_a_synthetic_run() -> None:
    run = synthetic([0.95, 0.99, 0.9, 0.89, 0.95], [0.05, 0.01, 0.1, 0.11, 0.005])
    assert wells.escape_time(run) == 4
    assert wells.escape_time(run, 0.85) == -1
    assert wells.time_above(run, 0.1) == 4
    sunk, climb = wells.sinking(run), wells.plateau(run)
    assert (sunk.time, sunk.probability) == (5, pytest.approx(0.005))
    assert sunk.depth == pytest.approx(np.log(10))
    # The fall after the escape is no part of the climb out.
    assert (climb.start, climb.end, climb.length) == (2, 4, 2)
    assert wells.plateau(run, 0.85).length == -1


def test_sinking_and_plateau_make_up_the_escape_time() -> None:
    run = softmax_pg(Bandit([1.0, 0.9, 0.1]), random_policies(50, 3), learning_rate=1.0, steps=2000)
    climb, escape = wells.plateau(run), wells.escape_time(run)
    out = escape > 0
    assert out.sum() > 40
    np.testing.assert_array_equal((climb.start + climb.length)[out], escape[out])


GOOD: dict[str, Any] = {"policy": [0.5, 0.5], "learning_rate": 0.4, "steps": 10}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"policy": [0.2, 0.3, 0.5]}, ShapeError, r"`policy` must have shape \(\.\.\., 2\)"),
        ({"policy": 0.5}, ShapeError, r"got \(\)"),
        ({"policy": [0.6, 0.6]}, ArgumentError, "must sum to 1 .* got a sum of 1.2: divide"),
        ({"policy": [1.2, -0.2]}, ArgumentError, "must be probabilities, got -0.2"),
        ({"policy": [1.0, 0.0]}, ArgumentError, "above 0, got 0: .* start from a small number"),
        ({"policy": [np.nan, 0.5]}, ArgumentError, "`policy` must be finite"),
        ({"policy": ["a", "b"]}, DTypeError, "`policy` must hold real numbers"),
        ({"learning_rate": 0}, ArgumentError, "`learning_rate` must be finite and above 0, got 0"),
        ({"learning_rate": -1.0}, ArgumentError, "got -1"),
        ({"learning_rate": np.inf}, ArgumentError, "got inf"),
        ({"learning_rate": [0.1] * 9}, ShapeError, r"\(steps,\) = \(10,\), got \(9,\)"),
        ({"steps": 0}, ArgumentError, "`steps` must be between 1"),
        ({"steps": 2.5}, DTypeError, "`steps` must be an integer, got float"),
        ({"record": 0}, ArgumentError, "`record` must be between 1"),
        ({"trace": -1}, ArgumentError, "`trace` must be between 1"),
        ({"sampled": 7}, DTypeError, r"got int: pass numpy.random.default_rng\(seed\)"),
        ({"device": "nowhere"}, DeviceError, "`device` must be one that torch has here"),
    ],
)
def test_bad_input(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    if "device" in changes:
        pytest.importorskip("torch")
    with pytest.raises(error, match=message):
        softmax_pg(Bandit([1.0, 0.0]), **(GOOD | changes))


def test_shapes_that_do_not_broadcast() -> None:
    with pytest.raises(ShapeError, match=r"\(3, 2\) and rewards of shape \(4, 2\) must broadcast"):
        softmax_pg(Bandit([[1.0, 0.0]] * 4), [[0.5, 0.5]] * 3, learning_rate=1.0, steps=2)


def test_more_steps_than_rewards() -> None:
    bandit = Bandit([[1.0, 0.0]] * 3, over_time=True)
    with pytest.raises(ArgumentError, match="`steps` must be between 1 and 3, got 4"):
        softmax_pg(bandit, [0.5, 0.5], learning_rate=1.0, steps=4)


def test_a_record_beyond_memory_names_the_thinning_that_fits() -> None:
    starts, steps = np.full((2000, 2), 0.5), 200_000
    with pytest.raises(
        ArgumentError, match=r"at most 4 GiB, got 11\.9 GiB for 2000 starts"
    ) as error:
        softmax_pg(Bandit([1.0, 0.0]), starts, learning_rate=1.0, steps=steps)
    advice = dict(part.split("=") for part in str(error.value).split() if part.count("=") == 1)
    record, trace = (int(advice[name].rstrip(",")) for name in ("record", "trace"))
    kept = 8 * len(starts) * 2 * steps / record + 16 * len(starts) * steps / trace
    assert kept < 2**32


def test_bad_fractions_and_probabilities() -> None:
    run = softmax_pg(Bandit([1.0, 0.0]), [0.5, 0.5], learning_rate=1.0, steps=2)
    with pytest.raises(ArgumentError, match="`fraction` must be above 0 and at most 1, got 0"):
        wells.escape_time(run, 0)
    with pytest.raises(ArgumentError, match="`probability` must be above 0 and below 1, got 1"):
        wells.time_above(run, 1)
    with pytest.raises(ArgumentError, match=r"`probability` must be at least 0.5 .* got 0.4"):
        wells.corners(run, 0.4)
