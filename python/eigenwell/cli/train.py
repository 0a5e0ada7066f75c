"""``eigenwell train``: a policy by PPO, or many of them."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from eigenwell import _files, ppo
from eigenwell._machine import cores
from eigenwell.cli import _status
from eigenwell.cli._options import Options
from eigenwell.cli._train_progress import progress
from eigenwell.cli._train_settings import Settings, configs_of, swept
from eigenwell.errors import ArgumentError, FormatError
from eigenwell.report import Table

if TYPE_CHECKING:
    from eigenwell.cli._output import Output
    from eigenwell.ppo import Metrics, PPOConfig, SweepRun


@dataclass(frozen=True, kw_only=True)
class Train(Options):
    """Train a policy by PPO in a folder that explains itself, and resume what was killed."""

    settings: Annotated[Settings, tyro.conf.OmitArgPrefixes]
    """Settings of the run; the preset's come before the defaults shown here."""

    preset: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """Settings known to work: walker, cartpole, acrobot, lunarlander, lunarlander-continuous."""

    output: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER", aliases=("-o",))] = None
    """Folder of the run, by default runs/PRESET-SEED; of a sweep, of its runs' folders."""

    resume: bool = False
    """Go on with the run in the folder; its settings need not be given again."""

    sweep: Annotated[
        tuple[tuple[str, ...], ...],
        tyro.conf.UseAppendAction,
        tyro.conf.arg(metavar="NAME=VALUES"),
    ] = ()
    """Run the product of these: seeds=0..9 learning_rate=1e-4,3e-4. Repeat the command to go on."""

    jobs: int | None = None
    """Processes of a sweep; as many as there are cores by default."""

    def run(self, output: Output) -> int:
        """Train; 130 if Ctrl-C ended it, 1 if the environment, the loss or a sweep's run failed."""
        if self.sweep:
            return self._sweep(output)
        config = self._config()
        folder = self.output or Path("runs") / f"{self._label(config)}-{config.seed}"
        rows: list[Metrics] = []
        try:
            with progress(output, config) as show:

                def remember(row: Metrics) -> None:
                    rows.append(row)
                    show(row)

                result = ppo.train(config, output=folder, resume=self.resume, progress=remember)
        except KeyboardInterrupt as stop:
            notes = getattr(stop, "__notes__", None)
            if not notes:  # before the first checkpoint: there is nothing to go on with
                raise
            words = f"interrupted: {notes[-1]}; go on by {self._command(folder)}"
            output.result(_document(config, folder, rows, interrupted=True), words)
            return _status.INTERRUPTED
        last = result.metrics[-1]
        document = _document(config, folder, result.metrics, interrupted=False)
        document |= {"best_score": result.best_score, "best_steps": result.best_steps}
        output.result(
            document,
            f"best score {result.best_score:.1f} over {config.evaluate_episodes} episodes, at step "
            f"{result.best_steps:,} of {last.steps:,}: {folder / 'best.safetensors'}",
            f"curves: tensorboard --logdir {shlex.quote(str(folder))}",
        )
        return _status.DONE

    def _config(self) -> PPOConfig:
        settings = self.settings
        if self.resume and self.preset is None and "environment" not in settings:
            if self.output is None:
                raise ArgumentError("`--resume` needs --output or --preset to know which run")
            settings = {**_stored(self.output / "config.json"), **settings}
        return configs_of(settings, self.preset)

    def _label(self, config: PPOConfig) -> str:
        return self.preset or re.sub(r"[^\w.-]+", "-", config.environment)

    def _command(self, folder: Path) -> str:
        return f"eigenwell train --resume --output {shlex.quote(str(folder))}"

    def _sweep(self, output: Output) -> int:
        choices = swept(word for words in self.sweep for word in words)
        configs = [configs_of({**self.settings, **choice}, self.preset) for choice in choices]
        folder = self.output or Path("runs") / f"{self._label(configs[0])}-sweep"

        def show(done: int, of: int, run: SweepRun) -> None:
            score = f"best score {run.best_score:.1f}, {run.seconds:.0f} s"
            output.note(f"{done} of {of}: {run.name}: {run.failure or score}")

        jobs = self.jobs or min(len(configs), cores())
        output.note(f"{len(configs)} runs in {folder}, {jobs} at a time")
        try:
            runs = ppo.sweep(configs, output=folder, jobs=jobs, progress=show)
        except KeyboardInterrupt:
            output.note(f"interrupted: {folder} holds what was trained; the same command goes on")
            return _status.INTERRUPTED
        groups = _groups(runs)
        document = {
            "command": "train",
            "output": str(folder),
            "runs": [_run_document(run) for run in runs],
            "groups": groups,
        }
        failures = [f"{run.name} failed: {run.failure}" for run in runs if run.failure]
        title = f"scores over {configs[0].evaluate_episodes} episodes, 95 % intervals over seeds"
        output.result(document, _table(title, groups), *failures)
        return _status.DEFECT if failures else _status.DONE


def _stored(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(_files.read_bytes(path))["config"])
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise FormatError(f"`{path}` is not the config of a run: {error}") from None


def _document(config: PPOConfig, folder: Path, rows: Any, *, interrupted: bool) -> dict[str, Any]:
    return {
        "command": "train",
        "output": str(folder),
        "config": dataclasses.asdict(config),
        "last": dataclasses.asdict(rows[-1]) if rows else None,
        "interrupted": interrupted,
    }


def _run_document(run: SweepRun) -> dict[str, Any]:
    plain = {**dataclasses.asdict(run), "folder": str(run.folder)}
    return {**plain, "failure": run.failure or None}


def _groups(runs: tuple[SweepRun, ...]) -> list[dict[str, Any]]:
    """Put runs together that differ in their seeds alone, and average."""
    groups: dict[str, list[SweepRun]] = {}
    for run in runs:
        groups.setdefault(run.name.rpartition("seed=")[0].rstrip(","), []).append(run)
    found = []
    for name, members in groups.items():
        group: dict[str, Any] = {"settings": name, "runs": len(members)}
        group["failed"] = sum(bool(run.failure) for run in members)
        for which in ("best_score", "last_score"):
            scores = [getattr(run, which) for run in members if not run.failure]
            group[which] = math.fsum(scores) / len(scores) if scores else None
            group[f"{which}_interval"] = ppo.mean_interval(scores)
            group[f"{which}_lowest"] = min(scores, default=None)
        found.append(group)
    return found


def _table(title: str, groups: list[dict[str, Any]]) -> Table:
    rows = []
    for group in groups:
        cells = [group["settings"] or "all", str(group["runs"]), str(group["failed"])]
        for which in ("best_score", "last_score"):
            mean, interval = group[which], group[f"{which}_interval"]
            ends = "" if interval is None else f" [{interval[0]:.1f}, {interval[1]:.1f}]"
            cells.append("" if mean is None else f"{mean:.1f}{ends}")
            cells.append("" if mean is None else f"{group[f'{which}_lowest']:.1f}")
        rows.append(tuple(cells))
    return Table(
        title=title,
        columns=("settings", "runs", "failed", "best", "lowest", "last", "lowest"),
        rows=tuple(rows),
        alignments=("left", *(("right",) * 6)),
    )
