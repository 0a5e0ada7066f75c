"""Differentiable parity logic: gates between 0 and 1, annealed until they are one or the other.

A bit b in {0, 1} becomes the spin ``1 - 2 b``. A gate g lets it into a product by the factor
``1 - 2 g b``: 1 for g = 0, the spin for g = 1. So a product of factors is, at hard gates, the
parity of the bits whose gates are open, and a sum of an odd number of them has the sign of the
majority. In between all of it is smooth (a continuous relaxation as that of Maddison, Mnih and Teh
2017, without their noise).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

# Temperature of the gates and gain of the vote, from the first step to the last.
_TEMPERATURE = (1.0, 0.1)
_GAIN = (1.0, 4.0)
# Start of the gates' logits: mean and standard deviation. Most of the gates begin nearly closed: a
# product of many half-open ones is 0, and so is its gradient.
_LOGITS = (-2.0, 1.0)
_LEARNING_RATE = 0.1
# Smallest |1 - 2 g|, whose logarithm is taken.
_EPSILON = 1e-3


def fit_parities(
    bits: npt.NDArray[np.float32],
    targets: npt.NDArray[np.float64],
    *,
    restarts: int,
    features: int,
    steps: int,
    closing: float,
    seed: int,
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Fit majorities of parities to signs, many at once from different starts.

    Minimises ``mean_r |y_r| softplus(-sign(y_r) vote_r) + closing sum(gates)`` by Adam while the
    gates cool and the vote sharpens; the second term grows with time, so that bits come in first
    and superfluous ones go out.

    Args:
        bits: ``(rows, bits)`` of 0 and 1.
        targets: ``(rows,)``, positive for action 1; its magnitude is the weight of the row.
        restarts: Number of starts R.
        features: Number of parities K of each.
        steps: Of Adam.
        closing: Price of an open gate.
        seed: Of the starts.

    Returns:
        Which gates are open, ``(R, K, bits)``, and which parities are inverted so that the majority
        of 1 means action 1, ``(R, K)``.

    Note:
        Deterministic for one version and thread count of torch.
    """
    generator = torch.Generator().manual_seed(seed)
    mean, std = _LOGITS
    shape = (restarts, features)
    gates = mean + std * torch.randn(*shape, bits.shape[1], generator=generator)
    signs = torch.randn(*shape, generator=generator)
    x = torch.from_numpy(bits)
    weight = torch.from_numpy(np.abs(targets) / np.abs(targets).sum()).float()
    side = torch.from_numpy(np.sign(targets)).float()[:, None]
    parameters = [gates.requires_grad_(), signs.requires_grad_()]
    optimizer = torch.optim.Adam(parameters, lr=_LEARNING_RATE)
    for step in range(steps):
        time = step / max(steps - 1, 1)
        temperature, gain = (low * (high / low) ** time for low, high in (_TEMPERATURE, _GAIN))
        gate = torch.sigmoid(gates / temperature)
        spins = _parities(x, gate.flatten(0, 1)).view(-1, *shape)
        vote = gain * (spins * torch.tanh(signs / temperature)).sum(-1)
        loss = weight @ torch.nn.functional.softplus(-side * vote)
        optimizer.zero_grad()
        price = closing * time * gate.sum()
        (loss.sum() + price).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    # A parity of 0 is the spin +1: a positive sign votes for action 1 where the parity is 0.
    return (gates > 0).numpy(), (signs > 0).numpy()


def _parities(bits: torch.Tensor, gates: torch.Tensor) -> torch.Tensor:
    """``prod_b (1 - 2 g_fb bits_b)``, ``(rows, features)``: two matrix products, not one of n³."""
    factors = 1 - 2 * gates
    size = torch.exp(bits @ factors.abs().clamp_min(_EPSILON).log().T)
    negative = (bits @ (factors < 0).to(bits.dtype).T).remainder(2)
    return size * (1 - 2 * negative)
