"""Grows a population of graded skill from thousands of independent training runs.

A collection is a folder of shards. A shard is some hundred runs of one algorithm that advance
together, one array operation for all of them; the snapshots that it keeps are measured from the
starts that the whole collection has in common. A killed collection loses the shards in work.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from eigenwell import _checks, _files
from eigenwell.agents._population import Population, concatenate
from eigenwell.agents._shard import collect_shard
from eigenwell.errors import ArgumentError, FormatError

if TYPE_CHECKING:
    import os

    from eigenwell.agents._collection import Collection


@dataclass(frozen=True)
class CollectProgress:
    """How far a collection is.

    Attributes:
        done: Shards that are there.
        shards: That there will be.
        networks: Measured so far, of each group.
        seconds: Since the call.
        seconds_left: At the pace of this call's shards.
    """

    done: int
    shards: int
    networks: tuple[int, ...]
    seconds: float
    seconds_left: float


def collect(
    settings: Collection,
    *,
    output: str | os.PathLike[str],
    jobs: int | None = None,
    progress: Callable[[CollectProgress], None] | None = None,
) -> Population:
    """Train, measure and store a population; shards that are there already are kept.

    Args:
        settings: Of the collection.
        output: Its folder: ``collection.json``, the shards, and ``population.parquet`` at the end.
            A collection that was killed goes on when it is called again.
        jobs: Processes, of one thread each; None for what ``joblib.parallel_config`` says, else
            one. Inside of ``joblib.parallel_config(backend="dask")`` shards go to a cluster, whose
            workers must see the folder.
        progress: Called after each shard.

    Returns:
        The population, sorted by run and step.

    Raises:
        ArgumentError: The folder holds a collection of other settings, or cannot be written.
        FormatError: A shard in it is damaged.
        BackendUnavailableError: A package of the extra ``agents`` is missing.

    Note:
        The same settings give the same networks for any number of processes.
    """
    joblib = _checks.require("joblib", extra="agents")
    _checks.require("pyarrow.parquet", extra="agents")
    if jobs is not None and jobs != -1:
        jobs = _checks.integer(jobs, "jobs", low=1, high=10**4)
    folder = Path(output)
    _claim(folder, settings)
    began = time.perf_counter()
    counts = np.zeros(len(settings.edges) + 1, int)
    found: dict[int, Path] = {}
    missing = []
    for index in range(settings.shards):
        path = folder / f"shard-{index:05}.parquet"
        if path.exists():
            found[index] = path
            counts += _group_counts(Population.load(path))
        else:
            missing.append((index, path))
    kept = len(found)
    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
    # Without a task joblib would still start its processes.
    tasks = (joblib.delayed(_collect_shard)(settings, index, path) for index, path in missing)
    for index, path, of_group in parallel(tasks) if missing else ():
        found[index] = path
        counts += of_group
        if progress is not None:
            seconds = time.perf_counter() - began
            left = seconds / (len(found) - kept) * (settings.shards - len(found))
            numbers = tuple(int(count) for count in counts)
            progress(CollectProgress(len(found), settings.shards, numbers, seconds, left))
    population = balanced(
        concatenate([Population.load(found[index]) for index in sorted(found)]),
        per_group=settings.per_group,
        seed=settings.seed,
    )
    population.save(folder / "population.parquet")
    return population


def balanced(population: Population, *, per_group: int, seed: int) -> Population:
    """Thin groups out to the same size, from the runs that have most snapshots in them first.

    Args:
        population: To choose from.
        per_group: Networks of each group at most.
        seed: Of the choice among snapshots of a run, and among runs.

    Returns:
        The chosen networks, sorted by run and step.
    """
    rng = np.random.default_rng(seed)
    chosen = []
    for group in range(1, len(population.edges) + 2):
        members = rng.permutation(np.flatnonzero(population.group == group))
        # The first snapshot of every run, then the second, ...
        order = np.argsort(population.run[members], kind="stable")
        runs = population.run[members][order]
        turn = np.empty(len(members), int)
        turn[order] = np.arange(len(members)) - np.searchsorted(runs, runs, side="left")
        chosen.append(members[np.argsort(turn, kind="stable")][:per_group])
    index = np.concatenate(chosen)
    return population.select(index[np.lexsort((population.step[index], population.run[index]))])


def _claim(folder: Path, settings: Collection) -> None:
    """Make the folder that of these settings.

    Raises:
        ArgumentError: It is of others.
    """
    path = folder / "collection.json"
    about = dataclasses.asdict(settings)
    # More shards extend a collection, and thinning does not touch them.
    free = {"shards", "per_group"}
    _files.make_folder(folder)
    if path.exists():
        try:
            there = dict(json.loads(_files.read_bytes(path)))
        except (TypeError, ValueError) as error:
            raise FormatError(f"`{path}` does not describe a collection: {error}") from None
        here = json.loads(json.dumps(about))
        for name in sorted(here.keys() - free):
            if there.get(name) != here[name]:
                raise ArgumentError(
                    f"`output` holds a collection with {name} = {there.get(name)}, got "
                    f"{here[name]}: choose another folder"
                )
    _files.write_atomic(path, f"{json.dumps(about, indent=2)}\n".encode())


def _group_counts(population: Population) -> npt.NDArray[np.int64]:
    return np.bincount(population.group - 1, minlength=len(population.edges) + 1)


def _collect_shard(
    settings: Collection, index: int, path: Path
) -> tuple[int, Path, npt.NDArray[np.int64]]:
    shard = collect_shard(settings, index)
    shard.save(path)
    return index, path, _group_counts(shard)
