"""Pictures of functions and of fits to them, as PNG."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from eigenwell._checks import require
from eigenwell._files import write_atomic

_STYLES: dict[str, dict[str, Any]] = {
    "thin": {"linewidth": 1.0, "alpha": 0.8},
    "wide": {"linewidth": 6.0, "color": "0.8", "zorder": 0},
    "dashed": {"linewidth": 1.8, "color": "black", "linestyle": "--"},
}


class Curve(NamedTuple):
    """A function's values and how they are drawn."""

    name: str
    values: Sequence[float]
    style: Literal["thin", "wide", "dashed"]


class Span(NamedTuple):
    """A median between the least and the greatest."""

    low: float
    middle: float
    high: float


def draw_curves(
    panels: Mapping[str, Sequence[Curve]],
    x: Sequence[float],
    path: str | os.PathLike[str],
    *,
    x_label: str,
) -> None:
    """Write a picture of functions of one variable, panels side by side.

    Args:
        panels: Title of each panel, and what to draw in it.
        x: Where the values are.
        path: The PNG file, written all of it or nothing.
        x_label: What x is, with unit.

    Raises:
        BackendUnavailableError: matplotlib is not installed.
        ArgumentError: The file cannot be written.
    """
    figure = require("matplotlib.figure", extra="bench").Figure(
        figsize=(5 * len(panels), 4), layout="constrained"
    )
    all_axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, curves) in zip(all_axes, panels.items(), strict=True):
        for curve in curves:
            axes.plot(x, curve.values, label=curve.name, **_STYLES[curve.style])
        axes.set(title=title, xlabel=x_label, xlim=(x[0], x[-1]))
        axes.grid(visible=True, alpha=0.3)
        below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.15)}
        axes.legend(fontsize="small", ncols=len(curves), **below)
    _write(figure, path)


def draw_spans(
    results: Mapping[str, Mapping[str, Span]],
    path: str | os.PathLike[str],
    *,
    title: str,
    x_label: str,
) -> None:
    """Write a picture of medians with ranges on a logarithmic axis, a band for each row.

    Args:
        results: Spans of each series in each row; all above zero.
        path: The PNG file, written all of it or nothing.
        title: One line above it.
        x_label: What the numbers are, with unit.

    Raises:
        BackendUnavailableError: matplotlib is not installed.
        ArgumentError: The file cannot be written.
    """
    figure = require("matplotlib.figure", extra="bench").Figure(
        figsize=(7, 1.5 + 0.5 * len(results)), layout="constrained"
    )
    axes = figure.add_subplot()
    series = list(dict.fromkeys(name for spans in results.values() for name in spans))
    for i, name in enumerate(series):
        spans = [row[name] for row in results.values()]
        heights = [row + 0.7 * ((i + 0.5) / len(series) - 0.5) for row in range(len(spans))]
        middles = [span.middle for span in spans]
        below = [span.middle - span.low for span in spans]
        above = [span.high - span.middle for span in spans]
        marker = "os^v"[i % 4]
        axes.errorbar(
            middles, heights, xerr=(below, above), fmt=marker, markersize=5, lw=1, label=name
        )
    axes.set(xscale="log", title=title, xlabel=x_label)
    axes.set_yticks(range(len(results)), list(results))
    axes.invert_yaxis()
    for edge in range(1, len(results)):
        axes.axhline(edge - 0.5, color="0.9", lw=0.8)
    axes.grid(visible=True, axis="x", alpha=0.3)
    figure.legend(fontsize="small", loc="outside lower center", ncols=len(series))
    _write(figure, path)


def _write(figure: Any, path: str | os.PathLike[str]) -> None:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    write_atomic(path, picture.getvalue())
