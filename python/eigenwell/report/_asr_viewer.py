"""A page with all curves of the study: one file that needs neither a network nor a server."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenwell.report._asr_data import CellRuns, band
from eigenwell.report._asr_figures import MEASURES
from eigenwell.report._pages import write_page

if TYPE_CHECKING:
    from eigenwell.studies import Experiment, Result

_FILE = "adaptive_sampling_curves.html"


def write_asr_viewer(
    experiments: Sequence[Experiment],
    results: Sequence[Result],
    folder: str | os.PathLike[str],
) -> str:
    """Write a page on which measures and cells are chosen; means over seeds with 95 % bands.

    Args:
        experiments: In the order of the list of cells; those without results are left out.
        results: Of them, with curves.
        folder: For the file.

    Returns:
        The file's name.

    Raises:
        BackendUnavailableError: SciPy is not installed.
        ArgumentError: The file cannot be written.

    Note:
        Some 5 kB, and 15 kB for each cell.
    """
    data = CellRuns(results)
    cells: dict[str, Any] = {}
    for experiment in experiments:
        if experiment.name not in data:
            continue
        runs = data.runs(experiment.name)
        curves = {}
        for measure in MEASURES:
            if all(measure in run for run in runs):
                mean, half = band(data.curves(experiment.name, measure))
                curves[measure] = [_short(mean, 4), _short(half, 2)]
        cells[experiment.name] = {"about": experiment.about, "seeds": len(runs), "curves": curves}
    document = {"measures": MEASURES, "cells": cells}
    write_page(Path(folder) / _FILE, "_asr_viewer.html", data=document)
    return _FILE


def _short(values: np.ndarray[Any, Any], digits: int) -> list[float | None]:
    """Return some digits of each, and nothing of what is not finite."""
    return [float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in values]
