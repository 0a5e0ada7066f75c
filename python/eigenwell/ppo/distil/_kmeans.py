"""Free codebooks: the levels that are nearest to the weights on the average."""

from __future__ import annotations

from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError

ITERATIONS = 100


def kmeans_codebook(weights: npt.ArrayLike, *, bits: SupportsIndex = 5) -> npt.NDArray[np.float32]:
    """Place ``2**bits - 1`` levels beside an exact zero by Lloyd's algorithm.

    Args:
        weights: Any shape, not empty.
        bits: 2 to 8.

    Returns:
        ``(2**bits,)``, ascending but for the zero, which is last.

    Raises:
        ArgumentError: ``bits`` is out of range, there is no weight, or one is not finite.
        DTypeError: The weights are not real numbers.

    Note:
        Deterministic: starts from the weights' quantiles and from equal spaces, keeps the better.

    References:
        Lloyd 1982, "Least squares quantization in PCM".
    """
    bits = _checks.integer(bits, "bits", low=2, high=8)
    flat = _checks.real_array(weights, "weights").ravel()
    if flat.size == 0 or not np.isfinite(flat).all():
        raise ArgumentError("`weights` must be finite, and at least one")
    levels = (1 << bits) - 1
    starts = (
        np.quantile(flat, (np.arange(levels) + 0.5) / levels),
        np.linspace(flat.min(), flat.max(), levels),
    )
    return min((_lloyd(flat, start) for start in starts), key=lambda found: found[0])[1]


def _lloyd(
    flat: npt.NDArray[np.float64], centres: npt.NDArray[np.float64]
) -> tuple[float, npt.NDArray[np.float32]]:
    """Return the squared error and the codebook that a start leads to."""
    book = np.append(centres, 0.0)
    nearest = np.empty(0, np.intp)
    for _ in range(ITERATIONS):
        before, nearest = nearest, np.abs(flat[:, None] - book).argmin(axis=1)
        if np.array_equal(before, nearest):
            break
        for level in np.unique(nearest[nearest < len(centres)]):  # the zero stays
            book[level] = flat[nearest == level].mean()
    book[:-1].sort()
    narrow = book.astype(np.float32)
    return float(np.square(flat[:, None] - narrow).min(axis=1).sum()), narrow
