"""``eigenwell agents collect``: a population of graded skill, from thousands of training runs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import tyro
from rich.progress import BarColumn, Progress, TextColumn

from eigenwell._checks import integer
from eigenwell._machine import cores
from eigenwell.agents import Collection
from eigenwell.cli import _status
from eigenwell.cli._options import Options
from eigenwell.cli._output import check_writable
from eigenwell.cli._settings import settings_of
from eigenwell.report import Alignment, Table

if TYPE_CHECKING:
    from eigenwell.agents import CollectProgress, Population
    from eigenwell.cli._output import Output

    Settings = dict[str, Any]
else:
    Settings = settings_of(Collection, without={"architecture"})


@dataclass(frozen=True, kw_only=True)
class Collect(Options):
    """Train, measure and store a population in a folder; the same command goes on after a stop."""

    output: Annotated[Path, tyro.conf.arg(metavar="FOLDER", aliases=("-o",))] = Path("runs/agents")
    """Folder of the shards and of population.parquet."""

    settings: Annotated[Settings, tyro.conf.OmitArgPrefixes]
    """Settings of the collection."""

    jobs: int | None = None
    """Processes; as many as there are cores by default."""

    sample: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Write some networks of each group, rounded to float16 and measured again (Parquet)."""

    sample_per_group: int = 200
    """Networks of each group in the sample, at most."""

    def run(self, output: Output) -> int:
        """Collect and say what there is; 130 if Ctrl-C ended it."""
        from eigenwell import agents

        if self.sample is not None:
            check_writable(self.sample, "--sample")
            integer(self.sample_per_group, "sample_per_group", low=1, high=10**6)
        settings = Collection(**self.settings)
        jobs = min(cores(), settings.shards) if self.jobs is None else self.jobs
        began = time.perf_counter()
        try:
            with _progress(output, settings.shards) as show:
                population = agents.collect(settings, output=self.output, jobs=jobs, progress=show)
        except KeyboardInterrupt:
            output.note(
                f"interrupted: {self.output} holds the shards that were finished; the same command "
                "goes on"
            )
            return _status.INTERRUPTED
        seconds = time.perf_counter() - began
        path = self.output / "population.parquet"
        document, tables = _summary(population)
        document = {"command": "agents collect", "file": str(path), "seconds": seconds, **document}
        words = [f"{len(population):,} networks in {seconds:,.0f} s: {path}"]
        if self.sample is not None:
            chosen = agents.take_sample(
                population, per_group=self.sample_per_group, seed=settings.seed
            )
            chosen.save(self.sample, weights="float16")
            size = self.sample.stat().st_size
            document["sample"] = {
                "file": str(self.sample),
                "bytes": size,
                "networks": np.bincount(chosen.group, minlength=len(chosen.group_names) + 1)[1:],
            }
            words.append(f"sample of {len(chosen):,} networks, {size:,} bytes: {self.sample}")
        output.result(document, tables, *words)
        return _status.DONE


def _summary(population: Population) -> tuple[dict[str, Any], Table]:
    """Return what a population has, for machines and for people."""
    kinds = np.unique(population.algorithm).tolist()
    groups, rows = [], []
    for number, name in enumerate(population.group_names, start=1):
        mask = population.group == number
        survival = population.survival[mask]
        group: dict[str, Any] = {
            "group": name,
            "networks": int(mask.sum()),
            "runs": len(np.unique(population.run[mask])),
            "mean_survival": float(survival.mean()) if mask.any() else None,
            "algorithms": {k: int((population.algorithm[mask] == k).sum()) for k in kinds},
        }
        groups.append(group)
        cells = [name, f"{group['networks']:,}", f"{group['runs']:,}"]
        cells.append(f"{survival.mean():.1f}" if mask.any() else "")
        cells.extend(f"{count:,}" for count in group["algorithms"].values())
        rows.append(tuple(cells))
    document = {
        "networks": len(population),
        "runs": len(np.unique(population.run)),
        "episodes": population.episodes,
        "groups": groups,
    }
    columns = ("survival", "networks", "runs", "mean", *kinds)
    numbers: list[Alignment] = ["right"] * (len(columns) - 1)
    title = f"population, {population.episodes} episodes each, cap {population.cap}"
    return document, Table(title, columns, tuple(rows), ("left", *numbers))


@contextlib.contextmanager
def _progress(output: Output, shards: int) -> Iterator[Callable[[CollectProgress], None]]:
    """Yield the function that shows how far a collection is."""
    if output.quiet or not output.err.is_terminal:

        def line(progress: CollectProgress) -> None:
            output.note(f"shard {progress.done} of {progress.shards}: {_words(progress)}")

        yield line
        return

    columns = (
        TextColumn("shard {task.completed} of {task.total}"),
        BarColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=output.err, transient=True) as bar:
        task = bar.add_task("training", total=shards)

        def advance(progress: CollectProgress) -> None:
            bar.update(task, completed=progress.done, description=_words(progress))

        yield advance


def _words(progress: CollectProgress) -> str:
    left = round(progress.seconds_left)
    counts = " + ".join(f"{count:,}" for count in progress.networks)
    return f"{counts} networks, {left // 60}:{left % 60:02} left"
