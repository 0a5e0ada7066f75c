"""The loop: collect, update, report; score and save at intervals."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell import _files
from eigenwell._checks import require
from eigenwell.errors import ArgumentError, EigenwellError, FormatError
from eigenwell.ppo import _checkpoint, _metrics
from eigenwell.ppo._environments import Environments
from eigenwell.ppo._metrics import Metrics, MetricsWriter
from eigenwell.ppo._policy import TrainedPolicy
from eigenwell.ppo._provenance import provenance
from eigenwell.ppo._rollout import Collector
from eigenwell.ppo._score import score as score_policy

if TYPE_CHECKING:
    from eigenwell.ppo._config import PPOConfig

LAST, BEST, CONFIG = "last.safetensors", "best.safetensors", "config.json"
# What a resumed run may change; everything else would make it another run.
FREE = frozenset({"workers", "total_steps", "evaluate_every", "evaluate_episodes"})


@dataclass(frozen=True)
class TrainResult:
    """What a run came to.

    Attributes:
        config: Of the run.
        metrics: A row for every update, those before a resumption included.
        policy: The last one.
        best_policy: The one with the best score.
        best_score: Mean return of its most likely actions in fresh environments.
        best_steps: Environment steps that it had.
    """

    config: PPOConfig
    metrics: tuple[Metrics, ...]
    policy: TrainedPolicy
    best_policy: TrainedPolicy
    best_score: float
    best_steps: int


def train(
    config: PPOConfig,
    *,
    output: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: Callable[[Metrics], None] | None = None,
) -> TrainResult:
    """Train a policy by PPO.

    Args:
        config: What to train, and how.
        output: Folder of the run, made if need be: ``config.json``, ``metrics.csv``,
            ``last.safetensors``, ``best.safetensors``, TensorBoard events where that is installed.
            None writes nothing.
        resume: Go on from ``last.safetensors`` in the folder, or from the start if the run there
            was killed before its first checkpoint.
        progress: Called after every update. Ctrl-C, or an exception from here, ends the run and
            leaves through here; what the last checkpoint has stays.

    Returns:
        The policies and the metrics.

    Raises:
        ArgumentError: The environment is unknown or has unsupported spaces, the folder holds
            another run, or none to resume, or cannot be written, as on a full disk.
        FormatError: The checkpoint is damaged.
        TrainingError: The environment threw or returned NaN, or the loss is not finite.
        BackendUnavailableError: A package of the extra ``learn`` is missing.

    Note:
        Deterministic for a deterministic environment: a run that was killed and resumed ends with
        the bits of one that was not. Sets torch to one thread while it runs.
    """
    torch = require("torch", extra="learn")
    folder = None if output is None else Path(output)
    if resume and folder is None:
        raise ArgumentError("`output` must be given to resume: the folder of the run")
    run = _Run(config, folder)
    threads = torch.get_num_threads()
    # A second thread changes the order of sums, so the bits, and helps networks this small little:
    # on two cores that other programs shared, it made BipedalWalker slower.
    torch.set_num_threads(1)
    try:
        run.begin(resume=resume)
        while run.update < config.updates:
            row = run.advance()
            if progress is not None:
                progress(row)
        return run.result()
    except (EigenwellError, KeyboardInterrupt) as error:
        if folder is not None and run.saved_steps is not None:
            error.add_note(f"`{folder / LAST}` has the run up to step {run.saved_steps}")
        raise
    finally:
        torch.set_num_threads(threads)
        run.close()


class _Run:
    """The state of a run between two updates."""

    def __init__(self, config: PPOConfig, folder: Path | None) -> None:
        from eigenwell.ppo.torch import Learner

        self.config, self.folder = config, folder
        self.update = 0
        self.provenance = {} if folder is None else provenance()
        self.saved_steps: int | None = None
        self.rows: list[Metrics] = []
        self.best_score, self.best_steps = -math.inf, 0
        self.environments = Environments(
            config.environment,
            config.environments,
            config.seed,
            backend=config.backend,
            workers=config.workers,
        )
        self.rng = np.random.default_rng(config.seed)
        self.learner = Learner(config, self.environments.size, self.environments.actions)
        self.collector = Collector(config, self.environments, self.rng)
        self.policy = self.best_policy = self._policy()
        self.writer = MetricsWriter(None)

    @property
    def steps(self) -> int:
        return self.update * self.config.steps_per_update

    def begin(self, *, resume: bool) -> None:
        """Start, or take up what the folder has."""
        if self.folder is not None:
            last, config = self.folder / LAST, self.folder / CONFIG
            if resume and last.exists():
                self._load(last)
            elif resume and not config.exists():
                raise ArgumentError(
                    f"`output` must hold a run to resume, and {last} does not exist"
                )
            elif last.exists():
                raise ArgumentError(
                    f"`output` must not hold a run already, {last} exists: resume it, or choose "
                    "another folder"
                )
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ArgumentError(
                    f"`output` must be a folder that can be made: {error.strerror}"
                ) from error
            for left in self.folder.glob(".*.safetensors.*.tmp"):  # by a process that was killed
                left.unlink(missing_ok=True)
            about = {**self.policy.description(), **self.provenance}
            _files.write_atomic(config, json.dumps(about, indent=2).encode() + b"\n")
            if self.best_score > -math.inf:
                self._keep_best()
        self.writer = MetricsWriter(self.folder, self.rows)
        self._segment(save=self.saved_steps is None)

    def advance(self) -> Metrics:
        """Collect a rollout, learn from it, and score and save where it is time."""
        config, started = self.config, time.perf_counter()
        rate = config.learning_rate_at(self.update)
        rollout = self.collector.collect(self.policy)
        advantages, returns = rollout.advantages(
            self.learner.value, gamma=config.gamma, gae_lambda=config.gae_lambda
        )
        flat = config.steps_per_update
        losses = self.learner.update(
            rollout.x[:-1].reshape(flat, -1),
            rollout.actions.reshape(flat, *rollout.actions.shape[2:]),
            advantages.ravel(),
            returns.ravel(),
            learning_rate=rate,
            rng=self.rng,
        )
        self.policy = self._policy()
        self.update += 1
        elapsed = time.perf_counter() - started
        recent = np.asarray(self.collector.recent or [(math.nan, math.nan)])
        variance = float(returns.var())
        row = Metrics(
            update=self.update,
            steps=self.steps,
            seconds=elapsed + (self.rows[-1].seconds if self.rows else 0.0),
            steps_per_second=flat / elapsed,
            episodes=self.collector.episodes,
            episode_return=float(recent[:, 0].mean()),
            episode_length=float(recent[:, 1].mean()),
            learning_rate=rate,
            **losses._asdict(),
            explained_variance=1.0 - float(advantages.var()) / variance if variance else math.nan,
            score=self._score() if self._due(config.evaluate_every) else math.nan,
        )
        self.rows.append(row)
        self.writer.write(row)
        if self._due(config.checkpoint_every):
            self._segment(save=True)
        return row

    def result(self) -> TrainResult:
        return TrainResult(
            self.config,
            tuple(self.rows),
            self.policy,
            self.best_policy,
            self.best_score,
            self.best_steps,
        )

    def close(self) -> None:
        self.environments.close()
        self.writer.close()

    def _due(self, every: int) -> bool:
        """Whether the last update crossed a multiple, or was the last one."""
        if self.update == self.config.updates:
            return True
        return (
            every > 0 and self.steps // every > (self.steps - self.config.steps_per_update) // every
        )

    def _policy(self) -> TrainedPolicy:
        weights = self.learner.weights()
        return TrainedPolicy(
            self.config,
            self.environments.actions,
            {k.removeprefix("actor."): w for k, w in weights.items() if k.startswith("actor.")},
            self.collector.moments.mean.astype(np.float32),
            self.collector.moments.scale.astype(np.float32),
            weights.get("log_std"),
        )

    def _score(self) -> float:
        """Score the policy, and keep it if it is the best."""
        score = float(score_policy(self.policy, steps=self.steps).mean())
        if score > self.best_score:
            self.best_score, self.best_steps, self.best_policy = score, self.steps, self.policy
            if self.folder is not None:
                self._keep_best()
        return score

    def _keep_best(self) -> None:
        assert self.folder is not None
        about = {"score": self.best_score, "steps": self.best_steps, **self.provenance}
        self.best_policy.save(self.folder / BEST, about=about)

    def _segment(self, *, save: bool) -> None:
        """Write a checkpoint, and begin new episodes, as a run resumed from it will."""
        if save and self.folder is not None:
            self._save(self.folder / LAST)
        if self.update < self.config.updates:
            self.collector.restart(self.update, steps=self.steps)

    def _save(self, path: Path) -> None:
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
            **self.provenance,
            "update": self.update,
            "observations": moments.count,
            "returns": returns.count,
            "episodes": self.collector.episodes,
            "best_score": self.best_score if self.best_score > -math.inf else None,
            "best_steps": self.best_steps,
            "rng": self.rng.bit_generator.state,
        }
        _checkpoint.write(path, tensors, about)
        self.saved_steps = self.steps

    def _load(self, path: Path) -> None:
        tensors, about = _checkpoint.read(path)
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
        self.saved_steps = self.steps
        self.rng.bit_generator.state = about["rng"]
        self.policy = self._policy()
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
    for name, value in ours.items():
        theirs = stored.get(name, defaults[name])
        if name not in FREE and theirs != value:
            raise ArgumentError(
                f"`{name}` must be {theirs!r} to resume the run in {folder}, got {value!r}: resume "
                "with the config of that run, or choose another folder"
            )
