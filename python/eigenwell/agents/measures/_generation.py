"""Agents that are drawn: how long they survive, whether they are new, whether requests are met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell import _checks, cartpole
from eigenwell.agents._decisions import disagreement, pushes_right, visited_states
from eigenwell.agents.measures._intervals import Estimate, bootstrap, determination
from eigenwell.agents.measures._reconstruction import survivals

if TYPE_CHECKING:
    from eigenwell.agents._population import Population
    from eigenwell.agents.torch import Embedding

_SEED = 3 * 10**6
_PROBES = 1024


@dataclass(frozen=True, kw_only=True)
class Generation:
    """Survivals of drawn agents beside those of held-out networks of the same group.

    Attributes:
        generated: Mean steps of each drawn agent, [n].
        held_out: Mean steps of each held-out network, [m].
        mean_ratio: Mean of the former over that of the latter.
        wasserstein: Wasserstein-1 distance of the two distributions, steps.
    """

    generated: npt.NDArray[np.float64]
    held_out: npt.NDArray[np.float64]
    mean_ratio: Estimate
    wasserstein: Estimate


def generation(weights: npt.ArrayLike, held_out: Population) -> Generation:
    """Measure drawn agents (bar 2: mean within 5 %, distance <= 25 % of the plain VAE's).

    Args:
        weights: Of the drawn agents, float [n, p].
        held_out: Networks of the group, of runs that were not fitted.
    """
    distance: Any = _checks.require("scipy.stats", extra="agents").wasserstein_distance
    starts = cartpole.starts(held_out.episodes, seed=_SEED)
    generated, kept = (
        survivals(part, held_out.architecture, starts, held_out.cap)
        for part in (weights, held_out.weights)
    )
    # Both samples are resampled: rows of either kind, held-out ones by their runs.
    values = np.concatenate([generated, kept])
    ours = np.arange(len(values)) < len(generated)
    units = np.concatenate([-1 - np.arange(len(generated)), held_out.run])

    def ratio(y: npt.NDArray[Any], mine: npt.NDArray[np.bool_]) -> float:
        if mine.all() or not mine.any():  # a resample of few runs may have none
            return float("nan")
        return float(y[mine].mean() / y[~mine].mean())

    def apart(y: npt.NDArray[Any], mine: npt.NDArray[np.bool_]) -> float:
        if mine.all() or not mine.any():
            return float("nan")
        return float(distance(y[mine], y[~mine]))

    return Generation(
        generated=generated,
        held_out=kept,
        mean_ratio=bootstrap(ratio, values, ours, units=units),
        wasserstein=bootstrap(apart, values, ours, units=units),
    )


@dataclass(frozen=True, kw_only=True)
class Novelty:
    """Distances to the nearest training network: share of states with another action.

    Attributes:
        generated: Median over drawn agents.
        held_out: Median over held-out networks.
        ratio: Of the means; 1 or more says that drawn agents are no copies.
        copies: Share of drawn agents that act as a training network in every state.
        held_out_copies: The same of held-out networks.
    """

    generated: float
    held_out: float
    ratio: Estimate
    copies: float
    held_out_copies: float


def novelty(weights: npt.ArrayLike, train: Population, held_out: Population) -> Novelty:
    """Measure how far drawn agents are from training networks (bar 3: no nearer than held-out).

    Args:
        weights: Of the drawn agents, float [n, p].
        train: Networks that were fitted, of the same group.
        held_out: Networks of other runs, of the same group.
    """
    architecture: Any = train.architecture
    rng = np.random.default_rng(_SEED)
    some = train.select(rng.permutation(len(train))[:256])
    seen = visited_states(
        some.weights.astype(np.float32), architecture, count=16, cap=train.cap, seed=_SEED
    )
    states = rng.choice(seen.reshape(-1, 4), _PROBES)
    sets = [np.asarray(w, np.float32) for w in (weights, held_out.weights, train.weights)]
    drawn, kept, fitted = (pushes_right(part, architecture, states) for part in sets)
    near = [disagreement(part, fitted).min(axis=1) for part in (drawn, kept)]
    values = np.concatenate(near)
    ours = np.arange(len(values)) < len(near[0])
    units = np.concatenate([-1 - np.arange(len(near[0])), held_out.run])
    return Novelty(
        generated=float(np.median(near[0])),
        held_out=float(np.median(near[1])),
        ratio=bootstrap(
            lambda y, mine: _mean(y[mine]) / max(_mean(y[~mine]), 1e-12),
            values,
            ours,
            units=units,
        ),
        copies=float((near[0] == 0).mean()),
        held_out_copies=float((near[1] == 0).mean()),
    )


def _mean(values: npt.NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else float("nan")


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """Requested survivals and those obtained.

    Attributes:
        requested: Steps [n].
        obtained: Mean steps of the agents that were drawn, [n].
        r2: R^2 of the obtained for the requested.
        error: Mean absolute difference, steps.
    """

    requested: npt.NDArray[np.float64]
    obtained: npt.NDArray[np.float64]
    r2: Estimate
    error: Estimate


def prompts(
    model: Embedding,
    *,
    count: int = 1000,
    candidates: int = 8,
    temperature: float = 1.3,
    low: float = 10.0,
    seed: int = 0,
) -> Prompts:
    """Measure whether requests are met (bar 5: R^2 >= 0.9); they are uniform in [low, cap].

    Args:
        model: An embedding.
        count: Of requests, one agent each.
        candidates: As of `Embedding.sample`.
        temperature: As there.
        low: Least request, steps.
        seed: Of requests and agents.
    """
    requested = np.random.default_rng(seed).uniform(low, model.cap, count)
    z = model.sample(
        count, survival=requested, seed=seed, candidates=candidates, temperature=temperature
    )
    starts = cartpole.starts(100, seed=_SEED + 1)
    obtained = survivals(model.decode(z), model.architecture, starts, model.cap)
    return Prompts(
        requested=requested,
        obtained=obtained,
        r2=bootstrap(determination, obtained, requested),
        error=bootstrap(lambda a, b: float(np.abs(a - b).mean()), obtained, requested),
    )
