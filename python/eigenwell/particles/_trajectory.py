"""Where the particles went: recorded states of a system, in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell.errors import ShapeError

if TYPE_CHECKING:
    from eigenwell.particles._system import System

#: Positions: float32 or float64.
Positions = npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Recorded states of a system.

    Attributes:
        system: What moved.
        steps: Step numbers of the records, int64 ``(r,)``, ascending; 0 is the start.
        positions: For each species, by name, ``(r, count, dimension)``.
        provenance: How it came about, as JSON holds it: seed, options and versions of the run.
    """

    system: System
    steps: npt.NDArray[np.int64]
    positions: dict[str, Positions]
    provenance: dict[str, Any] = field(default_factory=dict)

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

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a Zarr v3 group, as a whole or not at all.

        Args:
            path: A folder that does not exist yet.

        Raises:
            ArgumentError: It exists or cannot be written.
            BackendUnavailableError: Zarr is not installed.
        """
        from eigenwell.particles._storage import Store

        Store.create(path, self, len(self))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Trajectory:
        """Return what :meth:`save` wrote, or the complete records of a run, killed or going on.

        Raises:
            ArgumentError: There is nothing at the path.
            FormatError: It is no trajectory, or damaged.
            BackendUnavailableError: Zarr is not installed.
        """
        from eigenwell.particles._storage import read

        return read(path)

    def export_xyz(self, path: str | os.PathLike[str]) -> None:
        """Write a text file in extended XYZ, one frame for each record; ASE, OVITO and VMD read it.

        The species' names stand in the species column, the step in the comment. Digits suffice to
        get the same numbers back. Coordinates beyond the system's dimension are 0.

        Args:
            path: The file to create or replace.

        Raises:
            ArgumentError: More than three dimensions, or the file cannot be written.
        """
        from eigenwell.particles._xyz import export_xyz

        export_xyz(self, path)
