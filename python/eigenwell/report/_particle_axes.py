"""Draws a state of particles into matplotlib's axes: to scale, in 1 to 3 coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenwell.report._particle_views import AZIMUTH, Floats, View, colour_of

if TYPE_CHECKING:
    from eigenwell.particles import Trajectory

#: What a species' points look like: their positions, their ranks, and what ``scatter`` is told.
Cloud = tuple[Floats, Floats, dict[str, Any]]
# How high the reader stands in three dimensions, in degrees.
_ELEVATION = 22.0


class Panel:
    """Axes with points in a box.

    Args:
        figure: matplotlib's figure.
        place: Where in it, as ``add_subplot`` takes it.
        names: Of the coordinates, one to three.
        size: Of a point, in points squared.
        azimuth: Where the reader stands in three dimensions, in degrees.
    """

    def __init__(
        self,
        figure: Any,
        place: Any,
        names: tuple[str, ...],
        size: float,
        *,
        azimuth: float = AZIMUTH,
    ) -> None:
        self._names = names
        self._size = size
        self._drawn: list[Any] = []
        self.axes = figure.add_subplot(place, projection="3d" if len(names) == 3 else None)
        if len(names) == 3:
            self.axes.set_box_aspect((1, 1, 1), zoom=0.93)
            self.turn_to(azimuth)
            for axis in (self.axes.xaxis, self.axes.yaxis, self.axes.zaxis):
                axis.set_pane_color((0.97, 0.97, 0.98, 1.0))
                axis.set_major_locator(_few_ticks())
            self.axes.set_zlabel(names[2], labelpad=-6)
            self.axes.tick_params(pad=-3, labelsize="x-small")
        else:
            self.axes.grid(visible=True, alpha=0.3)
            self.axes.set_axisbelow(True)
            self.axes.tick_params(labelsize="x-small")
            self.axes.set_box_aspect(1)
        pad = -7 if len(names) == 3 else None
        self.axes.set_xlabel(names[0], labelpad=pad)
        self.axes.set_ylabel(names[1] if len(names) > 1 else "rank at the end", labelpad=pad)

    def show(self, clouds: Sequence[Cloud], middle: Floats, half: float) -> Any:
        """Show these points and no others.

        Args:
            clouds: Of each species.
            middle: Of the box, ``(axes,)``.
            half: Half its edge. Points outside are not drawn.

        Returns:
            What the last species was drawn as, for a colour bar.
        """
        for artist in self._drawn:
            artist.remove()
        self._drawn = []
        for points, ranks, colours in clouds:
            inside = (np.abs(points - middle) <= half).all(axis=1)
            columns = [*points[inside].T, ranks[inside]][: max(2, len(self._names))]
            told = {**colours, "c": colours["c"][inside]} if "cmap" in colours else colours
            self._drawn.append(self.axes.scatter(*columns, s=self._size, linewidths=0, **told))
        limits = ["xlim", "ylim", "zlim"][: len(self._names)]
        for name, centre in zip(limits, middle, strict=True):
            self.axes.set(**{name: (centre - half, centre + half)})
        return self._drawn[-1]

    def turn_to(self, azimuth: float) -> None:
        """Look from another side, if there are sides."""
        if len(self._names) == 3:
            self.axes.view_init(_ELEVATION, azimuth)

    def legend(self, names: Sequence[str]) -> None:
        """Say which colour is which species."""
        self.axes.legend(
            self._drawn, names, fontsize="x-small", markerscale=2, frameon=False, loc="upper left"
        )


def clouds_of(
    trajectory: Trajectory,
    view: View,
    record: int,
    species: Sequence[str],
    *,
    by_species: bool,
) -> list[Cloud]:
    """Return the points of some species in a record, coloured by species or by index."""
    most = max(view.counts.values()) - 1
    clouds: list[Cloud] = []
    for name in species:
        states = view.positions[name]
        ranks = states[-1, :, 0].argsort().argsort().astype(float)
        told: dict[str, Any] = {"color": colour_of(trajectory, name)}
        if not by_species:
            told = {"c": view.indices[name], "cmap": "turbo", "vmin": 0, "vmax": max(1, most)}
        clouds.append((states[record], ranks, told))
    return clouds


def _few_ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=4, steps=[1, 2, 5, 10])
