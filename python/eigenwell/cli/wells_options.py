"""What the views of ``eigenwell wells`` share: a bandit, a rate, a length, and files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from eigenwell._checks import integer, require
from eigenwell._files import write_atomic
from eigenwell.cli._options import Options
from eigenwell.cli._output import Output, as_json, check_writable

if TYPE_CHECKING:
    from eigenwell.wells import Bandit

# A run of more would take hours in Python.
_MOST_STEPS = 10**8

Picture = Annotated[Path, tyro.conf.arg(metavar="FILE", aliases=("-o",))]
MaybePicture = Annotated[Path | None, tyro.conf.arg(metavar="FILE", aliases=("-o",))]


@dataclass(frozen=True, kw_only=True)
class WellOptions(Options):
    """Options of every view."""

    rewards: Annotated[tuple[float, ...], tyro.conf.arg(metavar="R R...")] = (1.0, 0.9, 0.1)
    """Reward of each action; one must be largest."""

    learning_rate: float = 0.4
    """Of softmax policy gradient, eta."""

    steps: int = 10_000
    """Last time of a run, counted from 1."""

    fraction: float = 0.9
    """A run has escaped once its sub-optimality is below this fraction of the gap."""

    save_json: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Write what was measured, with all data behind the picture, to a file of JSON."""

    def bandit(self) -> Bandit:
        """Return the bandit, with the steps checked."""
        from eigenwell import wells

        integer(self.steps, "steps", low=2, high=_MOST_STEPS)
        return wells.Bandit(self.rewards)

    def prepare(self, picture: Path | None, *modules: str) -> None:
        """Find out before anything takes time that a file or an extra is out of reach."""
        for path, name in ((picture, "--output"), (self.save_json, "--save-json")):
            if path is not None:
                check_writable(path, name)
        for module in modules:
            require(module, extra="wells")

    def settings(self) -> dict[str, Any]:
        """Return the options that a result depends on."""
        return {
            "rewards": self.rewards,
            "learning_rate": self.learning_rate,
            "steps": self.steps,
            "fraction": self.fraction,
        }

    def keep(self, document: dict[str, Any], output: Output, picture: Path | None) -> None:
        """Write the JSON file and say where the files are."""
        if self.save_json is not None:
            write_atomic(self.save_json, f"{as_json(document)}\n".encode())
        for path in (picture, self.save_json):
            if path is not None:
                output.note(f"wrote {path}")


def numbers(values: tuple[float, ...]) -> str:
    """Return numbers as ``(1, 0.9, 0.1)``."""
    return f"({', '.join(f'{value:.6g}' for value in values)})"
