"""Pairs of agents that show a pattern most, and all figures of an embedding."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from eigenwell import cartpole
from eigenwell._checks import integer, require
from eigenwell.errors import ArgumentError
from eigenwell.report._agents_figures import (
    draw_agent_map,
    draw_generated,
    draw_patterns,
    draw_prompts,
)
from eigenwell.report._agents_page import POINTS

if TYPE_CHECKING:
    from eigenwell.agents import Population
    from eigenwell.agents.latent import Embeds, Line
    from eigenwell.agents.measures import Report

_PATTERNS = ("slope", "valley", "hill")
_BATCH = 50  # lines whose agents play together: one pair alone leaves threads without work


def telling_pairs(
    model: Embeds,
    population: Population,
    *,
    starts: npt.NDArray[np.float64],
    count: SupportsIndex = 150,
    seed: SupportsIndex = 0,
) -> dict[str, tuple[int, int]]:
    """Return, for each pattern found, the pair of agents that shows it most among random ones.

    That is the pair with the deepest valley or the highest hill; of slopes the one that rises most,
    what extrapolating adds counted twice, with the better agent second. They are no typical pairs.

    Args:
        model: Embeds and decodes.
        population: Of at least two agents.
        starts: Of the episodes, ``(episodes, 4)``.
        count: Of random pairs, every second one among the better third of the agents.
        seed: Of their choice.

    Returns:
        Indices of two agents by the name of the pattern, in the order slope, valley, hill.

    Raises:
        ArgumentError: There are fewer than two agents, or `count` is out of range.

    Note:
        61 agents play for each pair: hundreds of pairs and 100 starts take seconds.
    """
    if len(population) < 2:
        raise ArgumentError(f"`population` must have at least 2 agents, got {len(population)}")
    rng = np.random.default_rng(integer(seed, "seed", low=0, high=2**63 - 1))
    best: dict[str, tuple[float, tuple[int, int]]] = {}
    # Good agents are few among all, and only between good ones can a valley be deep.
    better = np.argsort(-population.survival, kind="stable")[: max(2, len(population) // 3)]
    pairs = [
        rng.choice(better if k % 2 else len(population), 2, replace=False)
        for k in range(integer(count, "count", low=1, high=10**6))
    ]
    for pair, line in zip(pairs, _lines(model, population, pairs, starts), strict=True):
        first, second = pair.tolist()
        found = line.pattern()
        strengths = {
            "slope": abs(found.rise) + 2 * max(line.extrapolation_gain(), 0.0),
            "valley": found.dip,
            "hill": found.bump,
        }
        strength = strengths.get(found.name, 0.0)
        if strength > best.get(found.name, (0.0,))[0]:
            downhill = found.name == "slope" and found.rise < 0
            best[found.name] = strength, (second, first) if downhill else (first, second)
    return {name: best[name][1] for name in _PATTERNS if name in best}


def check_agent_pictures() -> None:
    """Find out before anything takes time whether pictures can be drawn.

    Raises:
        BackendUnavailableError: matplotlib is not installed.
    """
    require("matplotlib.figure", extra="report")


def write_agent_pictures(
    folder: str | os.PathLike[str],
    model: Embeds,
    population: Population,
    report: Report,
    *,
    episodes: SupportsIndex = 100,
    seed: SupportsIndex = 0,
) -> list[Path]:
    """Draw the map, the patterns, what is generated for each group, and requests, as PNG.

    Args:
        folder: Where ``map.png``, ``patterns.png``, ``generated.png`` and ``prompts.png`` go; it
            must exist.
        model: Embeds and decodes.
        population: Networks that were not fitted.
        report: What was measured of the model on them.
        episodes: Of each agent on a line.
        seed: Of the random pairs.

    Returns:
        The files.

    Raises:
        BackendUnavailableError: matplotlib is not installed.
        ArgumentError: The folder does not exist, or an option is out of range.
    """
    check_agent_pictures()
    root, cap = Path(folder), population.cap
    if not root.is_dir():
        raise ArgumentError(f"`folder` must be a folder that exists, got {os.fspath(folder)!r}")
    starts = cartpole.starts(integer(episodes, "episodes", low=2, high=10**6), seed=0)
    names = population.group_names
    files = [root / f"{name}.png" for name in ("map", "patterns", "generated", "prompts")]
    title = "Runs that were not fitted"
    draw_agent_map(
        model.embed(population.weights), population.survival, files[0], cap=cap, title=title
    )
    pairs = telling_pairs(model, population, starts=starts, seed=seed)
    lines = {
        f"{name}: agents {pair[0]} and {pair[1]}": _line(model, population, pair, starts)
        for name, pair in pairs.items()
    }
    draw_patterns(lines, files[1])
    generated = {names[group - 1]: found for group, found in report.generation.items()}
    draw_generated(generated, files[2], cap=cap)
    ways = {"drawn by request": report.prompts, "the prior alone": report.prompts_alone}
    draw_prompts(ways, files[3], cap=cap)
    return files


def _lines(
    model: Embeds, population: Population, pairs: Sequence[npt.NDArray[np.intp]], starts: Any
) -> Iterator[Line]:
    """Yield the lines through the latent space alone: those through the weights have no episode."""
    from eigenwell.agents.latent import Line, interpolate

    architecture, cap = model.architecture, population.cap
    for begin in range(0, len(pairs), _BATCH):
        agents = np.stack(pairs[begin : begin + _BATCH])
        ends = model.embed(population.weights[agents.ravel()]).reshape(len(agents), 2, -1)
        weights = model.decode(np.concatenate([interpolate(two, POINTS) for two in ends]))
        steps = cartpole.rollout(
            weights, architecture=architecture, starts=starts, cap=cap, mode="fast"
        )
        for latent in steps.reshape(len(agents), len(POINTS), -1):
            yield Line(t=POINTS, latent=latent, weights=latent[:, :0], cap=cap)


def _line(model: Embeds, population: Population, pair: tuple[int, int], starts: Any) -> Line:
    from eigenwell.agents.latent import line

    first, second = (population.weights[agent] for agent in pair)
    return line(model, first, second, t=POINTS, starts=starts, cap=population.cap)
