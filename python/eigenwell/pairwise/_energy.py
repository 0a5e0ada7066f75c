"""Riesz energies of NumPy arrays: value, gradient, product of the Hessian with a direction."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell import _native
from eigenwell.errors import DTypeError, ShapeError
from eigenwell.pairwise._arguments import (
    Array,
    Configuration,
    configuration,
    finite,
    real,
    same_dtype,
    torch_functions,
)

Energy = np.float64 | npt.NDArray[np.float64]


def energy(
    x: npt.ArrayLike,
    y: npt.ArrayLike | None = None,
    *,
    exponent: float = 1.0,
    pairs: str = "all",
    weights: Any = None,
    softening: float = 0.0,
) -> Energy:
    """Riesz energy ``E = sum over pairs of w_i v_j r_ij^s``, ``r^2 = |x_i - y_j|^2 + softening^2``.

    Args:
        x: Points ``(..., n, d)``, finite; float32, float64 or float16 (bfloat16 where NumPy has
            it). Integers are taken as float64.
        y: Other points ``(..., m, d)`` of the same dtype; None is x itself, of which no point
            meets itself. Leading axes broadcast.
        exponent: s, any number but 0; 1, -1 and 2 are the fastest.
        pairs: ``"all"`` ordered pairs (i, j), ``"upper"`` those with i < j, ``"different"`` those
            with i != j. Within x, ``"all"`` and ``"different"`` meet each pair twice.
        weights: ``(..., n)`` in the dtype of x, or with y a tuple of ``(..., n)`` and ``(..., m)``
            (either may be None); None is ones.
        softening: Length, at least 0.

    Returns:
        Energy ``(...,)``, float64, in units of length**s.

    Raises:
        DTypeError: Not real numbers, or not the same dtype everywhere.
        ShapeError: Shapes do not fit one another, or d is 0.
        ArgumentError: A coordinate is NaN or infinite, or an option is not allowed.

    Note:
        O(n m d) time, O(n) memory. A pair with r = 0 contributes 0 to energy and gradient, for
        every exponent, negative ones included. float16 and bfloat16 are computed in float32. The
        same bits for every number of threads (``EIGENWELL_NUM_THREADS``, or all cores).

    References:
        Borodachov, Hardin, Saff 2019, Discrete Energy on Rectifiable Sets.

    Example:
        >>> import numpy as np
        >>> from eigenwell import pairwise
        >>> float(pairwise.energy(np.eye(2), exponent=2.0))
        4.0
    """
    # Only for arrays: torch.compile traces through here, but not into native code.
    if type(x) is np.ndarray and y is None and weights is None:
        value = _native.riesz_quick(x, exponent, pairs, softening, False)
        if value is not None:
            return np.float64(value)
    functions = torch_functions(x, y)
    if functions is not None:
        tensor: Any = functions.energy(
            x, y, exponent=exponent, pairs=pairs, weights=weights, softening=softening
        )
        return tensor  # type: ignore[no-any-return]
    arguments = configuration(
        x, y, exponent=exponent, pairs=pairs, weights=weights, softening=softening
    )
    return _run(arguments, 0, 0)


def energy_and_gradient(
    x: npt.ArrayLike,
    y: npt.ArrayLike | None = None,
    *,
    exponent: float = 1.0,
    pairs: str = "all",
    weights: Any = None,
    softening: float = 0.0,
) -> tuple[Energy, Array] | tuple[Energy, Array, Array]:
    """Riesz energy and its gradient ``dE/dx_i = sum_j s w_i v_j r^(s-2) (x_i - y_j)`` in one pass.

    Within x a point is in both places of a pair, and the gradient counts both. Arguments as
    :func:`energy`.

    Returns:
        Energy ``(...,)``, float64, and gradient ``(..., n, d)`` in the dtype of x, in units of
        length**(s-1); with y also the gradient with respect to it, ``(..., m, d)``.

    Raises:
        EigenwellError: As :func:`energy`.

    Example:
        >>> import numpy as np
        >>> from eigenwell import pairwise
        >>> value, gradient = pairwise.energy_and_gradient(np.array([[0.0], [2.0]]), pairs="upper")
        >>> gradient.tolist()
        [[-1.0], [1.0]]
    """
    if type(x) is np.ndarray and y is None and weights is None:
        both = _native.riesz_quick(x, exponent, pairs, softening, True)
        if both is not None:
            return np.float64(both[0]), both[1]
    functions = torch_functions(x, y)
    if functions is not None:
        tensors: Any = functions.energy_and_gradient(
            x, y, exponent=exponent, pairs=pairs, weights=weights, softening=softening
        )
        return tensors  # type: ignore[no-any-return]
    arguments = configuration(
        x, y, exponent=exponent, pairs=pairs, weights=weights, softening=softening
    )
    gx = _result(arguments, arguments.x)
    if arguments.y is None:
        return _run(arguments, gx, 0), gx
    gy = _result(arguments, arguments.y)
    return _run(arguments, gx, gy), gx, gy


def hessian_vector_product(
    x: npt.ArrayLike,
    v: Any,
    y: npt.ArrayLike | None = None,
    *,
    exponent: float = 1.0,
    pairs: str = "all",
    weights: Any = None,
    softening: float = 0.0,
) -> Array | tuple[Array, Array]:
    """Product of the energy's Hessian with a direction, in O(n) memory.

    ``(H v)_i = sum_j s w_i v_j r^(s-2) (a + (s-2) u (u.a))``, ``a = v_i - v_j``,
    ``u = (x_i - x_j) / r``: how the gradient changes along v. Other arguments as :func:`energy`.

    Args:
        x: Points ``(..., n, d)``.
        v: Direction ``(..., n, d)``; with y a tuple of directions for x and for y.
        y: Other points ``(..., m, d)``, or None.
        exponent: s.
        pairs: Pair set.
        weights: Weights of the points.
        softening: Length.

    Returns:
        ``(..., n, d)`` in the dtype of x, or with y a tuple of that and ``(..., m, d)``.

    Raises:
        EigenwellError: As :func:`energy`; a direction must have the shape of its points.

    Example:
        >>> import numpy as np
        >>> from eigenwell import pairwise
        >>> x, v = np.array([[0.0, 0.0], [2.0, 0.0]]), np.array([[0.0, 1.0], [0.0, 0.0]])
        >>> pairwise.hessian_vector_product(x, v, pairs="upper").tolist()
        [[0.0, 0.5], [0.0, -0.5]]
    """
    functions = torch_functions(x, v, y)
    if functions is not None:
        tensors: Any = functions.hessian_vector_product(
            x, v, y, exponent=exponent, pairs=pairs, weights=weights, softening=softening
        )
        return tensors  # type: ignore[no-any-return]
    arguments = configuration(
        x, y, exponent=exponent, pairs=pairs, weights=weights, softening=softening
    )
    if arguments.y is None:
        vx = _direction(v, "v", arguments.x)
        hx = _result(arguments, arguments.x)
        _product(arguments, (vx, 0), (hx, 0))
        return hx
    if not (isinstance(v, tuple | list) and len(v) == 2):
        raise DTypeError("`v` must be a tuple (direction of x, direction of y) where `y` is given")
    vx = _direction(v[0], "v[0]", arguments.x)
    vy = _direction(v[1], "v[1]", arguments.y)
    hx, hy = _result(arguments, arguments.x), _result(arguments, arguments.y)
    _product(arguments, (vx, vy), (hx, hy))
    return hx, hy


def _run(arguments: Configuration, gx: Any, gy: Any) -> Energy:
    value = np.zeros(arguments.batch)
    if not arguments.empty:
        _native.riesz(
            arguments.x,
            0 if arguments.y is None else arguments.y,
            0 if arguments.x_weights is None else arguments.x_weights,
            0 if arguments.y_weights is None else arguments.y_weights,
            value,
            gx,
            gy,
            **arguments.options,
        )
    return value if value.ndim else np.float64(value[()])


def _product(
    arguments: Configuration, directions: tuple[Any, Any], results: tuple[Any, Any]
) -> None:
    if arguments.empty:
        return
    _native.riesz_hvp(
        arguments.x,
        0 if arguments.y is None else arguments.y,
        0 if arguments.x_weights is None else arguments.x_weights,
        0 if arguments.y_weights is None else arguments.y_weights,
        *directions,
        *results,
        **arguments.options,
    )


def _result(arguments: Configuration, points: Array) -> Array:
    return np.zeros_like(points) if arguments.empty else np.empty_like(points)


def _direction(value: Any, name: str, points: Array) -> Array:
    array = real(value, name)
    same_dtype(array, name, points)
    if array.shape != points.shape:
        try:
            array = np.ascontiguousarray(np.broadcast_to(array, points.shape))
        except ValueError:
            raise ShapeError(
                f"`{name}` must have the shape of its points, {points.shape}, got {array.shape}"
            ) from None
    return finite(array, name)
