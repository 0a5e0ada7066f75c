"""Multilayer perceptrons by the batch, each with weights of its own, that can be differentiated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from eigenwell import cartpole


def decision(
    weights: torch.Tensor,  # [n, p]
    observations: torch.Tensor,  # [n, m, 4], or [m, 4] for all
    architecture: cartpole.MLP,
) -> torch.Tensor:
    """Return the logit of a push to the right less that of one to the left, [n, m]."""
    x = observations if observations.dim() == 3 else observations.expand(len(weights), -1, -1)
    activation = torch.tanh if architecture.activation == "tanh" else torch.relu
    at = 0
    for size, width in architecture.layers:
        matrix = weights[:, at : at + size * width].reshape(-1, size, width)
        at += size * width
        bias = weights[:, None, at : at + width]
        at += width
        if at == weights.shape[1]:  # of the last layer only the difference matters
            matrix, bias = matrix[..., 1:] - matrix[..., :1], bias[..., 1:] - bias[..., :1]
            return torch.baddbmm(bias, x, matrix)[..., 0]
        x = activation(torch.baddbmm(bias, x, matrix))
    raise AssertionError("an architecture has a last layer")


def scale(decisions: torch.Tensor) -> torch.Tensor:
    """Return the root mean square over states, [n, 1]: what argmax does not see."""
    return decisions.square().mean(dim=1, keepdim=True).sqrt() + 1e-6


def imitation_loss(
    student: torch.Tensor,  # [n, m], of any scale
    teacher: torch.Tensor,  # [n, m], of any scale
    *,
    sharpness: float,
) -> torch.Tensor:
    """Return the KL divergence of the actions in each state, policies at the same temperature.

    Decisions are divided by their root mean square, so that the loss sees what argmax sees; times
    `sharpness` they are the logits of a push to the right. States near the boundary, where
    policies disagree, have most of the gradient; far from it both sides are saturated.
    """
    target = sharpness * teacher / scale(teacher)
    logits = sharpness * student / scale(student)
    cross = torch.nn.functional.binary_cross_entropy_with_logits
    p = torch.sigmoid(target)
    return cross(logits, p, reduction="none") - cross(target, p, reduction="none")
