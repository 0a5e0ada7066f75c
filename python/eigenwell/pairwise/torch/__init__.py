"""Pairwise energies and distances of torch tensors: native, differentiable, compiled, batched.

:mod:`eigenwell.pairwise` comes here when it is given a tensor; import this module to have the
functions typed for tensors, or to call the operators ``torch.ops.eigenwell.*`` by name. On the CPU
the kernels take ``torch.get_num_threads()`` threads; on a GPU the current stream, without ever
waiting for it. Everything works under ``torch.compile(fullgraph=True)``, ``torch.func`` (reverse
mode and ``vmap``) and CUDA graphs.

Derivatives, all of them in O(n + m) memory unless the table says otherwise:

====================  =====================  ==============================================
with respect to       first, second          third and up
====================  =====================  ==============================================
points, directions    kernel                 plain torch, O(n m d)
weights               plain torch, O(n m d)  plain torch, O(n m d)
cdist, pdist          kernel, plain torch    plain torch
====================  =====================  ==============================================

NaN and infinite coordinates propagate: looking for them would wait for the GPU. :func:`descend`
is a loop and not an operator: it has no derivative.
"""

from __future__ import annotations

import torch

from eigenwell.errors import DTypeError
from eigenwell.pairwise.torch import _operators as _operators
from eigenwell.pairwise.torch import _quick
from eigenwell.pairwise.torch._arguments import configuration, direction, points, two_sets
from eigenwell.pairwise.torch._descend import descend
from eigenwell.pairwise.torch._dispatch import call

__all__ = ["cdist", "descend", "energy", "energy_and_gradient", "hessian_vector_product", "pdist"]

Pair = tuple[torch.Tensor, torch.Tensor]
Weights = torch.Tensor | tuple[torch.Tensor | None, torch.Tensor | None] | None


def energy(
    x: torch.Tensor,
    y: torch.Tensor | None = None,
    *,
    exponent: float = 1.0,
    pairs: str = "all",
    weights: Weights = None,
    softening: float = 0.0,
) -> torch.Tensor:
    """Riesz energy ``E = sum over pairs of w_i v_j r_ij^s``, ``r^2 = |x_i - y_j|^2 + softening^2``.

    Args:
        x: Points ``(..., n, d)``; float32, float64, float16 or bfloat16.
        y: Other points ``(..., m, d)``; None is x itself, of which no point meets itself. Batch
            dimensions broadcast.
        exponent: s, any number but 0.
        pairs: ``"all"`` (i, j), ``"upper"`` those with i < j, ``"different"`` those with i != j.
        weights: ``(..., n)``, or with y a tuple of ``(..., n)`` and ``(..., m)``; None is ones.
        softening: Length, at least 0.

    Returns:
        Energy ``(...,)``: summed in float64, returned in float64 for float64 and else in float32.

    Raises:
        ShapeError: Shapes do not fit one another, or d is 0.
        DTypeError: Not floating point, or not the same everywhere.
        DeviceError: Not on the CPU or on CUDA, or not all on one device.
        ArgumentError: The exponent, the pair set or the softening is not allowed.
        BackendUnavailableError: A tensor is on a GPU and this build has no kernels for it.

    Note:
        O(n m d) time. If a gradient will be wanted it is computed in the same pass and kept, O(n d)
        memory. A pair with r = 0 contributes 0 to energy and gradient, for every exponent. The same
        bits come out for every number of threads.

    Example:
        >>> import torch
        >>> from eigenwell.pairwise import torch as pairwise
        >>> corners = torch.tensor([[0.0, 0.0], [3.0, 4.0]], requires_grad=True)
        >>> total = pairwise.energy(corners, pairs="upper")
        >>> total.item()
        5.0
        >>> total.backward()
        >>> [round(slope, 3) for slope in corners.grad[1].tolist()]
        [0.6, 0.8]
    """
    if y is None and weights is None:
        quick = _quick.energy(x, exponent, softening, pairs)
        if quick is not None:
            return quick
    arguments = configuration(
        x, y, exponent=exponent, softening=softening, pairs=pairs, weights=weights
    )
    recording = torch.is_grad_enabled()
    result: torch.Tensor = call(
        "riesz",
        *arguments,
        recording and x.requires_grad,
        recording and y is not None and y.requires_grad,
    )[0]
    return result


