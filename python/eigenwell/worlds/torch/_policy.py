"""A player that sees latents alone, and how it learns to play: PPO, in one world.

What it reads is the latest latent and how it changed over the last two frames: positions and
velocities, in whatever coordinates V has for them.

References:
    Schulman et al. 2017, "Proximal policy optimization algorithms".
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from eigenwell import _checks
from eigenwell.errors import ArgumentError, FormatError, TrainingError
from eigenwell.ppo import PPOConfig, gae
from eigenwell.ppo._spaces import Actions
from eigenwell.ppo.torch import Learner
from eigenwell.worlds import _checkpoint, pong, variants
from eigenwell.worlds.torch._model import MetaModel, Row, Trained, encode

Float32 = npt.NDArray[np.float32]

#: Successive latents that a player reads.
SUCCESSIVE: Final = 3

_COURTS, _STEPS = 64, 128
_KIND = "policy"
# Random play before training tells what latents are like; the player's inputs are scaled by it.
_WARM_UP = 100
_INPUT_CLIP = 10.0
# Frames whose latents a policy keeps, to know the eyes it learned with, and how near is the same.
_PROBES = 16
_SAME = 1e-3
_MOST = 2**31 - 1


@dataclass(frozen=True)
class Policy:
    """Plays by what it reads of latents; made by :func:`train_policy`.

    Attributes:
        weights: The network's arrays by their names in torch.
        shift: ``(features,)``, subtracted from the features.
        scale: ``(features,)``, then multiplied with them.
        probes: Latents of known frames in the world that it learned in, ``(16, latent)``.
        world: The name of that world.
        frames: How many it was trained on.
        seed: Of its training.
    """

    weights: Mapping[str, Float32]
    shift: Float32
    scale: Float32
    probes: Float32
    world: str
    frames: int
    seed: int

    def logits(self, features: Float32) -> Float32:
        """Return logits ``(n, actions)`` of what :class:`Eyes` gives."""
        return _network(self.weights, _scaled(features, self.shift, self.scale))

    def check_same(self, trained: Trained) -> None:
        """See that it learned with the eyes of a model's world 0.

        Raises:
            ArgumentError: It learned with others.
        """
        if self.probes.shape[1] != trained.config.latent:
            raise ArgumentError(
                f"`policy` must read latents of size {trained.config.latent}, as the model has "
                f"them, got one for {self.probes.shape[1]}"
            )
        same = self.world == trained.variants[0]
        if not (same and np.allclose(_probe(trained), self.probes, rtol=_SAME, atol=_SAME)):
            raise ArgumentError(
                f"`policy` must have learned with this model's world {trained.variants[0]!r}, got "
                f"one that learned in {self.world!r} of another model: train one for this model"
            )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it, all of it or nothing.

        Raises:
            ArgumentError: It cannot be written there.
        """
        arrays = {f"actor.{name}": array for name, array in self.weights.items()}
        arrays |= {"shift": self.shift, "scale": self.scale, "probes": self.probes}
        about = {"kind": _KIND, "world": self.world, "frames": self.frames, "seed": self.seed}
        _checkpoint.write(path, arrays, about)


def load_policy(path: str | os.PathLike[str]) -> Policy:
    """Load the policy of a file.

    Raises:
        ArgumentError: The file cannot be read.
        FormatError: It holds no policy.
    """
    arrays, about = _checkpoint.read(path)
    if about.get("kind") != _KIND:
        raise FormatError(f"`{os.fspath(path)}` must hold a policy, got a model's checkpoint")
    start = "actor."
    weights = {n.removeprefix(start): array for n, array in arrays.items() if n.startswith(start)}
    try:
        policy = Policy(
            weights,
            shift=arrays["shift"],
            scale=arrays["scale"],
            probes=arrays["probes"],
            world=about["world"],
            frames=about["frames"],
            seed=about["seed"],
        )
        # A network of other shapes does not take these, or does not give those.
        policy.logits(np.zeros((1, SUCCESSIVE * policy.probes.shape[1]), np.float32)).reshape(6)
    except (KeyError, IndexError, ValueError) as error:
        raise FormatError(f"`{os.fspath(path)}` is a damaged policy: {error}") from None
    return policy


class Eyes:
    """One world's encoder in front of many courts; remembers the latents of the last frames.

    Args:
        model: The networks.
        world: Whose encoder.
        variant: Name of the world, as which the frames are shown.
    """

    def __init__(self, model: MetaModel, world: int, variant: str) -> None:
        self._vision, self._variant = model.vision(world), variants.parse(variant)
        self._latents: list[Float32] = []

    def look(self, frames: npt.NDArray[np.uint8]) -> Float32:
        """Take in the courts' next frames, packed.

        Returns:
            Latent, its last change and the one before that, ``(n, 3 * latent)``.
        """
        shown = self._variant.frames(pong.unpack(frames))
        z: Float32 = encode(self._vision, shown).numpy()
        # Before the first frame there was no motion.
        before = self._latents[: SUCCESSIVE - 1] or [z] * (SUCCESSIVE - 1)
        self._latents = [z, *before]
        changes = [a - b for a, b in zip(self._latents, before, strict=False)]
        return np.concatenate([z, *changes], axis=1)


