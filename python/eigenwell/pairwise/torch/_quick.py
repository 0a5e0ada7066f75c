"""The common case without detours: one small unweighted cloud on the CPU and its own energy.

A hundred points take the kernel three microseconds, and the way of every tensor through checks,
broadcasting and the operators' nine arguments several times that. Whatever is out of the ordinary
here, mistakes included, is None, and the caller looks at it closely.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from eigenwell import _native
from eigenwell.pairwise.torch._arguments import PAIRS
from eigenwell.pairwise.torch._dispatch import PLAIN, call, observed, tangents

# Beyond, the kernel takes several times as long as all the rest, and the general way saves one run
# of it in a second derivative.
_MOST_NUMBERS = 4096
_DTYPES = (torch.float32, torch.float64)


def energy(x: Any, exponent: Any, softening: Any, pairs: Any) -> torch.Tensor | None:
    """Energy, differentiable to any order, or None."""
    if torch.compiler.is_compiling() or not _is_ordinary(x, exponent, softening, pairs):
        return None
    if x.requires_grad and torch.is_grad_enabled():
        value: torch.Tensor = _Energy.apply(  # type: ignore[no-untyped-call]
            x, (exponent, softening, pairs)
        )
        return value
    return _run(x, exponent, softening, pairs, None)


def energy_and_gradient(
    x: Any, exponent: Any, softening: Any, pairs: Any
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Energy and gradient where nobody will differentiate them, or None."""
    if torch.compiler.is_compiling() or not _is_ordinary(x, exponent, softening, pairs):
        return None
    if x.requires_grad and torch.is_grad_enabled():
        return None
    gradient = torch.empty_like(x)
    return _run(x, exponent, softening, pairs, gradient), gradient


def _is_ordinary(x: Any, exponent: Any, softening: Any, pairs: Any) -> bool:
    return (
        type(x) in PLAIN
        and x.is_cpu
        and x.dtype in _DTYPES
        and x.layout == torch.strided
        and x.dim() == 2
        and 0 < x.numel() <= _MOST_NUMBERS
        and x.is_contiguous()
        and not x.is_neg()
        and type(exponent) is float
        and exponent != 0
        and -math.inf < exponent < math.inf
        and type(softening) is float
        and 0 <= softening < math.inf
        and pairs in PAIRS
        and not observed()
        and not tangents()
    )


def _run(
    x: torch.Tensor,  # (n, d)
    exponent: float,
    softening: float,
    pairs: str,
    gradient: torch.Tensor | None,  # (n, d)
) -> torch.Tensor:
    n, d = x.shape
    value = _native.riesz_at(
        x.data_ptr(),
        0 if gradient is None else gradient.data_ptr(),
        n,
        d,
        x.dtype == torch.float64,
        exponent,
        softening,
        pairs,
        torch.get_num_threads(),
    )
    try:
        return torch.scalar_tensor(value, dtype=x.dtype, device=x.device)
    except RuntimeError:  # too large for a float32
        return torch.tensor(value, dtype=torch.float64, device=x.device).to(x.dtype)


class _Energy(torch.autograd.Function):
    """One tensor and one result instead of four and three: twice as fast."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, options: tuple[float, float, str]) -> torch.Tensor:
        gradient = torch.empty_like(x)
        value = _run(x, *options, gradient)
        ctx.save_for_backward(x, gradient)
        ctx.options = options
        return value

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, gradient = ctx.saved_tensors
        if torch.is_grad_enabled():  # it will be differentiated in its turn
            _, gradient, _ = call("riesz", x, None, None, None, *ctx.options, True, False)
        return grad * gradient, None
