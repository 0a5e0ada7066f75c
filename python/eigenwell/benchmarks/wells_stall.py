"""WellMonitor at work: it says that training will stall while the return still rises.

``python -m eigenwell.benchmarks.wells_stall`` prints the table of ``docs/wells_monitor.md``, in a
few minutes on one core. The task is a chain with a sparse reward at its end and an easy one for
stopping, :func:`eigenwell.wells.mdp.nested_wells`, as a Gymnasium environment. The monitor sees
what a practitioner has: logits, and returns of sampled episodes.

* ``change of task``: plain policy gradient in torch goes on from a policy that was trained to do
  something else in the first state. The optimal action is known from the samples, and sinks.
* ``ppo``: :func:`eigenwell.ppo.train` from scratch. Nobody ever sees the end of the chain.
* ``ppo, all starts``: the same where every state is a start. It stalls nowhere: the control.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell._checks import require
from eigenwell.report import Alignment, Table
from eigenwell.wells.mdp import nested_wells
from eigenwell.wells.monitor import WellMonitor, mean_advantages

if TYPE_CHECKING:
    from eigenwell.ppo import Metrics
    from eigenwell.wells.mdp import TabularMDP
    from eigenwell.wells.monitor import WellReport

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

ID = "eigenwell-benchmarks/NestedWells-v0"
# How a stall shows in the return: the mean of so many updates is no better than that of as many
# before, by this share of the best return.
PATIENCE, PROGRESS = 25, 0.005
SEEDS = {"change of task": 3, "ppo": 5, "ppo, all starts": 3}


@dataclass(frozen=True)
class Episodes:
    """Steps of sampled episodes.

    Attributes:
        states: ``(n,)``.
        actions: ``(n,)``.
        returns: ``(n,)``, discounted, from the step on.
        ages: ``(n,)``, steps of the episode before it.
        score: Mean discounted return from the start.
    """

    states: Int64
    actions: Int64
    returns: Float64
    ages: Int64
    score: float


def sample(mdp: TabularMDP, policy: Float64, count: int, rng: np.random.Generator) -> Episodes:
    """Play episodes of a chain, which ends, by a policy ``(S, A)``, all side by side."""
    end = mdp.states - 1
    state = rng.choice(mdp.states, size=count, p=mdp.initial)
    steps: list[tuple[Int64, Int64, Int64, Float64]] = []
    alive = np.flatnonzero(state != end)
    while alive.size:
        s = state[alive]
        a = (rng.random((alive.size, 1)) > policy[s].cumsum(axis=1)[:, :-1]).sum(axis=1)
        steps.append((alive, s, a, mdp.rewards[s, a]))
        state[alive] = mdp.transitions[s, a].argmax(axis=1)  # nothing in a chain is left to chance
        alive = alive[state[alive] != end]
    to_go, parts = np.zeros(count), []
    for age, (who, s, a, r) in reversed(list(enumerate(steps))):
        to_go[who] = r + mdp.discount * to_go[who]
        parts.append((s, a, to_go[who], np.full(who.size, age)))
    states, actions, returns, ages = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Episodes(states, actions, returns, ages, float(to_go.mean()))


class Samples:
    """Advantage estimates and visits from the episodes of the last updates.

    An action that has not been sampled lately keeps its last estimate.

    Args:
        mdp: The chain.
        updates: To remember.
    """

    def __init__(self, mdp: TabularMDP, updates: int = 20) -> None:
        self._shape, self._last = mdp.rewards.shape, updates
        self._parts: list[Episodes] = []
        self._known = np.full(self._shape, np.nan)

    def add(self, episodes: Episodes) -> tuple[Float64, Float64, Float64]:
        """Return advantages ``(S, A)``, values ``(S,)`` and visits per update ``(S,)``."""
        self._parts = [*self._parts[1 - self._last :], episodes]
        states = np.concatenate([part.states for part in self._parts])
        actions = np.concatenate([part.actions for part in self._parts])
        returns = np.concatenate([part.returns for part in self._parts])
        rows, columns = self._shape
        visits = np.bincount(states, minlength=rows).astype(np.float64)
        values = np.bincount(states, returns, minlength=rows) / np.maximum(visits, 1)
        estimates = mean_advantages(
            states, actions, returns - values[states], rows=rows, columns=columns
        )
        self._known = np.where(np.isnan(estimates), self._known, estimates)
        return self._known, values, visits / len(self._parts)


@dataclass(frozen=True)
class Outcome:
    """A run.

    Attributes:
        scores: Return after each update.
        best: The highest possible one.
        reports: Of the monitor.
        alarm: Its first alarm, if any.
        probability: Of the optimal action in the first state, after each update.
    """

    scores: Float64
    best: float
    reports: list[WellReport]
    alarm: WellReport | None
    probability: Float64

    def seen(self) -> int:
        """Return the update at which the return alone shows the stall, from 1; -1 if never."""
        for t in range(2 * PATIENCE, len(self.scores) + 1):
            before, now = self.scores[t - 2 * PATIENCE : t].reshape(2, -1).mean(axis=1)
            if now - before < PROGRESS * self.best and now < 0.95 * self.best:
                return t
        return -1

    def escape(self) -> int:
        """Return the update after which the first state's optimal action has even odds, or -1."""
        over = self.probability > 0.5
        return int(over.argmax()) + 1 if over.any() else -1


