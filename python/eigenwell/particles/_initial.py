"""Where the points of a system start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError, ShapeError
from eigenwell.particles._engines import Array, State

if TYPE_CHECKING:
    from eigenwell.particles._system import Species, System


def initial_state(
    system: System, seed: int, initial: Mapping[str, npt.ArrayLike], dtype: np.dtype[Any]
) -> State:
    """Return the positions given, and drawn ones for the species that none are given for.

    Raises:
        EigenwellError: As :func:`eigenwell.particles.simulate` says.
    """
    for name in initial:
        if name not in system.names:
            raise ArgumentError(
                f"`initial` names the species {name!r}, but there is only {', '.join(system.names)}"
            )
    return State(
        tuple(
            _given(initial[species.name], species, system.dimension, dtype)
            if species.name in initial
            else _drawn(species, system.dimension, seed).astype(dtype)
            for species in system.species
        )
    )


def _given(value: Any, species: Species, dimension: int, dtype: np.dtype[Any]) -> Array:
    name = f"initial[{species.name!r}]"
    array = _checks.real_array(value, name)
    if array.shape != (species.count, dimension):
        raise ShapeError(
            f"`{name}` must have shape {(species.count, dimension)}, got {array.shape}"
        )
    with np.errstate(over="ignore"):
        narrow = array.astype(dtype)
    if not np.isfinite(narrow).all():
        raise ArgumentError(f"`{name}` must be finite in {dtype}")
    return narrow


def _drawn(species: Species, dimension: int, seed: int) -> npt.NDArray[np.float64]:
    # A child of the seed by the species' name, not by its place: others leave it alone.
    stream = np.random.SeedSequence(seed, spawn_key=tuple(species.name.encode()))
    generator = np.random.default_rng(stream)
    shape = (species.count, dimension)
    if species.initial == "uniform":
        return generator.uniform(-species.spread, species.spread, shape)
    return generator.normal(0.0, species.spread, shape)
