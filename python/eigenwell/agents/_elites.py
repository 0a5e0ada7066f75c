"""MAP-Elites by pyribs: the longest-surviving network of each kind of behaviour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from eigenwell import _checks, cartpole
from eigenwell.agents._measure import behaviour, measure
from eigenwell.agents._networks import initial_weights
from eigenwell.agents._population import Population
from eigenwell.errors import ArgumentError

#: Ranges of the archive: mean cart position in metres, mean pole angle in radians.
RANGES = ((-1.2, 1.2), (-0.1, 0.1))
_EMITTERS = 4


@dataclass(frozen=True)
class Elites:
    """An archive after a run of MAP-Elites.

    Attributes:
        population: The elites, whose `run` is their cell, and `step` the last iteration.
        coverage: Share of the cells that have an elite.
        qd_score: Sum of the elites' mean survivals, in steps.
        archive: The archive of pyribs.
    """

    population: Population
    coverage: float
    qd_score: float
    archive: Any


def map_elites(
    *,
    iterations: int = 200,
    batch: int = 64,
    cells: tuple[int, int] = (32, 32),
    emitter: Literal["gaussian", "evolution"] = "gaussian",
    sigma: float = 0.2,
    episodes: int = 20,
    cap: int = 200,
    architecture: cartpole.MLP | None = None,
    seed: int,
    progress: Callable[[int, float, float], None] | None = None,
) -> Elites:
    """Illuminate how networks can balance: survival, for each mean position and mean angle.

    Args:
        iterations: Of ask, rollout and tell.
        batch: Networks that each of the four emitters asks for in an iteration.
        cells: Of the archive, along mean position and mean angle.
        emitter: ``"gaussian"`` perturbs elites (MAP-Elites), ``"evolution"`` follows improvements
            by CMA in its separable form (CMA-ME).
        sigma: Standard deviation of perturbations, first one of ``"evolution"``.
        episodes: From paired starts, of each network, at least 8.
        cap: Steps after which an episode ends.
        architecture: Of the networks, by default 4-12-10-2 tanh.
        seed: Of starts, first networks and emitters.
        progress: Called after each iteration with its number, the coverage and the QD score.

    Raises:
        ArgumentError: An argument is out of range.
        BackendUnavailableError: pyribs is not installed.

    References:
        Mouret and Clune 2015, "Illuminating search spaces by mapping elites".
        Fontaine et al. 2020, "Covariance matrix adaptation for the rapid illumination of behavior
        space" (CMA-ME).
        Tjanaka et al. 2023, "pyribs: a bare-bones Python library for quality diversity".

    Example:
        >>> found = map_elites(iterations=3, batch=8, seed=0)  # doctest: +SKIP
        >>> found.coverage  # doctest: +SKIP
        0.02
    """
    archives = _checks.require("ribs.archives", extra="qd")
    emitters = _checks.require("ribs.emitters", extra="qd")
    schedulers = _checks.require("ribs.schedulers", extra="qd")
    iterations = _checks.integer(iterations, "iterations", low=1, high=10**7)
    batch = _checks.integer(batch, "batch", low=2, high=10**6)
    episodes = _checks.integer(episodes, "episodes", low=8, high=10**5)
    sigma = _checks.positive(sigma, "sigma")
    if len(cells) != 2:
        raise ArgumentError(f"`cells` must be two numbers, got {cells}")
    if emitter not in {"gaussian", "evolution"}:
        raise ArgumentError(f'`emitter` must be "gaussian" or "evolution", got {emitter!r}')
    network = cartpole.MLP() if architecture is None else architecture
    starts = cartpole.starts(episodes, seed=seed)
    archive = archives.GridArchive(
        solution_dim=network.parameters, dims=cells, ranges=RANGES, seed=seed, dtype=np.float32
    )
    common: dict[str, Any] = {"archive": archive, "sigma0": sigma, "batch_size": batch}
    if emitter == "gaussian":
        common["sigma"] = common.pop("sigma0")
    else:
        common["es"] = "sep_cma_es"
    first = initial_weights(network, np.full(_EMITTERS, 1.0), np.random.default_rng(seed))
    kind = emitters.GaussianEmitter if emitter == "gaussian" else emitters.EvolutionStrategyEmitter
    scheduler = schedulers.Scheduler(
        archive, [kind(x0=x0, seed=seed + i, **common) for i, x0 in enumerate(first)]
    )
    task: dict[str, Any] = {"architecture": network, "starts": starts, "cap": cap}
    for iteration in range(1, iterations + 1):
        weights = scheduler.ask()
        steps = cartpole.rollout(weights, mode="fast", **task)
        scheduler.tell(steps.mean(axis=1), behaviour(weights, **task)[:, :2])
        if progress is not None:
            progress(iteration, float(archive.stats.coverage), float(archive.stats.qd_score))

    elites = archive.data()
    weights = np.asarray(elites["solution"], dtype=np.float32)
    count = len(weights)
    population = Population(
        weights=weights,
        **measure(weights, **task),
        run=np.asarray(elites["index"], dtype=np.int64),
        step=np.full(count, iterations),
        seed=np.full(count, seed),
        algorithm=np.full(count, "elites"),
        architecture=network,
        cap=cap,
        episodes=episodes,
        edges=tuple(cap * part / 4 for part in (1, 2, 3)),
    )
    stats = archive.stats
    return Elites(population, float(stats.coverage), float(stats.qd_score), archive)
