"""Lines between random agents: how often each pattern is found, and barriers (bars 6 and 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import numpy.typing as npt

from eigenwell import cartpole
from eigenwell.agents._symmetry import align, canonical
from eigenwell.agents.latent import Line, interpolate
from eigenwell.agents.latent._patterns import Name
from eigenwell.agents.measures._intervals import Estimate, bootstrap

if TYPE_CHECKING:
    from eigenwell.agents._population import Population
    from eigenwell.agents.latent import Embeds

Ints = npt.NDArray[np.intp]

_SEED = 4 * 10**6
#: Points of a line: eleven between the agents, five on either side.
POINTS = np.concatenate([np.arange(-10, 0, 2), np.arange(11), np.arange(12, 21, 2)]) / 10
NAMES: tuple[str, ...] = get_args(Name)


@dataclass(frozen=True, kw_only=True)
class Frequencies:
    """Patterns along the lines between random pairs of agents.

    Attributes:
        pairs: Indices of the agents, [n, 2].
        latent: Pattern of each pair along the latent line, str [n].
        weights: Pattern of each along the line between the weights, str [n].
        latent_shares: Share of each pattern along the latent line.
        weight_shares: Share of each along the line between the weights.
        gains: Steps by which the best extrapolated agent outlives the better end, [n].
        helped: Share of the pairs of each latent pattern that gain more than 5 % of the cap.
    """

    pairs: Ints
    latent: npt.NDArray[np.str_]
    weights: npt.NDArray[np.str_]
    latent_shares: dict[str, Estimate]
    weight_shares: dict[str, Estimate]
    gains: npt.NDArray[np.float64]
    helped: dict[str, float]


def frequencies(
    model: Embeds, population: Population, *, pairs: int = 300, episodes: int = 100, seed: int = 0
) -> Frequencies:
    """Classify random pairs of agents by the rule of :func:`eigenwell.agents.latent.classify`.

    Args:
        model: Embeds and decodes.
        population: To draw both agents of each pair from.
        pairs: How many.
        episodes: Of each point of a line, from the same starts.
        seed: Of the pairs.
    """
    index = random_pairs(len(population), pairs, seed)
    steps = _along(model, population, index, episodes)
    lines = [
        Line(t=POINTS, latent=a, weights=b, cap=population.cap) for a, b in zip(*steps, strict=True)
    ]
    latent = np.array([line.pattern().name for line in lines])
    weights = np.array([line.weight_pattern().name for line in lines])
    gains = np.array([line.extrapolation_gain() for line in lines])
    much = gains > 0.05 * population.cap
    return Frequencies(
        pairs=index,
        latent=latent,
        weights=weights,
        latent_shares=_shares(latent),
        weight_shares=_shares(weights),
        gains=gains,
        helped={
            name: float(much[latent == name].mean()) for name in NAMES if (latent == name).any()
        },
    )


@dataclass(frozen=True, kw_only=True)
class Barriers:
    """How far survival falls below the straight line between two agents, largest on the way, steps.

    Attributes:
        weights: Along the line between the weights as they are.
        canonical: After both were brought into canonical form.
        aligned: After the second was matched to the first.
        latent: Along the latent line, from decoded agent to decoded agent.
    """

    weights: Estimate
    canonical: Estimate
    aligned: Estimate
    latent: Estimate


def barriers(
    model: Embeds, population: Population, *, pairs: int = 200, episodes: int = 50, seed: int = 0
) -> Barriers:
    """Measure barriers between random pairs of agents.

    Args:
        model: Embeds and decodes.
        population: To draw both agents of each pair from, such as the best group.
        pairs: How many.
        episodes: Of each point of a line, from the same starts.
        seed: Of the pairs.
    """
    index = random_pairs(len(population), pairs, seed)
    architecture = model.architecture
    first, second = (population.weights[index[:, k]].astype(np.float32) for k in (0, 1))
    forms = {
        "weights": (first, second),
        "canonical": (canonical(first, architecture), canonical(second, architecture)),
        "aligned": (first, align(second, first, architecture)),
    }
    t = np.linspace(0, 1, 11)
    points = {k: _points(*ends, t) for k, ends in forms.items()}
    z = _points(model.embed(first), model.embed(second), t)
    points["latent"] = model.decode(z.reshape(-1, z.shape[-1])).reshape(*z.shape[:2], -1)
    found = {}
    for name, weights in points.items():
        mean = _play(weights, population, episodes).mean(axis=2)
        straight = np.outer(mean[:, 0], 1 - t) + np.outer(mean[:, -1], t)
        height = (straight - mean).max(axis=1)
        found[name] = bootstrap(lambda y: float(y.mean()), height)
    return Barriers(**found)


def random_pairs(count: int, pairs: int, seed: int) -> Ints:
    """Return pairs of different indices below `count`, [pairs, 2]."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, count, pairs)
    return np.stack([first, (first + rng.integers(1, count, pairs)) % count], axis=1)


def _along(model: Embeds, population: Population, index: Ints, episodes: int) -> list[Any]:
    """Return steps [pairs, points, episodes] along the latent lines and those of the weights."""
    ends = [population.weights[index[:, k]].astype(np.float32) for k in (0, 1)]
    z = _points(model.embed(ends[0]), model.embed(ends[1]), POINTS)
    decoded = model.decode(z.reshape(-1, z.shape[-1])).reshape(*z.shape[:2], -1)
    straight = _points(ends[0], ends[1], POINTS)
    return [_play(weights, population, episodes) for weights in (decoded, straight)]


def _points(first: Any, second: Any, t: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    rows = [interpolate(np.stack(pair), t) for pair in zip(first, second, strict=True)]
    return np.stack(rows)


def _play(weights: Any, population: Population, episodes: int) -> npt.NDArray[np.int32]:
    flat = weights.reshape(-1, weights.shape[-1])
    steps = cartpole.rollout(
        flat,
        architecture=population.architecture,
        starts=cartpole.starts(episodes, seed=_SEED),
        cap=population.cap,
        mode="fast",
    )
    return steps.reshape(*weights.shape[:2], episodes)


def _shares(found: npt.NDArray[np.str_]) -> dict[str, Estimate]:
    return {
        name: bootstrap(lambda y: float(y.mean()), (found == name).astype(float)) for name in NAMES
    }
