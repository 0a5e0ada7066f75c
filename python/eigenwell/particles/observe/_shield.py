"""Other particles around a chain: are they denser at one of its ends?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError
from eigenwell.particles.observe._points import cloud

if TYPE_CHECKING:
    from eigenwell.particles.observe._curve import PrincipalCurve

_RADIUS = 1 / 8


@dataclass(frozen=True)
class Shield:
    """Particles near a chain, by their places along it.

    Attributes:
        radius: Particles nearer to the curve than this count, in units of the positions.
        counts: In parts of equal length from the first end on, ``(parts,)``. The first and last
            part hold what is in front of their ends, too, up to the radius.
        densities: Counts over the length of a part, per unit of the positions.
        ratio: First part over last, a half added to both counts so that none is 0.
        interval: Of the ratio, by the bootstrap over particles.
        confidence: Coverage of the interval.
    """

    radius: float
    counts: npt.NDArray[np.int64]
    densities: npt.NDArray[np.float64]
    ratio: float
    interval: tuple[float, float]
    confidence: float


def shield(
    curve: PrincipalCurve,
    positions: npt.ArrayLike,
    *,
    radius: float | None = None,
    parts: int = 4,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Shield:
    """Count particles around a chain and compare its first end with its last.

    The chain itself is thicker at one end than at the other, so compare with the same statistic of
    the chain's own particles.

    Args:
        curve: Its first end is the one to ask about: give ``indices`` to :func:`principal_curve`.
        positions: ``(m, d)`` of the particles around the chain, m at least 1.
        radius: Length above 0; None is an eighth of the curve's length.
        parts: Of the chain, at least 2.
        confidence: Of the interval, in (0, 1).
        resamples: Number of bootstrap samples, at least 1.
        seed: Of the bootstrap.

    Returns:
        Counts and densities along the chain, the ratio of the ends and its interval.

    Raises:
        EigenwellError: They are not finite points of the curve's dimension, or an option is out of
            its range.

    Note:
        The interval takes particles as independent. They repel, so it is rather too wide; and it
        says nothing about other seeds of the simulation.

    References:
        Efron 1979, "Bootstrap methods: another look at the jackknife".
    """
    points = cloud(positions, "positions", dimension=curve.nodes.shape[1])
    parts = _checks.integer(parts, "parts", low=2, high=10**6)
    resamples = _checks.integer(resamples, "resamples", low=1, high=10**8)
    if not 0 < _checks.finite(confidence, "confidence") < 1:
        raise ArgumentError(f"`confidence` must be between 0 and 1, got {confidence}")
    length = curve.length
    near = length * _RADIUS if radius is None else _checks.positive(radius, "radius")
    arc, distance = curve.locate(points)
    taken = (distance <= near) & (arc >= -near) & (arc <= length + near)
    part = np.clip(np.floor(arc[taken] / length * parts), 0, parts - 1).astype(np.int64)
    counts = np.bincount(part, minlength=parts)
    ends = np.array([counts[0], counts[-1], len(points) - counts[0] - counts[-1]])
    drawn = np.random.default_rng(seed).multinomial(len(points), ends / len(points), resamples)
    ratios = (drawn[:, 0] + 0.5) / (drawn[:, 1] + 0.5)
    low, high = np.quantile(ratios, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Shield(
        near,
        counts,
        counts / (length / parts),
        float((counts[0] + 0.5) / (counts[-1] + 0.5)),
        (float(low), float(high)),
        confidence,
    )
