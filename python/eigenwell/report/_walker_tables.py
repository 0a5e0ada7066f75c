"""Tables of the findings about walkers, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from eigenwell.report._findings_axes import Measurements

if TYPE_CHECKING:
    from eigenwell.studies import Experiment, Interval, Result


def cut_table(results: Sequence[Result], runs: Mapping[str, str]) -> str:
    """Return what is left of a walker where something is hidden from its neurons.

    Args:
        results: Of the study.
        runs: Names of experiments, and what was hidden in them.
    """
    data = Measurements(results)
    rows = []
    for name, words in runs.items():
        if name not in data:
            continue
        score, hips = data.interval(name, "return"), data.interval(name, "hips")
        rows.append(
            (
                words,
                _mean(score, 1),
                f"{100 * data.interval(name, 'fell').mean:.0f} %",
                _mean(hips, 2),
                _mean(data.interval(name, "knees"), 2),
                _angle(data.numbers(name, "hips_difference")),
                f"{score.count}, {hips.count}",
            )
        )
    header = (
        "hidden from a leg's neurons",
        "return",
        "falls",
        "hips locked",
        "knees locked",
        "hips: first ahead, rad",
        "episodes, long enough for phases",
    )
    return markdown(header, rows)


def training_table(results: Sequence[Result], cells: Mapping[str, str]) -> str:
    """Return the final scores of training runs, each cell with its seeds and their mean.

    Args:
        results: Of the study.
        cells: Names of the experiments, and what to call them.
    """
    data = Measurements(results)
    rows = []
    for name, words in cells.items():
        seeds = "; ".join(
            f"{score:.1f} ({100 * fell:.0f} % falls)"
            for score, fell in zip(
                data.numbers(name, "return"), data.numbers(name, "fell"), strict=True
            )
        )
        mean = _mean(data.interval(name, "return"), 1)
        rows.append((words, mean, seeds or "not measured yet"))
    return markdown(("eigenvalues, rule", "mean over seeds", "each seed, over its episodes"), rows)


def run_table(results: Sequence[Result]) -> str:
    """Return the scores of runs that were made elsewhere; their settings stand in the results."""
    data = Measurements(results)
    rows = []
    for name, about in {result.experiment: result.parameters for result in results}.items():
        score = data.interval(name, "return")
        rows.append(
            (
                str(about["environment"]),
                str(about["actor"]),
                f"{about['training_steps']:,}",
                str(about["training_seed"]),
                _mean(score, 1),
                f"{score.least:.1f} to {score.most:.1f}",
                str(score.count),
            )
        )
    header = ("environment", "actor", "steps", "seed", "return", "range", "episodes")
    return markdown(header, sorted(rows)) if rows else "None was scored yet."


def progress_table(results: Sequence[Result], experiments: Sequence[Experiment], most: int) -> str:
    """Return how much of each experiment is measured.

    Args:
        results: Of the study.
        experiments: All of them.
        most: Seeds of the study; an experiment may have fewer.
    """
    rows = []
    for experiment in experiments:
        done = sum(result.experiment == experiment.name for result in results)
        wanted = min(most, experiment.seeds or most)
        rows.append((f"`{experiment.name}`", experiment.about, f"{done} of {wanted}"))
    return markdown(("experiment", "what", "measured"), rows)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _mean(interval: Interval, digits: int) -> str:
    if interval.count == 0:
        return "nothing"
    if interval.count == 1:
        return f"{interval.mean:.{digits}f}"
    return f"{interval.mean:.{digits}f} ± {interval.high - interval.mean:.{digits}f}"


def _angle(values: Sequence[float]) -> str:
    """Return the mean of angles and how far they spread, the circular standard deviation."""
    if not values:
        return "nothing"
    mean = np.exp(1j * np.asarray(values)).mean()
    spread = np.sqrt(-2 * np.log(max(abs(mean), np.finfo(np.float64).tiny)))
    return f"{np.angle(mean):.2f}, spread {spread:.2f}"
