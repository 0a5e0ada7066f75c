"""A shard of a collection: runs that train together, and the snapshots that are kept of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell import cartpole
from eigenwell.agents._collection import RANGES, STRIDE, Collection
from eigenwell.agents._evolution import evolve
from eigenwell.agents._gradients import ascend
from eigenwell.agents._measure import measure
from eigenwell.agents._networks import initial_weights
from eigenwell.agents._population import Population

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eigenwell.agents._networks import Array

# Of ten shards: what they do. Untrained networks need no time, and hardly any of them survives.
_ALGORITHMS = ("evolution", "gradient") * 4 + ("evolution", "random")


def collect_shard(settings: Collection, index: int) -> Population:
    """Train the runs of a shard, choose snapshots and measure them.

    Args:
        settings: Of the collection.
        index: Of the shard, which decides its algorithm and, with the collection's seed, its seed.
    """
    algorithm = _ALGORITHMS[index % len(_ALGORITHMS)]
    seed = int(np.random.SeedSequence([settings.seed, index]).generate_state(1)[0])
    rng = np.random.default_rng(seed)
    runs = settings.runs * (4 if algorithm == "random" else 1)
    scale = _between(0.5, 3.0, runs, rng)
    first = initial_weights(settings.architecture, scale, rng)
    path = [first]
    if algorithm != "random":
        training = _training(algorithm, first, settings, rng)
        path.extend(next(training) for _ in range(settings.updates))
    snapshots = np.stack(path)
    step, run = _choose(snapshots, settings, rng)
    weights = snapshots[step, run]
    measured = measure(
        weights,
        architecture=settings.architecture,
        starts=cartpole.starts(settings.episodes, seed=settings.seed),
        cap=settings.cap,
        long_cap=settings.long_cap,
        threads=1,
    )
    return Population(
        weights=weights,
        **measured,
        run=run + index * STRIDE,
        step=step.astype(np.int32),
        seed=np.full(len(weights), seed),
        algorithm=np.full(len(weights), algorithm),
        architecture=settings.architecture,
        cap=settings.cap,
        long_cap=settings.long_cap,
        episodes=settings.episodes,
        edges=settings.edges,
    )


def _training(
    algorithm: str, first: Array, settings: Collection, rng: np.random.Generator
) -> Iterator[Array]:
    runs = len(first)
    common: dict[str, Any] = {
        "architecture": settings.architecture,
        "cap": settings.cap,
        "rng": rng,
        "threads": 1,
    }
    if algorithm == "evolution":
        return evolve(
            first,
            learning_rate=_between(0.01, 0.1, runs, rng),
            sigma=_between(0.03, 0.3, runs, rng),
            pairs=8,
            episodes=3,
            **common,
        )
    return ascend(
        first,
        learning_rate=_between(0.002, 0.03, runs, rng),
        discount=1 - _between(0.005, 0.1, runs, rng),
        trace=np.where(rng.random(runs) < 0.5, 1.0, 0.9),
        episodes=8,
        **common,
    )


def _choose(
    snapshots: Array, settings: Collection, rng: np.random.Generator
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Choose snapshots of graded skill: of each run a few per group, from different ranges.

    Returns:
        Steps and runs of the chosen ones.
    """
    steps, runs, parameters = snapshots.shape
    rough = cartpole.rollout(
        snapshots.reshape(-1, parameters),
        architecture=settings.architecture,
        starts=cartpole.starts(10, seed=int(rng.integers(2**31))),
        cap=settings.cap,
        mode="fast",
        threads=1,
    ).mean(axis=1)
    ranges = np.minimum(rough * RANGES / settings.cap, RANGES - 1).astype(int)
    step, run = (axis.ravel() for axis in np.indices((steps, runs)))
    order = rng.permutation(len(rough))
    # One of each range of each run.
    _, unique = np.unique(np.stack([run[order], ranges[order]]), axis=1, return_index=True)
    order = rng.permutation(order[unique])
    # At most so many of each group of each run.
    quarter = ranges[order] * 4 // RANGES
    key = run[order] * 4 + quarter
    sequence = np.argsort(key, kind="stable")
    ordered = key[sequence]
    turn = np.arange(len(key)) - np.searchsorted(ordered, ordered, side="left")
    chosen = np.sort(order[sequence[turn < settings.snapshots]])
    return step[chosen], run[chosen]


def _between(
    low: float, high: float, count: int, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Draw from ``[low, high)`` so that the logarithm is uniform."""
    return np.exp(rng.uniform(np.log(low), np.log(high), count)).astype(np.float32)
