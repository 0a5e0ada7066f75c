"""WellMonitor beside PPO on Gymnasium's Taxi, through ``train(..., watch=...)``.

``python -m eigenwell.benchmarks.wells_taxi`` prints the table of ``docs/wells_monitor.md``, in two
minutes on one core. A taxi pays 1 a step and 10 for a pick-up or a drop-off in the wrong place, and
earns 20 for the ride. Policies soon stop picking up at all, where it is right too, and then drive
until time is up: -200. The control pays 1 for what is wrong, so that nothing drives them there.
"""

from __future__ import annotations

import math
import sys
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell._checks import require
from eigenwell.benchmarks.wells_stall import PATIENCE
from eigenwell.report import Alignment, Table
from eigenwell.wells.monitor import WellMonitor, mean_advantages

if TYPE_CHECKING:
    from eigenwell.ppo import Metrics, Rollout, TrainedPolicy

# Row, column, where the passenger is (4: in the taxi), where they want to go.
FIELDS = (5, 5, 5, 4)
STATES, ACTIONS, PICK_UP = math.prod(FIELDS), 6, 4
# Rollouts that estimates are means over; what is not sampled in them keeps the last one.
MEMORY = 20
PROGRESS = 1.0
CASES = (("taxi", 0), ("taxi", 1), ("taxi", 2), ("forgiving", 0), ("forgiving", 1))

Float64 = npt.NDArray[np.float64]


