"""Pictures of particle systems side by side, for the findings."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell._checks import require
from eigenwell._files import write_atomic
from eigenwell.report._particle_axes import Panel


@dataclass(frozen=True)
class Portrait:
    """Points to draw.

    Attributes:
        title: Above them.
        positions: ``(n, 3)``.
        indices: ``(n,)``, which give the colour.
        half: Half the edge of the box; None is what holds all of them.
    """

    title: str
    positions: npt.NDArray[np.floating]
    indices: npt.NDArray[np.intp]
    half: float | None = None


def draw_portraits(portraits: Sequence[Portrait], path: str | os.PathLike[str]) -> None:
    """Draw points to scale, each portrait in a box of its own, coloured by index, as PNG.

    Raises:
        BackendUnavailableError: matplotlib is not installed.
        ArgumentError: The file cannot be written.
    """
    figures = require("matplotlib.figure", extra="report")
    count = len(portraits)
    figure = figures.Figure(figsize=(4.2 * count + 0.9, 4.4), layout="constrained")
    grid = figure.add_gridspec(1, count)
    panels: list[Any] = []
    shades = None
    for place, portrait in enumerate(portraits):
        panel = Panel(figure, grid[place], ("x", "y", "z"), 14.0)
        points = np.asarray(portrait.positions, dtype=np.float64)
        low, high = points.min(axis=0), points.max(axis=0)
        colours = {
            "c": portrait.indices,
            "cmap": "turbo",
            "vmin": 0,
            "vmax": max(1, int(max(picture.indices.max() for picture in portraits))),
        }
        half = portrait.half or 0.52 * float((high - low).max())
        shades = panel.show([(points, np.zeros(len(points)), colours)], (low + high) / 2, half)
        panel.axes.set_title(portrait.title, size=11)
        panels.append(panel.axes)
    figure.colorbar(shades, ax=panels, label="index", shrink=0.6, aspect=40, pad=0.05)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    write_atomic(path, picture.getvalue())
