"""Argument checks that public functions share: type before shape before dtype before value."""

from __future__ import annotations

import importlib
import math
import operator
from types import ModuleType
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from eigenwell.errors import ArgumentError, BackendUnavailableError, DTypeError, ShapeError


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional dependency, or say which extra brings it.

    Args:
        module: Dotted name of the module, e.g. ``"gymnasium"``.
        extra: Name of the extra of eigenwell that installs it.

    Returns:
        The imported module.

    Raises:
        BackendUnavailableError: The module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise BackendUnavailableError(
            f"`{package}` is needed here and could not be imported ({error}): "
            f'pip install "eigenwell[{extra}]"'
        ) from error


def integer(value: SupportsIndex, name: str, *, low: int, high: int) -> int:
    """Return ``value`` as an int inside ``[low, high]``.

    Raises:
        DTypeError: The value is not an integer.
        ArgumentError: The value is outside of the range.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise DTypeError(f"`{name}` must be an integer, got {type(value).__name__}") from None
    if not low <= number <= high:
        raise ArgumentError(f"`{name}` must be between {low} and {high}, got {number}")
    return number


def finite(value: Any, name: str) -> float:
    """Return a number that is neither NaN nor infinite.

    Raises:
        DTypeError: It is no number.
        ArgumentError: It is NaN or infinite.
    """
    number = _number(value, name)
    if not math.isfinite(number):
        raise ArgumentError(f"`{name}` must be finite, got {number}")
    return number


def nonzero(value: Any, name: str) -> float:
    """Return a finite number that is not 0.

    Raises:
        DTypeError: It is no number.
        ArgumentError: It is 0, NaN or infinite.
    """
    number = _number(value, name)
    if number == 0 or not math.isfinite(number):
        raise ArgumentError(f"`{name}` must be finite and not 0, got {number}")
    return number


def not_negative(value: Any, name: str) -> float:
    """Return a finite number that is at least 0.

    Raises:
        DTypeError: It is no number.
        ArgumentError: It is negative, NaN or infinite.
    """
    number = _number(value, name)
    if not 0 <= number < math.inf:
        raise ArgumentError(f"`{name}` must be finite and at least 0, got {number}")
    return number


def positive(value: Any, name: str) -> float:
    """Return a finite number above 0.

    Raises:
        DTypeError: It is no number.
        ArgumentError: It is 0, negative, NaN or infinite.
    """
    number = _number(value, name)
    if not 0 < number < math.inf:
        raise ArgumentError(f"`{name}` must be finite and above 0, got {number}")
    return number


def real_array(value: Any, name: str) -> npt.NDArray[np.float64]:
    """Return ``value`` as a float64 array; it may be any array-like of real numbers.

    Raises:
        DTypeError: The elements are not real numbers.
        ShapeError: The nested sequence is ragged.
    """
    try:
        array = np.asarray(value)
    except ValueError:
        raise ShapeError(f"`{name}` must be a rectangular array of numbers") from None
    if array.dtype.kind not in "fiub":
        raise DTypeError(f"`{name}` must hold real numbers, got dtype {array.dtype}")
    return np.asarray(array, dtype=np.float64)


def finite_float32(value: Any, name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return ``value`` as a C-contiguous float32 array of exactly ``shape``, every element finite.

    Raises:
        DTypeError: The elements are not real numbers.
        ShapeError: The shape differs.
        ArgumentError: An element is NaN, infinite or too large for float32.
    """
    array = real_array(value, name)
    if array.shape != shape:
        raise ShapeError(f"`{name}` must have shape {shape}, got {array.shape}")
    with np.errstate(over="ignore"):
        narrow = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(narrow).all():
        raise ArgumentError(f"`{name}` must be finite in float32")
    return narrow


def _number(value: Any, name: str) -> float:
    if isinstance(value, float):
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        raise DTypeError(f"`{name}` must be a number, got {type(value).__name__}") from None
