"""Lines between two agents, through the latent space and through the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from eigenwell import _checks, cartpole
from eigenwell.agents._symmetry import checked
from eigenwell.agents.latent._patterns import Pattern, classify
from eigenwell.errors import ShapeError

Floats = npt.NDArray[np.float32]


class Embeds(Protocol):
    """Gives agents vectors, and vectors agents."""

    @property
    def architecture(self) -> cartpole.MLP:
        """Of the agents."""

    def embed(self, weights: npt.ArrayLike) -> Floats:
        """Return embeddings [n, d] of weights [n, p]."""

    def decode(self, z: npt.ArrayLike) -> Floats:
        """Return weights [n, p] for embeddings [n, d]."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """Survival along the lines between two agents, all points from the same starts.

    Attributes:
        t: 0 at the first agent, 1 at the second; outside of [0, 1] it is extrapolation, [k].
        latent: Steps of the agents decoded along the latent line, [k, episodes].
        weights: Steps of the agents along the line between the weights, [k, episodes].
        cap: Most steps of an episode.
    """

    t: npt.NDArray[np.float64]
    latent: npt.NDArray[np.int32]
    weights: npt.NDArray[np.int32]
    cap: int

    def pattern(self, *, margin: float = 0.05) -> Pattern:
        """Classify the latent line: see :func:`classify`."""
        return classify(self.latent, self.t, cap=self.cap, margin=margin)

    def weight_pattern(self, *, margin: float = 0.05) -> Pattern:
        """Classify the line between the weights."""
        return classify(self.weights, self.t, cap=self.cap, margin=margin)

    def extrapolation_gain(self) -> float:
        """Return by how many steps the best extrapolated agent outlives the better end.

        The best is chosen on even episodes and measured on odd ones, so that chance does not count
        as a gain. Negative if extrapolating only hurts; NaN if no point is outside.
        """
        outside = (self.t < 0) | (self.t > 1)
        if not outside.any():
            return float("nan")
        ends = self.latent[(self.t == 0) | (self.t == 1)]
        chosen = self.latent[outside][self.latent[outside, ::2].mean(axis=1).argmax()]
        end = ends[ends[:, ::2].mean(axis=1).argmax()]
        return float(chosen[1::2].mean() - end[1::2].mean())


def interpolate(ends: npt.ArrayLike, t: npt.ArrayLike) -> Floats:
    """Return the points ``(1 - t) a + t b`` of a line; t outside of [0, 1] extrapolates.

    Args:
        ends: a and b, embeddings or weights, float [2, d].
        t: [k].

    Returns:
        float32 [k, d].

    Raises:
        ShapeError: `ends` are not two vectors, or `t` is not a vector.
        ArgumentError: A number is not finite.
    """
    two = _checks.real_array(ends, "ends")
    at = _checks.real_array(t, "t")
    if two.ndim != 2 or len(two) != 2 or at.ndim != 1:
        raise ShapeError(
            f"`ends` must have shape (2, d) and `t` (k,), got {two.shape} and {at.shape}"
        )
    for name, array in (("ends", two), ("t", at)):
        _checks.finite_float32(array, name, array.shape)
    return (np.outer(1 - at, two[0]) + np.outer(at, two[1])).astype(np.float32)


def line(
    model: Embeds,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    t: npt.ArrayLike,
    starts: npt.ArrayLike,
    cap: int = 200,
    physics: cartpole.Physics = cartpole.Physics(),  # noqa: B008  (frozen)
) -> Line:
    """Let agents play that lie on the line between two.

    Args:
        model: Embeds the two and decodes what is between.
        first: Weights of the agent at t = 0, [p].
        second: Weights of the agent at t = 1, [p]; for the line through the weights as they are:
            :func:`align` them first if hidden units should correspond.
        t: Points of the line, [k].
        starts: Of the episodes of each agent, [episodes, 4].
        cap: Most steps of an episode.
        physics: Of the cart.

    Raises:
        ShapeError: Weights do not fit the model's architecture, as of agents of another one.
        ArgumentError: A number is not finite.
    """
    architecture = model.architecture
    ends = np.concatenate([checked(np.asarray(w)[None], architecture) for w in (first, second)])
    latent = model.decode(interpolate(model.embed(ends), t))
    both = np.concatenate([latent, interpolate(ends, t)])
    steps = cartpole.rollout(
        both, architecture=architecture, starts=starts, cap=cap, physics=physics, mode="fast"
    )
    at = _checks.real_array(t, "t")
    return Line(t=at, latent=steps[: len(at)], weights=steps[len(at) :], cap=cap)
