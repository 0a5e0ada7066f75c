"""What every verb has: its common options, and a way to run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eigenwell.cli._output import Output


@dataclass(frozen=True, kw_only=True)
class Options(ABC):
    """Options of every verb."""

    json: bool = False
    """Print one JSON document on stdout and nothing else there."""

    quiet: bool = False
    """Show no progress."""

    debug: bool = False
    """Show the traceback of an error."""

    @abstractmethod
    def run(self, output: Output) -> int:
        """Do what the verb says and return the exit status."""
