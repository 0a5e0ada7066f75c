"""Arguments that the formulas share."""

from __future__ import annotations

from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError, ShapeError
from eigenwell.pairwise import PAIRS


def count_of(n: SupportsIndex) -> int:
    """Return the number of points, at least 1."""
    return _checks.integer(n, "n", low=1, high=2**31 - 1)


def dimension_of(dimension: SupportsIndex) -> int:
    """Return d, at least 1."""
    return _checks.integer(dimension, "dimension", low=1, high=2**16)


def momentum_of(momentum: float) -> float:
    """Return the momentum, in [0, 1)."""
    value = _checks.not_negative(momentum, "momentum")
    if value >= 1:
        raise ArgumentError(f"`momentum` must be at least 0 and below 1, got {value}")
    return value


def pairs_of(pairs: str) -> str:
    """Return the pair set, one of ``PAIRS``."""
    if pairs not in PAIRS:
        raise ArgumentError(f"`pairs` must be one of {', '.join(PAIRS)}, got {pairs!r}")
    return pairs


def alternating_rate(learning_rate: float, momentum: float) -> float:
    """Return ``learning_rate / (1 + momentum)``: the step of a gradient that alternates in sign."""
    return _checks.positive(learning_rate, "learning_rate") / (1 + momentum_of(momentum))


def effective_rate(learning_rate: float, pairs: str, momentum: float) -> float:
    """Return the plain learning rate, each pair counted once, that has the same two-cycle."""
    return alternating_rate(learning_rate, momentum) * (1 if pairs_of(pairs) == "upper" else 2)


def cloud_of(x: npt.ArrayLike, name: str) -> Any:
    """Return points ``(n, d)`` as float64."""
    array = _checks.real_array(x, name)
    if array.ndim != 2 or 0 in array.shape:
        raise ShapeError(f"`{name}` must have shape (n, d) with n and d above 0, got {array.shape}")
    if not np.isfinite(array).all():
        raise ArgumentError(f"`{name}` must be finite")
    return array
