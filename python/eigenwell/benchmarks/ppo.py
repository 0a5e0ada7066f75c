"""Training by PPO: environment steps a second of ours and of Stable-Baselines3, alike in the rest.

The contenders: ours with Gymnasium's environments, one after another and in processes, and with
EnvPool's; Stable-Baselines3 with Gymnasium's in a ``DummyVecEnv``, as it comes, and in a
``SubprocVecEnv``. The network, the rollout, the epochs, the
minibatches and the normalisation are the same. An update counts from the first step of its rollout
to the end of its last epoch.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from eigenwell._checks import require
from eigenwell.benchmarks._sb3 import sb3_ppo
from eigenwell.errors import BackendUnavailableError, EigenwellError
from eigenwell.ppo import PPOConfig, train

# The first update of a training loads code and fills caches.
_WARM = 1


@dataclass(frozen=True)
class Trainer:
    """A contender.

    Attributes:
        name: What it is.
        parameters: Numbers in its networks.
        train: Trains for a number of updates from a seed and returns steps per second of each.
    """

    name: str
    parameters: int
    train: Callable[[int, int], list[float]]

    def sample(self, seed: int, updates: int) -> list[float]:
        """Return steps per second of some updates, behind one that does not count."""
        return self.train(seed, _WARM + updates)[_WARM:]


@dataclass(frozen=True)
class Rate:
    """How fast a contender trained.

    Attributes:
        name: The contender's.
        samples: Environment steps a second, one for each update.
    """

    name: str
    samples: npt.NDArray[np.float64]

    @property
    def median(self) -> float:
        """Environment steps a second."""
        return float(np.median(self.samples))

    @property
    def quartiles(self) -> tuple[float, float]:
        """Lower and upper quartile."""
        low, high = np.percentile(self.samples, [25, 75])
        return float(low), float(high)


def settings(rollout_steps: int = 1024) -> PPOConfig:
    """Return what all of them train: the walker's preset with an MLP, and every epoch of it.

    Args:
        rollout_steps: Of each of the 32 environments between two updates.
    """
    return PPOConfig.preset(
        "walker",
        actor="mlp",
        rollout_steps=rollout_steps,
        target_kl=None,
        evaluate_every=0,
        evaluate_episodes=1,
    )


def contenders(config: PPOConfig, *, threads: int) -> Iterator[Trainer]:
    """Yield those that are installed.

    Args:
        config: What to train; its backend and seed are replaced.
        threads: Cores: Stable-Baselines3 is timed with one torch thread, as ours, and with these;
            ours with as many processes for Gymnasium's environments.
    """
    with contextlib.suppress(BackendUnavailableError):
        require("stable_baselines3", extra="sb3")
        for count in sorted({1, threads}):
            yield _theirs(config, count)
        yield _theirs(config, threads, processes=True)
    for workers in sorted({1, threads}):
        yield _ours(config, "gymnasium", workers)
    with contextlib.suppress(BackendUnavailableError):
        require("envpool", extra="fast-envs")
        yield _ours(config, "envpool")


def check(trainers: Sequence[Trainer]) -> None:
    """Make sure that all of them train networks of one size.

    Raises:
        EigenwellError: They do not.
    """
    sizes = {trainer.name: trainer.parameters for trainer in trainers}
    if len(set(sizes.values())) != 1:
        raise EigenwellError(f"the networks differ in size, which makes no comparison: {sizes}")


def time_in_turns(
    trainers: Sequence[Trainer],
    *,
    rounds: int,
    updates: int = 2,
    progress: Callable[[int, Trainer], None] | None = None,
) -> list[Rate]:
    """Train in turns, so that a machine whose speed drifts drifts for all of them.

    Args:
        trainers: The contenders.
        rounds: Trainings of each, each with a seed of its own.
        updates: Samples of a training.
        progress: Called before each training with its round and its contender.
    """
    samples: dict[str, list[float]] = {trainer.name: [] for trainer in trainers}
    for turn in range(rounds):
        for trainer in trainers:
            if progress is not None:
                progress(turn, trainer)
            samples[trainer.name] += trainer.sample(turn, updates)
    return [Rate(name, np.asarray(found)) for name, found in samples.items()]


def _ours(config: PPOConfig, backend: Literal["gymnasium", "envpool"], workers: int = 1) -> Trainer:
    from eigenwell.ppo._environments import Environments
    from eigenwell.ppo.torch import ActorCritic

    def run(seed: int, updates: int) -> list[float]:
        steps = updates * config.steps_per_update
        # What trains is not scored: that is no part of the comparison. `train` looks at the losses.
        changes = {"backend": backend, "workers": workers, "seed": seed, "total_steps": steps}
        result = train(dataclasses.replace(config, **changes))  # type: ignore[arg-type]
        return [row.steps_per_second for row in result.metrics]

    probe = Environments(config.environment, 1, 0)
    networks = ActorCritic(config, probe.size, probe.actions)
    name = f"eigenwell, {backend}" + (f" in {workers} processes" if workers > 1 else "")
    return Trainer(name, _size(networks.parameters()), run)


def _theirs(config: PPOConfig, threads: int, *, processes: bool = False) -> Trainer:
    torch = require("torch", extra="sb3")
    from stable_baselines3.common.callbacks import BaseCallback

    class Clock(BaseCallback):
        """When the updates began, and when the last one ended."""

        def __init__(self) -> None:
            super().__init__()
            self.times: list[float] = []

        def _on_step(self) -> bool:
            return True

        def _on_rollout_start(self) -> None:
            self.times.append(time.perf_counter())

        def _on_training_end(self) -> None:
            self.times.append(time.perf_counter())

    def run(seed: int, updates: int) -> list[float]:
        model = sb3_ppo(dataclasses.replace(config, seed=seed), processes=processes)
        before, clock = torch.get_num_threads(), Clock()
        torch.set_num_threads(threads)
        try:
            model.learn(updates * config.steps_per_update, callback=clock, log_interval=None)
        finally:
            torch.set_num_threads(before)
            model.get_env().close()
        if not np.isfinite(model.logger.name_to_value["train/loss"]):
            raise EigenwellError("the loss of Stable-Baselines3 is not finite: not timed")
        return list(config.steps_per_update / np.diff(clock.times))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = sb3_ppo(config)
    model.get_env().close()
    words = "1 torch thread" if threads == 1 else f"{threads} torch threads"
    if processes:
        words += f", {config.environments} processes"
    return Trainer(f"Stable-Baselines3, {words}", _size(model.policy.parameters()), run)


def _size(parameters: Any) -> int:
    return sum(parameter.numel() for parameter in parameters)
