"""What the figures of gravity wells share: triangles, colours of times, saving."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenwell._checks import require
from eigenwell._files import write_atomic

if TYPE_CHECKING:
    from eigenwell.wells import Bandit

BLUE, RED, GREY = "#3366aa", "#cc4433", "#777777"
#: Colours of times, and of starts that never escaped or had nothing to escape from.
TIMES, STAYED, OUTSIDE = "viridis", "#d1495b", "#ececec"


def new_figure(width: float, height: float, *, layout: str | None = "constrained") -> Any:
    """Return a figure of so many inches.

    Triangles measure all their labels whenever the layout engine asks, which takes seconds: figures
    of theirs have no engine.
    """
    figures = require("matplotlib.figure", extra="wells")
    return figures.Figure(figsize=(width, height), layout=layout)


def corner_order(bandit: Bandit) -> tuple[int, ...]:
    """Return the actions from the best to the worst: top, left and right corner of a triangle."""
    return tuple(np.argsort(-bandit.rewards_at(1), kind="stable").tolist())


def ternary(figure: Any, place: Any, bandit: Bandit, title: str = "") -> Any:
    """Return a triangle with the optimal action on top, the second best left."""
    require("mpltern", extra="wells")  # its import makes the projection known
    axes = figure.add_subplot(place, projection="ternary")
    rewards = bandit.rewards_at(1)
    for name, action in zip("tlr", corner_order(bandit), strict=True):
        star = " = a*" if action == bandit.optimal else ""
        getattr(axes, f"set_{name}label")(f"action {action}{star}\nr = {rewards[action]:g}", size=9)
        axis = getattr(axes, f"{name}axis")
        axis.set_ticks([0.2, 0.4, 0.6, 0.8])
        axis.set_tick_params(labelsize="x-small", tick1On=True)
    # Not as a title, which these axes would place by measuring all labels again.
    axes.text(0.5, 1.24, title, transform=axes.transAxes, ha="center", size="large")
    return axes


def time_norm(longest: float) -> Any:
    """Return the logarithmic scale of times up to the longest."""
    return require("matplotlib.colors", extra="wells").LogNorm(1, max(10.0, longest))


def tidy(axes: Any) -> None:
    """Leave out what says nothing, and add a light grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, alpha=0.3)
    axes.set_axisbelow(True)
    # Labels of minor ticks stand in each other's way on short logarithmic axes.
    plain = require("matplotlib.ticker", extra="wells").NullFormatter()
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_formatter(plain)


def save(figure: Any, path: str | os.PathLike[str], *, dpi: int = 100) -> None:
    """Write a figure as PNG, all of it or nothing."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=dpi)
    write_atomic(path, picture.getvalue())
