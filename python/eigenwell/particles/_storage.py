"""Trajectories on disk: a Zarr v3 group that grows while a run goes on.

.. code-block:: text

    zarr.json              attributes: format, format_version, system, provenance
    steps                  int64 (r,), -1 where a record is not complete
    positions/<species>    (r, count, dimension), NaN where nothing was written
    state/<step>/...       what the optimizer remembers after the last step, if anything

A record counts once its step is written, and the step is written last: a run that is killed
anywhere leaves a readable store. Chunks carry a checksum and are replaced as a whole.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError, FormatError, ShapeError
from eigenwell.particles._system import System

if TYPE_CHECKING:
    from eigenwell.particles._engines import Array
    from eigenwell.particles._trajectory import Trajectory

FORMAT = "eigenwell particle trajectory"
FORMAT_VERSION = 1

_CHUNK_BYTES = 2**20
_STEPS_CHUNK = 4096
# A store may be compressed by others; none of positions is smaller than that.
_MOST_COMPRESSION = 1000


class Store:
    """A trajectory's group on disk, open for more records."""

    def __init__(self, path: str | os.PathLike[str], group: Any, system: System) -> None:
        self.path = Path(path)
        self._group = group
        self._names = system.names

    @classmethod
    def create(cls, path: str | os.PathLike[str], trajectory: Trajectory, records: int) -> Store:
        """Write a trajectory to a path that does not exist yet, as a whole or not at all.

        Args:
            path: Of the folder.
            trajectory: What is recorded so far.
            records: How many records there will be.

        Raises:
            ArgumentError: Something is there already, or nothing can be written there.
            BackendUnavailableError: Zarr is not installed.
        """
        zarr = _checks.require("zarr", extra="particles")
        target = Path(path)
        if os.path.lexists(target):
            raise ArgumentError(
                f"`{target}` exists: remove it, name another one or, of a run, pass resume=True"
            )
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        system = trajectory.system
        try:
            with _sentences(target):
                group = zarr.create_group(
                    temporary,
                    zarr_format=3,
                    attributes={
                        "format": FORMAT,
                        "format_version": FORMAT_VERSION,
                        "system": system.to_dict(),
                        "provenance": trajectory.provenance,
                    },
                )
                _array(
                    group,
                    "steps",
                    shape=(0,),
                    dtype=np.dtype(np.int64),
                    per_chunk=min(records, _STEPS_CHUNK),
                )
                places = group.create_group("positions")
                for name, states in trajectory.positions.items():
                    shape = (0, *states.shape[1:])
                    per_chunk = min(records, max(1, _CHUNK_BYTES // states[0].nbytes))
                    _array(places, name, shape=shape, dtype=states.dtype, per_chunk=per_chunk)
                cls(target, group, system).append(0, trajectory.steps, trajectory.positions, {})
                temporary.rename(target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        return cls.open(target, system)

    @classmethod
    def open(cls, path: str | os.PathLike[str], system: System) -> Store:
        """Open a store for more records."""
        zarr = _checks.require("zarr", extra="particles")
        with _sentences(Path(path)):
            return cls(path, zarr.open_group(path, mode="r+", zarr_format=3), system)

    def append(
        self,
        count: int,
        steps: npt.NDArray[np.int64],
        positions: dict[str, Array],
        memory: dict[str, Array],
    ) -> None:
        """Add records after the first ``count``, and what the optimizer remembers after the last.

        Raises:
            ArgumentError: They cannot be written; what was there before stays readable.
        """
        total = count + len(steps)
        with _sentences(self.path):
            for name in self._names:
                _put(self._group[f"positions/{name}"], positions[name], count, total)
            if memory:
                last = self._group.require_group("state").create_group(
                    str(steps[-1]), overwrite=True
                )
                for name, value in memory.items():
                    last.create_array(name, data=np.asarray(value))
            _put(self._group["steps"], steps, count, total)
            if memory:
                self._forget_all_but(str(steps[-1]))

    def memory(self, step: int) -> dict[str, Array]:
        """Return what the optimizer remembered after a step, empty if nothing.

        Raises:
            FormatError: It is unreadable.
        """
        with _readable(self.path):
            if f"state/{step}" not in self._group:
                return {}
            return {name: array[...] for name, array in self._group[f"state/{step}"].arrays()}

    def _forget_all_but(self, step: str) -> None:
        states = self._group["state"]
        for name in list(states.group_keys()):
            if name != step:
                del states[name]


def read(path: str | os.PathLike[str]) -> Trajectory:
    """Return the complete records of a store.

    Raises:
        ArgumentError: There is nothing at the path.
        FormatError: It is no trajectory, or damaged.
        BackendUnavailableError: Zarr is not installed.
    """
    from eigenwell.particles._trajectory import Trajectory

    zarr = _checks.require("zarr", extra="particles")
    if not Path(path).exists():
        raise ArgumentError(f"`{path}` does not exist")
    with _readable(path):
        group = zarr.open_group(path, mode="r", zarr_format=3)
        attributes = dict(group.attrs)
        if attributes.get("format") != FORMAT:
            raise FormatError(f"`{path}` is Zarr, but no particle trajectory")
        if attributes.get("format_version") != FORMAT_VERSION:
            raise FormatError(
                f"`{path}` must have format version {FORMAT_VERSION}, "
                f"got {attributes.get('format_version')}: update eigenwell"
            )
        system = System.from_dict(attributes["system"])
        steps = _checked(group["steps"], path)[...]
        if steps.ndim != 1 or steps.dtype != np.int64:
            raise FormatError(f"`{path}` must hold int64 steps of one axis, got {steps.dtype}")
        complete = int((steps < 0).argmax()) if (steps < 0).any() else len(steps)
        if complete == 0 or (np.diff(steps[:complete]) <= 0).any():
            raise FormatError(f"`{path}` must hold ascending steps")
        positions = {}
        for species in system.species:
            array = _checked(group[f"positions/{species.name}"], path)
            if array.dtype not in {np.dtype(np.float32), np.dtype(np.float64)}:
                raise FormatError(f"`{path}` must hold float32 or float64, got {array.dtype}")
            states = array[:complete]
            if not np.isfinite(states).all():
                raise FormatError(f"`{path}` is damaged: positions of {species.name!r} are missing")
            positions[species.name] = states
        return Trajectory(system, steps[:complete], positions, dict(attributes["provenance"]))


def _array(
    group: Any, name: str, *, shape: tuple[int, ...], dtype: np.dtype[Any], per_chunk: int
) -> None:
    group.create_array(
        name,
        shape=shape,
        dtype=dtype,
        chunks=(per_chunk, *shape[1:]),
        # Positions do not compress; a checksum finds what a disk has changed.
        compressors=_checks.require("zarr.codecs", extra="particles").Crc32cCodec(),
        fill_value=-1 if dtype.kind == "i" else float("nan"),
        dimension_names=("record", "point", "coordinate")[: len(shape)],
        config={"write_empty_chunks": True},
    )


def _put(array: Any, values: npt.NDArray[Any], count: int, total: int) -> None:
    array.resize((total, *array.shape[1:]))
    array[count:] = values


def _checked(array: Any, path: str | os.PathLike[str]) -> Any:
    """Return the array if its files can hold what it claims: no allocation on its word alone."""
    if array.nbytes > _MOST_COMPRESSION * (array.nbytes_stored() + 2**10):
        raise FormatError(
            f"`{path}` is damaged: {array.name!r} must hold {array.nbytes} bytes, "
            f"got {array.nbytes_stored()} in its files"
        )
    return array


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ArgumentError(f"`{path}` cannot be written: {reason}") from error


@contextmanager
def _readable(path: str | os.PathLike[str]) -> Iterator[None]:
    """Whatever a damaged or foreign store makes Zarr raise is a FormatError."""
    try:
        yield
    except FormatError:
        raise
    except ShapeError as error:
        raise FormatError(f"`{path}` does not hold what its system says: {error}") from error
    except Exception as error:  # Zarr has errors of many kinds for this
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise FormatError(f"`{path}` is no readable trajectory: {reason}") from error
