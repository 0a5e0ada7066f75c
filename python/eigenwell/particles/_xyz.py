"""Extended XYZ: what ASE, OVITO and VMD read."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eigenwell.errors import ArgumentError

if TYPE_CHECKING:
    from eigenwell.particles._trajectory import Trajectory


def export_xyz(trajectory: Trajectory, path: str | os.PathLike[str]) -> None:
    """Write every record as one frame; see :meth:`Trajectory.export_xyz`."""
    dimension = trajectory.system.dimension
    if dimension > 3:
        raise ArgumentError(f"extended XYZ has three coordinates, got dimension {dimension}")
    total = sum(species.count for species in trajectory.system.species)
    # Nine digits give a float32 back, seventeen a float64.
    digits = 9 if all(x.dtype == np.float32 for x in trajectory.positions.values()) else 17
    row = " ".join([f"%.{digits}g"] * dimension + ["0"] * (3 - dimension)) + "\n"
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            for step, states in trajectory.frames():
                stream.write(f"{total}\n")
                stream.write(f'Properties=species:S:1:pos:R:3 step={step} pbc="F F F"\n')
                for name, points in states.items():
                    stream.writelines(f"{name} {row % tuple(x)}" for x in points.tolist())
        temporary.replace(target)
    except OSError as error:
        raise ArgumentError(f"`{target}` cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()
