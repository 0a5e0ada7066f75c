"""A contact sheet: a few records of a trajectory side by side, as PNG."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell._checks import require
from eigenwell._files import write_atomic
from eigenwell.report._particle_axes import Panel, clouds_of
from eigenwell.report._particle_views import View, describe, evenly_spaced, spacing

if TYPE_CHECKING:
    from eigenwell.particles import Trajectory

_MOMENTS = 6
_MAX_POINTS = 6000
_INCHES = 2.9


def write_particle_sheet(
    trajectory: Trajectory, path: str | os.PathLike[str], *, title: str | None = None
) -> None:
    """Write records from the start to the end, coloured by index, each in a box of its own.

    The moments are spaced geometrically, as most happens early. The last two are successive records
    in one box: what flickers shows. Several species have a row together, coloured by species, and
    one each.

    Args:
        trajectory: Where the points went; of any dimension.
        path: The PNG file, written all of it or nothing.
        title: One line above it.

    Raises:
        BackendUnavailableError: matplotlib is not installed.
        ArgumentError: There is no record, or the file cannot be written.
    """
    figures = require("matplotlib.figure", extra="report")
    view = View.of(trajectory, records=_moments(len(trajectory)), max_points=_MAX_POINTS)
    rows: list[tuple[str, ...]] = [(name,) for name in view.names]
    columns = len(view.records)
    shape = (2, columns // 2) if columns == _MOMENTS else (1, columns)
    if len(rows) > 1:
        rows.insert(0, view.names)
        shape = (len(rows), columns)
    figure = figures.Figure(
        figsize=(_INCHES * shape[1] + 1.1, _INCHES * shape[0] + 0.7), layout="constrained"
    )
    lines = [title, describe(trajectory), view.projected]
    apart = spacing(view.steps[-2:])
    if columns == _MOMENTS and apart is not None:
        lines.append(f"(each in a box of its own; the last two, {apart} steps apart, in the same)")
    figure.suptitle("\n".join(line for line in lines if line), fontsize=12)
    grid = figure.add_gridspec(*shape)
    azimuth = view.azimuth()
    panels: list[Any] = []
    shades = None
    for species in rows:
        together = len(species) > 1
        middles, halves = view.boxes(species)
        middles[-2:], halves[-2:] = middles[-2:].mean(axis=0), halves[-2:].max()
        for record, step in enumerate(view.steps):
            place = grid[divmod(len(panels), shape[1])]
            panel = Panel(figure, place, view.axes, size=9.0, azimuth=azimuth)
            clouds = clouds_of(trajectory, view, record, species, by_species=together)
            drawn = panel.show(clouds, middles[record], halves[record])
            name = f"{species[0]}, " if len(rows) > 1 and not together else ""
            panel.axes.set_title(f"{name}step {step:,}", size=10)
            panels.append(panel.axes)
            if not together:
                shades = drawn
            elif record == 0:
                panel.legend(species)
    figure.colorbar(shades, ax=panels, label="index", shrink=0.6, aspect=40, pad=0.04)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    write_atomic(path, picture.getvalue())


def _moments(count: int) -> npt.NDArray[np.int64]:
    """Return the indices of a few of ``count`` records, the last two among them."""
    if count <= _MOMENTS:
        return evenly_spaced(count, _MOMENTS)
    early = np.geomspace(1, count - 2, _MOMENTS - 1).round().astype(np.int64)
    early[0] = 0
    return np.append(early, count - 1)
