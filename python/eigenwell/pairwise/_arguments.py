"""Checks of what users pass in: type, shape, dtype, value; and one batch shape for all of it."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell import _checks, _native
from eigenwell.errors import ArgumentError, DTypeError, ShapeError

Array = npt.NDArray[Any]

PAIRS = ("all", "upper", "different")
# NumPy has bfloat16 where the package ml_dtypes registers it.
DTYPES = ("float32", "float64", "float16", "bfloat16")


@dataclass(frozen=True, slots=True)
class Configuration:
    """Arguments of an energy, contiguous and of one batch shape."""

    x: Array
    y: Array | None
    x_weights: Array | None
    y_weights: Array | None
    options: dict[str, Any]

    @property
    def batch(self) -> tuple[int, ...]:
        """The leading axes."""
        return self.x.shape[:-2]

    @property
    def empty(self) -> bool:
        """Whether there is no pair at all."""
        return self.x.size == 0 or (self.y is not None and self.y.size == 0)


def torch_functions(*values: object) -> ModuleType | None:
    """Return the functions for tensors if a value is one, and None without importing torch."""
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    for value in values:
        if isinstance(value, torch.Tensor) or (
            isinstance(value, tuple) and any(isinstance(part, torch.Tensor) for part in value)
        ):
            # Not importlib: torch.compile traces an import statement, but not that.
            from eigenwell.pairwise import torch as functions

            return functions
    return None


def configuration(
    x: Any, y: Any, *, exponent: float, pairs: str, weights: Any, softening: float
) -> Configuration:
    """Check the arguments of an energy.

    Raises:
        EigenwellError: As :func:`eigenwell.pairwise.energy` says.
    """
    x = points(x, "x")
    if y is not None:
        y = points(y, "y", like=x)
    x_weights, y_weights = _weights(weights, x, y)
    batch = x.shape[:-2]
    if y is not None or x_weights is not None:
        x, y, x_weights, y_weights = _one_batch(x, y, x_weights, y_weights)
        batch = x.shape[:-2]
    if pairs not in PAIRS:
        raise ArgumentError(f"`pairs` must be one of {', '.join(PAIRS)}, got {pairs!r}")
    n, d = x.shape[-2:]
    options = {
        "batch": math.prod(batch) if batch else 1,
        "n": n,
        "m": n if y is None else y.shape[-2],
        "d": d,
        "dtype": x.dtype.name,
        "exponent": _checks.nonzero(exponent, "exponent"),
        "softening": _checks.not_negative(softening, "softening"),
        "pairs": pairs,
        "threads": 0,
    }
    return Configuration(x, y, x_weights, y_weights, options)


def points(value: Any, name: str, *, like: Array | None = None) -> Array:
    """Return a set of finite points ``(..., n, d)`` as a contiguous array, checked against another.

    Raises:
        DTypeError: The elements are not real numbers, or not of the type of ``like``.
        ShapeError: It is not ``(..., n, d)`` with d > 0, or d differs.
        ArgumentError: A coordinate is NaN or infinite.
    """
    array = real(value, name)
    if array.ndim < 2:
        raise ShapeError(f"`{name}` must have shape (..., n, d), got {array.shape}")
    if array.shape[-1] == 0:
        raise ShapeError(f"`{name}` must have at least one coordinate, got {array.shape}")
    if like is not None:
        if array.shape[-1] != like.shape[-1]:
            raise ShapeError(
                f"`{name}` must have as many coordinates as `x`, {like.shape[-1]}, "
                f"got {array.shape}"
            )
        same_dtype(array, name, like)
    return finite(array, name)


def real(value: Any, name: str) -> Array:
    """Return a contiguous array of one of the element types; other real numbers become float64."""
    if type(value) is not np.ndarray:
        try:
            value = np.asarray(value)
        except ValueError:
            raise ShapeError(f"`{name}` must be a rectangular array of numbers") from None
    if value.dtype.name not in DTYPES:
        if value.dtype.kind not in "fiu":
            raise DTypeError(f"`{name}` must hold real numbers, got dtype {value.dtype}")
        value = value.astype(np.float64)
    elif not value.dtype.isnative:
        value = value.astype(value.dtype.newbyteorder("="))
    array: Array = value
    if not (array.flags.c_contiguous and array.flags.aligned):
        array = np.array(array, order="C", copy=True)
    return array


def same_dtype(array: Array, name: str, like: Array) -> None:
    """Demand the element type of ``x``.

    Raises:
        DTypeError: It is another one.
    """
    if array.dtype != like.dtype:
        raise DTypeError(
            f"`{name}` must have the dtype of `x`, {like.dtype}, got {array.dtype}: "
            f"convert one of them with .astype()"
        )


def finite(array: Array, name: str) -> Array:
    """Return the array if no element is NaN or infinite.

    Raises:
        ArgumentError: One is; the message says where.
    """
    if not _native.all_finite(array, array.size, array.dtype.name):
        where = np.argwhere(~np.isfinite(array.astype(np.float64)))[0].tolist()
        value = array[tuple(where)]
        raise ArgumentError(f"`{name}` must be finite, got {value} at index {tuple(where)}")
    return array


def two_sets(x: Any, y: Any) -> tuple[Array, Array]:
    """Return two checked sets of points of one batch shape."""
    x = points(x, "x")
    x, y, _, _ = _one_batch(x, points(y, "y", like=x), None, None)
    assert y is not None
    return x, y


def _weights(weights: Any, x: Array, y: Array | None) -> tuple[Array | None, Array | None]:
    if weights is None:
        return None, None
    if y is None:
        if isinstance(weights, tuple):
            raise DTypeError("`weights` must be one array where `y` is not given, got a tuple")
        return _weights_of(weights, "weights", x, x), None
    if not (isinstance(weights, tuple) and len(weights) == 2):
        raise DTypeError(
            "`weights` must be a tuple (weights of x, weights of y) where `y` is given, "
            f"got {type(weights).__name__}"
        )
    x_weights, y_weights = weights
    return (
        None if x_weights is None else _weights_of(x_weights, "weights[0]", x, x),
        None if y_weights is None else _weights_of(y_weights, "weights[1]", y, x),
    )


def _weights_of(value: Any, name: str, points: Array, x: Array) -> Array:
    array = real(value, name)
    n = points.shape[-2]
    if array.ndim < 1 or array.shape[-1] != n:
        raise ShapeError(f"`{name}` must have shape (..., {n}), got {array.shape}")
    same_dtype(array, name, x)
    return finite(array, name)


def _one_batch(
    x: Array, y: Array | None, x_weights: Array | None, y_weights: Array | None
) -> tuple[Array, Array | None, Array | None, Array | None]:
    """Broadcast the leading axes; only what does not have them all is copied."""
    batches = [x.shape[:-2]]
    batches += [] if y is None else [y.shape[:-2]]
    batches += [w.shape[:-1] for w in (x_weights, y_weights) if w is not None]
    if all(batch == batches[0] for batch in batches):
        return x, y, x_weights, y_weights
    try:
        batch = np.broadcast_shapes(*batches)
    except ValueError:
        shapes = ", ".join(str(batch) for batch in batches)
        raise ShapeError(
            f"the leading axes of `x`, `y` and `weights` must broadcast, got {shapes}"
        ) from None

    def spread(array: Array | None, own: int) -> Array | None:
        if array is None:
            return None
        return np.ascontiguousarray(np.broadcast_to(array, batch + array.shape[-own:]))

    spread_x = spread(x, 2)
    assert spread_x is not None
    return spread_x, spread(y, 2), spread(x_weights, 1), spread(y_weights, 1)
