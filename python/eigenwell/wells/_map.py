"""Escape times over the whole simplex of three actions, beside the certificates for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, SupportsIndex

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError, ShapeError
from eigenwell.wells._escape_times import escape_times
from eigenwell.wells.bounds import escape_certificate, homogeneous_bounds

if TYPE_CHECKING:
    from eigenwell.wells._bandit import Bandit, Float64, Int64

_FINEST = 1000


@dataclass(frozen=True, eq=False)
class EscapeMap:
    """Escape times from the middles of n = resolution^2 equal triangles that fill the simplex.

    Attributes:
        bandit: Of three actions.
        learning_rate: eta.
        steps: Last time of a run.
        fraction: Of the gap, below which a run has escaped.
        vertices: ``(v, 3)``: where the triangles meet; probabilities.
        cells: The vertices of each triangle, int64 ``(n, 3)``.
        policies: Their middles, the starts, ``(n, 3)``.
        times: Escape times, int64 ``(n,)``, counted from 1; -1 where the run ended before.
        certificates: The best lower bounds on them, ``(n,)``; 1 says nothing.
    """

    bandit: Bandit
    learning_rate: float
    steps: int
    fraction: float
    vertices: Float64
    cells: Int64
    policies: Float64
    times: Int64
    certificates: Float64

    @property
    def ratio(self) -> Float64:
        """Certificate over escape time, ``(n,)``; NaN where the run ended before."""
        return self.certificates / np.where(self.times > 0, self.times, np.nan)


def escape_map(
    bandit: Bandit,
    *,
    learning_rate: float,
    steps: SupportsIndex,
    resolution: SupportsIndex = 60,
    fraction: float = 0.9,
) -> EscapeMap:
    """Run softmax policy gradient from all over the simplex.

    Args:
        bandit: Three actions, constant rewards, one state.
        learning_rate: eta, above 0.
        steps: Last time of a run.
        resolution: Triangles along an edge.
        fraction: In (0, 1).

    Returns:
        The map.

    Raises:
        ShapeError: There are not three actions, or several states.
        ArgumentError: An argument is out of range.

    Example:
        >>> from eigenwell import wells
        >>> bandit = wells.Bandit([1, 0.9, 0.1])
        >>> found = escape_map(bandit, learning_rate=0.4, steps=500, resolution=10)
        >>> len(found.times), int((found.times < 0).sum())
        (100, 15)
    """
    check_ternary(bandit)
    rate = _checks.positive(learning_rate, "learning_rate")
    last = _checks.integer(steps, "steps", low=1, high=2**53)
    vertices, cells = simplex_cells(resolution)
    policies = vertices[cells].mean(axis=1)
    times = escape_times(bandit, policies, learning_rate=rate, steps=last, fraction=fraction)
    certificates = best_certificate(bandit, policies, learning_rate=rate, fraction=fraction)
    return EscapeMap(bandit, rate, last, fraction, vertices, cells, policies, times, certificates)


def check_ternary(bandit: Bandit) -> None:
    """Refuse what has no picture in a triangle.

    Raises:
        ShapeError: There are not three actions, or several states.
        ArgumentError: The rewards change over time.
    """
    if bandit.actions != 3 or bandit.shape:
        raise ShapeError(
            "`rewards` must have shape (3,) for a ternary map, got "
            f"{(*bandit.shape, bandit.actions)}: for more actions take a plane"
        )
    if not bandit.constant:
        raise ArgumentError("`rewards` must be constant for a map: certificates ask for it")


def simplex_cells(resolution: SupportsIndex) -> tuple[Float64, Int64]:
    """Return the vertices ``(v, 3)`` of resolution^2 equal triangles, and which meet in each."""
    n = _checks.integer(resolution, "resolution", low=2, high=_FINEST)
    first, second = (grid.ravel() for grid in np.indices((n + 1, n + 1)))
    inside = first + second <= n
    first, second = first[inside], second[inside]
    number = np.full((n + 2, n + 2), -1)
    number[first, second] = np.arange(len(first))
    right, up, across = number[first + 1, second], number[first, second + 1], number[1:, 1:]
    upward = np.stack([np.arange(len(first)), right, up], axis=1)
    downward = np.stack([right, up, across[first, second]], axis=1)
    cells = np.concatenate([upward, downward])
    vertices = np.stack([first, second, n - first - second], axis=1) / n
    return vertices, cells[(cells >= 0).all(axis=1)].astype(np.int64)


def best_certificate(
    bandit: Bandit, policies: npt.ArrayLike, *, learning_rate: float, fraction: float = 0.9
) -> Float64:
    """Return the best lower bound on the escape time, ``(n,)``, from starts ``(n, K)``.

    :func:`~eigenwell.wells.bounds.escape_certificate`, or the lower one of
    :func:`~eigenwell.wells.bounds.homogeneous_bounds` where its hypotheses hold.
    """
    p, rewards = np.asarray(policies, dtype=np.float64), bandit.rewards_at(1)
    times = escape_certificate(
        p, rewards, learning_rate=learning_rate, fraction=fraction, strict=False
    ).time
    corner, gap, best = 1 - fraction, float(bandit.gap), int(bandit.optimal)
    inside = p[:, best] <= corner
    others = np.delete(rewards, best)
    narrow = learning_rate * gap * corner * (1 - corner) <= 1 and corner <= 0.5
    if (others == others[0]).all() and narrow and inside.any():
        lower = homogeneous_bounds(
            p[inside], gap=gap, learning_rate=learning_rate, optimal=best, corner=corner
        ).lower
        times[inside] = np.maximum(times[inside], lower)
    return times


def drift(bandit: Bandit, policies: npt.ArrayLike) -> Float64:
    """Return where softmax policy gradient goes: d pi / d(eta t) of its flow, ``(n, K)``."""
    p, rewards = np.asarray(policies, dtype=np.float64), bandit.rewards_at(1)
    pull = p * (rewards - (p * rewards).sum(axis=-1, keepdims=True))
    return np.asarray(p * (pull - (p * pull).sum(axis=-1, keepdims=True)))
