"""Environments in processes: the same run, and errors that come back."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
from tests.ppo import toys  # noqa: F401  (registers the environments)

from eigenwell.errors import ArgumentError, TrainingError
from eigenwell.ppo import PPOConfig, train
from eigenwell.ppo._environments import Environments


def config(environment: str, **changes):
    settings = {
        "total_steps": 192,
        "environments": 3,
        "rollout_steps": 16,
        "minibatch": 8,
        "epochs": 2,
        "checkpoint_every": 96,
        "evaluate_episodes": 1,
    }
    return PPOConfig(environment, **{**settings, **changes})


@pytest.mark.parametrize("environment", ["CartPole-v1", "ppo/Target-v0"])
def test_the_run_has_the_same_bits_with_any_number_of_processes(environment: str) -> None:
    here = train(config(environment))
    for workers in (2, 5):  # more than there are environments
        there = train(config(environment, workers=workers))
        assert there.policy.weights.keys() == here.policy.weights.keys()
        for name, array in here.policy.weights.items():
            np.testing.assert_array_equal(there.policy.weights[name], array)
        assert [row.episodes for row in there.metrics] == [row.episodes for row in here.metrics]


def test_final_observations_come_in_the_order_of_the_environments() -> None:
    rows = {}
    for workers in (1, 2):
        environments = Environments("CartPole-v1", 5, 3, workers=workers)
        environments.restart(0)
        steps = [environments.step(np.zeros(5, np.int64)) for _ in range(30)]
        environments.close()
        rows[workers] = np.concatenate([step.final_obs for step in steps])
    assert len(rows[1]) >= 10
    np.testing.assert_array_equal(rows[2], rows[1])


def test_an_exception_in_a_process_is_told_with_its_step() -> None:
    with pytest.raises(TrainingError, match=r"ZeroDivisionError in step\(\), at environment"):
        train(config("ppo/Broken-v0", workers=2))


def test_a_process_that_was_killed_is_told() -> None:
    environments = Environments("CartPole-v1", 4, 3, workers=2)
    environments.restart(0)
    os.kill(environments._running._processes[1].pid, signal.SIGKILL)
    with pytest.raises(TrainingError, match=r"ChildProcessError in step.*its process has ended"):
        environments.step(np.zeros(4, np.int64))
    environments.close()


def test_no_process_stays_behind() -> None:
    environments = Environments("CartPole-v1", 4, 3, workers=2)
    environments.restart(0)
    processes = environments._running._processes
    environments.close()
    assert [process.exitcode for process in processes] == [0, 0]


def test_no_processes_are_none() -> None:
    with pytest.raises(ArgumentError, match="`workers` must be"):
        config("CartPole-v1", workers=0)
