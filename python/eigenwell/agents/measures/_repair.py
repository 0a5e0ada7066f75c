"""Repair of deleted weights, beside filling in the mean and filling in neighbours (bar 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from eigenwell import _checks, cartpole
from eigenwell.agents._decisions import pushes_right, visited_states
from eigenwell.agents.measures._intervals import Estimate, bootstrap
from eigenwell.agents.measures._reconstruction import survivals

if TYPE_CHECKING:
    from eigenwell.agents._population import Population
    from eigenwell.agents.torch import Embedding

_SEED = 5 * 10**6
_NEIGHBOURS = 5
_TRAIN = 4000  # networks that neighbours are looked for among


@dataclass(frozen=True, kw_only=True)
class Repairs:
    """Networks with some weights deleted at random and filled in again, by each method.

    Attributes:
        share: Of the weights that were deleted.
        survival_ratio: Sum of survivals over that of the intact networks.
        survival_error: Mean absolute difference of a network's survival from the intact one's.
        agreement: Share of the states that the intact network visits in which actions agree.
    """

    share: float
    survival_ratio: dict[str, Estimate]
    survival_error: dict[str, Estimate]
    agreement: dict[str, Estimate]


def repairs(
    model: Embedding,
    train: Population,
    held_out: Population,
    *,
    share: float = 0.25,
    count: int = 200,
    episodes: int = 50,
    seed: int = 0,
) -> Repairs:
    """Delete weights of held-out networks and compare ways to fill them in.

    ``"mean"`` is the mean of the training networks, ``"neighbours"`` the mean of the five that are
    nearest in the weights that are left, ``"ours"`` :func:`eigenwell.agents.torch.repair` from the
    mean, and ``"ours, survival known"`` the same with the survival of the intact network.

    Args:
        model: An embedding.
        train: Networks that were fitted.
        held_out: Networks of other runs.
        share: Of the weights to delete.
        count: Networks.
        episodes: Of each, from the same starts.
        seed: Of the choice and of what is deleted.
    """
    from eigenwell.agents.torch import repair

    share = _checks.positive(share, "share")
    rng = np.random.default_rng(seed)
    chosen = held_out.select(rng.permutation(len(held_out))[:count])
    weights = chosen.weights.astype(np.float32)
    deleted = rng.random(weights.shape) < share
    known = train.weights[rng.permutation(len(train))[:_TRAIN]].astype(np.float32)
    mean = known.mean(axis=0)
    spread = known.std(axis=0) + 1e-6
    neighbours = np.empty_like(weights)
    for row, (one, gone) in enumerate(zip(weights, deleted, strict=True)):
        distance = (((known - one) / spread)[:, ~gone] ** 2).sum(axis=1)
        neighbours[row] = known[np.argsort(distance)[:_NEIGHBOURS]].mean(axis=0)
    ways = {
        "mean": np.where(deleted, mean, weights),
        "neighbours": np.where(deleted, neighbours, weights),
        "ours": repair(model, weights, deleted, fill=mean),
        "ours, survival known": repair(
            model, weights, deleted, fill=mean, survival=np.clip(chosen.survival, 1, model.cap)
        ),
    }
    architecture = model.architecture
    starts = cartpole.starts(episodes, seed=_SEED)
    intact = survivals(weights, architecture, starts, chosen.cap)
    states = visited_states(weights, architecture, count=64, cap=chosen.cap, seed=_SEED)
    actions = pushes_right(weights, architecture, states)
    ratio, error, agreement = {}, {}, {}
    for name, filled in ways.items():
        found = survivals(filled, architecture, starts, chosen.cap)
        same = (pushes_right(filled, architecture, states) == actions).mean(axis=1)
        arrays = found, intact
        ratio[name] = bootstrap(lambda a, b: float(a.sum() / b.sum()), *arrays, units=chosen.run)
        error[name] = bootstrap(lambda a, b: float(np.abs(a - b).mean()), *arrays, units=chosen.run)
        agreement[name] = bootstrap(lambda a: float(a.mean()), same, units=chosen.run)
    return Repairs(share=share, survival_ratio=ratio, survival_error=error, agreement=agreement)
