"""A page to explore gravity wells with: one file that needs neither a network nor a server."""

from __future__ import annotations

import importlib.resources
import json
import os
import re
from typing import TYPE_CHECKING

from eigenwell._files import write_atomic
from eigenwell.report._wells_axes import corner_order

if TYPE_CHECKING:
    from eigenwell.wells._map import EscapeMap


def write_well_explorer(found: EscapeMap, path: str | os.PathLike[str]) -> None:
    """Write an interactive page: a click on the simplex runs from there.

    The page iterates the same update in float64, draws the trajectory, and prints escape time,
    lowest pi(a*) and best certificate.

    Args:
        found: The map behind it.
        path: The HTML file, written all of it or nothing.

    Raises:
        ArgumentError: The file cannot be written.

    Note:
        Some 17 kB, and 35 bytes for each start of the map.
    """
    data = {
        "rewards": found.bandit.rewards_at(1).tolist(),
        "order": corner_order(found.bandit),
        "learningRate": found.learning_rate,
        "steps": found.steps,
        "fraction": found.fraction,
        "vertices": found.vertices.round(6).tolist(),
        "cells": found.cells.tolist(),
        "times": found.times.tolist(),
        "certificates": found.certificates.tolist(),
    }
    # In a script element nothing is escaped, and only "<" could end it.
    text = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    page = importlib.resources.files("eigenwell.report").joinpath("_wells_explorer.html")
    whole = re.sub("@DATA@", lambda _: text, page.read_text("utf-8"))
    write_atomic(path, whole.encode())
