"""Riesz energies and distances in plain NumPy, float64, by all pairs at once: O(n m d) memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]


def riesz_energy(
    x: npt.ArrayLike,
    y: npt.ArrayLike | None = None,
    *,
    exponent: float = 1.0,
    pairs: str = "all",
    weights: Any = None,
    softening: float = 0.0,
) -> Float64:
    """``sum over pairs of w_i v_j r_ij^s``; arguments as :func:`eigenwell.pairwise.energy`."""
    _, r, weight = _pairs(x, y, pairs=pairs, weights=weights, softening=softening)
    return np.asarray((weight * r**exponent).sum((-2, -1)))


def riesz_gradient(
    x: npt.ArrayLike,
    y: npt.ArrayLike | None = None,
    *,
    exponent: float = 1.0,
    pairs: str = "all",
    weights: Any = None,
    softening: float = 0.0,
) -> tuple[Float64, Float64]:
    """``sum_j s w_i v_j r^(s-2) (x_i - y_j)`` for both ends; within x the first is the whole."""
    difference, r, weight = _pairs(x, y, pairs=pairs, weights=weights, softening=softening)
    force = (exponent * weight * r ** (exponent - 2))[..., None] * difference
    return _both_ends(force, y is None)


def riesz_hessian_vector_product(
    x: npt.ArrayLike,
    vx: npt.ArrayLike,
    y: npt.ArrayLike | None = None,
    vy: npt.ArrayLike | None = None,
    *,
    exponent: float = 1.0,
    pairs: str = "all",
    weights: Any = None,
    softening: float = 0.0,
) -> tuple[Float64, Float64]:
    """Directional derivative of :func:`riesz_gradient` along (vx, vy)."""
    difference, r, weight = _pairs(x, y, pairs=pairs, weights=weights, softening=softening)
    a = _differences(vx, vx if y is None else vy)
    along = (difference * a).sum(-1, keepdims=True) / (r**2)[..., None]
    factor = (exponent * weight * r ** (exponent - 2))[..., None]
    return _both_ends(factor * (a + (exponent - 2) * along * difference), y is None)


def distances(x: npt.ArrayLike, y: npt.ArrayLike) -> Float64:
    """``|x_i - y_j|``, ``(..., n, m)``."""
    return np.asarray(np.sqrt((_differences(x, y) ** 2).sum(-1)))


def _differences(x: Any, y: Any) -> Float64:
    rows, columns = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    return np.asarray(rows[..., :, None, :] - columns[..., None, :, :])


def _pairs(
    x: Any, y: Any, *, pairs: str, weights: Any, softening: float
) -> tuple[Float64, Float64, Float64]:
    """Differences, distances and weights of the pairs; a pair that does not count weighs 0."""
    difference = _differences(x, x if y is None else y)
    r2 = (difference**2).sum(-1) + softening**2
    n, m = r2.shape[-2:]
    counts = np.ones((n, m), dtype=bool)
    if pairs == "upper":
        counts = np.triu(counts, 1)
    elif pairs == "different" or y is None:
        counts &= ~np.eye(n, m, dtype=bool)
    w, v = (weights, weights) if y is None or weights is None else weights
    weight = np.where(counts & (r2 > 0), 1.0, 0.0)
    if w is not None:
        weight = weight * np.asarray(w, dtype=np.float64)[..., :, None]
    if v is not None:
        weight = weight * np.asarray(v, dtype=np.float64)[..., None, :]
    return difference, np.sqrt(np.where(r2 > 0, r2, 1.0)), weight


def _both_ends(pull: Float64, same: bool) -> tuple[Float64, Float64]:
    first, second = pull.sum(-2), -pull.sum(-3)
    return (first + second, second) if same else (first, second)