def one_hot(states: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Return the fields of states ``(...)``, one-hot beside each other, ``(..., 19)``."""
    fields = np.unravel_index(np.asarray(states), FIELDS)
    parts = [np.eye(n, dtype=np.float32)[f] for n, f in zip(FIELDS, fields, strict=True)]
    return np.concatenate(parts, axis=-1)


def numbers(x: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """Return the states of observations, the inverse of :func:`one_hot`."""
    parts = np.split(x, np.cumsum(FIELDS)[:-1], axis=-1)
    return np.asarray(np.ravel_multi_index([part.argmax(-1) for part in parts], FIELDS))


class Watcher:
    """Shows a monitor what PPO meets in some states.

    Args:
        states: To watch.
    """

    def __init__(self, states: npt.ArrayLike) -> None:
        self.monitor, self.states = WellMonitor(), np.asarray(states)
        self._row = np.full(STATES, -1)
        self._row[self.states] = np.arange(len(self.states))
        self._inputs = one_hot(self.states)
        self._past: deque[tuple[npt.NDArray[Any], ...]] = deque(maxlen=MEMORY)
        self._known = np.full((len(self.states), ACTIONS), np.nan)

    def __call__(self, policy: TrainedPolicy, rollout: Rollout, advantages: Float64) -> None:
        """Take the advantages of a rollout, and the policy that it is of."""
        rows = self._row[numbers(rollout.x[:-1])]
        there = rows >= 0
        self._past.append((rows[there], rollout.actions[there], advantages[there]))
        rows, actions, sampled = (
            np.concatenate(column) for column in zip(*self._past, strict=True)
        )
        count = len(self.states)
        means = mean_advantages(rows, actions, sampled, rows=count, columns=ACTIONS)
        self._known = np.where(np.isnan(means), self._known, means)
        self.monitor.update(
            policy.output(policy.normalise(self._inputs)),
            advantages=self._known,
            visits=np.bincount(rows, minlength=count) / len(self._past),
        )


@dataclass(frozen=True)
class Outcome:
    """A run.

    Attributes:
        returns: Mean of the last 100 episodes, after each update; NaN before one has ended.
        few: Watched where a pick-up is right.
        every: Watched in all states.
    """

    returns: Float64
    few: WellMonitor
    every: WellMonitor

    def seen(self) -> int:
        """Return the first update at which the return alone shows a stall, from 1; -1 if never."""
        for t in range(2 * PATIENCE, len(self.returns) + 1):
            before, now = np.nanmean(self.returns[t - 2 * PATIENCE : t].reshape(2, -1), axis=1)
            if now - before < PROGRESS and now < 0:
                return t
        return -1


def run(seed: int, *, forgiving: bool, updates: int = 100) -> Outcome:
    """Train and watch; a forgiving task has no reward below -1."""
    from eigenwell.ppo import PPOConfig, train

    few = Watcher(register(forgiving=forgiving))
    every = Watcher(np.arange(STATES))
    returns: list[float] = []

    def watch(policy: TrainedPolicy, rollout: Rollout, advantages: Float64) -> None:
        few(policy, rollout, advantages)
        every(policy, rollout, advantages)

    def progress(row: Metrics) -> None:
        returns.append(row.episode_return)

    config = PPOConfig(
        environment="eigenwell-benchmarks/Taxi-v0",
        seed=seed,
        total_steps=2048 * updates,
        environments=16,
        rollout_steps=128,
        epochs=4,
        minibatch=256,
        learning_rate=1e-3,
        anneal=False,
        target_kl=None,
        actor="mlp",
        normalise_observations=False,
        evaluate_episodes=1,
    )
    train(config, watch=watch, progress=progress)
    return Outcome(np.asarray(returns), few.monitor, every.monitor)


def register(*, forgiving: bool) -> list[int]:
    """Make Taxi an environment with observations in a Box; return where a pick-up is right."""
    gymnasium = require("gymnasium", extra="learn")
    from gymnasium.envs.toy_text.taxi import TaxiEnv

    class Taxi(gymnasium.ObservationWrapper):  # type: ignore[misc, name-defined]
        """Shows its state one-hot, field by field."""

        observation_space = gymnasium.spaces.Box(0.0, 1.0, (sum(FIELDS),), np.float32)

        def __init__(self) -> None:
            super().__init__(TaxiEnv())

        def observation(self, observation: Any) -> npt.NDArray[np.float32]:
            return one_hot(observation)

        def step(self, action: Any) -> Any:
            obs, reward, *rest = super().step(action)
            return obs, max(reward, -1) if forgiving else reward, *rest

    name = "eigenwell-benchmarks/Taxi-v0"
    gymnasium.envs.registration.registry.pop(name, None)  # else it warns that it overrides
    gymnasium.register(name, entry_point=Taxi, max_episode_steps=200, disable_env_checker=True)
    _, _, passenger, goal = np.unravel_index(np.arange(STATES), FIELDS)
    outcomes = [TaxiEnv().P[s][PICK_UP][0] for s in range(STATES)]
    return [s for s in range(STATES) if outcomes[s][2] == -1 and passenger[s] != goal[s]]


def row(case: str, seed: int, outcome: Outcome) -> tuple[str, ...]:
    """Return a row of the table."""
    cells = []
    for monitor in (outcome.few, outcome.every):
        alarm = monitor.first_alarm
        if alarm is None:
            cells += ["-", "-", "-"]
        else:
            now = outcome.returns[alarm.step - 1]
            cells += [str(alarm.step), f"{now:.0f}", f"{alarm.row()['silence']:.3g}"]
    seen = outcome.seen()
    last = f"{outcome.returns[-1]:.0f}"
    return (case, str(seed), *cells, "-" if seen < 0 else str(seen), last)


def main() -> int:
    """Run from the command line."""
    require("torch", extra="learn").set_num_threads(1)
    rows = [row(case, seed, run(seed, forgiving=case != "taxi")) for case, seed in CASES]
    watched = ("alarm", "return then", "silence")
    columns = (
        "case",
        "seed",
        *(f"{word}, pick-ups" for word in watched),
        *(f"{word}, all states" for word in watched),
        "return shows it",
        "return at the end",
    )
    alignments: tuple[Alignment, ...] = ("left", *("right",) * 9)
    print(Table("updates of 2048 steps", columns, tuple(rows), alignments).as_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