def energy_and_gradient(
    x: torch.Tensor,
    y: torch.Tensor | None = None,
    *,
    exponent: float = 1.0,
    pairs: str = "all",
    weights: Weights = None,
    softening: float = 0.0,
) -> tuple[torch.Tensor, torch.Tensor] | tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Riesz energy and its gradient by the points in one pass; arguments as :func:`energy`.

    Returns:
        Energy ``(...,)`` and gradient ``(..., n, d)``; with y also its gradient ``(..., m, d)``.
        Gradients have the batch of the energy and the dtype of x. All are differentiable.

    Raises:
        EigenwellError: As :func:`energy`.
    """
    if y is None and weights is None:
        quick = _quick.energy_and_gradient(x, exponent, softening, pairs)
        if quick is not None:
            return quick
    arguments = configuration(
        x, y, exponent=exponent, softening=softening, pairs=pairs, weights=weights
    )
    value, gx, gy = call("riesz", *arguments, True, y is not None)
    return (value, gx) if y is None else (value, gx, gy)


def hessian_vector_product(
    x: torch.Tensor,
    v: torch.Tensor | Pair,
    y: torch.Tensor | None = None,
    *,
    exponent: float = 1.0,
    pairs: str = "all",
    weights: Weights = None,
    softening: float = 0.0,
) -> torch.Tensor | Pair:
    """Product of the energy's Hessian with a direction, in O(n + m) memory.

    ``(H v)_i = sum_j s w_i v_j r^(s-2) (a + (s-2) u (u.a))``, ``a = v_i - v_j``,
    ``u = (x_i - x_j) / r``. Further arguments as :func:`energy`.

    Args:
        x: Points ``(..., n, d)``.
        v: Direction ``(..., n, d)``; with y a tuple of directions for x and for y.
        y: Other points ``(..., m, d)``, or None.
        exponent: s.
        pairs: Pair set.
        weights: Weights of the points.
        softening: Length.

    Returns:
        ``(..., n, d)``, or with y a tuple of that and ``(..., m, d)``.

    Raises:
        EigenwellError: As :func:`energy`; a direction must have the shape of its points.
    """
    arguments = configuration(
        x, y, exponent=exponent, softening=softening, pairs=pairs, weights=weights
    )
    x, y, x_weights, y_weights, *options = arguments
    if y is None:
        vx = direction(v, "v", x, "x")
        result: torch.Tensor = call("riesz_hvp", x, None, x_weights, None, vx, None, *options)[0]
        return result
    if not isinstance(v, tuple) or len(v) != 2:
        raise DTypeError(
            "`v` must be a tuple (direction of x, direction of y) where `y` is given, "
            f"got {type(v).__name__}"
        )
    vx, vy = direction(v[0], "v[0]", x, "x"), direction(v[1], "v[1]", y, "y")
    hx, hy = call("riesz_hvp", x, y, x_weights, y_weights, vx, vy, *options)
    return hx, hy


def cdist(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Euclidean distances ``|x_i - y_j|`` between two sets, never by way of a matrix product.

    Args:
        x: Points ``(..., n, d)``; float32, float64, float16 or bfloat16.
        y: Points ``(..., m, d)``. Batch dimensions broadcast.

    Returns:
        ``(..., n, m)`` in the dtype of x. Where a distance is 0 its gradient is 0.

    Raises:
        EigenwellError: As :func:`energy`.
    """
    x, y = two_sets(x, y)
    result: torch.Tensor = call("cdist", x, y)
    return result


def pdist(x: torch.Tensor) -> torch.Tensor:
    """Euclidean distances ``|x_i - x_j|`` of the pairs i < j, as ``torch.pdist``, also batched.

    Args:
        x: Points ``(..., n, d)``; float32, float64, float16 or bfloat16.

    Returns:
        ``(..., n (n - 1) / 2)`` in the dtype of x: the pairs (0, 1), (0, 2), ..., (1, 2), ...
        Where a distance is 0 its gradient is 0.

    Raises:
        EigenwellError: As :func:`energy`.
    """
    points(x, "x")
    result: torch.Tensor = call("pdist", x)
    return result
