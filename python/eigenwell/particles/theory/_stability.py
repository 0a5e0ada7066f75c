"""Which directions of a two-cycle are stable, neutral and unstable."""

from __future__ import annotations

import math
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from eigenwell import _checks, pairwise
from eigenwell.errors import ArgumentError
from eigenwell.particles.theory._arguments import (
    alternating_rate,
    cloud_of,
    count_of,
    momentum_of,
    pairs_of,
)
from eigenwell.particles.theory._lanczos import largest_eigenvalues

Float64 = npt.NDArray[np.float64]


def stability_eigenvalues(
    x: npt.ArrayLike,
    learning_rate: float,
    count: SupportsIndex = 6,
    *,
    which: str = "largest",
    pairs: str = "upper",
    momentum: float = 0.0,
    tolerance: float = 1e-9,
    seed: int = 0,
) -> Float64:
    """Eigenvalues s of the Hessian of the sum of distances, in units of ``(1 + momentum) / rate``.

    The Hessian is the same at x and at -x, and never negative. At a two-cycle a perturbation along
    an eigenvector is multiplied in each step by ``1 - s``, so it dies out for 0 < s < 2 and is
    neutral at 0 (translations, scale) and at the edge, 2 (rotations); above 2 it grows. With
    momentum m the multipliers are the roots of ``q^2 - (1 + m)(1 - s) q + m``, and the edge is 2.

    Args:
        x: Points ``(n, d)`` of a two-cycle: half the difference of two successive states.
        learning_rate: Of the descent, above 0.
        count: How many eigenvalues, at least 1 and below n d.
        which: ``"largest"`` or ``"smallest"``.
        pairs: As :func:`shell_radius`.
        momentum: In [0, 1).
        tolerance: Relative accuracy, at least 0; 0 is that of the machine.
        seed: Of the first Lanczos vector.

    Returns:
        Eigenvalues ``(count,)``, ascending, without unit.

    Raises:
        BackendUnavailableError: SciPy is not installed.
        EigenwellError: As :func:`conjugate_energy`, or the eigenvalues did not converge.

    Note:
        Lanczos (ARPACK) on products with the Hessian: O(n^2 d) time for each, O(n d count) memory;
        once more beside the eigenvectors found, as Lanczos alone loses copies of a multiple
        eigenvalue. A third of a shell's crowd below the edge, so the largest take many products.
    """
    points = cloud_of(x, "x")
    wanted = _checks.integer(count, "count", low=1, high=points.size - 1)
    rate = alternating_rate(learning_rate, momentum)
    if which not in {"largest", "smallest"}:
        raise ArgumentError(f"`which` must be largest or smallest, got {which!r}")
    pair_set = pairs_of(pairs)
    accuracy = _checks.not_negative(tolerance, "tolerance")

    def product(vector: Float64) -> Float64:
        image: Any = pairwise.hessian_vector_product(
            points, vector.reshape(points.shape), pairs=pair_set
        )
        return np.asarray(rate * image.ravel())

    if which == "largest":
        return largest_eigenvalues(product, points.size, wanted, tolerance=accuracy, seed=seed)
    # The smallest of H are the largest of c - H, with c beyond H's largest to keep that positive.
    most = float(1.1 * largest_eigenvalues(product, points.size, 1, tolerance=0.01, seed=seed)[0])

    def difference(vector: Float64) -> Float64:
        return most * vector - product(vector)

    rest = largest_eigenvalues(difference, points.size, wanted, tolerance=accuracy, seed=seed)
    return np.asarray(most - rest[::-1])


def shell_eigenvalue(degree: SupportsIndex) -> float:
    """Eigenvalue of degree L of the spherical shell in 3-D, in the limit of many points.

    ``s_L = 2 - 6 (L + 1) / ((2 L + 1)(2 L + 3))``, ``4 L + 4`` of each, in the units of
    :func:`stability_eigenvalues`: 0 (translations and scale), 6/5, 52/35, 34/21, ... towards 2. All
    other directions are flows along the shell that keep it uniform; theirs is 2, the edge.

    Args:
        degree: L, at least 0.

    Raises:
        DTypeError: It is no integer.
        ArgumentError: It is below 0.

    Example:
        >>> [round(shell_eigenvalue(degree), 4) for degree in range(4)]
        [0.0, 1.2, 1.4857, 1.619]
    """
    level = _checks.integer(degree, "degree", low=0, high=2**31 - 1)
    return 2 - 6 * (level + 1) / ((2 * level + 1) * (2 * level + 3))


def asymmetry_limit(momentum: float = 0.0) -> float:
    """Largest stable ``|a - b| / (a + b)`` of a 3-D shell that flickers between radii a and b.

    ``sqrt(1 - (24/25) / (1 + ((1 - m) / (1 + m))^2))`` with m the momentum: 0.7211 for m = 0,
    1/5 as m goes to 1. Below it the difference of the radii is neutral: it stays for ever. Above it
    the mode of s = 6/5 grows, and the loop falls to a smaller difference.

    Args:
        momentum: In [0, 1).

    Raises:
        DTypeError: It is no number.
        ArgumentError: It is out of its range.
    """
    value = momentum_of(momentum)
    first = shell_eigenvalue(1)
    return math.sqrt(1 - first * (2 - first) / (1 + ((1 - value) / (1 + value)) ** 2))


def interior_escape_rate(n: SupportsIndex) -> float:
    """Growth ``3 / (2 n)`` per step of an interior point's distance from the centre in 3-D.

    The potential inside of a rigid shell is flat, but the shell gives way and the point is repelled
    by its own image: interior points do not stay, they leave over about n steps. For a lone point
    near the centre and two equal radii; a and b instead of R make it ``R^2 / (a b)`` times that.

    Args:
        n: Number of all points, at least 1.

    Returns:
        Rate, per step.

    Raises:
        DTypeError: It is no integer.
        ArgumentError: It is below 1.
    """
    return 1.5 / count_of(n)