def change_of_task(
    seed: int, *, updates: int = 2000, episodes: int = 256, learning_rate: float = 8.0
) -> Outcome:
    """Plain policy gradient: ``logits += eta * mean of gamma^t grad log pi * advantage``."""
    torch = require("torch", extra="learn")
    mdp = nested_wells(3, actions=3, start="first")
    start = np.full(mdp.rewards.shape, 0.015)
    start[:, 0] = 0.97
    start[0] = 0.01, 0.05, 0.94
    logits = torch.tensor(np.log(start), requires_grad=True)
    optimiser = torch.optim.SGD([logits], lr=learning_rate)
    rng, memory, monitor = np.random.default_rng(seed), Samples(mdp), WellMonitor(window=20)
    scores, reports, probability = [], [], []
    for _ in range(updates):
        policy = torch.softmax(logits, dim=1).detach().numpy()
        played = sample(mdp, policy, episodes, rng)
        estimates, values, visits = memory.add(played)
        weight = mdp.discount**played.ages * (played.returns - values[played.states]) / episodes
        chosen = torch.log_softmax(logits, dim=1)[played.states, played.actions]
        optimiser.zero_grad()
        torch.autograd.backward(-(chosen * torch.from_numpy(weight)).sum())
        optimiser.step()
        # A state's rate is eta times its discounted visits per episode; the first has one.
        rate = learning_rate * np.maximum(visits, 1e-6) / episodes
        reports.append(
            monitor.update(logits, advantages=estimates, rate=rate, weights=[1.0, 0.0, 0.0, 0.0])
        )
        scores.append(played.score)
        probability.append(float(torch.softmax(logits.detach(), dim=1)[0, 0]))
    best = float(mdp.initial @ mdp.optimum().values)
    return Outcome(np.asarray(scores), best, reports, monitor.first_alarm, np.asarray(probability))


