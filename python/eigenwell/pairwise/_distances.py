"""Matrices of distances of NumPy arrays, and what a derivative of them does to the points."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell import _native
from eigenwell.errors import ShapeError
from eigenwell.pairwise._arguments import (
    Array,
    finite,
    points,
    real,
    same_dtype,
    torch_functions,
    two_sets,
)


def cdist(x: npt.ArrayLike, y: npt.ArrayLike) -> Array:
    """Euclidean distances ``|x_i - y_j|`` between two sets, never by way of a matrix product.

    Args:
        x: Points ``(..., n, d)``, finite; float32, float64 or float16. Integers become float64.
        y: Points ``(..., m, d)`` of the same dtype. Leading axes broadcast.

    Returns:
        ``(..., n, m)`` in the dtype of x.

    Raises:
        DTypeError: Not real numbers, or not the same dtype.
        ShapeError: Shapes do not fit one another, or d is 0.
        ArgumentError: A coordinate is NaN or infinite.

    Example:
        >>> import numpy as np
        >>> from eigenwell import pairwise
        >>> pairwise.cdist(np.zeros((1, 2)), np.array([[3.0, 4.0], [0.0, 1.0]])).tolist()
        [[5.0, 1.0]]
    """
    functions = torch_functions(x, y)
    if functions is not None:
        tensor: Any = functions.cdist(x, y)
        return tensor  # type: ignore[no-any-return]
    first, second = two_sets(x, y)
    out = np.empty((*first.shape[:-1], second.shape[-2]), first.dtype)
    if out.size:
        _native.cdist(first, second, out, m=second.shape[-2], **_sizes(first))
    return out


def cdist_gradient(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    weights: npt.ArrayLike,
    *,
    distances: npt.ArrayLike | None = None,
) -> tuple[Array, Array]:
    """Gradients of ``sum(weights * cdist(x, y))``; a distance of 0 contributes 0.

    Args:
        x: Points ``(..., n, d)``.
        y: Points ``(..., m, d)``.
        weights: ``(..., n, m)``, the derivative of a loss with respect to each distance.
        distances: ``(..., n, m)``, what :func:`cdist` returned; None computes them again.

    Returns:
        With respect to x, ``(..., n, d)``, and to y, ``(..., m, d)``.

    Raises:
        EigenwellError: As :func:`cdist`, and a weight that is NaN or infinite at a distance > 0.
    """
    first, second = two_sets(x, y)
    known = cdist(first, second) if distances is None else distances
    shape = (*first.shape[:-1], second.shape[-2])
    loss, known = (
        _matrix(weights, "weights", first, shape),
        _matrix(known, "distances", first, shape),
    )
    gx, gy = np.zeros_like(first), np.zeros_like(second)
    if loss.size:
        _native.cdist_backward(
            first, second, loss, known, gx, gy, m=second.shape[-2], **_sizes(first)
        )
    _check_result((gx, gy), loss, known)
    return gx, gy


def pdist(x: npt.ArrayLike) -> Array:
    """Euclidean distances ``|x_i - x_j|`` of the pairs i < j, row by row, also batched.

    Args:
        x: Points ``(..., n, d)``, finite; float32, float64 or float16. Integers become float64.

    Returns:
        ``(..., n (n - 1) / 2)`` in the dtype of x: the pairs (0, 1), (0, 2), ..., (1, 2), ...

    Raises:
        EigenwellError: As :func:`cdist`.

    Example:
        >>> import numpy as np
        >>> from eigenwell import pairwise
        >>> pairwise.pdist(np.array([[0.0], [1.0], [3.0]])).tolist()
        [1.0, 3.0, 2.0]
    """
    functions = torch_functions(x)
    if functions is not None:
        tensor: Any = functions.pdist(x)
        return tensor  # type: ignore[no-any-return]
    first = points(x, "x")
    n = first.shape[-2]
    out = np.empty((*first.shape[:-2], n * (n - 1) // 2), first.dtype)
    if out.size:
        _native.pdist(first, out, **_sizes(first))
    return out


def pdist_gradient(
    x: npt.ArrayLike, weights: npt.ArrayLike, *, distances: npt.ArrayLike | None = None
) -> Array:
    """Gradient of ``sum(weights * pdist(x))``; a distance of 0 contributes 0.

    Args:
        x: Points ``(..., n, d)``.
        weights: ``(..., n (n - 1) / 2)``, the derivative of a loss with respect to each distance.
        distances: What :func:`pdist` returned; None computes them again.

    Returns:
        ``(..., n, d)``.

    Raises:
        EigenwellError: As :func:`cdist_gradient`.
    """
    first = points(x, "x")
    n = first.shape[-2]
    known = pdist(first) if distances is None else distances
    shape = (*first.shape[:-2], n * (n - 1) // 2)
    loss, known = (
        _matrix(weights, "weights", first, shape),
        _matrix(known, "distances", first, shape),
    )
    gx = np.zeros_like(first)
    if loss.size:
        _native.pdist_backward(first, loss, known, gx, **_sizes(first))
    _check_result((gx,), loss, known)
    return gx


def _sizes(x: Array) -> dict[str, Any]:
    return {
        "batch": math.prod(x.shape[:-2]),
        "n": x.shape[-2],
        "d": x.shape[-1],
        "dtype": x.dtype.name,
        "threads": 0,
    }


def _matrix(value: npt.ArrayLike, name: str, x: Array, shape: tuple[int, ...]) -> Array:
    array = real(value, name)
    same_dtype(array, name, x)
    if array.shape != shape:
        raise ShapeError(f"`{name}` must have shape {shape}, got {array.shape}")
    return array


def _check_result(gradients: tuple[Array, ...], weights: Array, distances: Array) -> None:
    """Look into the matrices only if a gradient is not finite: reading them takes a while."""
    for gradient in gradients:
        if not _native.all_finite(gradient, gradient.size, gradient.dtype.name):
            finite(weights, "weights")
            finite(distances, "distances")
