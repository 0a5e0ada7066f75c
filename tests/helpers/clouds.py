"""Point clouds for the pairwise tests, and errors of what is computed from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

# Below, at and above the lanes, groups and blocks of every instruction set.
SIZES = (0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 97, 257)

Array = npt.NDArray[Any]


def cloud(shape: tuple[int, ...], dtype: Any = np.float64, *, seed: int = 0) -> Array:
    """Standard normal points."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def weights(shape: tuple[int, ...], dtype: Any = np.float64, *, seed: int = 1) -> Array:
    """Weights between 0.5 and 1.5."""
    return np.random.default_rng(seed).uniform(0.5, 1.5, shape).astype(dtype)


def relative_error(found: npt.ArrayLike, wanted: npt.ArrayLike, *, floor: float = 0.0) -> float:
    """Norm of the difference over the norm of what is right; the difference if there is nothing.

    Where terms cancel, ``floor`` is a norm to use at least: what the terms are like.
    """
    right = np.asarray(wanted, dtype=np.float64)
    difference = np.asarray(found, dtype=np.float64) - right
    assert difference.shape == right.shape
    norm = max(float(np.linalg.norm(right.ravel())), floor)
    error = float(np.linalg.norm(difference.ravel()))
    return error if norm == 0 else error / norm
