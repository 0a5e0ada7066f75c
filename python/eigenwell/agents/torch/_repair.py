"""Deleted weights, filled in so that the network decides like a plausible agent again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from eigenwell import _checks
from eigenwell.agents._symmetry import checked
from eigenwell.agents.torch._policy import decision, imitation_loss
from eigenwell.errors import ShapeError

if TYPE_CHECKING:
    from eigenwell.agents.torch._embedding import Embedding

Floats = npt.NDArray[np.float32]


def repair(
    model: Embedding,
    weights: npt.ArrayLike,
    deleted: npt.ArrayLike,
    *,
    fill: npt.ArrayLike = 0.0,
    survival: npt.ArrayLike | None = None,
    steps: int = 200,
    typical: float = 0.003,
) -> Floats:
    """Fill in deleted weights; the others stay as they are.

    Deleted weights and a latent move together, by Adam, until the network and the latent's decoded
    agent decide alike and the latent is likely under the prior. What is left of the network's
    decisions is where the latent starts.

    Args:
        model: An embedding.
        weights: float [n, p]; where deleted, the value does not matter.
        deleted: bool [n, p].
        fill: What deleted weights start from: a number, [p] or [n, p].
        survival: What the agents are known, or wanted, to survive, one number or [n]; None for
            what the prediction says of the latent they start from.
        steps: Of Adam.
        typical: Factor of the negative log density of the latent.

    Returns:
        float32 [n, p].

    Raises:
        ShapeError: Weights, mask or fill do not fit.
        ArgumentError: A weight that is left or a fill is not finite, or survival is out of range.
    """
    array, mask = np.asarray(weights), np.asarray(deleted)
    if mask.dtype != np.bool_ or mask.shape != array.shape:
        raise ShapeError(f"`deleted` must be bool of shape {array.shape}, got {mask.shape}")
    steps = _checks.integer(steps, "steps", low=1, high=10**6)
    filled = checked(np.where(mask, fill, array), model.architecture)
    if not len(filled):
        return filled
    kept, where = torch.from_numpy(filled), torch.from_numpy(mask)
    with torch.no_grad():
        z = model.posterior(kept)[0]
        guess = (model.predicted(z, decoded=True) * model.cap).clamp(1, model.cap)
    wanted = guess
    if survival is not None:
        wanted = torch.from_numpy(model.requests(survival, len(filled)))
    condition = model.conditions(wanted)
    z = z.requires_grad_()
    found = kept.clone().requires_grad_()
    adam = torch.optim.Adam([{"params": [z], "lr": 0.03}, {"params": [found], "lr": 0.01}])
    for _ in range(steps):
        current = torch.where(where, found, kept)
        loss = imitation_loss(
            decision(current, model.probes, model.architecture),
            decision(model.weights(z), model.probes, model.architecture),
            sharpness=model.config.sharpness,
        ).mean(dim=1) - typical * model.prior.log_prob(z, condition)
        adam.zero_grad()
        # Of the model's own parameters nothing is wanted.
        z.grad, found.grad = torch.autograd.grad(loss.sum(), [z, found])
        adam.step()
    return torch.where(where, found, kept).detach().numpy()
