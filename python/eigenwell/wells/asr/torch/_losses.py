"""Losses of pairs of distances."""

from __future__ import annotations

import torch


def triplet_loss(
    positive: torch.Tensor, negative: torch.Tensor, *, margin: float = 0.2
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean of ``max(0, d_ap^2 - d_an^2 + margin)``, and the share that is above 0.

    Args:
        positive: ``(n,)``, distance of each anchor to its positive.
        negative: ``(n,)``, to its negative.
        margin: By which the squares should differ.

    Returns:
        Loss, with a gradient, and the share of active triplets, without; 0 and 0 of no triplets.

    References:
        Schroff, Kalenichenko and Philbin 2015, equation 1.
    """
    terms = (positive.square() - negative.square() + margin).clamp(min=0.0)
    count = max(len(terms), 1)
    return terms.sum() / count, (terms.detach() > 0).sum() / count


def margin_loss(
    positive: torch.Tensor, negative: torch.Tensor, beta: torch.Tensor, *, margin: float = 0.2
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ``max(0, margin + d_ap - beta) + max(0, margin + beta - d_an)``, over active pairs.

    Args:
        positive: ``(n,)``, distance of each anchor to its positive.
        negative: ``(n,)``, to its negative.
        beta: Boundary between the two, a scalar that can be learnt.
        margin: On either side.

    Returns:
        Loss, divided by the number of active pairs as its authors do, and their share of all.

    References:
        Wu, Manmatha, Smola and Kraehenbuehl 2017, "Sampling matters in deep embedding learning",
        section 4.2, with one beta for all classes and no regulariser of it.
    """
    terms = torch.cat([margin + positive - beta, margin + beta - negative]).clamp(min=0.0)
    active = (terms.detach() > 0).sum()
    return terms.sum() / active.clamp(min=1), active / max(len(terms), 1)