def ppo(seed: int, *, updates: int = 80, start: str = "first") -> Outcome:
    """PPO, watched from its progress callback through the checkpoint of every update."""
    from eigenwell.ppo import PPOConfig, TrainedPolicy, train

    mdp = nested_wells(5, actions=4, start=start)
    length = mdp.states - 1
    register(mdp)
    config = PPOConfig(
        environment=ID,
        seed=seed,
        total_steps=512 * updates,
        environments=16,
        rollout_steps=32,
        epochs=4,
        minibatch=128,
        learning_rate=0.01,
        anneal=False,
        gamma=mdp.discount,
        normalise_observations=False,
        hidden=(32,),
        critic_hidden=(32,),
        evaluate_episodes=1,
        checkpoint_every=1,
    )
    rng, memory, monitor = np.random.default_rng(seed), Samples(mdp), WellMonitor()
    scores, reports, probability = [], [], []
    every_state = np.eye(mdp.states, length, dtype=np.float32)
    inner = np.append(np.ones(length), 0.0)

    with tempfile.TemporaryDirectory() as folder:

        def watch(metrics: Metrics) -> None:
            trained = TrainedPolicy.load(Path(folder) / "last.safetensors")
            logits = trained.output(trained.normalise(every_state)).astype(np.float64)
            policy = np.exp(logits - logits.max(axis=1, keepdims=True))
            policy /= policy.sum(axis=1, keepdims=True)
            played = sample(mdp, policy, 64, rng)
            estimates, values, visits = memory.add(played)
            reports.append(
                monitor.update(
                    logits,
                    advantages=estimates,
                    gap=1 - values,  # no return is above 1
                    visits=visits * (config.steps_per_update / played.states.size),
                    weights=inner,
                    step=metrics.update,
                )
            )
            scores.append(played.score)
            probability.append(float(policy[0, 0]))

        train(config, output=folder, progress=watch)
    best = float(mdp.initial @ mdp.optimum().values)
    return Outcome(np.asarray(scores), best, reports, monitor.first_alarm, np.asarray(probability))


def register(mdp: TabularMDP) -> None:
    """Make the chain a Gymnasium environment that shows its state one-hot."""
    gymnasium = require("gymnasium", extra="learn")
    length = mdp.states - 1

    class Chain(gymnasium.Env):  # type: ignore[misc, name-defined]
        """Ends where the chain does."""

        observation_space = gymnasium.spaces.Box(0.0, 1.0, (length,), np.float32)
        action_space = gymnasium.spaces.Discrete(mdp.actions)

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            super().reset(seed=seed, options=options)
            self.state = int(self.np_random.choice(mdp.states, p=mdp.initial))
            return self.observe(), {}

        def step(self, action: Any) -> Any:
            reward = float(mdp.rewards[self.state, action])
            self.state = int(mdp.transitions[self.state, action].argmax())
            return self.observe(), reward, self.state == length, False, {}

        def observe(self) -> npt.NDArray[np.float32]:
            return np.asarray(np.eye(mdp.states, length, dtype=np.float32)[self.state])

    gymnasium.envs.registration.registry.pop(ID, None)  # else it warns that it overrides
    gymnasium.register(ID, entry_point=Chain)


def all_starts(seed: int) -> Outcome:
    """Run PPO where episodes start in any state, so that it meets no well that lasts."""
    return ppo(seed, start="uniform")


CASES: dict[str, Callable[[int], Outcome]] = {
    "change of task": change_of_task,
    "ppo": ppo,
    "ppo, all starts": all_starts,
}


def row(case: str, seed: int, outcome: Outcome) -> tuple[str, ...]:
    """Return a row of the table."""
    alarm, seen, escape = outcome.alarm, outcome.seen(), outcome.escape()
    reached = "-" if alarm is None else f"{outcome.scores[alarm.step - 1] / outcome.best:.2f}"
    numbers = alarm.row() if alarm else {}
    first = "-" if alarm is None else str(alarm.step)
    return (
        case,
        str(seed),
        first,
        reached,
        f"{numbers.get('remaining', math.nan):.0f}",
        f"{numbers.get('silence', math.nan):.3g}",
        "-" if seen < 0 else str(seen),
        "-" if escape < 0 else str(escape),
        f"{outcome.scores[-10:].mean() / outcome.best:.2f}",
    )


def main() -> int:
    """Run from the command line."""
    require("torch", extra="learn").set_num_threads(1)
    rows = [
        row(case, seed, run(seed)) for case, run in CASES.items() for seed in range(SEEDS[case])
    ]
    columns = (
        "case",
        "seed",
        "alarm",
        "return then",
        "remaining",
        "silence",
        "return shows it",
        "left",
        "return at the end",
    )
    alignments: tuple[Alignment, ...] = ("left", *("right",) * 8)
    title = "updates; returns as shares of the best one"
    print(Table(title, columns, tuple(rows), alignments).as_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
