"""The sphere as a shell: what is inside, the radial profile, the order of neighbours on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError, ShapeError
from eigenwell.particles.observe._points import Points, cloud, radii, ratio

_HEXATIC_NEIGHBOURS = 6


def interior(positions: npt.ArrayLike, *, tolerance: float = 0.1) -> npt.NDArray[np.bool_]:
    """Say which points are inside of the shell; the mean is the fraction of interior points.

    A point is interior if its distance from the centre is below ``1 - tolerance`` of the median
    distance. The median is that of the shell as long as less than half of the points are inside.

    Args:
        positions: ``(n, d)``, n at least 1.
        tolerance: In (0, 1).

    Returns:
        A mask ``(n,)``.

    Raises:
        EigenwellError: They are not finite points, or the tolerance is outside of (0, 1).
    """
    points = cloud(positions, "positions")
    if not 0 < _checks.finite(tolerance, "tolerance") < 1:
        raise ArgumentError(f"`tolerance` must be between 0 and 1, got {tolerance}")
    r = radii(points)
    return np.asarray(r < (1 - tolerance) * np.median(r))


@dataclass(frozen=True)
class RadialProfile:
    """Distances from the centre against a law.

    Attributes:
        radii: Ascending, ``(n,)``, in units of the positions.
        distance: Kolmogorov-Smirnov distance, in [0, 1]: the largest difference of the two
            cumulative distributions. The points repel, so it is no test of independent draws.
    """

    radii: npt.NDArray[np.float64]
    distance: float


def radial_profile(
    positions: npt.ArrayLike,
    cdf: Callable[[npt.NDArray[np.float64]], npt.ArrayLike],
) -> RadialProfile:
    """Compare the points' distances from their centre with a theoretical distribution.

    Args:
        positions: ``(n, d)``, n at least 1.
        cdf: Takes ascending distances ``(n,)`` and returns the shares of points nearer than that;
            it must be continuous.

    Returns:
        The distances, and how far their distribution is from the law.

    Raises:
        EigenwellError: They are not finite points, or ``cdf`` gives something else.
    """
    r = np.sort(radii(cloud(positions, "positions")))
    wanted = _checks.real_array(cdf(r), "cdf(radii)")
    if wanted.shape != r.shape:
        raise ShapeError(f"`cdf(radii)` must have shape {r.shape}, got {wanted.shape}")
    if not ((wanted >= 0) & (wanted <= 1)).all():
        raise ArgumentError("`cdf(radii)` must be between 0 and 1")
    count = np.arange(len(r) + 1) / len(r)
    return RadialProfile(r, float(np.maximum(wanted - count[:-1], count[1:] - wanted).max()))


@dataclass(frozen=True)
class Spacing:
    """Gaps between neighbours on a line.

    Attributes:
        mean: In units of the positions.
        variation: Standard deviation over mean: 0 for a lattice, 1 for independent points.
    """

    mean: float
    variation: float


def spacing(positions: npt.ArrayLike) -> Spacing:
    """Measure the gaps between neighbours in one dimension.

    Args:
        positions: ``(n, 1)``, n at least 2.

    Returns:
        Their mean and relative spread.

    Raises:
        EigenwellError: They are not at least two finite points on a line.
    """
    gaps = np.diff(np.sort(cloud(positions, "positions", least=2, dimension=1)[:, 0]))
    return Spacing(float(gaps.mean()), ratio(float(gaps.std()), float(gaps.mean())))


@dataclass(frozen=True)
class Order:
    """A statistic of neighbours between its values for random points and for a lattice.

    Attributes:
        value: Of the points.
        random: Of independent uniform points.
        lattice: Of the lattice.
    """

    value: float
    random: float
    lattice: float

    @property
    def score(self) -> float:
        """0 as random, 1 as the lattice; below 0 is more clustered than random."""
        return (self.value - self.random) / (self.lattice - self.random)


@dataclass(frozen=True)
class ShellOrder:
    """Order of the neighbours on a sphere.

    Attributes:
        points: How many were on the shell.
        nearest: Mean angle to the nearest neighbour, radians; random: exact mean; lattice: the flat
            triangular one of as many points per area, which no sphere quite holds.
        hexatic: Mean of ``|mean of exp(6 i phi)|`` over the six nearest neighbours; random: of
            as many uniform points drawn with seed 0; lattice: 1.
        fibonacci: ``nearest`` and ``hexatic`` of the Fibonacci lattice of as many points.
    """

    points: int
    nearest: Order
    hexatic: Order
    fibonacci: tuple[float, float]


def shell_order(positions: npt.ArrayLike, *, tolerance: float = 0.1) -> ShellOrder:
    """Say where the points on a sphere stand between random and lattice.

    Args:
        positions: ``(n, 3)``; at least 7 of them on the shell, seen from the centre of all.
        tolerance: Interior points are left out; see :func:`interior`.

    Returns:
        Nearest neighbours and hexatic order, each with both ends of its scale.

    Raises:
        EigenwellError: They are not finite points in space, too few are on the shell, or scipy is
            missing.

    References:
        Clark and Evans 1954, distance to the nearest neighbour as a measure of order; Nelson and
        Halperin 1979, hexatic order.
    """
    points = cloud(positions, "positions", least=_HEXATIC_NEIGHBOURS + 1, dimension=3)
    inside = interior(points, tolerance=tolerance)
    shell = (points - points.mean(axis=0))[~inside]
    r = np.linalg.norm(shell, axis=1, keepdims=True)
    n = len(shell)
    if n <= _HEXATIC_NEIGHBOURS or r.min() == 0:
        raise ArgumentError("`positions` must have at least 7 points around their centre")
    nearest, hexatic = _on_sphere(shell / r)
    draws = np.random.default_rng(0).standard_normal((n, 3))
    # E[angle] = integral of P(no other one nearer) = integral of cos(t/2)^(2n-2) over [0, pi].
    m = np.arange(1, n)
    random = np.pi * np.exp(np.log1p(-0.5 / m).sum())
    return ShellOrder(
        n,
        Order(nearest, float(random), float(np.sqrt(8 * np.pi / (np.sqrt(3) * n)))),
        Order(hexatic, _on_sphere(draws / np.linalg.norm(draws, axis=1, keepdims=True))[1], 1.0),
        _on_sphere(_fibonacci(n)),
    )


def bond_order(positions: npt.ArrayLike) -> float:
    """Return the mean hexatic order ``|mean of exp(6 i phi)|`` of points in the plane.

    Args:
        positions: ``(n, 2)``, n at least 7. Each point's six nearest neighbours count.

    Returns:
        1 for the triangular lattice; 0.37 for independent points.

    Raises:
        EigenwellError: They are not finite points in the plane, too few, or scipy is missing.
    """
    points = cloud(positions, "positions", least=_HEXATIC_NEIGHBOURS + 1, dimension=2)
    _, near = _neighbours(points)
    bonds = points[near] - points[:, None]
    return _hexatic(bonds[..., 0] + 1j * bonds[..., 1])


def _neighbours(points: Points) -> tuple[Points, npt.NDArray[np.intp]]:
    """Distances and indices of the six nearest others, nearest first."""
    tree = _checks.require("scipy.spatial", extra="particles").cKDTree(points)
    distances, near = tree.query(points, k=_HEXATIC_NEIGHBOURS + 1)
    return distances[:, 1:], near[:, 1:]


def _hexatic(bonds: npt.NDArray[np.complex128]) -> float:
    phases = np.exp(6j * np.angle(bonds))
    return float(np.abs(phases.mean(axis=1)).mean())


def _on_sphere(directions: Points) -> tuple[float, float]:
    chords, near = _neighbours(directions)
    nearest = 2 * np.arcsin(np.minimum(chords[:, 0] / 2, 1))
    # A frame of each tangent plane; the axis that is least along the normal cannot be parallel.
    helper = np.eye(3)[np.abs(directions).argmin(axis=1)]
    east = np.cross(helper, directions)
    east /= np.linalg.norm(east, axis=1, keepdims=True)
    north = np.cross(directions, east)
    bonds = directions[near] - directions[:, None]
    along = np.einsum("nkd,nd->nk", bonds, east) + 1j * np.einsum("nkd,nd->nk", bonds, north)
    return float(nearest.mean()), _hexatic(along)


def _fibonacci(n: int) -> Points:
    """Points at equal steps of height and golden steps of longitude."""
    k = np.arange(n)
    z = 1 - (2 * k + 1) / n
    turn = np.pi * (3 - np.sqrt(5)) * k
    return np.stack([np.sqrt(1 - z**2) * np.cos(turn), np.sqrt(1 - z**2) * np.sin(turn), z], axis=1)
