"""The distribution over distances that negatives are drawn from, and how a policy moves it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError, ShapeError

Float64 = npt.NDArray[np.float64]

#: Bins, their support and the floor of PADS (Roth et al. 2020).
BINS, SUPPORT, FLOOR = 29, (0.1, 1.4), 1e-15
#: What shrinking, keeping and growing a bin multiplies its weight by.
MULTIPLIERS = (0.8, 1.0, 1.25)

#: Mean and sigma of the normal starts; "high" is the mean distance, not the variance.
NORMAL = {"normal_low": (0.5, 0.05), "normal_avg": (1.1, 0.04), "normal_high": (1.6, 0.04)}
#: Interval of the uniform starts.
UNIFORM = {"uniform_low": (0.3, 0.7), "uniform_high": (1.0, 1.4)}
#: Names of all starts; ``random`` draws every bin alike.
PRESETS = (*NORMAL, *UNIFORM, "random")

_MOST_BINS = 10_000


@dataclass(frozen=True, eq=False)
class DistanceDistribution:
    """Weights of bins of distance: a negative at distance d is drawn with weight p(bin of d).

    Nearer and farther pairs than the support count in the first and the last bin.

    Attributes:
        weights: ``(bins,)``, float64; clipped from below at the floor, then of sum 1.
        support: Left end of the first bin and right end of the last.
        floor: Least weight before the sum is made 1, at least 0.

    Raises:
        EigenwellError: A value is out of range, or all weights are 0.

    References:
        Roth, Milbich and Ommer 2020, "PADS: Policy-Adapted Sampling for Visual Similarity
        Learning", section 4.

    Example:
        >>> from eigenwell.wells import asr
        >>> far = asr.DistanceDistribution.preset("normal_high")
        >>> round(far.mean, 3), round(float(far.weights[-1]), 3)
        (1.378, 0.999)
    """

    weights: Float64
    support: tuple[float, float] = SUPPORT
    floor: float = FLOOR

    def __post_init__(self) -> None:
        low, high = (_checks.not_negative(end, "support") for end in self.support)
        if not low < high:
            raise ArgumentError(f"`support` must be two numbers that rise, got {(low, high)}")
        floor = _checks.not_negative(self.floor, "floor")
        weights = _checks.real_array(self.weights, "weights")
        if weights.ndim != 1 or not 1 <= len(weights) <= _MOST_BINS:
            raise ShapeError(f"`weights` must have shape (bins,), got {weights.shape}")
        if not np.isfinite(weights).all() or (weights < 0).any():
            raise ArgumentError("`weights` must be finite and at least 0")
        clipped = np.maximum(weights, floor)
        total = clipped.sum()
        if total == 0:
            raise ArgumentError("`weights` must not all be 0: widen the start or raise `floor`")
        object.__setattr__(self, "weights", clipped / total)
        object.__setattr__(self, "support", (low, high))

    @classmethod
    def normal(
        cls,
        mean: float,
        sigma: float,
        *,
        bins: int = BINS,
        support: tuple[float, float] = SUPPORT,
        floor: float = FLOOR,
    ) -> Self:
        """Return the density of a normal distribution at the bins' centres.

        Args:
            mean: Of the distances; it may lie outside of the support.
            sigma: Standard deviation, above 0.
            bins: How many, of equal width.
            support: Ends of the first and the last.
            floor: Densities below it are raised to it.

        Raises:
            EigenwellError: A value is out of range.
        """
        mean, sigma = _checks.finite(mean, "mean"), _checks.positive(sigma, "sigma")
        z = (_centres(bins, support) - mean) / sigma
        with np.errstate(under="ignore"):
            density = np.exp(-0.5 * z * z) / (sigma * math.sqrt(2.0 * math.pi))
        return cls(density, support, floor)

    @classmethod
    def uniform(
        cls,
        low: float,
        high: float,
        *,
        bins: int = BINS,
        support: tuple[float, float] = SUPPORT,
        floor: float = FLOOR,
    ) -> Self:
        """Return equal densities of the bins with centres in ``[low, high]``, 0 elsewhere.

        Raises:
            EigenwellError: A value is out of range, or no centre lies in the interval.
        """
        low, high = _checks.finite(low, "low"), _checks.finite(high, "high")
        centres = _centres(bins, support)
        inside = (low <= centres) & (centres <= high)
        if not inside.any():
            raise ArgumentError(f"`low` and `high` must hold a bin's centre, got [{low}, {high}]")
        return cls(inside / (high - low if high > low else 1.0), support, floor)

    @classmethod
    def preset(
        cls,
        name: str,
        *,
        bins: int = BINS,
        support: tuple[float, float] = SUPPORT,
        floor: float = FLOOR,
    ) -> Self:
        """Return a start by its name, one of :data:`PRESETS`.

        Raises:
            ArgumentError: There is none of this name.
        """
        if name in NORMAL:
            return cls.normal(*NORMAL[name], bins=bins, support=support, floor=floor)
        if name in UNIFORM:
            return cls.uniform(*UNIFORM[name], bins=bins, support=support, floor=floor)
        if name != "random":
            raise ArgumentError(f"`name` must be one of {', '.join(PRESETS)}, got {name!r}")
        return cls(np.ones(len(_centres(bins, support))), support, floor)

    @property
    def bins(self) -> int:
        """How many bins there are."""
        return len(self.weights)

    @property
    def centres(self) -> Float64:
        """Distances in the middle of the bins, ``(bins,)``."""
        return _centres(self.bins, self.support)

    @property
    def mean(self) -> float:
        """Mean distance of the weights, were there as many pairs in every bin."""
        return float(self.weights @ self.centres)

    def bin_of(self, distances: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return the bin of each distance, of the same shape.

        Raises:
            ArgumentError: A distance is NaN.
        """
        values = _checks.real_array(distances, "distances")
        if np.isnan(values).any():
            raise ArgumentError("`distances` must not be NaN")
        low, high = self.support
        places = np.floor((values - low) * (self.bins / (high - low)))
        return np.clip(places, 0, self.bins - 1).astype(np.int64)

    def updated(
        self, actions: npt.ArrayLike, *, multipliers: Sequence[float] = MULTIPLIERS
    ) -> Self:
        """Return the distribution after an action on every bin.

        Args:
            actions: ``(bins,)``: 0 shrinks, 1 keeps, 2 grows.
            multipliers: Of the three, above 0.

        Raises:
            EigenwellError: Not one action for each bin, or a multiplier that is not above 0.
        """
        chosen = np.asarray(actions)
        if chosen.shape != self.weights.shape:
            raise ShapeError(f"`actions` must have shape ({self.bins},), got {chosen.shape}")
        if chosen.dtype.kind not in "iu" or ((chosen < 0) | (chosen > 2)).any():
            raise ArgumentError("`actions` must be 0 to shrink, 1 to keep or 2 to grow a bin")
        factors = np.array([_checks.positive(factor, "multipliers") for factor in multipliers])
        if factors.shape != (3,):
            raise ShapeError(f"`multipliers` must be three numbers, got {len(factors)}")
        return type(self)(self.weights * factors[chosen], self.support, self.floor)


def _centres(bins: int, support: tuple[float, float]) -> Float64:
    bins = _checks.integer(bins, "bins", low=1, high=_MOST_BINS)
    low, high = (_checks.not_negative(end, "support") for end in support)
    return np.asarray(low + (np.arange(bins) + 0.5) * ((high - low) / bins), np.float64)
