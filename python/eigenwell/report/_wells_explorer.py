"""A page to explore gravity wells with: one file that needs neither a network nor a server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from eigenwell.report._pages import write_page
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
    write_page(path, "_wells_explorer.html", data=data)
