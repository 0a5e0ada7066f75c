"""Where results and progress go: results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from eigenwell.errors import ArgumentError
from eigenwell.report import Table, printable, show_table


@dataclass(frozen=True)
class Output:
    """The two streams of a command.

    Attributes:
        json: The result is one JSON document instead of text.
        quiet: Progress and notes are not shown.
        out: Console on stdout.
        err: Console on stderr.
    """

    json: bool = False
    quiet: bool = False
    out: Console = field(default_factory=lambda: Console(highlight=False))
    err: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))

    def note(self, text: str) -> None:
        """Say something on stderr that is not the result."""
        if not self.quiet:
            # Through sys.stderr, which a live progress bar redirects to stay in one piece.
            print(printable(text), file=sys.stderr, flush=True)

    def result(self, document: Mapping[str, Any], *shown: Table | str) -> None:
        """Print the result.

        Args:
            document: The result for machines.
            *shown: The same for people: tables and lines.
        """
        if self.json:
            print(as_json(document))
            return
        for item in shown:
            if isinstance(item, Table):
                show_table(item, self.out)
            else:
                print(printable(item))


def as_json(document: Mapping[str, Any]) -> str:
    """Return a JSON document; what JSON cannot say (NaN, infinities) becomes null."""
    return json.dumps(_plain(document), indent=2, allow_nan=False)


def check_writable(path: Path, name: str) -> None:
    """Find out before a long run that its output file cannot be written.

    Args:
        path: The file to be written later. It is neither created nor changed.
        name: The option that named it.

    Raises:
        ArgumentError: It is a folder, or nothing can be written where it lies.
    """
    if path.is_dir():
        raise ArgumentError(f"`{name}` must be a file, but {path} is a folder")
    try:
        # Trying it is the only test that sees permissions, quotas and read-only mounts alike.
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ArgumentError(
            f"`{name}` cannot be written: {path}: {error.strerror or error}"
        ) from error


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
