"""The study's results by cell, and bands over seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell._checks import require
from eigenwell.report._findings_axes import Measurements

Floats = npt.NDArray[np.float64]


class CellRuns(Measurements):
    """Measurements whose cells can be listed, and their runs one by one."""

    def names(self) -> list[str]:
        """Return the cells that there are results of."""
        return list(self._values)

    def runs(self, cell: str) -> list[dict[str, Any]]:
        """Return what each run of a cell measured."""
        return self._values[cell]


def band(curves: Floats) -> tuple[Floats, Floats]:
    """Return the mean of curves and half of its 95 % interval, ``(seeds, n)`` to ``(n,)`` each.

    Of a single curve the half is 0.
    """
    count = len(curves)
    mean = curves.mean(axis=0)
    if count < 2:
        return mean, np.zeros_like(mean)
    quantile = require("scipy.stats", extra="report").t.ppf(0.975, count - 1)
    return mean, quantile * curves.std(axis=0, ddof=1) / np.sqrt(count)
