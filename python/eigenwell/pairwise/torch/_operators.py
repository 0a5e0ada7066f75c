"""The operators ``torch.ops.eigenwell.*``: schema, shapes, kernel, derivatives.

==================  ====================================================================
``riesz``           energy and, where asked for, its gradients by x and y
``riesz_hvp``       derivative of both gradients along a direction
``cdist``           matrix of distances between two sets
``cdist_backward``  gradients of a weighted sum of these
``pdist``           distances of the pairs i < j of one set
``pdist_backward``  gradient of a weighted sum of these
==================  ====================================================================

All take any number of leading batch dimensions, equal in every argument: :mod:`eigenwell.pairwise`
checks and broadcasts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eigenwell.pairwise.torch import _derivatives, _launch
from eigenwell.pairwise.torch._dispatch import register

if TYPE_CHECKING:
    import torch

# --- Shapes, for tracing -------------------------------------------------------------------------


def _riesz_fake(
    x: torch.Tensor, y: torch.Tensor | None, *rest: Any
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    *_, x_gradient, y_gradient = rest
    energy = x.new_empty(x.shape[:-2], dtype=_launch.compute_dtype(x.dtype))
    gx = x.new_empty(x.shape) if x_gradient else _launch.absent(x)
    gy = y.new_empty(y.shape) if y_gradient and y is not None else _launch.absent(x)
    return energy, gx, gy


def _riesz_hvp_fake(
    x: torch.Tensor, y: torch.Tensor | None, *_: object
) -> tuple[torch.Tensor, torch.Tensor]:
    return x.new_empty(x.shape), _launch.absent(x) if y is None else y.new_empty(y.shape)


def _cdist_fake(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return x.new_empty((*x.shape[:-1], y.shape[-2]))


def _cdist_backward_fake(
    _grad: torch.Tensor, x: torch.Tensor, y: torch.Tensor, _distances: torch.Tensor, *wanted: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    x_gradient, y_gradient = wanted
    return (
        x.new_empty(x.shape) if x_gradient else _launch.absent(x),
        y.new_empty(y.shape) if y_gradient else _launch.absent(x),
    )


def _pdist_fake(x: torch.Tensor) -> torch.Tensor:
    n = x.shape[-2]
    return x.new_empty((*x.shape[:-2], n * (n - 1) // 2))


def _pdist_backward_fake(
    _grad: torch.Tensor, x: torch.Tensor, _distances: torch.Tensor
) -> torch.Tensor:
    return x.new_empty(x.shape)


# --- Registration --------------------------------------------------------------------------------

register(
    "riesz(Tensor x, Tensor? y, Tensor? x_weights, Tensor? y_weights, float exponent, "
    "float softening, str pairs, bool x_gradient, bool y_gradient) -> (Tensor, Tensor, Tensor)",
    kernel=_launch.riesz,
    fake=_riesz_fake,
    setup=_derivatives.riesz_setup,
    backward=_derivatives.riesz_backward,
)
register(
    "riesz_hvp(Tensor x, Tensor? y, Tensor? x_weights, Tensor? y_weights, Tensor vx, Tensor? vy, "
    "float exponent, float softening, str pairs) -> (Tensor, Tensor)",
    kernel=_launch.riesz_hvp,
    fake=_riesz_hvp_fake,
    setup=_derivatives.riesz_hvp_setup,
    backward=_derivatives.riesz_hvp_backward,
)
register(
    "cdist(Tensor x, Tensor y) -> Tensor",
    kernel=_launch.cdist,
    fake=_cdist_fake,
    setup=_derivatives.distances_setup,
    backward=_derivatives.cdist_backward,
)
register(
    "cdist_backward(Tensor grad, Tensor x, Tensor y, Tensor distances, bool x_gradient, "
    "bool y_gradient) -> (Tensor, Tensor)",
    kernel=_launch.cdist_backward,
    fake=_cdist_backward_fake,
    setup=_derivatives.cdist_backward_setup,
    backward=_derivatives.cdist_backward_backward,
)
register(
    "pdist(Tensor x) -> Tensor",
    kernel=_launch.pdist,
    fake=_pdist_fake,
    setup=_derivatives.distances_setup,
    backward=_derivatives.pdist_backward,
)
register(
    "pdist_backward(Tensor grad, Tensor x, Tensor distances) -> Tensor",
    kernel=_launch.pdist_backward,
    fake=_pdist_backward_fake,
    setup=_derivatives.pdist_backward_setup,
    backward=_derivatives.pdist_backward_backward,
)
