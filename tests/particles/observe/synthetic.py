"""Shapes with known answers, and rigid motions, for the tests of the measurements."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def helix(
    n: int = 400,
    *,
    radius: float = 1.0,
    pitch: float = 2.0,
    turns: float = 3.0,
    hand: int = 1,
    noise: float = 0.0,
    seed: int = 0,
) -> Array:
    """Points at equal steps along a helix around the third axis, noise of that deviation added."""
    angle = 2 * np.pi * turns * np.linspace(0, 1, n)
    x = np.stack(
        [
            radius * np.cos(angle),
            hand * radius * np.sin(angle),
            pitch / (2 * np.pi) * angle,
        ],
        axis=1,
    )
    return x + noise * np.random.default_rng(seed).standard_normal((n, 3))


def rotation(d: int = 3, *, seed: int = 0) -> Array:
    """A random proper rotation."""
    matrix, triangle = np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))
    matrix = matrix * np.sign(np.diag(triangle))
    if np.linalg.det(matrix) < 0:
        matrix[:, 0] *= -1
    return matrix


def about(axis: Array, angle: float) -> Array:
    """The rotation by an angle about an axis in space."""
    x, y, z = np.asarray(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def sphere(n: int, *, radius: float = 1.0, d: int = 3, seed: int = 0) -> Array:
    """Independent uniform points on a sphere."""
    x = np.random.default_rng(seed).standard_normal((n, d))
    return radius * x / np.linalg.norm(x, axis=1, keepdims=True)


def triangular(side: int) -> Array:
    """The triangular lattice of unit spacing."""
    i, j = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    return np.stack([(i + 0.5 * (j % 2)).ravel(), (np.sqrt(0.75) * j).ravel()], axis=1)
