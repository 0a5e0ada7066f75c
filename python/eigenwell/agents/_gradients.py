"""Policy gradients, many runs at once: REINFORCE and actor-critic with a linear critic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell import cartpole
from eigenwell.agents._networks import Adam, Array, log_policy_gradient

if TYPE_CHECKING:
    from collections.abc import Iterator

# Of the critic's least squares, relative to the mean of the diagonal.
_RIDGE = 1e-3
# Brings the observations to about one: metres, metres/s, radians, radians/s.
_SCALE = np.array([1.0, 1.0, 0.1, 1.0], np.float32)


def ascend(
    weights: Array,
    *,
    architecture: cartpole.MLP,
    learning_rate: npt.ArrayLike,
    discount: npt.ArrayLike,
    trace: npt.ArrayLike,
    episodes: int,
    cap: int,
    rng: np.random.Generator,
    threads: int | None = None,
) -> Iterator[Array]:
    """Yield the policies of all runs after each update of a policy gradient, without end.

    An update plays episodes with sampled actions, estimates advantages with a critic that is linear
    in polynomials of state and time, and takes one step of Adam. The critic is the least-squares
    fit to the discounted returns of the update before.

    Args:
        weights: First policies, float32 [runs, p].
        architecture: Of the networks.
        learning_rate: Of each run, for Adam, [runs].
        discount: Of each run, in (0, 1), [runs].
        trace: Lambda of the advantages of each run, in [0, 1], [runs]: with 1 it is REINFORCE with
            a baseline, below it an actor-critic.
        episodes: Of each run in an update, from starts that the update has in common.
        cap: Steps after which an episode ends.
        rng: Source of starts and actions.
        threads: Of the rollouts.

    Yields:
        float32 [runs, p], an array of its own each time.

    References:
        Williams 1992, "Simple statistical gradient-following algorithms" (REINFORCE).
        Schulman et al. 2016, "High-dimensional continuous control using generalized advantage
        estimation", equation 16.
        Duan et al. 2016, "Benchmarking deep reinforcement learning", for the linear critic.
    """
    discount, trace = (np.asarray(x, dtype=np.float32)[:, None] for x in (discount, trace))
    adam = Adam(learning_rate, weights.shape[1])
    critic: Array | None = None
    while True:
        played = cartpole.rollout(
            weights,
            architecture=architecture,
            starts=cartpole.starts(episodes, seed=int(rng.integers(2**31))),
            cap=cap,
            mode="fast",
            actions="sampled",
            seed=int(rng.integers(2**31)),
            states=True,
            threads=threads,
        )
        longest = int(played.steps.max())
        valid = np.arange(longest) < played.steps[..., None]
        observations = np.zeros((*valid.shape, 4), np.float32)
        observations[valid] = played.observations  # visits come in the order of the mask
        actions = np.zeros(valid.shape, np.intp)
        actions[valid] = played.actions
        features = _features(observations, cap) * valid[..., None]
        zeros = np.zeros(valid.shape, np.float32)
        values = zeros if critic is None else (features @ critic[:, None, :, None])[..., 0]
        # An episode that the cap ended would have gone on.
        advantages = gae(values, valid, played.steps == cap, discount, trace)
        returns = gae(zeros, valid, played.steps > cap, discount, np.ones_like(trace))
        critic = _least_squares(features, returns)
        gradient = log_policy_gradient(
            weights,
            architecture,
            observations.reshape(len(weights), -1, 4),
            actions.reshape(len(weights), -1),
            _normalised(advantages, valid).reshape(len(weights), -1),
        )
        weights = weights + adam.step(gradient)
        yield weights


def gae(
    values: Array,
    valid: npt.NDArray[np.bool_],
    cut: npt.NDArray[np.bool_],
    discount: Array,
    trace: Array,
) -> Array:
    """Return ``A_t = delta_t + discount trace A_t+1`` of episodes with reward 1 at each step.

    Args:
        values: Of the visited states, 0 where there is none, float32 [runs, episodes, steps].
        valid: Which states were visited, the first of each episode on, bool, same shape.
        cut: Whether the cap ended an episode, whose last value then stands for what would have
            followed, bool [runs, episodes].
        discount: Of each run, float32 [runs, 1].
        trace: Lambda of each run, float32 [runs, 1].
    """
    advantages = np.zeros_like(values)
    following = np.zeros_like(values[..., 0])
    value = np.where(cut, values[..., -1], 0).astype(np.float32)
    for t in range(values.shape[-1] - 1, -1, -1):
        here = valid[..., t]
        delta = 1 + discount * value - values[..., t]
        following = np.where(here, delta + discount * trace * following, 0)
        value = values[..., t]
        advantages[..., t] = following
    return advantages


def _features(observations: Array, cap: int) -> Array:
    """Polynomials of state and time, float32 [..., steps, 11]."""
    x = np.clip(observations / _SCALE, -5, 5)
    time = np.arange(x.shape[-2], dtype=np.float32) / cap
    clock = np.stack([np.ones_like(time), time, time * time], axis=-1)
    clock = np.broadcast_to(clock, (*x.shape[:-1], 3))
    return np.concatenate([clock, x, x * x], axis=-1)


def _least_squares(features: Array, returns: Array) -> Array:
    """Fit each run's returns; rows of zeros, which no episode visited, do not count."""
    x = features.reshape(len(features), -1, features.shape[-1])
    y = returns.reshape(len(features), -1, 1)
    transposed = np.swapaxes(x, 1, 2)
    moment: npt.NDArray[Any] = (transposed @ x).astype(np.float64)
    mean = np.trace(moment, axis1=1, axis2=2) / moment.shape[1]
    moment += _RIDGE * mean[:, None, None] * np.eye(moment.shape[1])
    return np.linalg.solve(moment, (transposed @ y).astype(np.float64))[..., 0].astype(np.float32)


def _normalised(advantages: Array, valid: npt.NDArray[np.bool_]) -> Array:
    """Give each run's advantages mean 0 and variance 1, and divide them by their number."""
    count = valid.sum(axis=(1, 2), keepdims=True).astype(np.float32)
    mean = (advantages * valid).sum(axis=(1, 2), keepdims=True) / count
    centred = (advantages - mean) * valid
    deviation = np.sqrt((centred**2).sum(axis=(1, 2), keepdims=True) / count)
    return np.asarray(centred / (deviation + 1e-6) / count, dtype=np.float32)
