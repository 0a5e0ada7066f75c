"""Largest and smallest of a spectrum: exact forward, and a gradient that more than one may win.

The gradient of a maximum reaches its winner alone, so that what never wins never learns. The rules
replace it by the gradient of a smooth maximum of temperature t, ``max_p <p, E> - t R(p)`` over the
simplex, straight through:

=============  ==============================  =======================================
``softmax``    ``R`` is the negative entropy   all get a share, ``softmax(E / t)``
``sparsemax``  ``R`` is ``|p|^2 / 2``          those within about t of the winner do
``hard``       0                               the winner; ties share
=============  ==============================  =======================================

References:
    Bengio, Leonard and Courville 2013 for straight-through estimates; Martins and Astudillo 2016,
    algorithm 1, for sparsemax.
"""

from __future__ import annotations

from typing import Literal

import torch

Rule = Literal["softmax", "sparsemax", "hard"]
RULES: tuple[Rule, ...] = ("softmax", "sparsemax", "hard")


def largest(
    values: torch.Tensor,  # (..., m)
    rule: Rule,
    temperature: float,
) -> torch.Tensor:
    """Return the maximum over the last axis, ``(...,)``, differentiated by the rule."""
    # Over the first axis, because torch's reductions over a short last one are not vectorised: a
    # softmax over six takes fifteen times as long there.
    values = values.movedim(-1, 0).contiguous()
    maximum = values.amax(0)
    if rule == "hard" or not torch.is_grad_enabled():
        return maximum
    scaled = values.detach() / temperature
    weights = sparsemax(scaled) if rule == "sparsemax" else scaled.softmax(0)
    smooth = (weights * values).sum(0)
    # The bracket is an exact zero that carries the gradient. An autograd.Function would do as well,
    # but torch.compile warns of it and it has no forward mode.
    return maximum.detach() + (smooth - smooth.detach())


def smallest(
    values: torch.Tensor,  # (..., m)
    rule: Rule,
    temperature: float,
) -> torch.Tensor:
    """Return the minimum over the last axis, ``(...,)``, differentiated by the rule."""
    return -largest(-values, rule, temperature)


def sparsemax(values: torch.Tensor) -> torch.Tensor:
    """Project ``(m, ...)`` on the simplex along the first axis."""
    ordered = values.sort(0, descending=True).values
    excess = ordered.cumsum(0) - 1
    ranks = torch.arange(1, len(values) + 1, dtype=values.dtype, device=values.device)
    ranks = ranks.reshape(-1, *[1] * (values.ndim - 1))
    support = (ranks * ordered > excess).sum(0, keepdim=True)
    threshold = excess.gather(0, support - 1) / support
    return (values - threshold).clamp_min(0)
