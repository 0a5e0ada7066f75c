"""What the figures of findings share: results by experiment, panels, whiskers."""

from __future__ import annotations

import io
import math
import os
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenwell._checks import require
from eigenwell._files import write_atomic
from eigenwell.studies import Interval

if TYPE_CHECKING:
    from eigenwell.studies import Result

BLUE, RED, GREY = "#3366aa", "#cc4433", "#777777"


class Measurements:
    """Results by experiment, with intervals over seeds."""

    def __init__(self, results: Sequence[Result]) -> None:
        self._values: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for result in results:
            self._values[result.experiment].append(result.values)

    def __contains__(self, experiment: str) -> bool:
        return experiment in self._values

    def interval(self, experiment: str, quantity: str) -> Interval:
        """Return a number's interval; of a quantity that is not there it is empty."""
        return Interval.of(self.numbers(experiment, quantity))

    def numbers(self, experiment: str, quantity: str) -> list[float]:
        """Return a number of all seeds that have it."""
        runs = self._values.get(experiment, [])
        return [float(run[quantity]) for run in runs if quantity in run]

    def curves(self, experiment: str, quantity: str) -> np.ndarray[Any, Any]:
        """Return a curve of all seeds, ``(seeds, points)``."""
        return np.array([run[quantity] for run in self._values[experiment]], dtype=np.float64)


def whisker(axes: Any, x: float, mean: float, half: float, colour: str) -> None:
    """Draw a mean with its interval; of a single run without."""
    error = half if math.isfinite(half) else 0
    axes.errorbar(x, mean, yerr=error, fmt="o", color=colour, capsize=3)


def legend(axes: Any, **where: Any) -> None:
    """Draw a legend if there is something to say."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        axes.legend(handles, labels, frameon=False, fontsize="small", **where)


def panels(count: int, *, rows: int = 1) -> tuple[Any, Any]:
    """Return a figure and its axes, in rows of ``count``."""
    figures = require("matplotlib.figure", extra="report")
    figure = figures.Figure(figsize=(4.6 * count, 4.2 * rows), layout="constrained")
    return figure, [figure.add_subplot(rows, count, i + 1) for i in range(rows * count)]


def save(figure: Any, path: str | os.PathLike[str]) -> None:
    """Write a figure as PNG, all of it or nothing."""
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    write_atomic(path, picture.getvalue())
