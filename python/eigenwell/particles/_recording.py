"""The records of a run while it goes on: in memory, and on disk if that is wanted."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell.errors import ArgumentError
from eigenwell.particles._engines import Array, State
from eigenwell.particles._storage import Store
from eigenwell.particles._trajectory import Trajectory

# What decides on the bits of a run. The device may change: its rounding is its own.
_COMPARED = (
    "seed",
    "dtype",
    "backend",
    "method",
    "precision",
    "optimizer",
    "momentum",
    "record_every",
)


class Recording:
    """Records so far, and the state to go on from.

    Attributes:
        system: What moves.
        state: The state at the last record.
        step: Its step.
    """

    def __init__(self, first: Trajectory, memory: dict[str, Array], records: int) -> None:
        self.system = first.system
        self.state = State(tuple(first.last.values()), memory)
        self.step = int(first.steps[-1])
        self._provenance = first.provenance
        self._count = len(first)
        try:
            self._steps = np.empty(records, np.int64)
            self._positions = {
                name: np.empty((records, *states.shape[1:]), states.dtype)
                for name, states in first.positions.items()
            }
        except (MemoryError, ValueError):
            size = records * sum(states[0].nbytes for states in first.positions.values())
            raise ArgumentError(
                f"`record_every` must be larger: {records} records take {size / 1e9:.0f} GB"
            ) from None
        self._steps[: self._count] = first.steps
        for name, states in first.positions.items():
            self._positions[name][: self._count] = states
        self._store: Store | None = None

    @classmethod
    def begin(
        cls,
        start: Trajectory,
        steps: int,
        output: str | os.PathLike[str] | None,
        *,
        resume: bool,
    ) -> Recording:
        """Begin with the start, or with what ``output`` holds.

        Raises:
            EigenwellError: As :func:`eigenwell.particles.simulate` says.
        """
        records = 1 + steps // start.provenance["record_every"]
        if output is None:
            if resume:
                raise ArgumentError("`resume` needs `output`: where the run was recorded")
            return cls(start, {}, records)
        if not (resume and os.path.lexists(output)):
            self = cls(start, {}, records)
            self._store = Store.create(output, start, records)
            return self
        earlier = Trajectory.load(output)
        _compare(earlier, start, steps, Path(output))
        store = Store.open(output, start.system)
        memory = store.memory(int(earlier.steps[-1]))
        if not memory and len(earlier) > 1 and _needs_memory(start.provenance):
            raise ArgumentError(
                f"`output` {output} cannot be resumed: it ends without the optimizer's state"
            )
        self = cls(earlier, memory, records)
        self._store = store
        return self

    def append(
        self, steps: npt.NDArray[np.int64], records: tuple[Array, ...], memory: dict[str, Array]
    ) -> None:
        """Add records; ``memory`` is what the optimizer remembers after the last of them.

        Raises:
            ArgumentError: They cannot be written.
        """
        positions = dict(zip(self.system.names, records, strict=True))
        if self._store is not None:
            self._store.append(self._count, steps, positions, memory)
        total = self._count + len(steps)
        self._steps[self._count : total] = steps
        for name, states in positions.items():
            self._positions[name][self._count : total] = states
        self._count = total

    def trajectory(self) -> Trajectory:
        """Return the records so far."""
        return Trajectory(
            self.system,
            self._steps[: self._count],
            {name: states[: self._count] for name, states in self._positions.items()},
            self._provenance,
        )


def _needs_memory(provenance: dict[str, Any]) -> bool:
    return bool(provenance["momentum"]) or provenance["optimizer"] == "adam"


def _compare(earlier: Trajectory, start: Trajectory, steps: int, output: Path) -> None:
    """Demand that the run to resume is the one that was recorded."""
    was, now = _flat(earlier), _flat(start)
    for name in sorted(was.keys() | now.keys()):
        if was.get(name) != now.get(name):
            raise ArgumentError(
                f"`{name}` must be {was.get(name)!r} as in `output` {output}, "
                f"got {now.get(name)!r}: a resumed run cannot change it"
            )
    for name, states in start.positions.items():
        if not np.array_equal(earlier.positions[name][0], states[0]):
            raise ArgumentError(
                f"`initial` must be what `output` {output} starts from, got other {name}"
            )
    if earlier.steps[-1] > steps:
        raise ArgumentError(
            f"`steps` must be at least {earlier.steps[-1]}, where `output` {output} ends, "
            f"got {steps}"
        )


def _flat(trajectory: Trajectory) -> dict[str, Any]:
    """Return what must be equal, each value under the name by which a user knows it."""
    values: dict[str, Any] = {name: trajectory.provenance.get(name) for name in _COMPARED}
    system = json.loads(json.dumps(trajectory.system.to_dict()))
    values["system.dimension"] = system["dimension"]
    for kind in ("species", "interactions"):
        for i, entry in enumerate(system[kind]):
            values |= {f"system.{kind}[{i}].{key}": value for key, value in entry.items()}
    return values
