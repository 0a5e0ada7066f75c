"""``eigenwell wells asr run | study | miners | report``: adaptive sampling with reward."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from rich.progress import BarColumn, Progress, TextColumn

from eigenwell._checks import require
from eigenwell._files import write_atomic
from eigenwell.cli import _status
from eigenwell.cli._options import Options
from eigenwell.cli._settings import settings_of
from eigenwell.cli.wells_asr_report import AsrMiners, AsrReport
from eigenwell.errors import ArgumentError
from eigenwell.report import Table
from eigenwell.wells.asr import ASRConfig

if TYPE_CHECKING:
    from eigenwell.cli._output import Output
    from eigenwell.studies import Experiment, Result
    from eigenwell.wells.asr import ASRRun, Epoch

    Settings = dict[str, Any]
else:
    Settings = settings_of(ASRConfig)

# Seconds between two lines of progress, where there is no bar.
_LINE_SECONDS = 5.0
_SHOWN = ("recall_1", "recall_2", "recall_4", "recall_8", "nmi", "ami", "map_r", "distance")


@dataclass(frozen=True, kw_only=True)
class AsrRun(Options):
    """Train an encoder whose negatives are drawn by distance, and measure it every epoch."""

    settings: Annotated[Settings, tyro.conf.OmitArgPrefixes]
    """Settings of the run; those of --config and --cell come before the defaults shown here."""

    output: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER", aliases=("-o",))] = None
    """Folder for config.toml, curves.json and last.safetensors; by default nothing is kept."""

    config: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Settings as TOML or JSON, or the study's with a table for each cell."""

    cell: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """A cell of the study, or of the --config."""

    resume: bool = False
    """Go on with the run in the folder; its settings need not be given again."""

    def run(self, output: Output) -> int:
        """Run it; 130 if Ctrl-C ended it."""
        torch = require("torch", extra="learn")
        from eigenwell.wells import asr

        config = ASRConfig.from_mapping(self._settings())
        torch.set_num_threads(1)  # the network is small: a second thread gains nothing
        try:
            with progress(output) as show:
                found = asr.run(config, output=self.output, resume=self.resume, progress=show)
        except KeyboardInterrupt as stop:
            notes = getattr(stop, "__notes__", None)
            if not notes:
                raise
            folder = shlex.quote(str(self.output))
            words = f"eigenwell wells asr run --resume -o {folder}"
            output.note(f"interrupted: {notes[-1]}; go on by {words}")
            return _status.INTERRUPTED
        output.result(_document(found, self.output), _table(found), _sentence(found))
        return _status.DONE

    def _settings(self) -> dict[str, Any]:
        from eigenwell.wells import asr

        found: dict[str, Any] = {}
        if self.config is not None:
            found = asr.read_settings(self.config)
            if "common" in found:
                if self.cell not in found:
                    cells = ", ".join(name for name in found if name != "common")
                    raise ArgumentError(f"`--cell` must be one of {cells}, got {self.cell!r}")
                found = {**found["common"], **found[self.cell]}
            elif self.cell is not None:
                raise ArgumentError(f"`--cell` was given, but {self.config} has no cells")
        elif self.cell is not None:
            if self.cell not in asr.CELLS:
                cells = ", ".join(asr.CELLS)
                raise ArgumentError(f"`--cell` must be one of {cells}, got {self.cell!r}")
            found = dict(asr.CELLS[self.cell][0])
        elif self.resume:
            if self.output is None:
                raise ArgumentError("`--resume` needs --output to know which run")
            found = asr.ASRConfig.load(self.output / "config.toml").as_json()
        return found | self.settings


@dataclass(frozen=True, kw_only=True)
class AsrStudy(Options):
    """Run the study behind the page of findings: every cell of its table over its seeds."""

    output: Annotated[Path, tyro.conf.arg(metavar="FOLDER", aliases=("-o",))]
    """Folder for adaptive_sampling.jsonl, the results so far, and study.toml, the settings."""

    seeds: int = 10
    """Seeds of each cell; most take five of them."""

    jobs: int = 2
    """Processes, of one thread each."""

    only: tuple[str, ...] = ()
    """Names of cells; all by default."""

    epochs: int = 60
    """Of every run; another number is another study."""

    def run(self, output: Output) -> int:
        """Run what is missing; 130 if Ctrl-C ended it."""
        from eigenwell import studies
        from eigenwell.wells import asr

        every = asr.experiments(epochs=self.epochs)
        chosen = self._chosen(every)
        for module, extra in (("torch", "learn"), ("sklearn", "wells"), ("joblib", "report")):
            require(module, extra=extra)
        store = studies.Store(self.output / asr.STORE)
        began = time.perf_counter()
        first: int | None = None

        def show(done: int, of: int, result: Result) -> None:
            nonlocal first
            first = done - 1 if first is None else first
            spent = time.perf_counter() - began
            left = round(spent / (done - first) * (of - done))
            output.note(
                f"{done} of {of}: {result.experiment}, seed {result.seed}, {result.seconds:.0f} s, "
                f"final Recall@1 {result.values['final']:.3f}, prominence "
                f"{result.values['prominence']:.3f}; {left // 60}:{left % 60:02} left"
            )

        try:
            results = studies.run_study(
                chosen, store, seeds=self.seeds, jobs=self.jobs, progress=show
            )
        except KeyboardInterrupt:
            output.note(f"interrupted: {store.path} holds what was measured; run it again to go on")
            return _status.INTERRUPTED
        write_atomic(self.output / "study.toml", asr.study_toml(epochs=self.epochs).encode())
        document: dict[str, Any] = {
            "command": "wells asr study",
            "results": len(results),
            "cells": {experiment.name: _cell(experiment, results) for experiment in chosen},
        }
        shown = [_cells_table(document["cells"])]
        if len(chosen) == len(every):
            document["verdicts"] = asr.verdicts(results)
            document["conclusion"] = asr.conclusion(document["verdicts"])
        output.result(document, *shown, f"{len(results)} results in {store.path}")
        return _status.DONE

    def _chosen(self, every: list[Experiment]) -> list[Experiment]:
        names = {experiment.name: experiment for experiment in every}
        for name in self.only:
            if name not in names:
                raise ArgumentError(f"`--only` must name cells, {', '.join(names)}: {name!r}")
        return [names[name] for name in self.only or names]


