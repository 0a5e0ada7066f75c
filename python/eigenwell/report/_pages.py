"""Pages that need neither a network nor a server: a template of this package and what it shows."""

from __future__ import annotations

import importlib.resources
import json
import os
import re
from typing import Any

from eigenwell._files import write_atomic


def piece(name: str) -> str:
    """Return a file of this package."""
    return importlib.resources.files("eigenwell.report").joinpath(name).read_text("utf-8")


def write_page(path: str | os.PathLike[str], template: str, *, data: Any, **pieces: str) -> None:
    """Write a template of this package with something in each of its places, as ``@DATA@``.

    Args:
        path: The file.
        template: Its name.
        data: Goes into a script element as JSON.
        **pieces: HTML or scripts for the places of these names, there in capitals.

    Raises:
        ArgumentError: The file cannot be written.
    """
    places = {name.upper(): text for name, text in pieces.items()}
    # In a script element nothing is escaped, and only "<" could end it.
    text = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    places["DATA"] = text
    # All at once, so that nothing that is put in is taken for a place.
    page = re.sub("@([A-Z]+)@", lambda place: places[place[1]], piece(template))
    write_atomic(path, page.encode())
