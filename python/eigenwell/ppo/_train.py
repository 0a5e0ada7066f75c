"""The loop: collect, update, report; score and save at intervals."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenwell import _files
from eigenwell._checks import require
from eigenwell.errors import ArgumentError, EigenwellError
from eigenwell.evaluation import evaluate
from eigenwell.ppo import _checkpoint, _metrics
from eigenwell.ppo._environments import Environments
from eigenwell.ppo._errors import TrainingError
from eigenwell.ppo._metrics import Metrics, MetricsWriter
from eigenwell.ppo._policy import TrainedPolicy
from eigenwell.ppo._rollout import Collector

if TYPE_CHECKING:
    from eigenwell.ppo._config import PPOConfig

LAST, BEST = "last.safetensors", "best.safetensors"
# What a resumed run may change; everything else would make it another run.
FREE = frozenset({"total_steps", "evaluate_every", "evaluate_episodes"})
# Scores while training are on other seeds than the first ones, which final scores are on.
SCORE_SEED = 1_000_000


@dataclass(frozen=True)
class TrainResult:
    """What a run came to.

    Attributes:
        config: Of the run.
        metrics: A row for every update, those before a resumption included.
        policy: The last one.
        best_policy: The one with the best score.
        best_score: Mean return of its most likely actions in fresh environments.
    """

    config: PPOConfig
    metrics: tuple[Metrics, ...]
    policy: TrainedPolicy
    best_policy: TrainedPolicy
    best_score: float


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
        resume: Go on from ``last.safetensors`` in the folder.
        progress: Called after every update. Ctrl-C, or an exception from here, ends the run and
            leaves through here; what the last checkpoint has stays.

    Returns:
        The policies and the metrics.

    Raises:
        ArgumentError: The environment is unknown or has unsupported spaces, or the folder holds
            another run, or none to resume.
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
    # Networks this small gain nothing from a second thread, and wait for it where other programs
    # run: BipedalWalker at 900 to 3,700 steps/s on two shared cores instead of 5,000 (measured).
    torch.set_num_threads(1)
    try:
        run.begin(resume=resume)
        while run.update < config.updates:
            row = run.advance()
            if progress is not None:
                progress(row)
        return run.result()
    except (TrainingError, KeyboardInterrupt) as error:
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
        self.saved_steps: int | None = None
        self.rows: list[Metrics] = []
        self.best_score = -math.inf
        self.environments = Environments(config.environment, config.environments, config.seed)
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
            last = self.folder / LAST
            if resume:
                self._load(last)
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
            _files.write_atomic(
                self.folder / "config.json", json.dumps(self._about(), indent=2).encode() + b"\n"
            )
        self.writer = MetricsWriter(self.folder, self.rows)
        self._segment(save=not resume)

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
            self.config, tuple(self.rows), self.policy, self.best_policy, self.best_score
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
        config = self.config
        try:
            scores = evaluate(
                self.policy,
                config.environment,
                episodes=config.evaluate_episodes,
                seed=SCORE_SEED,
            )
        except EigenwellError:
            raise
        except Exception as error:
            raise TrainingError(
                f"environment `{config.environment}` raised {type(error).__name__} while the "
                f"policy of step {self.steps} was scored: {error}"
            ) from error
        score = float(scores.returns.mean())
        if score > self.best_score:
            self.best_score, self.best_policy = score, self.policy
            if self.folder is not None:
                self.policy.save(self.folder / BEST, about={"score": score, "steps": self.steps})
        return score

    def _segment(self, *, save: bool) -> None:
        """Write a checkpoint, and begin new episodes, as a run resumed from it will."""
        if save and self.folder is not None:
            self._save(self.folder / LAST)
        if self.update < self.config.updates:
            self.collector.restart(self.update, steps=self.steps)

    def _about(self) -> dict[str, Any]:
        packages = ("eigenwell", "gymnasium", "numpy", "torch")
        versions = {"python": platform.python_version()} | {p: version(p) for p in packages}
        return {**self.policy.description(), "versions": versions}

    def _save(self, path: Path) -> None:
        moments, returns = self.collector.moments, self.collector.returns.moments
        tensors = {
            **self.learner.state(),
            **self.policy.tensors(),
            "observations.mean": moments.mean,
            "observations.m2": moments.m2,
            "returns.mean": returns.mean,
            "returns.m2": returns.m2,
            "recent": np.asarray(self.collector.recent, np.float64).reshape(-1, 2),
            "metrics": _metrics.to_array(self.rows),
        }
        about = {
            **self._about(),
            "update": self.update,
            "observations": moments.count,
            "returns": returns.count,
            "episodes": self.collector.episodes,
            "best_score": self.best_score if self.best_score > -math.inf else None,
            "rng": self.rng.bit_generator.state,
        }
        _checkpoint.write(path, tensors, about)
        self.saved_steps = self.steps

    def _load(self, path: Path) -> None:
        if not path.exists():
            raise ArgumentError(f"`output` must hold a run to resume, and {path} does not exist")
        tensors, about = _checkpoint.read(path)
        ours = json.loads(json.dumps(dataclasses.asdict(self.config)))
        for name, value in ours.items():
            stored = about["config"].get(name)
            if name not in FREE and stored != value:
                raise ArgumentError(
                    f"`{name}` must be {stored!r} to resume the run in {path.parent}, got "
                    f"{value!r}: resume with the config of that run, or choose another folder"
                )
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
        self.policy = self.best_policy = self._policy()
        if about["best_score"] is not None:
            self.best_score = about["best_score"]
            self.best_policy = TrainedPolicy.load(path.parent / BEST)