@contextlib.contextmanager
def progress(output: Output) -> Iterator[Callable[[Epoch], None]]:
    """Yield the function that shows an epoch: a bar on a terminal, lines elsewhere."""
    if output.quiet or not output.err.is_terminal:
        said = 0.0

        def line(at: Epoch) -> None:
            nonlocal said
            if at.epoch == at.epochs or time.monotonic() - said >= _LINE_SECONDS:
                said = time.monotonic()
                output.note(f"epoch {at.epoch} of {at.epochs}: {_words(at)}")

        yield line
        return
    columns = (
        TextColumn("epoch {task.completed} of {task.total}"),
        BarColumn(),
        TextColumn("{task.fields[words]}"),
    )
    with Progress(*columns, console=output.err, transient=True) as bar:
        task = bar.add_task("", total=1, words="")

        def advance(at: Epoch) -> None:
            bar.update(task, total=at.epochs, completed=at.epoch, words=_words(at))

        yield advance


def _words(at: Epoch) -> str:
    left = round(at.seconds_left)
    values = at.values
    return (
        f"Recall@1 {values['recall_1']:.3f}, NMI {values['nmi']:.3f}, distance "
        f"{values['distance']:.2f}, loss {values['loss']:.4f}, {left // 60}:{left % 60:02} left"
    )


def _document(found: ASRRun, folder: Path | None) -> dict[str, Any]:
    return {
        "command": "wells asr run",
        "output": None if folder is None else str(folder),
        "config": found.config.as_json(),
        "summary": found.summary(),
        "seconds": found.seconds,
        "curves": found.curves,
    }


def _table(found: ASRRun) -> Table:
    rows = []
    for name in _SHOWN:
        curve = found.curves[name]
        cells = (curve[0], min(curve), max(curve), curve[-1])
        rows.append((name, *(f"{value:.3f}" for value in cells)))
    columns = ("measure", "before", "lowest", "highest", "last")
    title = f"{found.epochs} epochs, {found.config.start}, {found.config.policy}"
    return Table(title, columns, tuple(rows), ("left", *(("right",) * 4)))


def _sentence(found: ASRRun) -> str:
    numbers = found.summary()
    if "dip_epoch" not in numbers:
        return "Recall@1 has no dip"
    back = numbers.get("recovery_epoch")
    words = "it is not reached again" if back is None else f"reached again at epoch {back:.0f}"
    return (
        f"Recall@1 dips by {numbers['depth']:.3f} below what it had been, at epoch "
        f"{numbers['dip_epoch']:.0f}; {words}; prominence {numbers['prominence']:.3f}"
    )


def _cell(experiment: Experiment, results: list[Result]) -> dict[str, Any]:
    from eigenwell.studies import Interval

    found = [result.values for result in results if result.experiment == experiment.name]
    cell: dict[str, Any] = {"seeds": len(found)}
    for name in ("prominence", "final", "final_nmi"):
        interval = Interval.of([float(values[name]) for values in found])  # type: ignore[arg-type]
        cell[name] = [interval.mean, interval.low, interval.high]
    return cell


def _cells_table(cells: dict[str, dict[str, Any]]) -> Table:
    rows = []
    for name, cell in cells.items():
        numbers = (f"{m:.3f} [{a:.3f}, {b:.3f}]" for m, a, b in list(cell.values())[1:])
        rows.append((name, str(cell["seeds"]), *numbers))
    columns = ("cell", "seeds", "prominence", "final Recall@1", "final NMI")
    return Table("95 % intervals over seeds", columns, tuple(rows), ("left", *(("right",) * 4)))


#: The parts of ``eigenwell wells asr``, each a subcommand.
Asr = (
    Annotated[AsrRun, tyro.conf.subcommand("run")]
    | Annotated[AsrStudy, tyro.conf.subcommand("study")]
    | Annotated[AsrMiners, tyro.conf.subcommand("miners")]
    | Annotated[AsrReport, tyro.conf.subcommand("report")]
)
