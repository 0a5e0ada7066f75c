"""What episodes came to, and the statistics of their returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eigenwell._checks import integer
from eigenwell.errors import ArgumentError

#: Gymnasium calls an environment solved when the mean return over this many episodes in a row
#: reaches the threshold that the environment's spec states.
SOLVED_EPISODES = 100

# Resampled indices are drawn in blocks of about this many, so that memory does not grow with n.
_BOOTSTRAP_BLOCK = 1_000_000


@dataclass(frozen=True)
class Episode:
    """What one episode came to.

    Attributes:
        seed: Seed given to ``reset``.
        episode_return: Undiscounted sum of the rewards.
        length: Number of steps.
        terminated: The environment reached a terminal state (a fall, a goal).
        truncated: A limit outside of the task ended the episode, as a rule that of the steps.
    """

    seed: int
    episode_return: float
    length: int
    terminated: bool
    truncated: bool


@dataclass(frozen=True)
class Evaluation:
    """Episodes of one policy in one environment, with their statistics as properties.

    Attributes:
        environment: Gymnasium id.
        episodes: The episodes that were completed, in order.
        requested: How many episodes were asked for.
        reward_threshold: Mean return at which the environment counts as solved, if it states one.
    """

    environment: str
    episodes: tuple[Episode, ...]
    requested: int
    reward_threshold: float | None = None

    @property
    def interrupted(self) -> bool:
        """Whether fewer episodes were completed than requested."""
        return len(self.episodes) < self.requested

    @property
    def returns(self) -> npt.NDArray[np.float64]:
        """Return of each episode, ``(episodes,)``."""
        return np.array([episode.episode_return for episode in self.episodes], dtype=np.float64)

    @property
    def mean(self) -> float | None:
        """Mean return; None without episodes."""
        return float(self.returns.mean()) if self.episodes else None

    @property
    def std(self) -> float | None:
        """Population standard deviation of the returns (ddof 0); None without episodes."""
        return float(self.returns.std()) if self.episodes else None

    @property
    def minimum(self) -> float | None:
        """Smallest return; None without episodes."""
        return float(self.returns.min()) if self.episodes else None

    @property
    def maximum(self) -> float | None:
        """Largest return; None without episodes."""
        return float(self.returns.max()) if self.episodes else None

    @property
    def mean_length(self) -> float | None:
        """Mean number of steps; None without episodes."""
        return float(np.mean([e.length for e in self.episodes])) if self.episodes else None

    @property
    def solved(self) -> bool | None:
        """Whether the mean reaches the threshold; None with too few episodes or no threshold."""
        if self.reward_threshold is None or len(self.episodes) < SOLVED_EPISODES:
            return None
        return float(self.returns.mean()) >= self.reward_threshold

    def mean_interval(
        self, *, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
    ) -> tuple[float, float] | None:
        """Percentile bootstrap interval of the mean return.

        Args:
            confidence: Coverage, in (0, 1).
            resamples: Number of bootstrap samples.
            seed: Seed of the resampling.

        Returns:
            Lower and upper end; None with fewer than two episodes.

        Raises:
            ArgumentError: ``confidence`` or ``resamples`` is out of range.

        Note:
            Deterministic given the seed. Costs ``resamples * episodes`` operations.

        References:
            Efron 1979, "Bootstrap methods: another look at the jackknife".
        """
        if not 0.0 < confidence < 1.0:
            raise ArgumentError(f"`confidence` must be between 0 and 1, got {confidence}")
        resamples = integer(resamples, "resamples", low=1, high=2**31 - 1)
        returns = self.returns
        if returns.size < 2:
            return None
        generator = np.random.default_rng(seed)
        means = np.empty(resamples)
        block = max(1, _BOOTSTRAP_BLOCK // returns.size)
        for start in range(0, resamples, block):
            count = min(block, resamples - start)
            drawn = generator.integers(0, returns.size, size=(count, returns.size))
            means[start : start + count] = returns[drawn].mean(axis=1)
        tail = (1.0 - confidence) / 2.0
        low, high = np.quantile(means, [tail, 1.0 - tail])
        return float(low), float(high)
