"""Pairwise energies and distances in a few lines of differentiable float64 torch: the oracle."""

from __future__ import annotations

import torch


def energy(
    x: torch.Tensor,
    y: torch.Tensor | None = None,
    *,
    exponent: float = 1.0,
    pairs: str = "all",
    weights: torch.Tensor | tuple[torch.Tensor | None, torch.Tensor | None] | None = None,
    softening: float = 0.0,
) -> torch.Tensor:
    """Sum of ``w_i v_j r^s`` over the pairs with r > 0."""
    x_weights, y_weights = weights if isinstance(weights, tuple) else (weights, weights)
    others = x if y is None else y
    r2 = (x.double()[..., :, None, :] - others.double()[..., None, :, :]).square().sum(-1)
    r2 = r2 + softening**2
    counts = torch.ones(r2.shape[-2:], dtype=torch.bool, device=x.device)
    if pairs == "upper":
        counts = counts.triu(1)
    elif pairs == "different" or y is None:
        counts = counts & ~torch.eye(*counts.shape, dtype=torch.bool, device=x.device)
    counts = counts & (r2 > 0)
    terms = torch.where(counts, r2, 1.0) ** (exponent / 2) * counts
    if x_weights is not None:
        terms = terms * x_weights.double()[..., :, None]
    if y_weights is not None:
        terms = terms * y_weights.double()[..., None, :]
    return terms.sum((-2, -1))


def cdist(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Every distance from its own difference, with gradient 0 where it is 0."""
    r2 = (x.double()[..., :, None, :] - y.double()[..., None, :, :]).square().sum(-1)
    return torch.where(r2 > 0, torch.where(r2 > 0, r2, 1.0).sqrt(), 0.0)


def pdist(x: torch.Tensor) -> torch.Tensor:
    """The distances i < j, row by row."""
    i, j = torch.triu_indices(x.shape[-2], x.shape[-2], 1, device=x.device)
    return cdist(x, x)[..., i, j]


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Norm of the difference over the norm of what is expected."""
    found, expected = found.detach(), expected.detach()
    difference = (found.double() - expected.double()).norm()
    return float(difference / expected.double().norm().clamp_min(1e-300))
