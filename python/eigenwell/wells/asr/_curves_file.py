"""The curves of a run as JSON."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eigenwell import _files
from eigenwell.errors import ArgumentError, FormatError

CURVES = "curves.json"


def write(folder: Path, document: Mapping[str, Any]) -> None:
    """Write the curves, in which NaN becomes null."""
    text = json.dumps(_plain(document), indent=1, allow_nan=False)
    _files.write_atomic(folder / CURVES, f"{text}\n".encode())


def read(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what :func:`write` wrote.

    Raises:
        ArgumentError: There is nothing to read.
        FormatError: It is something else.
    """
    path = Path(folder) / CURVES
    try:
        document = json.loads(_files.read_bytes(path))
        curves = document["curves"]
        document["curves"] = {
            name: [math.nan if value is None else value for value in curve]
            for name, curve in curves.items()
        }
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise FormatError(f"`{path}` does not hold the curves of a run: {error!r}") from None
    return dict(document)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
