"""CartPole in plain NumPy, float64: Gymnasium's operations in Gymnasium's order, for a population.

The physics are those of A. G. Barto, R. S. Sutton and C. W. Anderson, "Neuronlike adaptive elements
that can solve difficult learning control problems" (1983), stepped by explicit Euler.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
_U32 = np.uint32


def cartpole_rollouts(
    weights: npt.ArrayLike,
    starts: npt.ArrayLike,
    *,
    architecture: Any,
    physics: Any,
    cap: int,
    seed: int = 0,
    sampled: bool = False,
) -> Iterator[tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32], npt.NDArray[np.int8], Float64]]:
    """Step every agent from every start until its pole falls, its cart leaves or `cap` is reached.

    Args:
        weights: ``(agents, parameters)``.
        starts: ``(episodes, 4)``: x, its velocity, theta, its velocity.
        architecture: A ``cartpole.MLP`` or ``cartpole.DC``.
        physics: A ``cartpole.Physics``.
        cap: Most steps of an episode.
        seed: 64 bits, of sampled actions and of the noise.
        sampled: Draw actions from the softmax; without, take the larger logit.

    Yields:
        Of time t = 0, 1, ...: which episodes are on their way, ``(agents, episodes)``, what their
        policies see, ``(agents, episodes, 4)``, what they do, 1 to the right, and the logits,
        ``(agents, episodes, 2)``.
    """
    w = np.asarray(weights, dtype=np.float64)
    first = np.asarray(starts, dtype=np.float64)
    shape = (len(w), len(first))
    x, x_dot, theta, theta_dot = (np.broadcast_to(column, shape) for column in first.T)
    alive = np.ones(shape, dtype=np.bool_)
    agents, episodes = np.indices(shape, dtype=np.uint32)
    keys = threefry(seed & 0xFFFFFFFF, seed >> 32, agents, episodes)
    total_mass = physics.pole_mass + physics.cart_mass
    moment = physics.pole_mass * physics.half_length
    for t in range(cap):
        if not alive.any():
            return
        seen = np.stack([x, x_dot, theta, theta_dot], axis=-1).astype(np.float32)
        if physics.observation_noise:
            noise = np.stack([*threefry(*keys, t, 1), *threefry(*keys, t, 2)], axis=-1)
            unit = (noise >> 8) * 2.0**-23 - 1.0
            seen = (seen.astype(np.float64) + physics.observation_noise * unit).astype(np.float32)
        logits = cartpole_logits(architecture, w, seen)
        action = logits[..., 1] > logits[..., 0]
        if sampled:
            uniform = (threefry(*keys, t, 0)[0] >> 8) * 2.0**-24
            with np.errstate(over="ignore"):
                action = uniform * (1.0 + np.exp(logits[..., 0] - logits[..., 1])) < 1.0
        yield alive, seen, action.astype(np.int8), logits

        force = np.where(action, physics.force, -physics.force)
        sine, cosine = np.sin(theta), np.cos(theta)
        temp = (force + moment * np.square(theta_dot) * sine) / total_mass
        theta_acc = (physics.gravity * sine - cosine * temp) / (
            physics.half_length * (4.0 / 3.0 - physics.pole_mass * np.square(cosine) / total_mass)
        )
        x_acc = temp - moment * theta_acc * cosine / total_mass
        x = np.where(alive, x + physics.tau * x_dot, x)
        x_dot = np.where(alive, x_dot + physics.tau * x_acc, x_dot)
        theta = np.where(alive, theta + physics.tau * theta_dot, theta)
        theta_dot = np.where(alive, theta_dot + physics.tau * theta_acc, theta_dot)
        alive = alive & (np.abs(x) <= physics.x_limit) & (np.abs(theta) <= physics.angle_limit)


def cartpole_logits(architecture: Any, weights: Float64, seen: npt.NDArray[Any]) -> Float64:
    """Logits of each agent's policy, ``(agents, episodes, 2)``, of ``(agents, episodes, 4)``."""
    h = seen.astype(np.float64)
    layers = architecture.unpack(weights)
    with np.errstate(over="ignore", invalid="ignore"):
        if architecture.activation == "dc":
            matrix, bias, *quadratic = layers[0]
            linear = h @ matrix
            spectrum = linear + bias[:, np.newaxis]
            if quadratic:
                spectrum = spectrum + quadratic[0][:, np.newaxis] * linear**2
            spectrum = spectrum.reshape(*h.shape[:-1], 2, -1)
            return np.asarray(spectrum.max(axis=-1) + spectrum.min(axis=-1))
        for i, (matrix, bias) in enumerate(layers):
            h = h @ matrix + bias[:, np.newaxis]
            if i + 1 < len(layers):
                h = np.tanh(h) if architecture.activation == "tanh" else np.maximum(h, 0.0)
    return h


def threefry(key0: Any, key1: Any, counter0: Any, counter1: Any) -> tuple[Any, Any]:
    """Threefry-2x32 with 20 rounds: 64 random bits of a key and a counter, each of 64 bits.

    Args:
        key0: 32 bits; arrays broadcast.
        key1: 32 bits.
        counter0: 32 bits.
        counter1: 32 bits.

    Returns:
        Two arrays of uint32.

    References:
        J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1,
        2, 3" (SC 2011).
    """
    k = np.broadcast_arrays(*(np.asarray(v, dtype=_U32) for v in (key0, key1, counter0, counter1)))
    keys = (k[0], k[1], k[0] ^ k[1] ^ _U32(0x1BD11BDA))
    with np.errstate(over="ignore"):
        a, b = k[2] + keys[0], k[3] + keys[1]
        for i in range(5):
            for bits in ((13, 15, 26, 6), (17, 29, 16, 24))[i % 2]:
                a = a + b
                b = (b << _U32(bits) | b >> _U32(32 - bits)) ^ a
            a, b = a + keys[(i + 1) % 3], b + keys[(i + 2) % 3] + _U32(i + 1)
    return a, b
