"""A page to look at a trajectory with: one file that needs neither a network nor a server."""

from __future__ import annotations

import base64
import html
import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from eigenwell._checks import integer, require
from eigenwell.errors import ArgumentError
from eigenwell.report._pages import write_page
from eigenwell.report._particle_views import View, colour_of, describe, evenly_spaced, spacing

if TYPE_CHECKING:
    from eigenwell.particles import Trajectory

# Speeds span decades, from free fall to standing still: the colour is of their logarithm, over the
# middle 98% of what there is.
_SPEED_QUANTILES = (0.01, 0.99)
_SLOWEST = 1e-12
_COLOURS = ("index", "species", "speed")
_BOXES = ("still", "moving", "fitting", "whole")


def write_particle_viewer(
    trajectory: Trajectory,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    colour: Literal["index", "species", "speed"] = "index",
    box: Literal["still", "moving", "fitting", "whole"] = "still",
    hidden: Sequence[str] = (),
    max_points: int = 3000,
    max_records: int = 300,
) -> None:
    """Write an interactive page: play, step, turn, colours, species.

    Args:
        trajectory: Where the points went; of any dimension. One is shown against the rank in the
            last record, where a lattice is a straight line; of more than three one sees the first
            three principal axes of the last record.
        path: The HTML file, written all of it or nothing.
        title: One line above the picture.
        colour: What the colours say at first.
        box: The axes at first: around most points of the last record, standing still or moving with
            the points' median, around most points of each record, or around everything.
        hidden: Species that are not shown at first. The box is that of the others.
        max_points: Shown of all species together, spread evenly over the indices.
        max_records: Shown, spread evenly over the run.

    Raises:
        BackendUnavailableError: plotly is not installed.
        ArgumentError: There is no record, an option is not allowed, or the file cannot be written.

    Note:
        About 5 MB for plotly.js and 16 bytes for each point shown of each record shown, in 3-D.
    """
    offline = require("plotly.offline", extra="report")
    palettes = require("plotly.colors", extra="report")
    _one_of(colour, "colour", _COLOURS)
    _one_of(box, "box", _BOXES)
    for name in hidden:
        if name not in trajectory.system.names:
            known = ", ".join(trajectory.system.names)
            raise ArgumentError(f"`hidden` must be some of {known}, got {name!r}")
    integer(max_points, "max_points", low=1, high=10**7)
    integer(max_records, "max_records", low=2, high=10**7)
    records = evenly_spaced(len(trajectory), max_records)
    view = View.of(trajectory, records=records, max_points=max_points)
    notes = _notes(trajectory, view)
    if title is not None:
        notes.insert(0, f"{describe(trajectory)}.")
    data = {
        **_data(trajectory, view, hidden),
        "turbo": palettes.make_colorscale(palettes.sequential.Turbo),
        "first_colour": colour,
        "first_box": box,
    }
    write_page(
        path,
        "_particle_viewer.html",
        data=data,
        title=html.escape(title or describe(trajectory)),
        notes="".join(f"<p>{html.escape(line)}</p>" for line in notes),
        plotly=offline.get_plotlyjs(),
    )


def _one_of(value: str, name: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ArgumentError(f"`{name}` must be one of {', '.join(allowed)}, got {value!r}")


def _data(trajectory: Trajectory, view: View, hidden: Sequence[str]) -> dict[str, Any]:
    """Return what the page's script reads."""
    seen = [name for name in view.names if name not in hidden] or None
    middles, halves = view.calm_boxes(seen)
    whole, whole_half = view.whole_box()
    slow, fast = _speeds(view)
    few = sum(map(len, view.indices.values())) <= 1500
    return {
        "axes": view.axes,
        "steps": view.steps.tolist(),
        "middles": middles.tolist(),
        "halves": halves.tolist(),
        "whole": {"middle": whole.tolist(), "half": whole_half},
        "azimuth": view.azimuth(),
        "highest": max(view.counts.values()) - 1,
        "size": (4.5 if few else 3.0) if len(view.axes) == 3 else (6.0 if few else 4.0),
        "slowest": 10.0**slow,
        "speedTicks": list(range(slow, fast + 1)),
        "species": [
            {
                "name": name,
                "colour": colour_of(trajectory, name),
                "hidden": name in hidden,
                "indices": view.indices[name].tolist(),
                "ranks": view.positions[name][-1, :, 0].argsort().argsort().tolist(),
                "positions": base64.b64encode(
                    view.positions[name].transpose(0, 2, 1).astype("<f4").tobytes()
                ).decode(),
            }
            for name in view.names
        ],
    }


def _speeds(view: View) -> tuple[int, int]:
    """Return the powers of ten between which most lengths moved per step lie."""
    if len(view.steps) < 2:
        return -1, 0
    moved = [
        np.linalg.norm(np.diff(state, axis=0), axis=2) / np.diff(view.steps)[:, None]
        for state in view.positions.values()
    ]
    speeds = np.concatenate([speed.ravel() for speed in moved])
    speeds = speeds[np.isfinite(speeds) & (speeds > _SLOWEST)]
    if speeds.size == 0:
        return -1, 0
    slow, fast = np.log10(np.quantile(speeds, _SPEED_QUANTILES))
    return math.floor(slow), max(math.floor(slow) + 1, math.ceil(fast))


def _notes(trajectory: Trajectory, view: View) -> list[str]:
    """Return what one must know to read the pictures, a line for each matter."""
    notes = []
    apart = spacing(view.steps)
    if apart is not None:
        parity = (
            "an odd number: what alternates from step to step flickers here, and stands still when "
            "every second record is played"
            if apart % 2
            else "an even number: what alternates from step to step stands still here"
        )
        notes.append(f"Records are {apart:,} step{'s' if apart > 1 else ''} apart, {parity}.")
    left_out = []
    if len(view.records) < len(trajectory):
        left_out.append(f"{len(view.records):,} of {len(trajectory):,} records")
    points, total = sum(map(len, view.indices.values())), sum(view.counts.values())
    if points < total:
        left_out.append(f"{points:,} of {total:,} points, spread evenly over the indices")
    if left_out:
        notes.append(f"Shown: {' and '.join(left_out)}.")
    if view.projected:
        notes.append(f"{view.projected}.")
    return notes
