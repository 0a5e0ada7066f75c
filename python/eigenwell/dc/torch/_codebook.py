"""Codebooks for weights: an affine grid and an exact zero, as the walker article has it."""

from __future__ import annotations

from typing import NamedTuple, SupportsIndex

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.dc._indices import MAX_BITS, MIN_BITS
from eigenwell.errors import ArgumentError

ITERATIONS = 50
# Of the weights' range: the best grid gives up its outermost weights to be finer inside.
SPANS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)


class Quantised(NamedTuple):
    """Weights as indices into a codebook.

    Attributes:
        indices: Of the weights' shape, uint8.
        codebook: ``(c,)``, float32.
    """

    indices: npt.NDArray[np.uint8]
    codebook: npt.NDArray[np.float32]

    @property
    def weights(self) -> npt.NDArray[np.float32]:
        """What the indices stand for."""
        return np.asarray(self.codebook[self.indices])


def fit_codebook(weights: npt.ArrayLike, *, bits: SupportsIndex = 5) -> Quantised:
    """Fit equally spaced levels and an exact zero to weights, in least squares.

    Alternates between the nearest level of each weight and the best line through the levels, from
    several spans, with ``2**bits - 1`` levels and with one fewer, and keeps the best: weights that
    lie on an even number of levels, as the article's do, fit no odd one.

    Args:
        weights: Any shape, not empty.
        bits: 2 to 8.

    Returns:
        Indices and a codebook of at most ``2**bits`` entries, ascending but for the zero, which is
        last.

    Raises:
        ArgumentError: ``bits`` is out of range, there is no weight, or one is not finite.
        DTypeError: The weights are not real numbers.

    Note:
        Deterministic. A grid is as wide as the largest weights of all: normalise the inputs rather
        than fold their scales into the weights.
    """
    bits = _checks.integer(bits, "bits", low=MIN_BITS, high=MAX_BITS)
    array = _weights(weights)
    flat, levels = array.ravel(), (1 << bits) - 1
    low, high = float(flat.min()), float(flat.max())
    centre, half = (low + high) / 2, (high - low) / 2
    grids = [
        (*_refined(flat, centre - s * half, centre + s * half, count), count)
        for count in (levels, levels - 1)
        for s in SPANS
    ]
    books = [np.append(np.linspace(*grid), 0.0).astype(np.float32) for grid in grids]
    fits = [quantise(array, book) for book in books]
    return min(fits, key=lambda fit: float(np.square(fit.weights - array).sum()))


def quantise(weights: npt.ArrayLike, codebook: npt.ArrayLike) -> Quantised:
    """Replace every weight by the nearest entry of a codebook.

    Args:
        weights: Any shape, not empty.
        codebook: ``(c,)``, 1 to 256 numbers, in any order.

    Raises:
        ArgumentError: There is no weight, an element is not finite, or c is out of range.
        DTypeError: They are not real numbers.
        ShapeError: The codebook is not a vector.
    """
    array = _weights(weights)
    entries = _checks.integer(np.size(codebook), "codebook size", low=1, high=1 << MAX_BITS)
    book = _checks.finite_float32(codebook, "codebook", (entries,))
    order = np.argsort(book, kind="stable")
    ascending = book[order].astype(np.float64)
    nearest = np.searchsorted((ascending[1:] + ascending[:-1]) / 2, array)
    return Quantised(order[nearest].astype(np.uint8), book)


def _refined(
    flat: npt.NDArray[np.float64], low: float, high: float, levels: int
) -> tuple[float, float]:
    """Move the ends of a grid until no weight changes its level."""
    ranks = np.empty(0)
    for _ in range(ITERATIONS):
        step = (high - low) / (levels - 1)
        if not step > 0:
            break
        before = ranks
        ranks = np.clip(np.rint((flat - low) / step), 0, levels - 1)
        on_grid = np.abs(flat) > np.abs(flat - (low + step * ranks))  # the others go to zero
        if np.array_equal(ranks, before) or len(np.unique(ranks[on_grid])) < 2:
            break
        slope, start = np.polyfit(ranks[on_grid], flat[on_grid], 1)
        low, high = float(start), float(start + slope * (levels - 1))
    return low, high


def _weights(weights: npt.ArrayLike) -> npt.NDArray[np.float64]:
    array = _checks.real_array(weights, "weights")
    if array.size == 0 or not np.isfinite(array).all():
        raise ArgumentError("`weights` must be finite, and at least one")
    return array
