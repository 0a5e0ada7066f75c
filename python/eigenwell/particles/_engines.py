"""What moves the points: an engine takes a state some steps on, by one method or another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from eigenwell import pairwise

if TYPE_CHECKING:
    from eigenwell.particles._system import System

Array = npt.NDArray[np.floating]

#: dE/dx of each species, in their order, at the positions given: what a fast method offers.
Gradient = Callable[[Sequence[Array]], list[Array]]


@dataclass(frozen=True)
class State:
    """All that the next step depends on.

    Attributes:
        positions: One array ``(count, dimension)`` for each species.
        memory: What the optimizer remembers, by name; empty for plain descent and at the start.
    """

    positions: tuple[Array, ...]
    memory: dict[str, Array] = field(default_factory=dict)


class Engine(Protocol):
    """Moves a state on. The bits do not depend on how the steps are cut into calls."""

    def advance(
        self, state: State, steps: int, record_every: int
    ) -> tuple[State, tuple[Array, ...]]:
        """Return the state after ``steps`` and, per species, every k-th state after the first."""
        ...


@dataclass(frozen=True)
class NativeDescent:
    """The whole loop in native code, every pair met."""

    system: System
    momentum: float

    def advance(
        self, state: State, steps: int, record_every: int
    ) -> tuple[State, tuple[Array, ...]]:
        """As :class:`Engine` says."""
        run = pairwise.descend(
            list(state.positions),
            steps=steps,
            learning_rate=[species.learning_rate for species in self.system.species],
            terms=self.system.terms(),
            momentum=self.momentum,
            velocity=_velocities(self.system, state) if state.memory else None,
            record_every=record_every,
        )
        assert run.records is not None
        memory = _memory(self.system, list(run.velocity)) if self.momentum else {}
        return State(tuple(run.x), memory), tuple(records[1:] for records in run.records)


@dataclass(frozen=True)
class GradientDescent:
    """The same loop in NumPy around a gradient that somebody else computes."""

    system: System
    momentum: float
    gradient: Gradient

    def advance(
        self, state: State, steps: int, record_every: int
    ) -> tuple[State, tuple[Array, ...]]:
        """As :class:`Engine` says."""
        positions = [array.copy() for array in state.positions]
        velocities = [np.zeros_like(array) for array in positions]
        if state.memory:
            velocities = [velocity.copy() for velocity in _velocities(self.system, state)]
        records: list[list[Array]] = [[] for _ in positions]
        for step in range(1, steps + 1):
            gradients = self.gradient(positions)
            for i, species in enumerate(self.system.species):
                with np.errstate(over="ignore", invalid="ignore"):  # whoever called looks at it
                    velocities[i] = self.momentum * velocities[i] + gradients[i]
                    positions[i] = positions[i] - species.learning_rate * velocities[i]
                if step % record_every == 0:
                    records[i].append(positions[i])
        memory = _memory(self.system, velocities) if self.momentum else {}
        return State(tuple(positions), memory), tuple(
            np.stack(kept) if kept else np.empty((0, *array.shape), array.dtype)
            for kept, array in zip(records, positions, strict=True)
        )


def _memory(system: System, velocities: Sequence[Array]) -> dict[str, Array]:
    return {f"{n}.velocity": v for n, v in zip(system.names, velocities, strict=True)}


def _velocities(system: System, state: State) -> list[Array]:
    return [state.memory[f"{name}.velocity"] for name in system.names]