def train_policy(
    trained: Trained,
    *,
    frames: int = 1_000_000,
    seed: int = 0,
    progress: Callable[[Row], None] | None = None,
) -> Policy:
    """Let a policy learn our Pong by reinforcement, from the latents of world 0 alone.

    It is told points won and lost, and nothing of where anything is.

    Args:
        trained: The model, which stays as it is.
        frames: How many to learn from, rounded up to whole rollouts of 8,192.
        seed: Of games, weights and actions.
        progress: Called after every rollout with frames so far and points won and lost per 1,000.

    Raises:
        ArgumentError: The model is of another game, or a number is out of range.
        TrainingError: The loss is no longer finite.

    Note:
        Deterministic. Sets torch to one thread while it runs.
    """
    check_game(trained)
    config = PPOConfig(
        "eigenwell.worlds.pong",
        seed=_checks.integer(seed, "seed", low=0, high=_MOST),
        total_steps=_checks.integer(frames, "frames", low=1, high=_MOST),
        environments=_COURTS,
        rollout_steps=_STEPS,
        epochs=4,
        minibatch=512,
        learning_rate=2e-3,
        entropy_coefficient=0.003,
        target_kl=None,
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _learn(trained, config, progress)
    finally:
        torch.set_num_threads(threads)


def check_game(trained: Trained) -> None:
    """See that a model is one of our Pong's actions.

    Raises:
        ArgumentError: It has others.
    """
    if trained.model.actions != len(pong.ACTIONS):
        raise ArgumentError(
            f"`trained` must be a model of {len(pong.ACTIONS)} actions, those of our Pong, got "
            f"{trained.model.actions}"
        )


def _learn(trained: Trained, config: PPOConfig, progress: Callable[[Row], None] | None) -> Policy:
    name, actions = trained.variants[0], Actions(len(pong.ACTIONS), discrete=True)
    games, rest = np.random.SeedSequence([config.seed, 1]).spawn(2)
    game, rng = pong.Pong(_COURTS, seed=games), np.random.default_rng(rest)
    eyes = Eyes(trained.model, 0, name)
    seen = []
    for _ in range(_WARM_UP):
        seen.append(eyes.look(game.frames))
        game.step(rng.integers(actions.size, size=_COURTS))
    known = np.concatenate(seen)
    if not np.isfinite(known).all():
        raise TrainingError(f"the latents of world {name!r} are not finite")
    shift, scale = known.mean(axis=0), 1 / (known.std(axis=0) + np.float32(1e-6))

    learner = Learner(config, known.shape[1], actions)
    # Views of the parameters, which the learner updates in place.
    weights = {n: p.detach().numpy() for n, p in learner.networks.actor.named_parameters()}
    x = np.empty((_STEPS + 1, _COURTS, known.shape[1]), np.float32)
    chosen, rewards = np.empty((_STEPS, _COURTS), np.int64), np.empty((_STEPS, _COURTS))
    x[-1] = _scaled(eyes.look(game.frames), shift, scale)
    for update in range(config.updates):
        x[0] = x[-1]
        for t in range(_STEPS):
            chosen[t] = actions.sample(_network(weights, x[t]), None, rng)
            rewards[t], _ = game.step(chosen[t])
            x[t + 1] = _scaled(eyes.look(game.frames), shift, scale)
        values = learner.value(x.reshape(-1, x.shape[2])).reshape(x.shape[:2])
        # A rally is an episode: what follows a point is not to be credited to it.
        scored = rewards != 0
        advantages = gae(
            rewards,
            values[:-1],
            np.where(scored, 0, values[1:]),
            scored,
            gamma=config.gamma,
            gae_lambda=config.gae_lambda,
        )
        learner.update(
            x[:-1].reshape(-1, x.shape[2]),
            chosen.ravel(),
            advantages.ravel(),
            (advantages + values[:-1]).ravel(),
            learning_rate=config.learning_rate_at(update),
            rng=rng,
        )
        if progress is not None:
            won, lost = (1000 * float((rewards == point).mean()) for point in (1, -1))
            progress({"frames": (update + 1) * config.steps_per_update, "won": won, "lost": lost})
    copies = {n: array.copy() for n, array in weights.items()}
    taken = config.updates * config.steps_per_update
    return Policy(copies, shift, scale, _probe(trained), name, taken, config.seed)


def _network(weights: Mapping[str, Float32], x: Float32) -> Float32:
    """Run the actor of :class:`eigenwell.ppo.torch.ActorCritic` in NumPy."""
    for layer in ("0", "2", "4"):
        x = x @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"]
        x = np.tanh(x) if layer != "4" else x
    return x


def _scaled(features: Float32, shift: Float32, scale: Float32) -> Float32:
    return np.asarray(np.clip((features - shift) * scale, -_INPUT_CLIP, _INPUT_CLIP))


def _probe(trained: Trained) -> Float32:
    """Return what world 0's encoder says of the first frame of known games, ``(16, latent)``."""
    shown = variants.parse(trained.variants[0]).frames(pong.unpack(pong.Pong(_PROBES).frames))
    latents: Float32 = encode(trained.model.vision(0), shown).numpy()
    return latents
