"""When a descent has gone astray, and where exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell.errors import ArgumentError

if TYPE_CHECKING:
    from eigenwell.particles._engines import Array, Engine, State
    from eigenwell.particles._system import System
    from eigenwell.particles._trajectory import Trajectory

# How much farther out than `Bounds` expects a point may be. A close encounter of charges kicks it
# far; a step that is too large multiplies the distance, and passes any factor within some dozens.
_FACTOR = 1e6
# States looked at in one piece while the step is searched.
_PIECE_BYTES = 2**26


class DivergenceError(ArgumentError):
    """A learning rate is too large: positions are not finite any more, or explode.

    Attributes:
        step: The first step after which it is so.
        species: Name of the species that is astray.
        trajectory: What was recorded before.
    """

    def __init__(self, message: str, *, step: int, species: str, trajectory: Trajectory) -> None:
        super().__init__(message)
        self.step = step
        self.species = species
        self.trajectory = trajectory


class Bounds:
    """How large a coordinate may be after so many steps.

    A force of exponent 1 moves a point by no more than ``learning_rate * |weight| * count`` a step,
    so unbound points drift in proportion to the steps, which is no mistake. With that for every
    interaction, and the start, a point has a reach; a million times that is an explosion, and so is
    where the squares of distances overflow.
    """

    def __init__(self, system: System, start: State, momentum: float) -> None:
        self._names = system.names
        counts = {species.name: species.count for species in system.species}
        pull = dict.fromkeys(system.names, 0.0)
        for act in system.interactions:
            size = abs(act.weight * act.exponent)
            pull[act.first] += size * counts[act.second]
            pull[act.second] += size * counts[act.first]
        fastest = max(species.learning_rate * pull[species.name] for species in system.species)
        self._speed = min(fastest / (1 - momentum), 1e150)  # times any number of steps: finite
        self.start = max(float(np.abs(x).max()) for x in start.positions)
        self._most = float(np.finfo(start.positions[0].dtype).max) ** 0.5 / 8

    def first_astray(self, steps: npt.NDArray[Any], records: tuple[Array, ...]) -> int | None:
        """Return the index of the first record that is out of bounds, or None."""
        limits = np.minimum(_FACTOR * (self.start + steps * self._speed), self._most)
        astray = np.zeros(len(steps), dtype=bool)
        for states in records:
            astray |= ~(_largest(states) <= limits)  # also of NaN
        return int(astray.argmax()) if astray.any() else None

    def explain(self, step: int, states: tuple[Array, ...], system: System) -> tuple[str, str]:
        """Return the name of the species farthest astray and a sentence about it."""
        largest = [float(_largest(state[None])[0]) for state in states]
        worst = int(np.argmax([np.inf if np.isnan(size) else size for size in largest]))
        species = system.species[worst]
        what = "are not finite"
        if np.isfinite(largest[worst]):
            what = f"have exploded from {self.start:.3g} to {largest[worst]:.3g}"
        return species.name, (
            f"`learning_rate` of {species.name!r} must be smaller than {species.learning_rate:g}, "
            f"or the weights of its interactions: after step {step} the positions {what}"
        )


def search(
    engine: Engine, bounds: Bounds, state: State, first: int, count: int
) -> tuple[int, tuple[Array, ...]]:
    """Repeat the ``count`` steps after ``first``; return the first astray and the states there."""
    size = sum(x.nbytes for x in state.positions)
    done = 0
    while True:
        piece = min(max(1, _PIECE_BYTES // size), count - done)
        state, records = engine.advance(state, piece, 1)
        steps = np.arange(first + done + 1, first + done + piece + 1, dtype=np.float64)
        index = bounds.first_astray(steps, records)
        done += piece
        if index is None and done == count:  # a device that does not repeat itself
            index = piece - 1
        if index is not None:
            return int(steps[index]), tuple(states[index] for states in records)


def _largest(states: Array) -> npt.NDArray[np.float64]:
    """Return the largest absolute coordinate of each record ``(r, n, d)``; NaN if there is one."""
    largest: npt.NDArray[np.floating] = np.maximum(
        states.max(axis=(1, 2)), -states.min(axis=(1, 2))
    )
    return largest.astype(np.float64)
