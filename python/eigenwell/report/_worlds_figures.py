"""The mirror test of every cell of the study, one dot for each seed and direction."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from eigenwell.report._findings_axes import BLUE, GREY, RED, panels, save
from eigenwell.worlds.mirror import BARS

if TYPE_CHECKING:
    from eigenwell.report._tables import Table
    from eigenwell.studies import Result

# Measures of a panel, its title and label, the scale, its ends, and the bar.
_PANELS: Final[tuple[tuple[tuple[str, ...], str, str, str, tuple[float, float], str], ...]] = (
    (("top_1",), "Counterpart found first", "% of 1,000 frames", "linear", (-4, 104), "top_1"),
    (
        ("cross_decode_ratio", "predicted_ratio"),
        "Loss, now and predicted",
        "times the world's own loss",
        "log",
        (0.8, 20),
        "cross_decode_ratio",
    ),
    (
        ("player_pixels", "opponent_pixels"),
        "Paddles",
        "median distance, pixels",
        "symlog",
        (-0.2, 40),
        "paddle_pixels",
    ),
    (
        ("ball_found",),
        "Ball within 1.5 pixels",
        "% of frames in play",
        "linear",
        (-4, 104),
        "ball_found",
    ),
)
_INCHES, _MARGIN = 0.24, 1.2


def draw_mirror_results(
    tables: Sequence[Table], results: Sequence[Result], path: str | os.PathLike[str]
) -> None:
    """Draw the measures of the mirror test against the bars.

    Args:
        tables: Their first columns are the cells to draw, a group each.
        results: Of the study.
        path: The PNG file.

    Raises:
        BackendUnavailableError: matplotlib is not installed.
        ArgumentError: The file cannot be written.
    """
    names: list[str] = []
    for table in tables:
        names += ["", *(str(row[0]) for row in table.rows)]
    rows = {name: row for row, name in enumerate(names) if name}
    figure, each = panels(len(_PANELS))
    figure.set_size_inches(13, _MARGIN + _INCHES * len(names))
    for axes, (measures, title, label, scale, ends, bar) in zip(each, _PANELS, strict=True):
        percent, limit = label.startswith("%"), BARS[bar]
        for result in results:
            if result.experiment in rows:
                _dots(axes, rows[result.experiment], result, measures, (percent, limit, ends))
        axes.axvline(limit * (100 if percent else 1), color=GREY, linestyle="--", linewidth=1)
        axes.set_xscale(scale, **({"linthresh": 1} if scale == "symlog" else {}))
        axes.set(xlim=ends, ylim=(len(names) - 0.3, 0.3), xlabel=label, title=title, yticks=[])
        if scale != "linear":
            ticks = [tick for tick in (0, 0.5, 1, 2, 5, 10, 20) if ends[0] <= tick <= ends[1]]
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
            axes.set_xticks([], minor=True)
        axes.grid(axis="y", color=GREY, alpha=0.15)
        axes.set_yticks(list(rows.values()), list(rows) if axes is each[0] else [""] * len(rows))
    save(figure, path)


def _dots(
    axes: Any, row: int, result: Result, measures: Sequence[str], how: tuple[Any, ...]
) -> None:
    """Draw all directions of a seed; what is off the panel, a missing paddle too, at its edge."""
    percent, limit, (_, last) = how
    named = [(n, v) for n, v in result.values.items() if ">" in n and n.split(" ")[-1] in measures]
    values = np.array([float(str(value)) for _, value in named])
    met = values >= limit if percent else values <= limit
    shown = np.minimum(values * (100 if percent else 1), last)
    place = row + 0.12 * (result.seed % 3 - 1)
    axes.scatter(
        shown,
        np.full(len(shown), place),
        s=12,
        c=np.where(met, BLUE, RED),
        alpha=0.6,
        linewidths=0,
        clip_on=False,
    )
