"""Advantage estimates per state and action from samples."""

from __future__ import annotations

from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError, DTypeError, ShapeError


def mean_advantages(
    states: npt.ArrayLike,
    actions: npt.ArrayLike,
    advantages: npt.ArrayLike,
    *,
    rows: SupportsIndex,
    columns: SupportsIndex,
) -> npt.NDArray[np.float64]:
    """Mean sampled advantage of every action in every state; NaN where there was no sample.

    Args:
        states: ``(n,)`` int, 0 to ``rows - 1``: numbers of states, or of clusters of observations.
        actions: ``(n,)`` int, 0 to ``columns - 1``.
        advantages: ``(n,)``, such as from GAE, not normalised.
        rows: Number of states.
        columns: Number of actions K.

    Returns:
        ``(rows, K)``.

    Raises:
        EigenwellError: The shapes differ, or a number is out of range.

    Example:
        >>> mean_advantages([0, 0, 0], [1, 1, 0], [2.0, 4.0, -1.0], rows=1, columns=3)
        array([[-1.,  3., nan]])
    """
    shape = (
        _checks.integer(rows, "rows", low=1, high=2**31 - 1),
        _checks.integer(columns, "columns", low=2, high=2**31 - 1),
    )
    values = _checks.real_array(advantages, "advantages")
    if values.ndim != 1:
        raise ShapeError(f"`advantages` must have shape (n,), got {values.shape}")
    if not np.isfinite(values).all():
        raise ArgumentError("`advantages` must be finite")
    where = tuple(
        _indices(index, name, len(values), high)
        for index, name, high in zip((states, actions), ("states", "actions"), shape, strict=True)
    )
    sums, counts = np.zeros(shape), np.zeros(shape)
    np.add.at(sums, where, values)
    np.add.at(counts, where, 1.0)
    means = np.full(shape, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means


def _indices(value: Any, name: str, length: int, high: int) -> npt.NDArray[np.intp]:
    array = np.asarray(value)
    if array.shape != (length,):
        raise ShapeError(f"`{name}` must have shape ({length},) as `advantages`, got {array.shape}")
    if array.size and array.dtype.kind not in "iu":
        raise DTypeError(f"`{name}` must hold integers, got dtype {array.dtype}")
    if ((array < 0) | (array >= high)).any():
        raise ArgumentError(f"`{name}` must be between 0 and {high - 1}")
    return array.astype(np.intp)
