"""What a checkpoint holds of a run: written, and taken back to the same bits."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell import _checkpoint
from eigenwell.errors import FormatError
from eigenwell.ppo import _metrics
from eigenwell.ppo._policy import CHECKPOINT, TrainedPolicy
from eigenwell.ppo._rollout import Collector

if TYPE_CHECKING:
    from eigenwell.ppo._config import PPOConfig
    from eigenwell.ppo._environments import Environments
    from eigenwell.ppo._metrics import Metrics

LAST, BEST, CONFIG = "last.safetensors", "best.safetensors", "config.json"
# What a resumed run may change; everything else would make it another run.
FREE = frozenset({"workers", "total_steps", "evaluate_every", "evaluate_episodes"})


class RunState:
    """A run between two updates.

    Args:
        config: Of the run.
        environments: That it acts in.

    Attributes:
        update: How many there were.
        rows: Metrics of each.
        rng: Of actions, minibatches and RPO's noise.
        learner: Networks and optimiser.
        collector: Statistics of observations, returns and episodes.
        policy: Of the last update.
        best_policy: The one with the best score.
        best_score: Minus infinity until something was scored.
        best_steps: Environment steps that the best policy had.
    """

    def __init__(self, config: PPOConfig, environments: Environments) -> None:
        from eigenwell.ppo.torch import Learner

        self.config = config
        self.update = 0
        self.rows: list[Metrics] = []
        self.rng = np.random.default_rng(config.seed)
        self.learner = Learner(config, environments.size, environments.actions)
        self.collector = Collector(config, environments, self.rng)
        self._actions = environments.actions
        self.policy = self.best_policy = self.acting()
        self.best_score, self.best_steps = -math.inf, 0

    @property
    def steps(self) -> int:
        """Environment steps so far."""
        return self.update * self.config.steps_per_update

    def acting(self) -> TrainedPolicy:
        """Return the policy of the networks and the statistics as they are."""
        weights = self.learner.weights()
        return TrainedPolicy(
            self.config,
            self._actions,
            {k.removeprefix("actor."): w for k, w in weights.items() if k.startswith("actor.")},
            self.collector.moments.mean.astype(np.float32),
            self.collector.moments.scale.astype(np.float32),
            weights.get("log_std"),
        )

    def finish_update(self) -> None:
        """Count an update, and take the policy that it led to."""
        self.policy = self.acting()
        self.update += 1

    def save(self, path: Path, provenance: Mapping[str, Any]) -> None:
        """Write a checkpoint, all of it or nothing.

        Raises:
            ArgumentError: It cannot be written, as on a full disk.
        """
        moments, returns = self.collector.moments, self.collector.returns.moments
        tensors = {
            **self.learner.state(),
            **self.policy.tensors(),
            # Here too: its own file may be that of a later step when a run is killed.
            **{f"best.{name}": array for name, array in self.best_policy.tensors().items()},
            "observations.mean": moments.mean,
            "observations.m2": moments.m2,
            "returns.mean": returns.mean,
            "returns.m2": returns.m2,
            "recent": np.asarray(self.collector.recent, np.float64).reshape(-1, 2),
            "metrics": _metrics.to_array(self.rows),
        }
        about = {
            **self.policy.description(),
            **provenance,
            "update": self.update,
            "observations": moments.count,
            "returns": returns.count,
            "episodes": self.collector.episodes,
            "best_score": self.best_score if self.best_score > -math.inf else None,
            "best_steps": self.best_steps,
            "rng": self.rng.bit_generator.state,
        }
        CHECKPOINT.write(path, tensors, about)

    def load(self, path: Path) -> None:
        """Go back to a checkpoint.

        Raises:
            ArgumentError: It cannot be read, or is of another run.
            FormatError: It is damaged.
        """
        tensors, about = CHECKPOINT.read(path)
        check_same(about["config"], self.config, path.parent)
        try:
            self._take(tensors, about)
        except KeyError as error:
            raise FormatError(f"`{path}` lacks {error} of a checkpoint") from None

    def _take(self, tensors: dict[str, npt.NDArray[Any]], about: dict[str, Any]) -> None:
        self.learner.load_state(tensors)
        moments, returns = self.collector.moments, self.collector.returns.moments
        moments.count, returns.count = about["observations"], about["returns"]
        moments.mean, moments.m2 = tensors["observations.mean"], tensors["observations.m2"]
        returns.mean, returns.m2 = tensors["returns.mean"], tensors["returns.m2"]
        self.collector.recent.extend((a, b) for a, b in tensors["recent"].tolist())
        self.collector.episodes = about["episodes"]
        self.rows = _metrics.from_array(tensors["metrics"])
        self.update = about["update"]
        self.rng.bit_generator.state = about["rng"]
        self.policy = self.acting()
        best = "best."
        named = {k.removeprefix(best): t for k, t in tensors.items() if k.startswith(best)}
        self.best_policy = dataclasses.replace(
            self.policy,
            weights={k: named[f"actor.{k}"] for k in self.policy.weights},
            shift=named["policy.shift"],
            scale=named["policy.scale"],
            log_std=named.get("log_std"),
        )
        if about["best_score"] is not None:
            self.best_score, self.best_steps = about["best_score"], about["best_steps"]


def check_same(stored: Mapping[str, Any], config: PPOConfig, folder: Path) -> None:
    """Raise an error that names the first setting which makes a config another run's.

    Args:
        stored: Settings of the run in the folder, as JSON has them.
        config: What it is to go on with.
        folder: Of the run.

    Raises:
        ArgumentError: They differ in what a resumed run may not change.
    """
    ours = json.loads(json.dumps(dataclasses.asdict(config)))
    # Settings that are younger than the run had their defaults' meaning when it began.
    defaults = {field.name: field.default for field in dataclasses.fields(config)}
    _checkpoint.check_same({**defaults, **stored}, ours, folder, free=FREE)
