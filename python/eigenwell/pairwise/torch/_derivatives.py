# ruff: noqa: PLR0917 -- operators take their arguments by position

"""Derivatives of the operators: what each keeps for its backward, and the backward itself.

Where a kernel exists a derivative is that kernel, else it is plain torch. Each pair of functions
serves two owners: the dispatcher, and the ``autograd.Function`` of ``torch.func``.
"""

from __future__ import annotations

from typing import Any

import torch

from eigenwell.pairwise.torch import _launch
from eigenwell.pairwise.torch._composite import (
    RieszPairs,
    Roles,
    distance_derivatives,
    relative,
)
from eigenwell.pairwise.torch._dispatch import call

Gradients = tuple[torch.Tensor | None, ...]


def riesz_setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
    """Keep the points, the weights and the gradients that came with the energy."""
    x, y, x_weights, y_weights, *options, x_gradient, y_gradient = inputs
    _, gx, gy = output
    ctx.save_for_backward(x, y, x_weights, y_weights, gx, gy)
    ctx.options, ctx.present = options, (x_gradient, y_gradient and y is not None)
    # Without this an energy's backward would pay for a product with a direction of zeros.
    ctx.set_materialize_grads(False)


def riesz_backward(
    ctx: Any,
    energy_grad: torch.Tensor | None,  # (...,)
    gx_grad: torch.Tensor | None,  # (..., n, d)
    gy_grad: torch.Tensor | None,  # (..., m, d)
) -> Gradients:
    """Energy's grad times the gradients kept, plus the Hessian times the gradients' grads.

    A gradient that was not kept is computed now; the weights' derivatives are plain torch.
    """
    x, y, x_weights, y_weights, gx, gy = ctx.saved_tensors
    needs_x, needs_y, needs_x_weights, needs_y_weights, *_ = ctx.needs_input_grad
    gx_grad = gx_grad if ctx.present[0] else None
    gy_grad = gy_grad if ctx.present[1] else None
    x_grad = y_grad = None
    if energy_grad is not None and (needs_x or needs_y):
        if (needs_x and not ctx.present[0]) or (needs_y and not ctx.present[1]):
            _, gx, gy = call("riesz", x, y, x_weights, y_weights, *ctx.options, needs_x, needs_y)
        x_grad = _scaled(energy_grad, gx) if needs_x else None
        y_grad = _scaled(energy_grad, gy) if needs_y else None
    if (gx_grad is not None or gy_grad is not None) and (needs_x or needs_y):
        hx, hy = _hessian_vector(x, y, x_weights, y_weights, gx_grad, gy_grad, ctx.options)
        x_grad = _sum(x_grad, hx if needs_x else None)
        y_grad = _sum(y_grad, hy if needs_y else None)
    x_weights_grad = y_weights_grad = None
    if needs_x_weights or needs_y_weights:
        pairs = _pairs(x, y, x_weights, y_weights, ctx.options)
        a = relative(gx_grad, gx_grad if y is None else gy_grad, pairs.dtype)
        roles = pairs.weights_of_gradient(energy_grad, a)
        x_weights_grad, y_weights_grad = _weight_grads(roles, x_weights, y_weights, y is None)
    return x_grad, y_grad, x_weights_grad, y_weights_grad, None, None, None, None, None


def riesz_hvp_setup(ctx: Any, inputs: tuple[Any, ...], output: object) -> None:  # noqa: ARG001
    """Keep all tensors that came in."""
    *tensors, exponent, softening, pairs = inputs
    ctx.save_for_backward(*tensors)
    ctx.options = (exponent, softening, pairs)
    ctx.set_materialize_grads(False)


def riesz_hvp_backward(
    ctx: Any,
    hx_grad: torch.Tensor | None,  # (..., n, d)
    hy_grad: torch.Tensor | None,  # (..., m, d)
) -> Gradients:
    """Differentiate ``<grad, H v>``: by v the kernel again, by points and weights plain torch."""
    x, y, x_weights, y_weights, vx, vy = ctx.saved_tensors
    hy_grad = None if y is None else hy_grad
    if hx_grad is None and hy_grad is None:
        return (None,) * 9
    needs_points = any(ctx.needs_input_grad[:2])
    needs_weights = any(ctx.needs_input_grad[2:4])
    grads: list[torch.Tensor | None] = [None] * 6
    if any(ctx.needs_input_grad[4:6]):  # the Hessian is symmetric
        grads[4], hy = _hessian_vector(x, y, x_weights, y_weights, hx_grad, hy_grad, ctx.options)
        grads[5] = None if y is None else hy
    if needs_points or needs_weights:
        pairs = _pairs(x, y, x_weights, y_weights, ctx.options)
        a = relative(vx, vx if y is None else vy, pairs.dtype)
        b = relative(hx_grad, hx_grad if y is None else hy_grad, pairs.dtype)
        assert a is not None
        assert b is not None
        points, weights = pairs.points_and_weights_of_hessian(a, b)
        grads[0] = (points.x + points.y if y is None else points.x).to(x.dtype)
        grads[1] = None if y is None else points.y.to(x.dtype)
        grads[2:4] = _weight_grads(weights, x_weights, y_weights, y is None)
    return (*grads, None, None, None)


