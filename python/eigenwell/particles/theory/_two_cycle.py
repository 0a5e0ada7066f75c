"""The energy that the loop does lower, whose critical points are its two-cycles x -> -x."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell import pairwise
from eigenwell.particles.theory._arguments import alternating_rate, cloud_of, pairs_of

Float64 = npt.NDArray[np.float64]


def conjugate_energy(
    z: npt.ArrayLike, learning_rate: float, *, pairs: str = "upper", momentum: float = 0.0
) -> float:
    """Conjugate energy ``U(z) = (1 + momentum) |z|^2 / learning_rate - sum of |z_i - z_j|``.

    Descent on the sum of distances, seen as ``z_k = (-1)^k x_k``, is descent on U with the same
    rate and momentum: repulsion by distance inside a quadratic trap. Without momentum U(x_k) never
    rises along the loop, from any start.

    Args:
        z: Points ``(n, d)``.
        learning_rate: Of the descent, above 0.
        pairs: As :func:`shell_radius`.
        momentum: In [0, 1).

    Returns:
        U, in units of length.

    Raises:
        EigenwellError: As :func:`eigenwell.pairwise.energy`, or an argument is out of its range.

    Example:
        >>> conjugate_energy([[-1.0], [1.0]], 0.5)
        2.0
    """
    return conjugate_energy_and_gradient(z, learning_rate, pairs=pairs, momentum=momentum)[0]


def conjugate_energy_and_gradient(
    z: npt.ArrayLike, learning_rate: float, *, pairs: str = "upper", momentum: float = 0.0
) -> tuple[float, Float64]:
    """U and ``dU/dz = 2 (1 + momentum) z / learning_rate - dE/dz``; as :func:`conjugate_energy`.

    The loop has the two-cycle x -> -x where, and only where, the gradient at x is 0.

    Returns:
        U, and its gradient ``(n, d)``.
    """
    points = cloud_of(z, "z")
    distances, slope = _distances(points, pairs)
    trap = points / alternating_rate(learning_rate, momentum)
    return float(np.vdot(points, trap)) - distances, 2 * trap - slope


def two_cycle_residual(
    x: npt.ArrayLike,
    learning_rate: float,
    *,
    scale_free: bool = False,
    pairs: str = "upper",
    momentum: float = 0.0,
) -> float:
    """How far a state is from a two-cycle: ``|x - p| / |p|`` with ``p = learning_rate dE/dx / 2``.

    0 exactly where one step takes x to -x about its mean. p is also the two-cycle that belongs to
    the shape of x: where the state flickers between c p and (2 - c) p the residual is ``|c - 1|``.

    Args:
        x: Points ``(n, d)``; their mean does not matter.
        learning_rate: Of the descent, above 0.
        scale_free: Compare ``x / |x|`` and ``p / |p|``: 0 for every state that keeps its shape,
            flickering ones included.
        pairs: As :func:`shell_radius`.
        momentum: In [0, 1); p is then smaller by ``1 + momentum``.

    Returns:
        The residual, a pure number; 0 if all points coincide.

    Raises:
        EigenwellError: As :func:`conjugate_energy`.
    """
    points = cloud_of(x, "x")
    points = points - points.mean(axis=0)
    cycle = _distances(points, pairs)[1] * (alternating_rate(learning_rate, momentum) / 2)
    size = float(np.linalg.norm(cycle))
    if size == 0:
        return 0.0
    length = float(np.linalg.norm(points)) if scale_free else size
    return float(np.linalg.norm(points / length - cycle / size))


def _distances(points: Float64, pairs: str) -> tuple[float, Float64]:
    """Return the sum of the distances and its gradient."""
    both: Any = pairwise.energy_and_gradient(points, pairs=pairs_of(pairs))
    return float(both[0]), both[1]
