"""Where the particles went: recorded states of a system, in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from eigenwell.errors import ShapeError

if TYPE_CHECKING:
    from eigenwell.particles._system import System

#: Positions: float32 or float64.
Positions = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Trajectory:
    """Recorded states of a system.

    Attributes:
        system: What moved.
        steps: Step numbers of the records, int64 ``(r,)``, ascending; 0 is the start.
        positions: For each species, by name, ``(r, count, dimension)``.
    """

    system: System
    steps: npt.NDArray[np.int64]
    positions: dict[str, Positions]

    def __post_init__(self) -> None:
        for species in self.system.species:
            expected = (len(self.steps), species.count, self.system.dimension)
            got = np.shape(self.positions.get(species.name, ()))
            if got != expected:
                raise ShapeError(f"`positions[{species.name!r}]` must be {expected}, got {got}")

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def last(self) -> dict[str, Positions]:
        """The last recorded state: for each species ``(count, dimension)``."""
        return {name: states[-1] for name, states in self.positions.items()}

    def frames(self) -> Iterator[tuple[int, dict[str, Positions]]]:
        """Yield the step number and the positions of every record."""
        for index, step in enumerate(self.steps):
            yield int(step), {name: states[index] for name, states in self.positions.items()}
