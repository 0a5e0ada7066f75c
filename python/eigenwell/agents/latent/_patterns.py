"""Slope, valley or hill: what survival does along a line between two agents."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError, ShapeError

Name = Literal["slope", "valley", "hill", "neither"]


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """What :func:`classify` found.

    Attributes:
        name: ``"slope"``, ``"valley"``, ``"hill"`` or ``"neither"``.
        rise: Mean survival at t = 1 less that at t = 0, steps.
        dip: How far the lowest point between lies below the lower end, 0 if none does, steps.
        bump: How far the highest point between lies above the higher end, 0 if none does, steps.
    """

    name: Name
    rise: float
    dip: float
    bump: float


def classify(
    steps: npt.ArrayLike,
    t: npt.ArrayLike,
    *,
    cap: float,
    margin: float = 0.05,
    confidence: float = 0.95,
) -> Pattern:
    """Tell slope, valley and hill apart from the survival along a line.

    All points have the same starts, so that differences are taken episode by episode. "X is above
    Y" means that the mean of X - Y less z standard errors exceeds ``margin * cap`` steps, where z
    is the normal quantile at ``1 - (1 - confidence) / (2 m)`` for m points with 0 < t < 1: an
    interval for each of them, corrected for looking at all.

    - **hill**: a point between is above both ends, and none is below both.
    - **valley**: a point between is below both ends, and none is above both.
    - **slope**: neither of these, one end is above the other, and no point in [0, 1] is above
      another one that stands nearer to the higher end: monotone but for the margin.
    - **neither**: everything else, flat lines among it.

    Args:
        steps: Survival [points, episodes] from paired starts.
        t: Of the points, with 0 and 1 among them, [points]; those outside of [0, 1] do not count.
        cap: Most steps of an episode.
        margin: Difference that counts, in shares of the cap.
        confidence: Of all intervals between the ends together.

    Raises:
        ShapeError: `steps` is not [points, episodes] with at least two episodes.
        ArgumentError: `t` lacks 0, 1 or a point between, or a survival is not finite.

    Example:
        >>> import numpy as np
        >>> line = np.array([[20, 22], [90, 80], [30, 31]])
        >>> classify(line, [0, 0.5, 1], cap=200).name
        'hill'
    """
    y, at = _checks.real_array(steps, "steps"), _checks.real_array(t, "t")
    if y.ndim != 2 or y.shape[1] < 2 or at.shape != (len(y),):
        raise ShapeError(
            "`steps` must have shape (points, episodes) with a `t` for each point and at least 2 "
            f"episodes, got {y.shape} and {at.shape}"
        )
    if not np.isfinite(y).all():
        raise ArgumentError("`steps` must be finite")
    if not 0 < confidence < 1:
        raise ArgumentError(f"`confidence` must be in (0, 1), got {confidence}")
    order = np.argsort(at)
    order = order[(at[order] >= 0) & (at[order] <= 1)]
    y, at = y[order], at[order]
    inner = len(at) - 2
    if inner < 1 or at[0] != 0 or at[-1] != 1:
        raise ArgumentError(f"`t` must hold 0, 1 and points between them, got {at.tolist()}")
    least = _checks.not_negative(margin, "margin") * _checks.positive(cap, "cap")
    z = NormalDist().inv_cdf(1 - (1 - confidence) / (2 * inner))
    above = _above(y, z, least)
    mean = y.mean(axis=1)
    rise = float(mean[-1] - mean[0])
    hill = bool((above[1:-1, 0] & above[1:-1, -1]).any())
    valley = bool((above[0, 1:-1] & above[-1, 1:-1]).any())
    rising = above if rise > 0 else above.T
    name: Name = "neither"
    if hill != valley:
        name = "hill" if hill else "valley"
    elif not hill and rising[-1, 0] and not np.triu(rising, 1).any():
        name = "slope"
    ends, between = mean[[0, -1]], mean[1:-1]
    return Pattern(
        name=name,
        rise=rise,
        dip=max(0.0, float(ends.min() - between.min())),
        bump=max(0.0, float(between.max() - ends.max())),
    )


def _above(y: npt.NDArray[np.float64], z: float, least: float) -> npt.NDArray[np.bool_]:
    """Return for each pair of points [i, j] whether i is above j."""
    difference = y[:, None] - y
    error = difference.std(axis=-1, ddof=1) / np.sqrt(y.shape[1])
    found: npt.NDArray[np.bool_] = difference.mean(axis=-1) - z * error > least
    return found
