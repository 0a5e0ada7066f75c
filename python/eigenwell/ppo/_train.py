"""The loop: collect, update, report; score and save at intervals."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from eigenwell import _files
from eigenwell._checks import require
from eigenwell.errors import ArgumentError, EigenwellError
from eigenwell.ppo._advantages import Float64
from eigenwell.ppo._environments import Environments
from eigenwell.ppo._metrics import Metrics, MetricsWriter
from eigenwell.ppo._policy import TrainedPolicy
from eigenwell.ppo._provenance import provenance
from eigenwell.ppo._rollout import Rollout
from eigenwell.ppo._score import score as score_policy
from eigenwell.ppo._state import BEST, CONFIG, LAST, RunState

if TYPE_CHECKING:
    from eigenwell.ppo._config import PPOConfig

#: Takes the policy that acted, the rollout, and advantages ``(T, n)`` of its steps.
Watch: TypeAlias = Callable[[TrainedPolicy, Rollout, Float64], None]


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
    watch: Watch | None = None,
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
        watch: Called before every update with the policy that acted, what it met, and the
            advantages of its steps, for diagnostics such as
            :class:`eigenwell.wells.monitor.WellMonitor`. It must not write to them.

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
    threads = torch.get_num_threads()
    # A second thread changes the order of sums, so the bits, those of the first weights too.
    torch.set_num_threads(1)
    run = None
    try:
        run = _Run(config, folder, watch)
        run.begin(resume=resume)
        while run.state.update < config.updates:
            row = run.advance()
            if progress is not None:
                progress(row)
        return run.result()
    except (EigenwellError, KeyboardInterrupt) as error:
        if folder is not None and run is not None and run.saved_steps is not None:
            error.add_note(f"`{folder / LAST}` has the run up to step {run.saved_steps}")
        raise
    finally:
        torch.set_num_threads(threads)
        if run is not None:
            run.close()


class _Run:
    """The loop around the state: what it acts in, and where it writes."""

    def __init__(self, config: PPOConfig, folder: Path | None, watch: Watch | None) -> None:
        self.config, self.folder, self.watch = config, folder, watch
        self.provenance = {} if folder is None else provenance()
        self.saved_steps: int | None = None
        self.environments = Environments(
            config.environment,
            config.environments,
            config.seed,
            backend=config.backend,
            workers=config.workers,
        )
        self.state = RunState(config, self.environments)
        self.writer = MetricsWriter(None)

    def begin(self, *, resume: bool) -> None:
        """Start, or take up what the folder has."""
        state = self.state
        if self.folder is not None:
            last, config = self.folder / LAST, self.folder / CONFIG
            if resume and last.exists():
                state.load(last)
                self.saved_steps = state.steps
            elif resume and not config.exists():
                raise ArgumentError(
                    f"`output` must hold a run to resume, and {last} does not exist"
                )
            elif last.exists():
                raise ArgumentError(
                    f"`output` must not hold a run already, {last} exists: resume it, or choose "
                    "another folder"
                )
            _files.make_folder(self.folder)
            for left in self.folder.glob(".*.safetensors.*.tmp"):  # by a process that was killed
                left.unlink(missing_ok=True)
            about = {**state.policy.description(), **self.provenance}
            _files.write_atomic(config, json.dumps(about, indent=2).encode() + b"\n")
            if state.best_score > -math.inf:
                self._keep_best()
        self.writer = MetricsWriter(self.folder, state.rows)
        self._segment(save=self.saved_steps is None)

    def advance(self) -> Metrics:
        """Collect a rollout, learn from it, and score and save where it is time."""
        config, state, started = self.config, self.state, time.perf_counter()
        rate = config.learning_rate_at(state.update)
        rollout = state.collector.collect(state.policy)
        advantages, returns = rollout.advantages(
            state.learner.value, gamma=config.gamma, gae_lambda=config.gae_lambda
        )
        if self.watch is not None:
            self.watch(state.policy, rollout, advantages)
        flat = config.steps_per_update
        losses = state.learner.update(
            rollout.x[:-1].reshape(flat, -1),
            rollout.actions.reshape(flat, *rollout.actions.shape[2:]),
            advantages.ravel(),
            returns.ravel(),
            learning_rate=rate,
            rng=state.rng,
        )
        state.finish_update()
        elapsed = time.perf_counter() - started
        recent = np.asarray(state.collector.recent or [(math.nan, math.nan)])
        variance = float(returns.var())
        row = Metrics(
            update=state.update,
            steps=state.steps,
            seconds=elapsed + (state.rows[-1].seconds if state.rows else 0.0),
            steps_per_second=flat / elapsed,
            episodes=state.collector.episodes,
            episode_return=float(recent[:, 0].mean()),
            episode_length=float(recent[:, 1].mean()),
            learning_rate=rate,
            **losses._asdict(),
            explained_variance=1.0 - float(advantages.var()) / variance if variance else math.nan,
            score=self._score() if self._due(config.evaluate_every) else math.nan,
        )
        state.rows.append(row)
        self.writer.write(row)
        if self._due(config.checkpoint_every):
            self._segment(save=True)
        return row

    def result(self) -> TrainResult:
        state = self.state
        return TrainResult(
            self.config,
            tuple(state.rows),
            state.policy,
            state.best_policy,
            state.best_score,
            state.best_steps,
        )

    def close(self) -> None:
        self.environments.close()
        self.writer.close()

    def _due(self, every: int) -> bool:
        """Whether the last update crossed a multiple, or was the last one."""
        steps, state = self.state.steps, self.state
        if state.update == self.config.updates:
            return True
        return every > 0 and steps // every > (steps - self.config.steps_per_update) // every

    def _score(self) -> float:
        """Score the policy, and keep it if it is the best."""
        state = self.state
        score = float(score_policy(state.policy, steps=state.steps).mean())
        if score > state.best_score:
            state.best_score, state.best_steps, state.best_policy = score, state.steps, state.policy
            if self.folder is not None:
                self._keep_best()
        return score

    def _keep_best(self) -> None:
        assert self.folder is not None
        state = self.state
        about = {"score": state.best_score, "steps": state.best_steps, **self.provenance}
        state.best_policy.save(self.folder / BEST, about=about)

    def _segment(self, *, save: bool) -> None:
        """Write a checkpoint, and begin new episodes, as a run resumed from it will."""
        state = self.state
        if save and self.folder is not None:
            state.save(self.folder / LAST, self.provenance)
            self.saved_steps = state.steps
        if state.update < self.config.updates:
            state.collector.restart(state.update, steps=state.steps)
