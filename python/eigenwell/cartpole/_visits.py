"""What policies saw and did on their way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class Visits:
    """What policies saw and did, a row for each visit: agent by agent, episode by episode.

    Of each episode those at t = 0, k, 2 k, ... with k = `every`, before the step that ended it.

    Attributes:
        steps: Survival, int32 ``(agents, episodes)``.
        observations: What the policy saw, float32 ``(visits, 4)``.
        actions: What it did, int8 ``(visits,)``: 1 pushes to the right.
        every: k.
    """

    steps: npt.NDArray[np.int32]
    observations: npt.NDArray[np.float32]
    actions: npt.NDArray[np.int8]
    every: int

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """Visits of each episode, ``(agents, episodes)``."""
        return -(-self.steps.astype(np.int64) // self.every)

    @property
    def where(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Agent, episode and t of each visit, three times ``(visits,)``."""
        counts = self.counts.reshape(-1)
        episode = np.repeat(np.arange(len(counts)), counts)
        first = np.cumsum(counts) - counts
        t = (np.arange(len(episode)) - first[episode]) * self.every
        per_agent = max(self.steps.shape[1], 1)
        return episode // per_agent, episode % per_agent, t
