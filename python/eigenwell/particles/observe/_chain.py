"""The polymer as a chain: whether its particles stand in the order of their indices, and growth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eigenwell.particles.observe._bound import bound
from eigenwell.particles.observe._curve import principal_curve
from eigenwell.particles.observe._points import cloud, numbers_of, records, spearman

# A curve through fewer points than this says little about an order.
_FEWEST = 20


@dataclass(frozen=True)
class ChainOrder:
    """Whether the order along a curve is that of the indices.

    Attributes:
        order: ``|rho|``, absolute rank correlation (Spearman) of index and arc length, in [0, 1].
        by_chance: What ``order`` stays below with 95 % for indices without meaning; as the curve
            does not know them this holds for every shape.
        repeatability: ``|rho|`` of the arc lengths along the curves of two random halves, taken
            over all particles: near 1 if there is a chain at all, lower if the curve is arbitrary.
        particles: How many there were.
    """

    order: float
    by_chance: float
    repeatability: float
    particles: int


def chain_order(
    positions: npt.ArrayLike, *, indices: npt.ArrayLike | None = None, smooth: float = 0.06
) -> ChainOrder:
    """Correlate the particles' indices with their places along the principal curve.

    Args:
        positions: ``(n, d)`` of the particles to take, as a rule the bound ones; n at least 4.
        indices: Their numbers ``(n,)``; None is 0, 1, 2, ...
        smooth: As :func:`principal_curve` takes it.

    Returns:
        The absolute correlation, its scale for indices without meaning, and whether the curve is a
        property of the shape. A ball or a shell has no principal curve of its own: the fit returns
        one of many, blind to the indices, so ``order`` there is that of a random permutation.

    Raises:
        EigenwellError: They are not such points, the indices do not fit, or scipy is missing.

    Note:
        The halves are drawn with seed 0: deterministic.
    """
    points = cloud(positions, "positions", least=4)
    n = len(points)
    numbers = np.arange(n) if indices is None else numbers_of(indices, n)
    curve = principal_curve(points, smooth=smooth)
    shuffled = np.random.default_rng(0).permutation(n)
    halves = [
        principal_curve(points[half], smooth=smooth).locate(points)[0]
        for half in (shuffled[: n // 2], shuffled[n // 2 :])
        if np.ptp(points[half], axis=0).any()
    ]
    return ChainOrder(
        abs(spearman(numbers, curve.arc)),
        1.96 / np.sqrt(n - 1),
        abs(spearman(*halves)) if len(halves) == 2 else 0.0,
        n,
    )


@dataclass(frozen=True)
class Growth:
    """How a chain grew.

    Attributes:
        steps: Step numbers of the records, ``(r,)``.
        counts: Number of bound particles, ``(r,)``; 0 while no two of them hold together.
        lengths: Arc length of the chain, ``(r,)``, in units of the positions; NaN below 20 bound.
        joined: Particles that became bound for good between two records, in the order of the
            records, ``(m,)``; those that were in the first chain of 20 are not among them.
        joined_steps: Step of the record in which each is first bound for good, ``(m,)``.
        places: Share of the other bound particles that stand before it on the curve of that
            record, ``(m,)``: 0 at the end of the low indices, 1 at that of the high ones. If new
            ones join anywhere both ends are alike, yet not uniform: who stands off draws an end of
            the curve, and on the shells of the symmetric polymer each outer fifth has a third.
    """

    steps: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.float64]
    joined: npt.NDArray[np.int64]
    joined_steps: npt.NDArray[np.int64]
    places: npt.NDArray[np.float64]

    @property
    def end_shares(self) -> tuple[float, float]:
        """Shares of joins in the first and in the last fifth of the chain; NaN without any join."""
        if not len(self.places):
            return float("nan"), float("nan")
        return float((self.places <= 0.2).mean()), float((self.places >= 0.8).mean())


def growth(
    steps: npt.ArrayLike,
    positions: npt.ArrayLike,
    *,
    link: float | None = None,
    smooth: float = 0.06,
) -> Growth:
    """Follow which particles join the bound ones, when, and where along the chain.

    Args:
        steps: Ascending step numbers ``(r,)``, r at least 2.
        positions: ``(r, n, d)``, n at least 2.
        link: As :func:`bound` takes it, for all records; None is that of the last one.
        smooth: As :func:`principal_curve` takes it.

    Returns:
        Counts and lengths by record; step and place of each join.

    Raises:
        EigenwellError: The shapes do not fit, steps do not ascend, a coordinate is not finite, or
            scipy is missing.
    """
    numbers, points = records(steps, positions, least=2)
    if link is None:
        link = bound(points[-1]).link
    masks = np.array([bound(state, link=link).mask for state in points])
    masks[masks.sum(axis=1) < 2] = False
    # Bound for good: in this record and in all later ones.
    lasting = np.logical_and.accumulate(masks[::-1])[::-1]
    lengths = np.full(len(points), np.nan)
    joined: list[npt.NDArray[np.intp]] = []
    places: list[npt.NDArray[np.float64]] = []
    when: list[npt.NDArray[np.int64]] = []
    for k, (state, mask) in enumerate(zip(points, masks, strict=True)):
        if mask.sum() < _FEWEST:
            continue
        members = np.flatnonzero(mask)
        curve = principal_curve(state[mask], indices=members, smooth=smooth)
        lengths[k] = curve.length
        rank = np.argsort(np.argsort(curve.arc, kind="stable"), kind="stable") / (len(members) - 1)
        if k and masks[k - 1].sum() >= _FEWEST:
            new = lasting[k] & ~lasting[k - 1]
            joined.append(np.flatnonzero(new))
            places.append(rank[new[mask]])
            when.append(np.full(int(new.sum()), numbers[k]))
    return Growth(
        numbers,
        masks.sum(axis=1),
        lengths,
        np.concatenate([np.empty(0, np.int64), *joined]),
        np.concatenate([np.empty(0, np.int64), *when]),
        np.concatenate([np.empty(0), *places]),
    )
