"""What every measurement starts with: checked points, their centre, the best rigid motion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError, ShapeError

Points = npt.NDArray[np.float64]


def cloud(value: Any, name: str, *, least: int = 1, dimension: int | None = None) -> Points:
    """Return finite points ``(n, d)`` in float64, at least ``least`` of them.

    Raises:
        DTypeError: The elements are not real numbers.
        ShapeError: It is not ``(n, d)``, or d is not ``dimension``.
        ArgumentError: There are fewer points, or a coordinate is NaN or infinite.
    """
    points = _checks.real_array(value, name)
    wanted = "(n, d)" if dimension is None else f"(n, {dimension})"
    if points.ndim != 2 or points.shape[1] == 0 or dimension not in {None, points.shape[1]}:
        raise ShapeError(f"`{name}` must have shape {wanted}, got {points.shape}")
    return _enough(points, name, least)


def records(steps: Any, value: Any, *, least: int) -> tuple[npt.NDArray[np.int64], Points]:
    """Return ascending step numbers ``(r,)`` and finite positions ``(r, n, d)``, r of at least 2.

    Raises:
        DTypeError: The elements are not real numbers.
        ShapeError: The shapes are others, or do not fit.
        ArgumentError: Too few records or points, steps that do not ascend, or NaN.
    """
    numbers = _checks.real_array(steps, "steps")
    points = _checks.real_array(value, "positions")
    if points.ndim != 3 or points.shape[2] == 0:
        raise ShapeError(f"`positions` must have shape (r, n, d), got {points.shape}")
    if numbers.shape != points.shape[:1]:
        raise ShapeError(f"`steps` must be ({len(points)},) as positions are, got {numbers.shape}")
    if len(points) < 2:
        raise ArgumentError(f"`positions` must hold at least 2 records, got {len(points)}")
    if not (np.diff(numbers) > 0).all() or (numbers != np.floor(numbers)).any():
        raise ArgumentError("`steps` must be ascending whole numbers")
    return numbers.astype(np.int64), _enough(points, "positions", least)


def pair(first: Any, second: Any, names: tuple[str, str]) -> tuple[Points, Points]:
    """Return two states of the same points, each ``(n, d)``.

    Raises:
        EigenwellError: As :func:`cloud` says, or their shapes differ.
    """
    x, y = cloud(first, names[0]), cloud(second, names[1])
    if x.shape != y.shape:
        raise ShapeError(f"`{names[1]}` must be {x.shape} as `{names[0]}` is, got {y.shape}")
    return x, y


def _enough(points: Points, name: str, least: int) -> Points:
    if points.shape[-2] < least:
        raise ArgumentError(
            f"`{name}` must hold at least {least} point{'s' * (least > 1)}, got {points.shape[-2]}"
        )
    if not np.isfinite(points).all():
        raise ArgumentError(f"`{name}` must be finite, got NaN or infinity")
    return points


def radii(points: Points) -> Points:
    """Return the distances from the mean of the points, ``(n,)``."""
    distances: Points = np.linalg.norm(points - points.mean(axis=0), axis=1)
    return distances


def rms(vectors: Points) -> float:
    """Return the root of the mean square length of vectors ``(n, d)``."""
    return float(np.sqrt((vectors**2).sum(axis=1).mean()))


def ratio(numerator: float, denominator: float) -> float:
    """Return the quotient, and 0 where both are 0."""
    if denominator == 0:
        return 0.0 if numerator == 0 else np.inf
    return numerator / denominator


@dataclass(frozen=True)
class Motion:
    """The rigid motion ``y ~ (x - x.mean) @ rotation.T + y.mean`` of least squares.

    Attributes:
        rotation: Proper, ``(d, d)``.
        residual: Root mean square distance that it leaves, in units of the positions.
    """

    rotation: Points
    residual: float

    @property
    def angle(self) -> float:
        """Largest angle by which the rotation turns a plane, in radians, in [0, pi]."""
        return float(np.abs(np.angle(np.linalg.eigvals(self.rotation))).max())


def rigid_motion(x: Points, y: Points) -> Motion:
    """Return the rotation and translation that bring x closest to y (Kabsch 1976)."""
    a, b = x - x.mean(axis=0), y - y.mean(axis=0)
    left, _, right = np.linalg.svd(b.T @ a)
    signs = np.ones(x.shape[1])
    signs[-1] = np.sign(np.linalg.det(left @ right))
    rotation = (left * signs) @ right
    return Motion(rotation, rms(a @ rotation.T - b))


def numbers_of(indices: Any, n: int) -> Points:
    """Return the finite numbers of n points.

    Raises:
        DTypeError: They are not real numbers.
        ShapeError: There are not n of them.
        ArgumentError: One is NaN or infinite.
    """
    numbers = _checks.real_array(indices, "indices")
    if numbers.shape != (n,):
        raise ShapeError(f"`indices` must be ({n},) as there are positions, got {numbers.shape}")
    if not np.isfinite(numbers).all():
        raise ArgumentError("`indices` must be finite, got NaN or infinity")
    return numbers


def spearman(x: npt.NDArray[Any], y: npt.NDArray[Any]) -> float:
    """Return the rank correlation, ties at their mean rank; 0 if all of one side is tied."""
    ranks = _checks.require("scipy.stats", extra="particles").rankdata
    a, b = (ranks(side) - (len(side) + 1) / 2 for side in (x, y))
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > 0 else 0.0