def distances_setup(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
    """Keep the points and their distances."""
    ctx.save_for_backward(*inputs, output)


def cdist_backward(ctx: Any, grad: torch.Tensor) -> Gradients:
    """Differentiate ``sum(grad * distances)`` by the sets of points that need it."""
    x, y, distances = ctx.saved_tensors
    needs_x, needs_y = ctx.needs_input_grad
    gx, gy = call("cdist_backward", grad, x, y, distances, needs_x, needs_y)
    return gx if needs_x else None, gy if needs_y else None


def cdist_backward_setup(ctx: Any, inputs: tuple[Any, ...], output: object) -> None:  # noqa: ARG001
    """Keep all but the distances, which are a function of x and y."""
    grad, x, y, _, *ctx.present = inputs
    ctx.save_for_backward(grad, x, y)
    ctx.set_materialize_grads(False)


def cdist_backward_backward(
    ctx: Any,
    gx_grad: torch.Tensor | None,  # (..., n, d)
    gy_grad: torch.Tensor | None,  # (..., m, d)
) -> Gradients:
    """Second derivatives of distances, in plain torch.

    The distances are taken for the function of x and y that they are: what is theirs is in x's and
    y's.
    """
    grad, x, y = ctx.saved_tensors
    dtype = _launch.compute_dtype(x.dtype)
    a = relative(gx_grad if ctx.present[0] else None, gy_grad if ctx.present[1] else None, dtype)
    if a is None:
        return (None,) * 6
    difference = relative(x, y, dtype)
    assert difference is not None
    along, slopes = distance_derivatives(grad.to(dtype), difference, a)
    x_grad, y_grad = slopes.sum(-2).to(x.dtype), -slopes.sum(-3).to(x.dtype)
    return along.to(grad.dtype), x_grad, y_grad, None, None, None


def pdist_backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
    """Differentiate ``sum(grad * distances)`` by the points."""
    x, distances = ctx.saved_tensors
    result: torch.Tensor = call("pdist_backward", grad, x, distances)
    return result


def pdist_backward_setup(ctx: Any, inputs: tuple[Any, ...], output: object) -> None:  # noqa: ARG001
    """Keep all but the distances, which are a function of x."""
    grad, x, _ = inputs
    ctx.save_for_backward(grad, x)


def pdist_backward_backward(ctx: Any, gx_grad: torch.Tensor) -> Gradients:
    """Second derivatives of distances, in plain torch, pair by pair."""
    grad, x = ctx.saved_tensors
    dtype = _launch.compute_dtype(x.dtype)
    i, j = torch.triu_indices(x.shape[-2], x.shape[-2], 1, device=x.device).unbind(0)
    points, directions = x.to(dtype), gx_grad.to(dtype)
    difference = points[..., i, :] - points[..., j, :]
    a = directions[..., i, :] - directions[..., j, :]
    along, slopes = distance_derivatives(grad.to(dtype), difference, a)
    x_grad = torch.zeros_like(points).index_add(-2, i, slopes).index_add(-2, j, -slopes)
    return along.to(grad.dtype), x_grad.to(x.dtype), None


def _pairs(
    x: torch.Tensor,
    y: torch.Tensor | None,
    x_weights: torch.Tensor | None,
    y_weights: torch.Tensor | None,
    options: tuple[float, float, str],
) -> RieszPairs:
    """Differentiable terms of the energy, for what no kernel computes."""
    exponent, softening, pairs = options
    return RieszPairs(
        x, y, x_weights, y_weights, exponent=exponent, softening=softening, pairs=pairs
    )


def _hessian_vector(
    x: torch.Tensor,
    y: torch.Tensor | None,
    x_weights: torch.Tensor | None,
    y_weights: torch.Tensor | None,
    vx: torch.Tensor | None,
    vy: torch.Tensor | None,
    options: tuple[float, float, str],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Hessian times a direction, of which None is a part that is 0."""
    vx = torch.zeros_like(x) if vx is None else vx
    if y is not None and vy is None:
        vy = torch.zeros_like(y)
    hx, hy = call("riesz_hvp", x, y, x_weights, y_weights, vx, vy, *options)
    return hx, hy


def _weight_grads(
    roles: Roles,
    x_weights: torch.Tensor | None,
    y_weights: torch.Tensor | None,
    is_self: bool,
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Derivatives by the weights that there are; within x a weight stands in both roles."""
    by_x = roles.x + roles.y if is_self else roles.x
    return (
        None if x_weights is None else by_x.to(x_weights.dtype),
        None if y_weights is None else roles.y.to(y_weights.dtype),
    )


def _scaled(factor: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """Multiply the gradient of each energy by what comes from above."""
    factor = factor[..., None, None] if factor.dim() else factor  # indexing takes its time
    return (factor * gradient).to(gradient.dtype)


def _sum(first: torch.Tensor | None, second: torch.Tensor | None) -> torch.Tensor | None:
    """Add two gradients of which None is 0."""
    return second if first is None else first if second is None else first + second
