"""What the pictures of particles share: what of a trajectory is shown, and in which box.

Every box is a cube with its axes to scale: the article's own video stretched one axis and made an
egg of its sphere.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell.errors import ArgumentError

if TYPE_CHECKING:
    from eigenwell.particles import Trajectory

Floats = npt.NDArray[np.floating]

#: Colours of species, told apart by the colour-blind, too (Okabe and Ito), on white and on black.
SPECIES_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
#: Half-width of a box, in medians of the points' distance from its middle: what flew off lies
#: outside and does not shrink the rest to a dot.
_MEDIANS = 2.0
_MARGIN = 1.08
#: Where the reader stands in three dimensions, in degrees about the third axis.
AZIMUTH = -55.0
# How many times the second largest variance the largest one of something long is.
_ROUND = 1.5


@dataclass(frozen=True)
class View:
    """The part of a trajectory that is shown, in at most three coordinates.

    Attributes:
        names: Of the species shown.
        counts: Points of each species, shown or not.
        indices: For each species, which of its points are shown.
        records: Which records are shown.
        steps: Their step numbers, ``(r,)``.
        positions: For each species ``(r, points, axes)``.
        axes: Their names.
        projected: How more than three coordinates became three, or nothing.
    """

    names: tuple[str, ...]
    counts: dict[str, int]
    indices: dict[str, npt.NDArray[np.int64]]
    records: npt.NDArray[np.int64]
    steps: npt.NDArray[np.int64]
    positions: dict[str, Floats]
    axes: tuple[str, ...]
    projected: str

    @classmethod
    def of(
        cls,
        trajectory: Trajectory,
        *,
        records: Sequence[int] | npt.NDArray[np.int64],
        species: Sequence[str] | None = None,
        max_points: int | None = None,
    ) -> View:
        """Take some records and points of a trajectory.

        Args:
            trajectory: Where the points went.
            records: Which records.
            species: Which species; None is all.
            max_points: Of all species together, spread evenly over the indices; None is all.

        Raises:
            ArgumentError: A species is unknown.
        """
        names = trajectory.system.names if species is None else tuple(species)
        for name in names:
            if name not in trajectory.system.names:
                known = ", ".join(trajectory.system.names)
                raise ArgumentError(f"`species` must be some of {known}, got {name!r}")
        chosen = np.asarray(records, np.int64)
        states = {
            name: np.stack([np.asarray(trajectory.positions[name][i]) for i in chosen])
            for name in names
        }
        axes: tuple[str, ...] = ("x", "y", "z")[: trajectory.system.dimension]
        projected = ""
        if trajectory.system.dimension > 3:
            axes = tuple(f"principal axis {i}" for i in (1, 2, 3))
            last = np.concatenate([trajectory.positions[name][-1] for name in names])
            turn, explained = _principal_axes(last)
            states = {name: state @ turn for name, state in states.items()}
            projected = (
                f"{trajectory.system.dimension} coordinates, seen along the first three principal "
                f"axes of the last record ({explained:.0%} of its variance)"
            )
        counts = {name: states[name].shape[1] for name in names}
        share = 1.0 if max_points is None else min(1.0, max_points / sum(counts.values()))
        indices = {
            name: np.linspace(0, count - 1, max(1, int(count * share))).round().astype(np.int64)
            for name, count in counts.items()
        }
        return cls(
            names=names,
            counts=counts,
            indices=indices,
            records=chosen,
            steps=np.asarray(trajectory.steps)[chosen],
            positions={name: state[:, indices[name]] for name, state in states.items()},
            axes=axes,
            projected=projected,
        )

    def boxes(self, species: Sequence[str] | None = None) -> tuple[Floats, Floats]:
        """Return a cube around most points of each record.

        Args:
            species: Whose; None is that of all.

        Returns:
            Its middles ``(r, axes)`` and half its edge ``(r,)``.
        """
        points = np.concatenate(self._of(species), axis=1).astype(np.float64)
        points[~np.isfinite(points)] = np.nan
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning)
            middles = np.nanmedian(points, axis=1, keepdims=True)
            reach = np.abs(points - middles).max(axis=2)
            half = np.fmin(np.nanmax(reach, axis=1), _MEDIANS * np.nanmedian(reach, axis=1))
        return np.nan_to_num(middles[:, 0]), _MARGIN * np.where(half > 0, half, 1.0)

    def calm_boxes(self, species: Sequence[str] | None = None) -> tuple[Floats, Floats]:
        """Return :meth:`boxes` averaged over five records, so that they do not flicker."""
        middles, halves = self.boxes(species)
        return _calm(middles), np.exp(_calm(np.log(halves)))

    def whole_box(self) -> tuple[Floats, float]:
        """Return the middle ``(axes,)`` and half the edge of the cube around everything."""
        points = np.concatenate([x.reshape(-1, len(self.axes)) for x in self._of(None)])
        points = points[np.isfinite(points).all(axis=1)].astype(np.float64)
        if not len(points):
            return np.zeros(len(self.axes)), 1.0
        low, high = points.min(axis=0), points.max(axis=0)
        return (low + high) / 2, _MARGIN * float((high - low).max()) / 2 or 1.0

    def azimuth(self) -> float:
        """Return from where the longest species of the last record is seen from the side.

        In degrees about the third axis; of round ones one side is as good as another.
        """
        longest, angle = _ROUND, AZIMUTH
        if len(self.axes) < 3:
            return angle
        for name in self.names:
            middles, halves = self.boxes([name])
            points = self.positions[name][-1].astype(np.float64) - middles[-1]
            points = points[(np.abs(points) <= halves[-1]).all(axis=1)]
            if len(points) < 4:
                continue
            variances, axes = np.linalg.eigh(np.cov(points.T))
            if variances[2] > longest * variances[1]:
                longest = variances[2] / variances[1]
                angle = float(np.degrees(np.arctan2(axes[1, 2], axes[0, 2]))) + 90
        return angle

    def _of(self, species: Sequence[str] | None) -> list[Floats]:
        return [self.positions[name] for name in (self.names if species is None else species)]


def evenly_spaced(count: int, most: int) -> npt.NDArray[np.int64]:
    """Return the indices of at most `most` of `count` records, the first and the last among them.

    Neighbours are an odd number of records apart, so that what alternates from record to record
    still does.
    """
    if count < 1:
        raise ArgumentError("`trajectory` must have at least one record, got none")
    apart = max(1, -(-(count - 1) // max(1, most - 1)))
    apart += 1 - apart % 2
    chosen = np.arange(count - 1, -1, -apart)[::-1]
    return chosen if chosen[0] == 0 else np.concatenate([[0], chosen])


def spacing(steps: npt.NDArray[np.int64]) -> int | None:
    """Return the number of steps from record to record, None if there is but one record."""
    if len(steps) < 2:
        return None
    apart, times = np.unique(np.diff(steps), return_counts=True)
    return int(apart[times.argmax()])


def describe(trajectory: Trajectory) -> str:
    """Name the species and their counts, dimension and learning rate in one line."""
    system = trajectory.system
    kinds = ", ".join(f"{species.count:,} {species.name}" for species in system.species)
    rates = sorted({species.learning_rate for species in system.species})
    words = " and ".join(f"{rate:g}" for rate in rates)
    return f"{kinds} in {system.dimension}-D, learning rate {words}"


def colour_of(trajectory: Trajectory, name: str) -> str:
    """Return the colour of a species."""
    return SPECIES_COLOURS[trajectory.system.names.index(name) % len(SPECIES_COLOURS)]


def _calm(values: Floats) -> Floats:
    """Average over five records with weights that cancel what alternates."""
    weights = np.array([1, 2, 2, 2, 1]) / 8
    if len(values) < 3:
        return np.broadcast_to(values.mean(axis=0), values.shape)
    padded = np.pad(values, [(2, 2)] + [(0, 0)] * (values.ndim - 1), mode="reflect")
    terms = [w * padded[i : i + len(values)] for i, w in enumerate(weights)]
    return np.asarray(np.sum(terms, axis=0))


def _principal_axes(points: Any) -> tuple[npt.NDArray[np.float64], float]:
    """Return the first three principal axes ``(d, 3)`` and their share of the variance."""
    centred = np.asarray(points, np.float64)
    centred = centred[np.isfinite(centred).all(axis=1)]
    centred = centred - centred.mean(axis=0) if len(centred) else np.zeros((1, np.shape(points)[1]))
    variances, axes = np.linalg.eigh(centred.T @ centred)
    total = float(variances.sum())
    return axes[:, :-4:-1], float(variances[-3:].sum()) / total if total > 0 else 1.0
