"""Estimates with bootstrap intervals over units that are independent: training runs, or pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError, ShapeError


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval.

    Attributes:
        value: On the data.
        low: Lower end.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap(
    statistic: Callable[..., float],
    *arrays: npt.NDArray[Any],
    units: npt.ArrayLike | None = None,
    resamples: int = 300,
    seed: int = 0,
) -> Estimate:
    """Return a statistic of rows with its percentile interval.

    Args:
        statistic: Of resampled arrays, a number.
        *arrays: [n, ...] each.
        units: What is drawn with all of its rows, such as a training run, [n]; None draws rows.
        resamples: How many.
        seed: Of the draws.

    Raises:
        ShapeError: The arrays differ in length.
        ArgumentError: There is no row.

    References:
        Efron 1979, "Bootstrap methods: another look at the jackknife"; Davison and Hinkley 1997,
        section 3.8, for clusters.
    """
    count = len(arrays[0])
    names = np.arange(count) if units is None else np.asarray(units)
    if any(len(array) != count for array in (*arrays, names)):
        raise ShapeError("`arrays` and `units` must have the same length")
    if count == 0:
        raise ArgumentError("`arrays` must have at least one row")
    resamples = _checks.integer(resamples, "resamples", low=2, high=10**6)
    rng = np.random.default_rng(seed)
    _, unit = np.unique(names, return_inverse=True)
    order = np.argsort(unit, kind="stable")
    first = np.searchsorted(unit[order], np.arange(unit.max() + 2))
    values = np.empty(resamples)
    for k in range(resamples):
        drawn = rng.integers(0, len(first) - 1, len(first) - 1)
        sizes = first[drawn + 1] - first[drawn]
        ends = np.cumsum(sizes)
        rows = order[np.arange(ends[-1]) + np.repeat(first[drawn] - ends + sizes, sizes)]
        values[k] = statistic(*(array[rows] for array in arrays))
    known = values[~np.isnan(values)]  # R^2 of equal numbers, say, is unknown
    low, high = np.quantile(known, (0.025, 0.975)) if len(known) else (np.nan, np.nan)
    return Estimate(float(statistic(*arrays)), float(low), float(high))


def determination(obtained: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> float:
    """Return R^2, ``1 - sum (wanted - obtained)^2 / sum (wanted - mean wanted)^2``."""
    spread = float(((wanted - wanted.mean()) ** 2).sum())
    return 1 - float(((wanted - obtained) ** 2).sum()) / spread if spread else float("nan")
