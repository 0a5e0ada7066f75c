"""A log-log picture of how long something takes against its size, as PNG."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence

from eigenwell._checks import require
from eigenwell._files import write_atomic


def draw_scaling(
    series: Mapping[str, Sequence[tuple[float, float]]],
    path: str | os.PathLike[str],
    *,
    title: str,
    x_label: str,
    y_label: str,
) -> None:
    """Write a log-log plot, one line for each name.

    Args:
        series: Points (size, time) of each name, in ascending order.
        path: The PNG file, written all of it or nothing.
        title: One line above it.
        x_label: What the sizes are, with unit.
        y_label: What the times are, with unit.

    Raises:
        BackendUnavailableError: matplotlib is not installed.
        ArgumentError: The file cannot be written.
    """
    figures = require("matplotlib.figure", extra="bench")
    figure = figures.Figure(figsize=(7, 5), layout="constrained")
    axes = figure.add_subplot()
    for name, points in series.items():
        ours = name.startswith("eigenwell")
        axes.plot(
            [size for size, _ in points],
            [time for _, time in points],
            marker="o" if ours else "s",
            linewidth=2.5 if ours else 1.2,
            label=name,
        )
    axes.set(xscale="log", yscale="log", title=title, xlabel=x_label, ylabel=y_label)
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize="small")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    write_atomic(path, picture.getvalue())
