"""Episodes of BipedalWalker-v3 with everything that was seen, and policies that see less."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from eigenwell import dc
from eigenwell._files import read_bytes
from eigenwell.errors import ArgumentError
from eigenwell.evaluation import make_environment
from eigenwell.ppo._policy import INPUT_CLIP, TrainedPolicy

WALKER = "BipedalWalker-v3"
#: What names the article's walker where a file is expected.
ARTICLE = "article"
# Those that come with the package.
BUNDLED = (ARTICLE, "trained")
#: Observations that come from each leg: hip angle and speed, knee angle and speed, contact. The
#: order is Gymnasium's, in ``gymnasium/envs/box2d/bipedal_walker.py``.
LEGS = (range(4, 9), range(9, 14))
#: Actions: hip and knee of the first leg, then of the second.
JOINTS = 2
HIPS, KNEES = (4, 9), (6, 11)
# The final scores of this project are on these seeds, which training does not see.
FIRST_SEED = 10_000
# Pays for a fall in place of the step's reward; the goal ends an episode as well, without it.
_FALL = -100.0
_MEAN_EPISODES = 10
_SETTLED = 50

Float32 = npt.NDArray[np.float32]
#: From observations, ``(24,)`` or ``(rows, 24)``, to actions.
Act: TypeAlias = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]


@dataclass(frozen=True)
class Walk:
    """An episode.

    Attributes:
        episode_return: Sum of the rewards.
        fell: Whether it ended with a fall.
        observations: ``(steps, 24)``, what the policy acted on.
    """

    episode_return: float
    fell: bool
    observations: Float32


@dataclass(frozen=True)
class Hidden:
    """Observations that the neurons of each leg do not see.

    Attributes:
        of_first: Numbers of the observations hidden from the first leg's neurons.
        of_second: From the second's.
    """

    of_first: tuple[int, ...]
    of_second: tuple[int, ...]

    def policy(self, policy: Act, instead: Float32) -> Act:
        """Return the policy with rows ``(steps, 24)`` in the place of what is hidden, in turn."""
        first, second = list(self.of_first), list(self.of_second)
        step = 0

        def act(obs: npt.NDArray[Any]) -> npt.NDArray[Any]:
            nonlocal step
            seen = np.stack([obs, obs])
            other = instead[step % len(instead)]
            seen[0, first], seen[1, second] = other[first], other[second]
            step += 1
            actions = policy(seen)
            return np.concatenate([actions[0, :JOINTS], actions[1, JOINTS:]])

        return act


def walk(policy: Act, seed: int, *, env_id: str = WALKER) -> Walk:
    """Run an episode in a fresh environment."""
    observations, total, reward = [], 0.0, 0.0
    with contextlib.closing(make_environment(env_id)) as environment:
        obs, _ = environment.reset(seed=seed)
        terminated = truncated = False
        while not (terminated or truncated):
            observations.append(obs)
            obs, step_reward, terminated, truncated, _ = environment.step(policy(obs))
            reward = float(step_reward)
            total += reward
    return Walk(total, terminated and reward == _FALL, np.asarray(observations, np.float32))


@lru_cache(maxsize=4)
def load(source: str, policy: str) -> dc.PackedPolicy | TrainedPolicy:
    """Return the walker in a file or a run's folder, or a bundled one.

    Args:
        source: ``"article"``, ``"trained"``, a ``.dcp`` file, a checkpoint, or the folder of a run.
        policy: Its :func:`identity`, which results are kept by.

    Raises:
        ArgumentError: It cannot be read, is another one by now, or no walker of DC neurons.
        FormatError: The file is damaged.
    """
    if identity(source) != policy:
        raise ArgumentError(f"`{source}` must stay as it is while it is studied, and has changed")
    if source in BUNDLED:
        return dc.walker(source)
    path = _file(source)
    if path.suffix == ".dcp":
        file = dc.PackedPolicy.load(path)
        if (file.inputs, file.neurons) == (LEGS[1].stop + 10, 2 * JOINTS):
            return file
    else:
        run = TrainedPolicy.load(path)
        if (run.config.environment, run.config.actor) == (WALKER, "dc"):
            return run
    raise ArgumentError(f"`{source}` must be a policy of DC neurons for {WALKER}")


def identity(source: str) -> str:
    """Return what results of a policy are kept by: the hash of its file, or ``"article"``."""
    if source == ARTICLE:
        return ARTICLE
    if source in BUNDLED:
        return hashlib.sha256(dc.walker(source).dumps()).hexdigest()[:16]
    return hashlib.sha256(read_bytes(_file(source))).hexdigest()[:16]


@lru_cache(maxsize=4)
def actor(source: str, policy: str) -> Act:
    """Return a policy that acts, on one observation or on rows of them."""
    walker = load(source, policy)
    if isinstance(walker, dc.PackedPolicy):
        return walker

    def act(obs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        output = walker.output(walker.normalise(np.atleast_2d(obs)))
        actions = walker.actions.to_environment(output)
        return np.asarray(actions.reshape(*np.shape(obs)[:-1], -1))

    return act


@lru_cache(maxsize=32)
def packed(source: str, policy: str, bits: int) -> dc.PackedPolicy:
    """Return a policy with its weights on the best affine grid of ``2**bits - 1`` and a zero."""
    from eigenwell.dc.torch import DCLayer, DCPolicy

    walker = load(source, policy)
    if isinstance(walker, dc.PackedPolicy):
        return DCPolicy.from_packed(walker).pack(bits=bits)
    import torch

    layer = DCLayer(
        len(walker.shift), 2 * JOINTS, walker.config.eigenvalues, generator=torch.Generator()
    )
    with torch.no_grad():
        layer.weights.copy_(torch.tensor(walker.weights["weights"]))
        layer.biases.copy_(torch.tensor(walker.weights["biases"]))
    whole = DCPolicy(layer, shift=walker.shift, scale=walker.scale, input_clip=INPUT_CLIP)
    return whole.pack(bits=bits)


@lru_cache(maxsize=4)
def packed_identity(source: str, policy: str, widths: tuple[int, ...]) -> str:
    """Return a hash of the weights in some widths: how a grid is fitted may change one day."""
    weights = [packed(source, policy, bits).weights.tobytes() for bits in widths]
    return hashlib.sha256(b"".join(weights)).hexdigest()[:16]


@lru_cache(maxsize=4)
def mean_observation(source: str, policy: str) -> Float32:
    """Return the mean of what a walker sees once it walks, ``(1, 24)``, on seeds of their own."""
    walks = [walk(actor(source, policy), seed) for seed in range(_MEAN_EPISODES)]
    seen = np.concatenate([each.observations[_SETTLED:] for each in walks])
    return np.asarray(seen.mean(axis=0, keepdims=True), np.float32)


def _file(source: str) -> Path:
    path = Path(source)
    return path / "best.safetensors" if path.is_dir() else path
