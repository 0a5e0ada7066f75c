"""Argument checks of rollouts, on the CPU and on other devices."""

from __future__ import annotations

import dataclasses
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.cartpole._architecture import DC, MLP, Architecture
from eigenwell.cartpole._physics import Physics
from eigenwell.errors import ArgumentError, DTypeError, ShapeError

MOST_STEPS = 2**31 - 1


def one_of(value: object, name: str, known: tuple[str, ...]) -> None:
    """Refuse a word that is not among the known ones."""
    if value not in known:
        raise ArgumentError(f"`{name}` must be one of {', '.join(known)}, got {value!r}")


def options(
    architecture: Architecture,
    physics: Physics,
    cap: SupportsIndex,
    actions: str,
    seed: SupportsIndex | None,
) -> dict[str, Any]:
    """Return what the extensions want to know besides arrays."""
    one_of(actions, "actions", ("argmax", "sampled"))
    if not isinstance(architecture, MLP | DC):
        raise DTypeError(
            f"`architecture` must be an MLP or a DC, got {type(architecture).__name__}"
        )
    if not isinstance(physics, Physics):
        raise DTypeError(f"`physics` must be a Physics, got {type(physics).__name__}")
    if seed is None and (actions == "sampled" or physics.observation_noise > 0):
        raise ArgumentError("`seed` must be given for sampled actions and noisy observations")
    return {
        "sizes": (4, *(outputs for _, outputs in architecture.layers)),
        "activation": architecture.activation + "_quadratic" * _has_quadratic(architecture),
        "physics": dataclasses.astuple(physics),
        "cap": _checks.integer(cap, "cap", low=1, high=MOST_STEPS),
        "sampled": actions == "sampled",
        "seed": 0 if seed is None else _checks.integer(seed, "seed", low=0, high=2**64 - 1),
    }


def _has_quadratic(architecture: Architecture) -> bool:
    return isinstance(architecture, DC) and architecture.quadratic


def weights_shape(shape: tuple[int, ...], architecture: Architecture) -> None:
    """Refuse weights that are not ``(agents, parameters)``."""
    if len(shape) != 2 or shape[1] != architecture.parameters:
        raise ShapeError(
            f"`weights` must have shape (agents, {architecture.parameters}) for {architecture}, "
            f"got {shape}"
        )


def weights_array(
    weights: npt.ArrayLike, architecture: Architecture, dtype: type[np.floating[Any]]
) -> npt.NDArray[Any]:
    """Return ``(agents, parameters)``, finite and in C order."""
    given = weights if isinstance(weights, np.ndarray) else _checks.real_array(weights, "weights")
    if given.dtype.kind not in "fiub":
        raise DTypeError(f"`weights` must hold real numbers, got dtype {given.dtype}")
    weights_shape(given.shape, architecture)
    with np.errstate(over="ignore"):
        array = np.ascontiguousarray(given, dtype=dtype)
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        raise ArgumentError(
            f"`weights` must be finite in {array.dtype}, got agent {int(finite.argmin())}"
        )
    return array


def starts_array(starts: npt.ArrayLike, physics: Physics) -> npt.NDArray[np.float64]:
    """Return ``(episodes, 4)``, each start inside of the limits."""
    first = np.ascontiguousarray(_checks.real_array(starts, "starts"))
    if first.ndim != 2 or first.shape[1] != 4:
        raise ShapeError(f"`starts` must have shape (episodes, 4), got {first.shape}")
    if not np.isfinite(first).all():
        raise ArgumentError("`starts` must be finite")
    if (np.abs(first[:, [0, 2]]) > (physics.x_limit, physics.angle_limit)).any():
        raise ArgumentError(
            "`starts` must lie inside of the limits of `physics`: such an episode is over"
        )
    return first
