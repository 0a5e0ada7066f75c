"""What is learnt in each world alone: its vision model, and what its latents tell of actions.

The same game is played by the same players in every world. So what the present tells of the actions
before and after it is the same function of the game's state everywhere, however a world shows that
state: something to know places by that needs no pairs. It says which way up a world is, and where
its walls are.

References:
    Pathak et al. 2017, "Curiosity-driven exploration" (inverse dynamics: the action just taken).
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from eigenwell.worlds.torch._batches import training_episodes, usual_picture
from eigenwell.worlds.torch._model import Vision, encode, guesser, kl_from_unit, sample
from eigenwell.worlds.torch._phases import cross_entropy
from eigenwell.worlds.torch._stage import Stage

if TYPE_CHECKING:
    from eigenwell.worlds import _storage
    from eigenwell.worlds._staged_config import StagedConfig

#: Successive latents that the guesser of actions sees: two have velocities, three are sure of them.
SEEN: Final = 3
# Networks of stages that draw on the same seed must not begin alike.
_VISION, _TIMELINE, _BLUR = 1, 2, 5
# Frames by which it is counted how often a pixel differs from the usual picture, and the share of
# them that counts as never.
_COUNTED = 4096
_SELDOM = 5e-4
# Layers take their first weights from a generator that all threads share.
_INITIALISING = Lock()


class VisionStage(Stage):
    """Trains a world's vision model on single frames.

    A two-pixel ball is nothing in a sum over pixels, so those that differ from the world's median
    frame weigh more, and most of all where they seldom do.
    """

    def __init__(self, world: _storage.World, config: StagedConfig) -> None:
        name = world.origin.variant
        fields = ("seed", "widths", "first_kernel", "latent")
        steps = ("vision_steps", "vision_batch", "vision_rate")
        super().__init__(
            f"vision-{name}",
            config.vision_steps,
            (config.seed, _VISION, *name.encode()),
            identity(config, world, *fields, *steps, "kl_weight", "foreground", "rarity"),
        )
        self.world, self.config = world, config
        with seeded(config.seed, _VISION, *name.encode()):
            self.vision = Vision(config)
        self.modules = {"vision": self.vision}
        adam = torch.optim.Adam(self.vision.parameters())
        self.optimisers = {"vision": (adam, config.vision_rate)}
        self._usual = usual_picture(world)
        # Of a white world, weights would first of all learn that it is white.
        self._level = float(self._usual.median())
        with torch.no_grad():
            last: Any = self.vision.decoder[-1]
            last.bias.fill_(float(self._usual.mean().clamp(0.01, 0.99).logit()))
        lengths = world.block.lengths[: training_episodes(world)].astype(np.int64)
        self._ends = np.cumsum(lengths)
        self._weights = self._foreground()

    def losses(self) -> dict[str, float]:
        config, frames = self.config, self.frames()
        mean, log_variance = self.vision.encode(frames - self._level)
        pixels = self.pixels(sample(mean, log_variance, self.generator), frames)
        divergence = kl_from_unit(mean, log_variance).mean()
        self.descend(pixels + config.kl_weight * divergence, "vision")
        return {"reconstruction": float(pixels.detach()), "kl": float(divergence.detach())}

    def eyes(self) -> Vision:
        """Return the vision model for frames as they are: the level goes into the first layer."""
        vision = copy.deepcopy(self.vision)
        first: Any = vision.encoder[0]
        with torch.no_grad():
            first.bias.sub_(self._level * first.weight.sum(dim=(1, 2, 3)))
        return vision

    def frames(self) -> Tensor:
        """Draw a batch."""
        places = self.draw(int(self._ends[-1]), self.config.vision_batch).numpy()
        return torch.from_numpy(self._pictures(places))

    def _pictures(self, places: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        episodes = np.searchsorted(self._ends, places, side="right")
        times = places - (self._ends[episodes] - self.world.block.lengths[episodes])
        return self.world.frames(episodes, times)

    def pixels(self, latents: Tensor, frames: Tensor) -> Tensor:
        """Return the weighted cross entropy of what is decoded."""
        weights = 1 + self._weights * (frames - self._usual).abs()
        return cross_entropy(self.vision.unbounded(latents), frames, weights)

    def _foreground(self) -> Tensor:
        """Return the added weight of each pixel where it differs from the usual picture."""
        places = np.random.default_rng(0).integers(self._ends[-1], size=_COUNTED)
        differs = (torch.from_numpy(self._pictures(places)) - self._usual).abs()
        often = differs.mean(dim=0)
        # Neighbours lend their counts: of a pixel alone, too few would tell.
        near = functional.avg_pool2d(often[None], 5, 1, 2, count_include_pad=False)[0]
        rare = near.clamp(min=_SELDOM) ** -self.config.rarity
        mean = (often * rare).sum() / often.sum().clamp(min=1e-12)
        return self.config.foreground * rare / mean.clamp(min=1e-12)


class BlurStage(VisionStage):
    """Trains a world's decoder once more, on latents that are a little off.

    A decoder that learnt from exact latents puts the ball on one pixel, and is sure of it. One that
    knows how far off a translated latent may be spreads it.

    Args:
        world: Its games.
        config: How much off, and how long.
        vision: Trained; its decoder learns on.
        track: The world's latents.
    """

    def __init__(
        self, world: _storage.World, config: StagedConfig, vision: VisionStage, track: Track
    ) -> None:
        super().__init__(world, config)
        self.name, self.steps = f"blur-{world.origin.variant}", config.blur_steps
        names = ("blur", "blur_steps", "encoded", "reach", "window", "memory_length")
        self.identity |= {name: getattr(config, name) for name in names}
        self._seed = (*self._seed, _BLUR)
        self.vision.load_state_dict(vision.eyes().state_dict())
        frozen(self.vision.encoder)
        adam = torch.optim.Adam(self.vision.decoder.parameters())
        self.optimisers = {"decoder": (adam, config.vision_rate / 3)}
        self._deviation = track.latents.std(dim=0)

    def losses(self) -> dict[str, float]:
        frames = self.frames()
        with torch.no_grad():
            mean, _ = self.vision.encode(frames)
            noise = torch.randn(mean.shape, generator=self.generator)
            latents = mean + self.config.blur * self._deviation * noise
        return {"reconstruction": self.descend(self.pixels(latents, frames), "decoder")}


@dataclass(frozen=True)
class Track:
    """A world's games as latents.

    Attributes:
        latents: Means ``(n, latent)``, episode after episode.
        actions: ``(n,)``, int64.
        starts: Where windows of the stages begin, with enough of the episode on both sides.
        short: Where sequences for the memory begin.
    """

    latents: Tensor
    actions: Tensor
    starts: Tensor
    short: Tensor

    def windows(self, starts: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """Return latents ``(n, length, latent)`` and the times that they have, ``(n, length)``."""
        times = starts[:, None] + torch.arange(length)
        return self.latents[times], times


def track(world: _storage.World, vision: Vision, config: StagedConfig) -> Track:
    """Encode a world's games; some episode of them is long enough."""
    latents, actions, starts, short, end = [], [], list[np.ndarray[Any, Any]](), [], 0
    longest = max(SEEN, config.window)
    for episode in range(training_episodes(world)):
        length = int(world.block.lengths[episode])
        if end >= config.encoded:
            break
        frames = world.frames(np.full(length, episode), np.arange(length))
        latents.append(encode(vision, frames))
        actions.append(world.block.actions[episode, :length].astype(np.int64))
        first, last = end + config.reach, end + length - config.reach - longest + 1
        starts.append(np.arange(first, max(first, last)))
        short.append(np.arange(end, end + max(0, length - config.memory_length)))
        end += length
    taken = np.concatenate(actions)
    if config.shuffle_actions:
        taken = np.random.default_rng([config.seed, 9]).permutation(taken)
    return Track(
        torch.cat(latents),
        torch.from_numpy(taken),
        torch.from_numpy(np.concatenate(starts)),
        torch.from_numpy(np.concatenate(short)),
    )


