"""Where the points end: the mean-field equilibrium of the conjugate energy in every dimension."""

from __future__ import annotations

import math
from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError
from eigenwell.particles.theory._arguments import count_of, dimension_of, effective_rate

Float64 = npt.NDArray[np.float64]


def mean_chord(dimension: SupportsIndex) -> float:
    """Mean distance of two uniform points of the unit sphere in d dimensions.

    ``2^(d-1) G(d/2)^2 / (sqrt(pi) G(d-1/2))`` with Euler's Gamma function G: 4/pi on the circle,
    4/3 on the sphere, and sqrt(2) for large d.

    Args:
        dimension: d of the space, at least 1; for d = 1 the sphere is the two points -1 and 1.

    Raises:
        DTypeError: It is no integer.
        ArgumentError: It is below 1.

    Example:
        >>> round(mean_chord(3), 6)
        1.333333
    """
    d = dimension_of(dimension)
    return math.exp(
        (d - 1) * math.log(2) + 2 * math.lgamma(d / 2) - math.lgamma(d - 0.5)
    ) / math.sqrt(math.pi)


def shell_radius(
    n: SupportsIndex,
    learning_rate: float,
    dimension: SupportsIndex,
    *,
    pairs: str = "upper",
    momentum: float = 0.0,
) -> float:
    """Radius R of the two-cycle x -> -x of descent on the sum of distances.

    With the effective rate ``h = learning_rate * (1 or 2) / (1 + momentum)``::

        d = 1    h (n - 1) / 2              outermost point of the lattice, exact
        d = 2    pi h n / 8                 edge of the disc
        d >= 3   h n mean_chord(d) / 4      the shell; h n / 3 for d = 3

    From d = 2 on these are leading terms for large n. In 3-D there is no correction of order 1/n,
    so it is n and not n - 1; the next term is a factor ``1 - 0.60 n^(-3/2)``. Of two alternating
    radii a and b the sum is ``2 R``, whatever their difference.

    Args:
        n: Number of points, at least 1.
        learning_rate: Of the descent, above 0.
        dimension: d, at least 1.
        pairs: ``"upper"``: each pair once, the article's triangular mask; ``"all"`` or
            ``"different"``: each pair twice, which doubles R.
        momentum: Of the heavy ball, as in ``torch.optim.SGD``; in [0, 1). The two-cycle exists and
            is linearly stable, but its basin shrinks: see the page.

    Returns:
        R, in units of length.

    Raises:
        DTypeError: An argument is no number.
        ArgumentError: An argument is out of its range.

    References:
        Chafai, Saff, Womersley 2022, arXiv 2206.04956: exponent s = -1 of their kernel, d = s + 4.

    Example:
        >>> shell_radius(300, 0.01, 3), shell_radius(300, 0.01, 3, pairs="all")
        (1.0, 2.0)
    """
    count, d = count_of(n), dimension_of(dimension)
    rate = effective_rate(learning_rate, pairs, momentum)
    if d == 1:
        return rate * (count - 1) / 2
    if d == 2:
        return math.pi * rate * count / 8
    if d == 3:
        return rate * count / 3
    return rate * count * mean_chord(d) / 4


def rms_radius(
    n: SupportsIndex,
    learning_rate: float,
    dimension: SupportsIndex,
    *,
    pairs: str = "upper",
    momentum: float = 0.0,
) -> float:
    """Root mean square of the points' distance from their mean, arguments as :func:`shell_radius`.

    ``h sqrt((n^2 - 1) / 12)`` on the line, ``sqrt(2/3) R`` for the disc, R for a shell. Of finite
    clouds it is closer to its limit than the outermost point is.
    """
    count, d = count_of(n), dimension_of(dimension)
    if d == 1:
        return effective_rate(learning_rate, pairs, momentum) * math.sqrt((count**2 - 1) / 12)
    radius = shell_radius(count, learning_rate, d, pairs=pairs, momentum=momentum)
    return math.sqrt(2 / 3) * radius if d == 2 else radius


def lattice_positions(
    n: SupportsIndex, learning_rate: float, *, pairs: str = "upper", momentum: float = 0.0
) -> Float64:
    """The lattice of the 1-D two-cycle, ascending: ``h (2 i - n - 1) / 2`` for i = 1 ... n, exact.

    A run alternates between two states; the lattice is half their difference. Each state alone may
    have any spacings s between 0 and 2 h, and the other one then has ``2 h - s``.

    Args:
        n: Number of points.
        learning_rate: Of the descent; h is the effective rate as in :func:`shell_radius`.
        pairs: As :func:`shell_radius`.
        momentum: As :func:`shell_radius`.

    Returns:
        Positions ``(n,)`` about their mean.
    """
    count = count_of(n)
    rate = effective_rate(learning_rate, pairs, momentum)
    return rate * (2 * np.arange(1.0, count + 1) - count - 1) / 2


def radial_density(r: npt.ArrayLike, radius: float, dimension: SupportsIndex) -> Float64:
    """Density of the points' distance r from the centre, per unit length; it integrates to 1.

    ``1 / R`` on the line and ``r / (R sqrt(R^2 - r^2))`` in the disc, whose density per unit area
    is that of a uniform sphere's shadow.

    Args:
        r: Distances, any shape.
        radius: R, above 0, as of :func:`shell_radius`.
        dimension: 1 or 2.

    Returns:
        Density, of the shape of r; 0 outside of [0, R], infinite at the disc's edge.

    Raises:
        ArgumentError: From d = 3 on all points lie on the shell, which has no density.
    """
    distance, edge = _checks.real_array(r, "r"), _checks.positive(radius, "radius")
    d = dimension_of(dimension)
    if d > 2:
        raise ArgumentError(
            f"`dimension` must be 1 or 2, got {d}: a shell has no radial density, use radial_cdf"
        )
    inside = (distance >= 0) & (distance <= edge)
    if d == 1:
        return np.where(inside, 1 / edge, 0.0)
    share = np.where(inside, distance / edge, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(share / np.sqrt(1 - share**2) / edge)


def radial_cdf(r: npt.ArrayLike, radius: float, dimension: SupportsIndex) -> Float64:
    """Share of the points within the distance r of the centre.

    ``r / R`` on the line, ``1 - sqrt(1 - (r/R)^2)`` in the disc, a step at R from d = 3 on.

    Args:
        r: Distances, any shape.
        radius: R, above 0, as of :func:`shell_radius`.
        dimension: d, at least 1.

    Returns:
        Shares in [0, 1], of the shape of r.
    """
    share = np.clip(_checks.real_array(r, "r") / _checks.positive(radius, "radius"), 0, 1)
    d = dimension_of(dimension)
    if d == 1:
        return share
    return np.asarray(1 - np.sqrt(1 - share**2) if d == 2 else np.floor(share))
