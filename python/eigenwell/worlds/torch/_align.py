"""Translating a world's latents into world 0's, without pairs.

Three things that need no pairs pull on the translator. World 0's guesser must tell of translated
latents what the world's own guesser tells of its own: that finds the right valley. An adversary
compares short trajectories of latents and actions with those of world 0: that makes it exact. And
what is translated there and back must be what it was.

References:
    Zhu et al. 2017, "Unpaired image-to-image translation" (both directions and the cycle).
    Mescheder, Geiger and Nowozin 2018, "Which training methods for GANs do actually converge?"
    (the gradient penalty at real examples).
    Conneau et al. 2018, "Word translation without parallel data" (the same between languages).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from eigenwell.worlds.torch._eyes import SEEN, Track, frozen, identity, seeded
from eigenwell.worlds.torch._model import Translator, guesser
from eigenwell.worlds.torch._stage import Stage

if TYPE_CHECKING:
    from eigenwell.worlds import _storage
    from eigenwell.worlds._staged_config import StagedConfig

_ALIGN = 3
# The gradient penalty is taken in every fourth step only, four times as strong.
_PENALTY_EVERY = 4
# Settings of what comes after, or of decoders alone; see is_later.
_LATER = {
    *("memory", "units", "residual", "separate_memory", "paired"),
    *("surest", "blur", "blur_steps"),
}
# How fast the translator that is kept follows the one that learns.
_FOLLOW = 0.005
# Weight of mean and variance in the beginnings.
_MOMENTS = 0.1
# Windows by which the best beginning is chosen.
_JUDGING = 4096


class AlignStage(Stage):
    """Trains the translators between a world's latents and world 0's.

    Args:
        worlds: World 0 and the other.
        tracks: Their latents.
        guessers: Of the actions before and after, one from each world.
        config: Of all of it.
    """

    def __init__(
        self,
        worlds: tuple[_storage.World, _storage.World],
        tracks: tuple[Track, Track],
        guessers: tuple[nn.Module, nn.Module],
        config: StagedConfig,
    ) -> None:
        first, other = worlds
        name, actions = other.origin.variant, first.origin.actions
        important = [field for field in config.__dataclass_fields__ if not is_later(field)]
        known = identity(config, other, *important)
        super().__init__(
            f"translator-{first.origin.variant}-{name}"
            + ("-shuffled" if config.shuffle_actions else ""),
            config.starts * config.start_steps + config.align_steps,
            (config.seed, _ALIGN, *name.encode()),
            known | {"first": identity(config, first)["world"]},
        )
        self.config, self.actions, self.tracks = config, actions, tracks
        self._guessers = [frozen(module) for module in guessers]
        self._scales = [_scale(track.latents) for track in tracks]
        latent, window = config.latent, config.window
        inputs = window * latent + (window - 1) * actions
        betas = (0.5, 0.99)  # a first moment with memory would push where the adversary was
        with seeded(config.seed, _ALIGN, *name.encode()):
            self._starts = [_Both(config, self._scales) for _ in range(config.starts)]
            self.adversary = guesser(inputs, config.hidden, 1, layers=3)
        self.kept = copy.deepcopy(self._starts[0].there).requires_grad_(False)
        self._chosen = _Number()
        self.modules = {"kept": self.kept, "adversary": self.adversary, "chosen": self._chosen}
        adam = torch.optim.Adam(self.adversary.parameters(), betas=betas)
        self.optimisers = {"adversary": (adam, config.adversary_rate)}
        for number, both in enumerate(self._starts):
            self.modules[f"start {number}"] = both
            adam = torch.optim.Adam(both.parameters(), betas=betas)
            self.optimisers[f"start {number}"] = (adam, config.align_rate)
        #: Measures the translator that is kept, for the rows of metrics.
        self.watch: Callable[[nn.Module], dict[str, float]] = lambda _translator: {}

    @property
    def back(self) -> Translator:
        """The translator from world 0."""
        return self._starts[self._chosen.value].back

    def rate(self, done: float) -> float:
        """Higher for the beginnings; against the adversary, stay and fall in the last third."""
        config = self.config
        if self.done < config.starts * config.start_steps:
            return config.start_rate / config.align_rate
        return min(1.0, 3 * (1 - done) * self.steps / config.align_steps)

    def losses(self) -> dict[str, float]:
        """Take a step of one of the beginnings, or of the chosen one against the adversary."""
        config = self.config
        start = self.done // config.start_steps
        alone = start < config.starts
        if self.done == config.starts * config.start_steps:
            self._choose()
        number = start if alone else self._chosen.value
        both = self._starts[number]
        real, real_actions = self._windows(0)
        own, own_actions = self._windows(1)
        translated = both.there(own)
        losses = {"cycle": self._cycle(both, own, translated, real)}
        total = losses["cycle"] * (1 if alone else config.cycle)
        if not config.matching_only and config.timeline:
            losses["timeline"] = self._timeline(own[:, -SEEN:], translated[:, -SEEN:])
            total = total + config.timeline * losses["timeline"]
        if alone or config.matching_only or not config.adversary:
            losses["moments"] = self._moments(translated[:, 0])
            total = total + _MOMENTS * losses["moments"]
        else:
            losses["telling"] = self._teach(
                self._judged(real, real_actions), self._judged(translated.detach(), own_actions)
            )
            frozen(self.adversary)
            verdict = self.adversary(self._judged(translated, own_actions))
            self.adversary.requires_grad_(True)
            losses["fooling"] = functional.softplus(-verdict).mean()
            total = total + config.adversary * losses["fooling"]
        self.descend(total, f"start {number}")
        follow = 1.0 if alone else _FOLLOW
        with torch.no_grad():
            for kept, learns in zip(self.kept.parameters(), both.there.parameters(), strict=True):
                kept.lerp_(learns, follow)
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def _choose(self) -> None:
        """Go on with the beginning whose latents world 0's guesser reads best."""
        # What does without the guessers must not be chosen by them.
        if self.config.timeline and not self.config.matching_only:
            own = self._windows(1, _JUDGING)[0][:, -SEEN:]
            with torch.no_grad():
                gaps = [float(self._timeline(own, both.there(own))) for both in self._starts]
            self._chosen.number.fill_(gaps.index(min(gaps)))
        self.kept.load_state_dict(self._starts[self._chosen.value].there.state_dict())

    def measure(self) -> dict[str, float]:
        """Measure the translator that is kept."""
        return self.watch(self.kept)

    def _windows(self, world: int, count: int | None = None) -> tuple[Tensor, Tensor]:
        """Return latents, and flat one-hot actions between them, of a batch."""
        track = self.tracks[world]
        drawn = self.draw(len(track.starts), count or self.config.align_batch)
        latents, times = track.windows(track.starts[drawn], max(SEEN, self.config.window))
        taken = functional.one_hot(track.actions[times[:, :-1]], self.actions)
        return latents, taken.float().flatten(1)

    def _judged(self, latents: Tensor, actions: Tensor) -> Tensor:
        return torch.cat([self._scaled(latents).flatten(1), actions], dim=1)

    def _teach(self, real: Tensor, translated: Tensor) -> Tensor:
        """Take a step of the adversary; return its loss."""
        config = self.config
        penalised = self.done % _PENALTY_EVERY == 0 and config.penalty > 0
        real.requires_grad_(penalised)
        verdict = self.adversary(real)
        told = functional.softplus(-verdict).mean()
        told = told + functional.softplus(self.adversary(translated)).mean()
        total = told
        if penalised:
            (slope,) = torch.autograd.grad(verdict.sum(), real, create_graph=True)
            share = 1 - (self.steps - self.done) / config.align_steps
            weight = config.penalty ** (1 - share) * config.last_penalty**share
            total = told + _PENALTY_EVERY * weight / 2 * slope.square().sum(dim=1).mean()
        self.descend(total, "adversary")
        return told

    def _timeline(self, own: Tensor, translated: Tensor) -> Tensor:
        """Return the divergence of what world 0's guesser tells from what the own one does."""
        with torch.no_grad():
            wanted = self._guessers[1](own.flatten(1)).unflatten(1, (-1, self.actions)).softmax(2)
        told = self._guessers[0](translated.flatten(1)).unflatten(1, (-1, self.actions))
        return functional.kl_div(told.log_softmax(2), wanted, reduction="sum") / len(own)

    def _cycle(self, both: _Both, own: Tensor, translated: Tensor, real: Tensor) -> Tensor:
        """Return the mean squared distances after both translations, in variances."""
        again = (both.there(both.back(real[:, 0])) - real[:, 0]) / self._scales[0][1]
        returned = (both.back(translated[:, 0]) - own[:, 0]) / self._scales[1][1]
        both_ways: Tensor = again.square().mean() + returned.square().mean()
        return both_ways

    def _scaled(self, latents: Tensor) -> Tensor:
        mean, deviation = self._scales[0]
        return (latents - mean) / deviation

    def _moments(self, translated: Tensor) -> Tensor:
        scaled = self._scaled(translated)
        return scaled.mean(dim=0).square().sum() + (scaled.var(dim=0) - 1).square().sum()


class _Both(nn.Module):
    """Translators from a world to world 0 and back."""

    def __init__(self, config: StagedConfig, scales: list[tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        first, other = scales
        self.there = Translator(config.latent, config.hidden, other, first)
        self.back = Translator(config.latent, config.hidden, first, other)


def is_later(setting: str) -> bool:
    """Tell whether no translator depends on a setting, but decoders, memory or use of a model."""
    return setting in _LATER or setting.startswith(("memory_", "report_", "checkpoint_"))


class _Number(nn.Module):
    """A number that a checkpoint keeps."""

    number: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("number", torch.zeros((), dtype=torch.int64))

    @property
    def value(self) -> int:
        return int(self.number)


def _scale(latents: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of each latent; a dead one has a deviation of 1."""
    deviation = latents.std(dim=0)
    return latents.mean(dim=0), torch.where(deviation > 1e-3, deviation, torch.ones(()))