class TimelineStage(Stage):
    """Trains a network to tell, from three latents, the actions before and after them."""

    def __init__(self, world: _storage.World, track: Track, config: StagedConfig) -> None:
        name = world.origin.variant
        fields = ("reach", "hidden", "encoded", "shuffle_actions", "window", "memory_length")
        eyes = ("seed", "widths", "first_kernel", "latent", "foreground", "rarity")
        steps = ("timeline_steps", "timeline_batch", "timeline_rate", "vision_steps", "kl_weight")
        super().__init__(
            f"timeline-{name}" + ("-shuffled" if config.shuffle_actions else ""),
            config.timeline_steps,
            (config.seed, _TIMELINE, *name.encode()),
            identity(config, world, *eyes, *fields, *steps),
        )
        self.track, self.config = track, config
        outputs = 2 * config.reach * world.origin.actions
        with seeded(config.seed, _TIMELINE, *name.encode()):
            self.guesser = guesser(SEEN * config.latent, config.hidden, outputs)
        self.modules = {"timeline": self.guesser}
        adam = torch.optim.Adam(self.guesser.parameters())
        self.optimisers = {"timeline": (adam, config.timeline_rate)}
        self._offsets = torch.arange(-config.reach, config.reach)

    def losses(self) -> dict[str, float]:
        drawn = self.draw(len(self.track.starts), self.config.timeline_batch)
        latents, times = self.track.windows(self.track.starts[drawn], SEEN)
        taken = self.track.actions[times[:, -1:] + self._offsets]
        logits = self.guesser(latents.flatten(1)).unflatten(1, (*taken.shape[1:], -1))
        loss = functional.cross_entropy(logits.flatten(0, 1), taken.flatten())
        return {"timeline": self.descend(loss, "timeline")}


@contextlib.contextmanager
def seeded(*numbers: int) -> Iterator[None]:
    """Initialise weights from some numbers, and leave torch's own generator as it was."""
    seed = int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
    with _INITIALISING, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def identity(config: StagedConfig, world: _storage.World, *names: str) -> dict[str, Any]:
    """Return what decides a stage's result, as JSON holds it."""
    values = {name: getattr(config, name) for name in names}
    if "widths" in values:
        values["widths"] = list(config.widths)
    return values | {"world": dataclasses.asdict(world.origin)}


def frozen(module: nn.Module) -> nn.Module:
    """Return the module with weights that do not learn."""
    return module.requires_grad_(False)
