"""Run experiments over seeds, keep what they measured, and go on after an interruption."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from eigenwell import _checks
from eigenwell._checks import require
from eigenwell.errors import ArgumentError, FormatError

#: What one run of an experiment measured: numbers, and curves for the figures.
Measured = dict[str, float | list[float]]


@dataclass(frozen=True)
class Experiment:
    """Something that can be run with a seed and measured.

    Attributes:
        name: Unique, a word.
        about: What is run, for people.
        measure: A partial of a function of a module, so that another process can import it; it
            takes the seed. Its keywords are kept beside the results.
        seeds: How many of the study's seeds it takes; None is all of them.
    """

    name: str
    about: str
    measure: partial[Measured]
    seeds: int | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """What the results depend on besides the seed, as JSON holds it."""
        values: dict[str, Any] = json.loads(json.dumps(self.measure.keywords))
        return values


@dataclass(frozen=True)
class Result:
    """What an experiment measured with one seed."""

    experiment: str
    seed: int
    parameters: dict[str, Any]
    values: Measured
    seconds: float


@dataclass(frozen=True)
class Interval:
    """A mean over seeds with its 95 % confidence interval (Student's t), and the range."""

    mean: float
    low: float
    high: float
    least: float
    most: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Interval:
        """Return the interval of some values; of fewer than two it is infinite."""
        count = len(values)
        if count == 0:
            return cls(math.nan, -math.inf, math.inf, math.nan, math.nan, 0)
        mean = math.fsum(values) / count
        half = math.inf
        if count > 1:
            variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
            quantile = require("scipy.stats", extra="report").t.ppf(0.975, count - 1)
            half = float(quantile) * math.sqrt(variance / count)
        return cls(mean, mean - half, mean + half, min(values), max(values), count)


class Store:
    """Results in a file of JSON lines, one for each run, appended as they come."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def read(self) -> list[Result]:
        """Return what is there; a last line that was cut off is left out.

        Raises:
            FormatError: A line is something else.
        """
        if not self.path.exists():
            return []
        lines = self.path.read_text("utf-8").split("\n")
        results = []
        for number, line in enumerate(lines, 1):
            if not line:
                continue
            try:
                results.append(Result(**json.loads(line)))
            except (ValueError, TypeError) as error:
                if number == len(lines):
                    break  # the run was killed while it wrote this
                raise FormatError(f"{self.path}, line {number}, is no result: {error}") from None
        return results

    def append(self, result: Result) -> None:
        """Add a result.

        Raises:
            ArgumentError: The file cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as file:
                file.seek(0)
                lines = file.read()
                file.truncate(lines.rfind(b"\n") + 1)  # a line that was cut off
                file.write(json.dumps(vars(result)).encode() + b"\n")
        except OSError as error:
            raise ArgumentError(f"cannot write {self.path}: {error.strerror}") from None


def run_study(
    experiments: Sequence[Experiment],
    store: Store,
    *,
    seeds: int = 10,
    jobs: int = 1,
    progress: Callable[[int, int, Result], None] | None = None,
) -> list[Result]:
    """Run what the store does not have yet and return all results of these experiments.

    Args:
        experiments: What to run.
        store: Where results are and go.
        seeds: Each experiment runs with the seeds 0 to this one, excluded; at least 1.
        jobs: Processes, at least 1; each computes on one thread. Through joblib: inside of
            ``joblib.parallel_config(backend="dask")`` the runs go to a cluster.
        progress: Called after each run with the number of runs done, of all, and its result.

    Raises:
        BackendUnavailableError: joblib is not installed.
        ArgumentError: `seeds` or `jobs` is below 1.
        EigenwellError: The store cannot be read or written.
    """
    seeds = _checks.integer(seeds, "seeds", low=1, high=10**6)
    jobs = _checks.integer(jobs, "jobs", low=1, high=10**4)
    wanted = {
        (experiment.name, seed): experiment
        for experiment in experiments
        for seed in range(min(seeds, experiment.seeds or seeds))
    }
    found = {
        key: result
        for result in kept(experiments, store)
        if (key := (result.experiment, result.seed)) in wanted
    }
    missing = [(key, experiment) for key, experiment in wanted.items() if key not in found]
    for result in _run_all(missing, jobs):
        store.append(result)
        found[result.experiment, result.seed] = result
        if progress is not None:
            progress(len(found), len(wanted), result)
    return [found[key] for key in wanted]


def kept(experiments: Sequence[Experiment], store: Store) -> list[Result]:
    """Return what a store has of some experiments, with the parameters that they have now.

    Raises:
        FormatError: A line of it is no result.
    """
    named = {experiment.name: experiment.parameters for experiment in experiments}
    latest = {
        (result.experiment, result.seed): result
        for result in store.read()
        if named.get(result.experiment) == result.parameters
    }
    return [latest[key] for key in sorted(latest)]


def _run_all(missing: Sequence[tuple[tuple[str, int], Experiment]], jobs: int) -> Iterable[Result]:
    if not missing:
        return ()
    joblib = require("joblib", extra="report")
    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
    return parallel(  # type: ignore[no-any-return]
        joblib.delayed(_run_one)(name, experiment.measure, experiment.parameters, seed, jobs)
        for (name, seed), experiment in missing
    )


def _run_one(
    name: str, measure: partial[Measured], parameters: dict[str, Any], seed: int, jobs: int
) -> Result:
    if jobs != 1:
        os.environ["EIGENWELL_NUM_THREADS"] = "1"
    start = time.perf_counter()
    values = measure(seed=seed)
    return Result(name, seed, parameters, values, round(time.perf_counter() - start, 3))
