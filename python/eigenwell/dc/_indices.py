"""Small integers in 64-bit words, as the walker article packs them."""

from __future__ import annotations

from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

from eigenwell import _checks, _native
from eigenwell.errors import ArgumentError, DTypeError, ShapeError

MIN_BITS, MAX_BITS = 2, 8


def pack_indices(indices: npt.ArrayLike, bits: int = 5) -> npt.NDArray[np.uint64]:
    """Pack indices, ``64 // bits`` in a word, index j of a word at bits ``bits * j``.

    Args:
        indices: Integers in ``[0, 2**bits)``, any shape, read in C order.
        bits: 2 to 8.

    Returns:
        ``(ceil(size / (64 // bits)),)`` words, uint64; the bits that hold no index are zero.

    Raises:
        DTypeError: The indices are not integers.
        ArgumentError: An index does not fit, or ``bits`` is outside of its range.
    """
    bits = _checks.integer(bits, "bits", low=MIN_BITS, high=MAX_BITS)
    array = np.asarray(indices)
    if array.dtype.kind not in "iu" and array.size > 0:
        raise DTypeError(f"`indices` must be integers, got dtype {array.dtype}")
    if array.size > 0 and not (array.min() >= 0 and array.max() < 1 << bits):
        raise ArgumentError(
            f"`indices` must be between 0 and {(1 << bits) - 1} for {bits} bits, "
            f"got {array.min()} to {array.max()}"
        )
    per_word = 64 // bits
    words = -(-array.size // per_word)
    padded = np.zeros(words * per_word, dtype=np.uint64)
    padded[: array.size] = array.ravel()
    shifts = np.arange(0, bits * per_word, bits, dtype=np.uint64)
    packed = np.bitwise_or.reduce(padded.reshape(words, per_word) << shifts, axis=1)
    return np.asarray(packed, dtype=np.uint64)


def unpack_indices(
    words: npt.ArrayLike, count: SupportsIndex, bits: int = 5
) -> npt.NDArray[np.uint8]:
    """Return the first ``count`` indices that :func:`pack_indices` put into ``words``.

    Args:
        words: ``(w,)``, integers of at most 64 bits; a negative one stands for its bit pattern.
        count: How many indices, at most ``w * (64 // bits)``.
        bits: 2 to 8.

    Returns:
        ``(count,)``, uint8.

    Raises:
        DTypeError: The words are not integers.
        ShapeError: The words are not a vector, or too few for ``count``.
        ArgumentError: ``count`` or ``bits`` is outside of its range.
    """
    bits = _checks.integer(bits, "bits", low=MIN_BITS, high=MAX_BITS)
    array = np.asarray(words)
    if array.dtype.kind not in "iu" and array.size > 0:
        raise DTypeError(f"`words` must be integers, got dtype {array.dtype}")
    if array.ndim != 1:
        raise ShapeError(f"`words` must have shape (w,), got {array.shape}")
    capacity = array.size * (64 // bits)
    number = _checks.integer(count, "count", low=0, high=2**63 - 1)
    if number > capacity:
        raise ShapeError(
            f"`words` must hold {number} indices of {bits} bits, got {array.size} words "
            f"that hold {capacity}"
        )
    return _native.unpack_indices(array.astype(np.uint64), number, bits)
