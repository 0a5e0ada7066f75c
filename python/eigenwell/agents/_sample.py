"""The small population that comes with the package, and how it is taken from a large one."""

from __future__ import annotations

import dataclasses
import importlib.resources

import numpy as np

from eigenwell import cartpole
from eigenwell.agents._collect import balanced
from eigenwell.agents._measure import measure
from eigenwell.agents._population import Population


def sample() -> Population:
    """Return the population that comes with the package, of all four groups.

    Its weights are rounded to float16, and its survivals are of the rounded weights.

    Raises:
        BackendUnavailableError: pyarrow is not installed.
    """
    file = importlib.resources.files("eigenwell.agents") / "sample.parquet"
    with importlib.resources.as_file(file) as path:
        return Population.load(path)


def take_sample(population: Population, *, per_group: int = 200, seed: int = 0) -> Population:
    """Choose networks of all groups, round their weights to float16, and measure them again.

    Args:
        population: To choose from.
        per_group: Networks of each group at most.
        seed: Of the choice and of the starts; that of the collection gives the same starts.

    Returns:
        The networks with what they do after the rounding, which moves some into another group.
    """
    chosen = balanced(population, per_group=per_group, seed=seed)
    weights = chosen.weights.astype(np.float16).astype(np.float32)
    measured = measure(
        weights,
        architecture=chosen.architecture,
        starts=cartpole.starts(chosen.episodes, seed=seed),
        cap=chosen.cap,
        long_cap=chosen.long_cap,
    )
    return dataclasses.replace(chosen, weights=weights, **measured)
