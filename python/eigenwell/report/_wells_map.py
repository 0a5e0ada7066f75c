"""Ternary maps of escape times, certificates and their ratio, and the flow that makes them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenwell._checks import require
from eigenwell.report._wells_axes import (
    GREY,
    OUTSIDE,
    STAYED,
    TIMES,
    corner_order,
    new_figure,
    save,
    ternary,
    time_norm,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from eigenwell.wells._map import EscapeMap

    Floats = npt.NDArray[np.float64]

# Thousands of small triangles make large files.
_DPI = 80


def draw_escape_map(
    found: EscapeMap,
    path: str | os.PathLike[str],
    *,
    trajectories: Sequence[tuple[Floats, int]] = (),
    arrows: tuple[Floats, Floats] | None = None,
) -> None:
    """Draw escape time, best certificate, their ratio, and the flow, side by side.

    Args:
        found: The map.
        path: The PNG file, written all of it or nothing.
        trajectories: Policies ``(R, 3)`` of runs, each with its escape time, 0 for none.
        arrows: Policies ``(n, 3)``, and where each goes.

    Raises:
        BackendUnavailableError: matplotlib or mpltern is not installed.
        ArgumentError: The file cannot be written.
    """
    figure = new_figure(9.6, 8.6, layout=None)
    grid = figure.add_gridspec(
        2, 2, left=0.05, right=0.95, top=0.84, bottom=0.12, wspace=0.12, hspace=0.46
    )
    order = list(corner_order(found.bandit))
    stayed, at_once = found.times < 0, found.times == 1
    times, certificates = found.times.astype(float), found.certificates
    norm = time_norm(float(max(times.max(initial=1), certificates.max(initial=1))))
    panels = (
        ("Escape time T", times, norm, TIMES, "time t (updates + 1)"),
        ("Best certificate: T is at least", certificates, norm, TIMES, "time t (updates + 1)"),
        ("Certificate / T", found.ratio, None, "cividis", "share of T that is certain"),
    )
    for number, (title, values, scale, colours, label) in enumerate(panels):
        axes = ternary(figure, grid[divmod(number, 2)], found.bandit, title)
        hidden = at_once | (stayed & (number != 1))
        limits: dict[str, Any] = {"norm": scale} if scale else {"vmin": 0, "vmax": 1}
        drawn = axes.tripcolor(
            *found.vertices[:, order].T,
            triangles=found.cells[~hidden],
            facecolors=values[~hidden],
            cmap=colours,
            **limits,
        )
        for mask, colour in ((at_once, OUTSIDE), (stayed & hidden, STAYED)):
            _fill(axes, found.vertices[:, order], found.cells[mask], colour)
        figure.colorbar(drawn, ax=axes, shrink=0.85, pad=0.12, label=label)
    _flow(figure, grid[1, 1], found, norm, trajectories=trajectories, arrows=arrows)
    patches = require("matplotlib.patches", extra="wells")
    keys = [
        patches.Patch(color=OUTSIDE, label=f"sub-optimality below {found.fraction:g} Δ at once")
    ]
    if stayed.any():
        keys.append(patches.Patch(color=STAYED, label=f"no escape by t = {found.steps:,}"))
    figure.legend(handles=keys, loc="lower center", ncols=2, frameon=False)
    rewards = ", ".join(f"{r:g}" for r in found.bandit.rewards_at(1))
    figure.suptitle(
        f"Softmax policy gradient, r = ({rewards}), η = {found.learning_rate:g}: "
        f"steps until δ < {found.fraction:g} Δ"
    )
    save(figure, path, dpi=_DPI)


def _fill(axes: Any, vertices: Floats, cells: Any, colour: str) -> None:
    if len(cells):
        from matplotlib.colors import ListedColormap

        flat = {"cmap": ListedColormap([colour]), "facecolors": np.zeros(len(cells))}
        axes.tripcolor(*vertices.T, triangles=cells, **flat)


def _flow(
    figure: Any,
    place: Any,
    found: EscapeMap,
    norm: Any,
    *,
    trajectories: Sequence[tuple[Floats, int]],
    arrows: tuple[Floats, Floats] | None,
) -> None:
    matplotlib = require("matplotlib", extra="wells")
    axes = ternary(figure, place, found.bandit, "Flow (directions) and runs (colour: T)")
    order = list(corner_order(found.bandit))
    if arrows is not None:
        starts, ways = (array[:, order] for array in arrows)
        lengths = np.linalg.norm(ways, axis=1, keepdims=True)
        ways = ways / np.where(lengths > 0, lengths, 1)
        axes.quiver(
            *starts.T, *ways.T, color=GREY, alpha=0.6, scale=26, width=0.004, pivot="middle"
        )
    colours = matplotlib.colormaps[TIMES]
    for policies, escape in trajectories:
        colour = colours(norm(escape)) if escape else STAYED
        axes.plot(*policies[:, order].T, color=colour, linewidth=2)
        axes.plot(*policies[:1, order].T, "o", color=colour, markeredgecolor="black", markersize=6)
    shades = matplotlib.cm.ScalarMappable(norm, TIMES)
    figure.colorbar(shades, ax=axes, shrink=0.85, pad=0.12, label="time t (updates + 1)")
