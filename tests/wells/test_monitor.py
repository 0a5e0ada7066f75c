"""The monitor: certificates against runs, what it extrapolates, what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eigenwell import errors
from eigenwell.wells import Bandit, softmax_pg
from eigenwell.wells.monitor import WellMonitor, mean_advantages

REWARDS, BAD = [1.0, 0.9, 0.1], [0.01, 0.05, 0.94]


def watched(monitor: WellMonitor, steps: int, **options):
    run = softmax_pg(Bandit(REWARDS), BAD, learning_rate=0.4, steps=steps)
    reports = [
        monitor.update(log_policy, advantages=[REWARDS], **options)
        for log_policy in run.log_policies
    ]
    return run, reports


def test_it_foresees_the_stall_of_the_golden_case_while_the_reward_rises() -> None:
    """pi(a*) falls until t = 1954, and delta < 0.9 gap first at t = 7368."""
    monitor = WellMonitor()
    run, reports = watched(monitor, 300, rate=0.4)
    alarm = monitor.first_alarm
    assert alarm.trap[0] == 1
    assert alarm.certified
    assert run.suboptimality[alarm.step - 1] > 3 * 0.1, "the reward has yet to rise by 0.2"
    assert not reports[0].held[0], "at first the worst action is the trap, and a short one"
    assert reports[0].trap[0] == 2
    assert reports[-1].sinking[0]
    for report in reports:  # all escapes are later than certain
        assert report.step + report.remaining[0] < 7368
    assert reports[-1].remaining[0] > 1000


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(2, 6), log_rate=st.floats(-1, 1))
def test_no_remaining_time_is_too_long(seed: int, k: int, log_rate: float) -> None:
    """Under exact gradients and constant rewards, for the trap of the first report."""
    rng = np.random.default_rng(seed)
    rewards, rate = rng.uniform(0, 1, k), 10.0**log_rate
    start = rng.dirichlet(np.ones(k)) * 1e-2 + 1e-9
    start[rng.integers(k)] += 1 - start.sum()
    start /= start.sum()
    run = softmax_pg(Bandit(rewards), start, learning_rate=rate, steps=200)
    report = WellMonitor().update(np.log(start), advantages=[rewards], rate=rate)
    j = report.trap[0]
    if j < 0:
        return
    better = run.policies[:, rewards > rewards[j]].sum(axis=1)
    share = better / (better + run.policies[:, j])
    assert report.share[0] == pytest.approx(share[0], rel=1e-9)
    held = run.times - 1 <= report.remaining[0]
    assert (share[held] <= 0.1 + 1e-12).all()
    assert (run.suboptimality[held] >= 0.9 * report.gap[0] - 1e-12).all()


def test_extrapolation_needs_a_past_and_follows_the_policy() -> None:
    _, reports = watched(WellMonitor(window=5), 400)
    assert not reports[0].certified
    assert np.isnan(reports[0].remaining[0])
    assert np.isfinite(reports[1].remaining[0])
    # As if it climbed as fast as it sinks now: no certificate, but of the right order here.
    assert reports[-1].trap[0] == 1
    assert 500 < reports[-1].remaining[0] < 7368 - 400
    still = WellMonitor()
    for _ in range(2):
        report = still.update([BAD], probabilities=True, gap=0.9)
    assert report.remaining[0] == np.inf


def test_sinking_is_foretold_from_one_policy_and_then_observed() -> None:
    monitor = WellMonitor(window=1)
    first = monitor.update([[0.01, 0.9, 0.09]], probabilities=True, advantages=[REWARDS])
    assert first.sinking[0], "the second best action dominates: pi(a*) must fall"
    risen = monitor.update([[0.02, 0.89, 0.09]], probabilities=True, advantages=[REWARDS])
    assert not risen.sinking[0]
    fallen = monitor.update([[0.015, 0.895, 0.09]], probabilities=True, advantages=[REWARDS])
    assert fallen.sinking[0]
    leading = monitor.update([[0.9, 0.05, 0.05]], probabilities=True, advantages=[REWARDS])
    assert not leading.sinking[0]
    assert leading.trap[0] == -1
    assert leading.remaining[0] == 0


def test_unknown_advantages_count_as_the_mean_or_as_better_where_a_gap_is_given() -> None:
    policy, estimates = [[0.001, 0.989, 0.01]], [[np.nan, 0.0, -1.0]]
    alone = WellMonitor().update(policy, probabilities=True, advantages=estimates)
    assert (alone.best[0], alone.trap[0]) == (-1, -1)
    bounded = WellMonitor().update(
        policy, probabilities=True, advantages=estimates, gap=0.5, rate=1.0, visits=10
    )
    assert bounded.trap[0] == 1
    assert bounded.gap[0] == 0.5
    assert bounded.silence[0] == pytest.approx(1 / (10 * 0.001))
    assert bounded.held[0]


def test_states_count_by_weight_or_visits() -> None:
    policies = [[0.001, 0.999], [0.5, 0.5]]
    q = [[1.0, 0.0]] * 2
    for options, held in [
        ({}, 0.5),
        ({"visits": [30.0, 10.0]}, 0.75),
        ({"visits": [30.0, 10.0], "weights": [0, 1]}, 0.0),
        ({"visits": [0.0, 0.0]}, 0.5),
    ]:
        report = WellMonitor().update(
            policies, probabilities=True, advantages=q, rate=0.1, **options
        )
        assert report.row()["held"] == pytest.approx(held)
        assert report.row()["loss"] == pytest.approx(0.9 * held)
    assert report.worst().tolist() == [0]


def test_it_takes_tensors_and_writes_for_tensorboard(tmp_path) -> None:
    torch = pytest.importorskip("torch")
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    with tensorboard.SummaryWriter(tmp_path) as writer:
        monitor = WellMonitor(writer=writer, tag="diagnosis")
        logits = torch.log(torch.tensor([BAD])).requires_grad_()
        by_tensor = monitor.update(logits, advantages=torch.tensor([REWARDS]), rate=0.4, step=7)
    by_array = WellMonitor().update([BAD], probabilities=True, advantages=[REWARDS], rate=0.4)
    # The tensor is float32.
    assert by_tensor.remaining[0] == pytest.approx(by_array.remaining[0], rel=1e-4)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("diagnosis/mass")] == [
        (7, pytest.approx(0.06, rel=1e-5))
    ]
    assert "diagnosis/silence" not in events.Tags()["scalars"], "unknown numbers are left out"


def test_summary_is_json_without_nan() -> None:
    monitor = WellMonitor()
    assert json.loads(json.dumps(monitor.summary(), allow_nan=False))["first_alarm"] is None
    watched(monitor, 200, rate=0.4)
    summary = json.loads(json.dumps(monitor.summary(), allow_nan=False))
    assert summary["updates"] == 200
    assert summary["first_alarm"]["step"] == monitor.first_alarm.step
    assert len(summary["history"]["held"]) == 200
    assert summary["last"]["silence"] is None


def test_probabilities_that_underflowed_are_taken() -> None:
    report = WellMonitor().update(
        [[0.0, 1.0]], probabilities=True, advantages=[[1.0, 0.0]], rate=1.0
    )
    assert report.remaining[0] > 1e30


@pytest.mark.parametrize(
    ("policy", "options", "error", "message"),
    [
        ([[1.0]], {}, errors.ShapeError, "`policy` must have shape"),
        (np.zeros((1, 2, 2)), {}, errors.ShapeError, "`policy` must have shape"),
        (np.zeros((0, 3)), {}, errors.ShapeError, "`policy` must have shape"),
        ([[np.nan, 0.0]], {}, errors.ArgumentError, "`policy` must be finite"),
        ([["a", "b"]], {}, errors.DTypeError, "`policy` must hold real numbers"),
        ([[0.5, 0.6]], {"probabilities": True}, errors.ArgumentError, "that sum to 1"),
        ([[-0.5, 1.5]], {"probabilities": True}, errors.ArgumentError, "must hold probabilities"),
        ([[0.0, 0.0]], {"advantages": [0.0]}, errors.ShapeError, "`advantages` must have"),
        ([[0.0, 0.0]], {"advantages": [[np.inf, 0]]}, errors.ArgumentError, "`advantages` must be"),
        ([[0.0, 0.0]], {"rate": 0.0}, errors.ArgumentError, "`rate` must be finite and above 0"),
        ([[0.0, 0.0]], {"gap": -1.0}, errors.ArgumentError, "`gap` must be finite and at least 0"),
        ([[0.0, 0.0]], {"visits": [1, 2]}, errors.ShapeError, "`visits` must be a number or"),
        ([[0.0, 0.0]], {"weights": np.nan}, errors.ArgumentError, "`weights` must be finite"),
        ([[0.0, 0.0]], {"step": -1}, errors.ArgumentError, "`step` must be between"),
    ],
)
def test_bad_updates_are_refused(policy, options, error, message) -> None:
    with pytest.raises(error, match=message):
        WellMonitor().update(policy, **options)


def test_other_states_need_another_monitor() -> None:
    monitor = WellMonitor()
    monitor.update(np.zeros((2, 3)))
    with pytest.raises(errors.ShapeError, match="make another one"):
        monitor.update(np.zeros((3, 3)))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"threshold": 0.6}, errors.ArgumentError, "`threshold` must be above 0 and at most 0.5"),
        ({"threshold": 0}, errors.ArgumentError, "`threshold` must be"),
        ({"patience": 0}, errors.ArgumentError, "`patience` must be"),
        ({"window": 0}, errors.ArgumentError, "`window` must be between"),
        ({"alarm": 2.0}, errors.ArgumentError, "`alarm` must be above 0 and at most 1"),
        ({"writer": "runs"}, errors.DTypeError, "`writer` must have add_scalar"),
    ],
)
def test_bad_monitors_are_refused(options, error, message) -> None:
    with pytest.raises(error, match=message):
        WellMonitor(**options)


def test_mean_advantages() -> None:
    table = mean_advantages([0, 1, 1], [2, 0, 0], [1.0, 3.0, 5.0], rows=2, columns=3)
    np.testing.assert_array_equal(table, [[np.nan, np.nan, 1.0], [4.0, np.nan, np.nan]])
    assert np.isnan(mean_advantages([], [], [], rows=1, columns=2)).all()
    for arguments, error, message in [
        (([0], [0], [[1.0]]), errors.ShapeError, "`advantages` must have shape"),
        (([0], [0], [np.nan]), errors.ArgumentError, "`advantages` must be finite"),
        (([0, 1], [0], [1.0]), errors.ShapeError, "`states` must have shape"),
        (([0.5], [0], [1.0]), errors.DTypeError, "`states` must hold integers"),
        (([0], [3], [1.0]), errors.ArgumentError, "`actions` must be between 0 and 2"),
        (([-1], [0], [1.0]), errors.ArgumentError, "`states` must be between 0 and 1"),
    ]:
        with pytest.raises(error, match=message):
            mean_advantages(*arguments, rows=2, columns=3)
