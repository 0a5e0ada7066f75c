"""Random and adversarial cases for the theorems of ``eigenwell.wells.bounds``.

The dynamics are written here once more, from the definition, so that a mistake in the library's
would show.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
ADVERSARIES = ("constant", "random", "signs", "pulses", "greedy")


def ascend(logits: Float64, rewards: Float64, learning_rate: npt.ArrayLike) -> Float64:
    """``theta + eta pi (r - pi.r)``, kept near 0; an action with logit -inf does not exist."""
    policy = softmax(logits)
    advantage = rewards - (policy * rewards).sum(axis=-1, keepdims=True)
    moved = logits + np.asarray(learning_rate)[..., None] * policy * advantage
    return np.asarray(moved - moved.max(axis=-1, keepdims=True))


def softmax(logits: Float64) -> Float64:
    """``exp(theta) / sum exp(theta)`` along the last axis."""
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def logit_beside(
    logits: Float64, action: npt.NDArray[np.intp], better: npt.NDArray[np.bool_]
) -> Float64:
    """Logit of the better actions' share beside the corner's: the log of what they hold of its."""
    index = np.broadcast_to(action, logits.shape[:-1])[..., None]
    held = np.where(better, logits, -np.inf)
    top = held.max(axis=-1, keepdims=True)
    above = np.log(np.exp(held - top).sum(axis=-1)) + top[..., 0]
    return np.asarray(above - np.take_along_axis(logits, index, axis=-1)[..., 0])


@dataclass(frozen=True)
class Trajectories:
    """A batch of n runs over T steps near corners.

    Attributes:
        theta: ``(T + 1, n, K)``.
        rewards: ``(T, n, K)``, that of each step.
        learning_rate: ``(T, n)``.
        action: The corner's action, ``(n,)``.
        better: Which actions may beat it, ``(n, K)``.
    """

    theta: Float64
    rewards: Float64
    learning_rate: Float64
    action: npt.NDArray[np.intp]
    better: npt.NDArray[np.bool_]

    @property
    def gaps(self) -> Float64:
        """``max r_t - r_t(j)``, ``(T, n)``."""
        index = np.broadcast_to(self.action, self.rewards.shape[:-1])[..., None]
        own = np.take_along_axis(self.rewards, index, axis=-1)[..., 0]
        return np.asarray(self.rewards.max(axis=-1) - own)

    @property
    def logits(self) -> Float64:
        """Logits of the corner masses, ``(T + 1, n)``."""
        return logit_beside(self.theta, self.action, self.better)


def trajectories(
    rng: np.random.Generator, *, count: int, actions: int, steps: int, adversary: str
) -> Trajectories:
    """Draw a batch: masses 5e-13 to 1/2, rates up to 10, rewards of a scale up to 1e4.

    Half of the batch has rates that change at random over three decades. For half of it, any action
    may beat the corner's; for the others a random subset.
    """
    rows = np.arange(count)
    action = rng.integers(actions, size=count)
    better = (rng.random((count, actions)) < 0.5) | (rng.random((count, 1)) < 0.5)
    better[rows, (action + 1 + rng.integers(actions - 1, size=count)) % actions] = True
    better[rows, action] = False
    logits = _starts(rng, action, better)
    rate = 10 ** rng.uniform(-4, 1, count)
    changing = rng.random(count) < 0.5
    rates = rate * np.where(changing, 10 ** rng.uniform(-3, 0, (steps, count)), 1.0)
    # Half of the scales are such that the policy may just leave the corner within the run.
    leaving = np.exp(-logit_beside(logits, action, better)) / rates.sum(axis=0)
    leaving = np.minimum(leaving * 10 ** rng.uniform(-1.3, 0.3, count), 1e4)
    scale = np.where(rng.random(count) < 0.5, 10 ** rng.uniform(-2, 1, count), leaving)
    theta, rewards = [logits], []
    constant = _tame(rng.normal(size=(count, actions)), action, better, scale)
    for step in range(steps):
        if adversary == "constant":
            reward = constant
        elif adversary == "greedy":
            reward = _greedy(rng, logits, rates[step], action=action, better=better, scale=scale)
        else:
            reward = _tame(_raw(rng, adversary, (count, actions)), action, better, scale)
        logits = ascend(logits, reward, rates[step])
        rewards.append(reward)
        theta.append(logits)
    return Trajectories(np.array(theta), np.array(rewards), rates, action, better)


def _starts(
    rng: np.random.Generator, action: npt.NDArray[np.intp], better: npt.NDArray[np.bool_]
) -> Float64:
    """Logits with a drawn corner mass; the actions that never win hold any share of the rest."""
    count, actions = better.shape
    rows = np.arange(count)
    spread = rng.gamma(10 ** rng.uniform(-1, 1, (count, 1)), size=(count, actions)) + 1e-6
    good = spread * better / (spread * better).sum(axis=-1, keepdims=True)
    mass = 0.5 * 10 ** rng.uniform(np.where(rng.random(count) < 0.5, -12, -3), 0, count)
    odds = good * (mass / (1 - mass))[:, None]
    odds[rows, action] = 1.0
    idle = ~better
    idle[rows, action] = False
    odds = np.where(idle, spread * 10 ** rng.uniform(-6, 2, (count, 1)), odds)
    return np.asarray(np.log(odds))


def _raw(rng: np.random.Generator, adversary: str, shape: tuple[int, int]) -> Float64:
    if adversary == "random":
        return rng.normal(size=shape)
    if adversary == "signs":
        return rng.choice([-1.0, 1.0], size=shape)
    pulse = rng.random((shape[0], 1)) < 0.1
    return np.where(pulse, 1.0, -rng.random(shape))


def _tame(
    raw: Float64,
    action: npt.NDArray[np.intp],
    better: npt.NDArray[np.bool_],
    scale: Float64,
) -> Float64:
    """Scale; the corner's action gets 0, and no more those that must not beat it."""
    reward = np.where(better, raw, -np.abs(raw)) * scale[:, None]
    reward[np.arange(len(action)), action] = 0.0
    return reward


def _greedy(
    rng: np.random.Generator,
    logits: Float64,
    rate: Float64,
    *,
    action: npt.NDArray[np.intp],
    better: npt.NDArray[np.bool_],
    scale: Float64,
) -> Float64:
    """Among several rewards of one gap, the one that raises the corner mass most in this step."""
    count, actions = better.shape
    policy = softmax(logits)
    heaviest = np.arange(actions) == np.where(better, policy, -1.0).argmax(axis=-1)[:, None]
    punished = np.where(better, 1.0, -10.0)
    candidates = [
        better.astype(np.float64),  # the worst case in theory
        np.where(better, 1.0, -rng.random((count, actions))),
        punished,
        heaviest.astype(np.float64),
        np.where(better, rng.choice([-1.0, 1.0], size=(count, actions)), -1.0),
    ]
    best, chosen = np.full(count, -np.inf), np.zeros((count, actions))
    for candidate in candidates:
        candidate[np.arange(count), action] = 0.0
        reward = candidate * scale[:, None]
        mass = logit_beside(ascend(logits, reward, rate), action, better)
        chosen = np.where((mass > best)[:, None], reward, chosen)
        best = np.maximum(best, mass)
    return chosen
