"""Actions as the networks have them, and as environments take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell._checks import require
from eigenwell.errors import ArgumentError

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Actions:
    """A box ``[low, high]`` of the environment's actions, or n discrete ones from ``start``.

    Continuous actions are drawn around the actor's outputs in units where the bounds are -1 and 1,
    and clipped on the way to the environment only, so that the density stays a Gaussian's (Huang et
    al. 2022, continuous actions, detail 5).

    Attributes:
        size: Outputs of the actor: components, or discrete actions.
        discrete: Which of the two.
        low: Of each component.
        high: Of each component.
        start: Number of the first discrete action.
    """

    size: int
    discrete: bool
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    start: int = 0

    @classmethod
    def of(cls, space: Any, env_id: str) -> Actions:
        """Read a Gymnasium space.

        Raises:
            ArgumentError: It is neither Discrete nor a bounded Box of shape ``(k,)``.
        """
        spaces = require("gymnasium", extra="learn").spaces
        if isinstance(space, spaces.Discrete):
            return cls(int(space.n), discrete=True, start=int(space.start))
        if (
            isinstance(space, spaces.Box)
            and len(space.shape) == 1
            and np.issubdtype(space.dtype, np.floating)
            and np.isfinite([space.low, space.high]).all()
        ):
            low, high = space.low.tolist(), space.high.tolist()
            return cls(space.shape[0], discrete=False, low=tuple(low), high=tuple(high))
        raise ArgumentError(
            f"environment `{env_id}` must have Discrete actions or a bounded Box of floats of "
            f"shape (k,), got {space}"
        )

    def sample(
        self, output: Float32, log_std: Float32 | None, rng: np.random.Generator
    ) -> npt.NDArray[Any]:
        """Draw an action for every row ``(n, k)``: ``(n, k)`` float32, or ``(n,)`` int64."""
        if self.discrete:
            # The largest of logits plus Gumbel noise has the distribution of their softmax.
            noise = rng.gumbel(size=output.shape)
            return np.asarray((output + noise).argmax(axis=-1))
        assert log_std is not None
        normal = rng.standard_normal(output.shape, dtype=np.float32)
        return np.asarray(output + np.exp(log_std) * normal)

    def greedy(self, output: Float32) -> npt.NDArray[Any]:
        """Return the most likely action of every row."""
        return output.argmax(axis=-1) if self.discrete else output

    def to_environment(self, actions: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return what the environment takes."""
        if self.discrete:
            return actions + self.start
        low, high = np.asarray(self.low, np.float32), np.asarray(self.high, np.float32)
        share = (np.clip(actions, -1.0, 1.0) + np.float32(1.0)) / np.float32(2.0)
        return np.asarray(low + (high - low) * share, np.float32)


def observation_size(space: Any, env_id: str) -> int:
    """Return n of a Box of observations of shape ``(n,)``.

    Raises:
        ArgumentError: It is not one.
    """
    spaces = require("gymnasium", extra="learn").spaces
    if isinstance(space, spaces.Box) and len(space.shape) == 1:
        return int(space.shape[0])
    what = f"a Box of shape {space.shape}" if isinstance(space, spaces.Box) else str(space)
    raise ArgumentError(
        f"environment `{env_id}` must have observations in a Box of shape (n,), got {what}"
    )
