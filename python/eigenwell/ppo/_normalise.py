"""Running statistics of observations and of returns, in float64."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]

# Keeps a component that never changes from a division by zero.
EPSILON = 1e-8


class RunningMoments:
    """Mean and variance of all rows seen, without keeping them.

    Args:
        size: n, length of a row.

    Attributes:
        count: Rows seen.
        mean: ``(n,)``; zeros before the first row.
        m2: ``(n,)``, sum of squared deviations.

    References:
        Chan, Golub and LeVeque 1983: merging two samples, without the cancellation
        that sums of squares suffer.
    """

    def __init__(self, size: int) -> None:
        self.count = 0
        self.mean: Float64 = np.zeros(size)
        self.m2: Float64 = np.zeros(size)

    def update(self, rows: npt.NDArray[np.floating]) -> None:
        """Take in rows ``(b, n)``."""
        rows = rows.astype(np.float64, copy=False)
        mean = rows.mean(axis=0)
        delta = mean - self.mean
        total = self.count + len(rows)
        self.m2 = (
            self.m2
            + np.square(rows - mean).sum(axis=0)
            + delta**2 * (self.count * len(rows) / total)
        )
        self.mean = self.mean + delta * (len(rows) / total)
        self.count = total

    @property
    def scale(self) -> Float64:
        """One over the standard deviation, ``(n,)``; ones before the first row."""
        if self.count == 0:
            return np.ones_like(self.m2)
        return np.asarray(1.0 / np.sqrt(self.m2 / self.count + EPSILON))


@dataclass
class ReturnScale:
    """Divides rewards by the running standard deviation of the discounted return.

    The critic then learns numbers of order 1 in every environment, and the mean of the rewards,
    which matters, is left alone.

    Args:
        environments: n.
        gamma: Discount.

    Attributes:
        moments: Of the discounted sums of rewards so far in each episode.
        discounted: ``(n,)``, those sums.

    References:
        Huang et al. 2022, detail "reward scaling"; Engstrom et al. 2020, section 3.
    """

    environments: int
    gamma: float
    moments: RunningMoments = field(default_factory=lambda: RunningMoments(1))

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """All environments start new episodes."""
        self.discounted: Float64 = np.zeros(self.environments)

    def __call__(
        self, rewards: npt.NDArray[np.floating], done: npt.NDArray[np.bool_], *, clip: float = 10.0
    ) -> Float64:
        """Take in a step's rewards ``(n,)`` and return them scaled and clipped."""
        self.discounted = self.gamma * self.discounted + rewards
        self.moments.update(self.discounted[:, None])
        self.discounted[done] = 0.0
        return np.asarray(np.clip(rewards * self.moments.scale[0], -clip, clip), np.float64)
