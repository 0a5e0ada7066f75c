"""The losses: the article's two phases, and our joint one.

References:
    Wu, Li and Wang 2018, "Meta-world models", arXiv 1811.01741 (R and P phase).
    Pathak et al. 2017, "Curiosity-driven exploration" (inverse dynamics).
    Zhu et al. 2017, "Unpaired image-to-image translation" (cycle consistency).
    Tzeng et al. 2017, "Adversarial discriminative domain adaptation".
    Goroshin, Mathieu and LeCun 2015, "Learning to linearize under uncertainty" (straight latents).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from eigenwell.worlds.torch._model import MetaModel, guesser, kl_from_unit, sample

if TYPE_CHECKING:
    from eigenwell.worlds._config import MetaConfig
    from eigenwell.worlds.torch._batches import Batch

Losses: TypeAlias = dict[str, Tensor]

# Of every so many frames one goes to another world and back.
_CYCLE_EVERY = 4


def reconstruction_phase(
    model: MetaModel, batch: Batch, config: MetaConfig, generator: torch.Generator
) -> Losses:
    """R: pixels, the floored divergence, and the distance of the worlds' mean latents."""
    pixels, divergence, matching = [], [], []
    mean_of_first: Tensor | None = None
    for world, frames in enumerate(batch.frames.flatten(1, 2)):
        vision = model.vision(world)
        mean, log_variance = vision.encode(frames)
        logits = vision.decode(sample(mean, log_variance, generator))
        pixels.append(cross_entropy(logits, frames))
        divergence.append(_floored(kl_from_unit(mean, log_variance), config))
        if mean_of_first is None:
            mean_of_first = mean.mean(dim=0).detach()
        else:
            matching.append(((mean.mean(dim=0) - mean_of_first) ** 2).sum())
    losses = {"reconstruction": sum_of(pixels), "kl": sum_of(divergence)}
    losses["matching"] = sum_of(matching)
    losses["total"] = (
        losses["reconstruction"]
        + config.kl_weight * losses["kl"]
        + config.matching_weight * losses["matching"]
    )
    return losses


def prediction_phase(
    model: MetaModel, batch: Batch, config: MetaConfig, generator: torch.Generator
) -> Losses:
    """P: the next frame, decoded from what the memory says, and the floored divergence of that."""
    actions = one_hot(batch, model.actions)
    pixels, divergence = [], []
    for world, frames in enumerate(batch.frames):
        vision = model.vision(world)
        mean, log_variance = vision.encode(frames[:, :-1].flatten(0, 1))
        latents = sample(mean, log_variance, generator).reshape(len(frames), -1, config.latent)
        said, spread = model.memory(world)(latents, actions[world, :, :-1])
        said, spread = said.flatten(0, 1), spread.flatten(0, 1)
        logits = vision.decode(sample(said, spread, generator))
        pixels.append(cross_entropy(logits, frames[:, 1:].flatten(0, 1)))
        divergence.append(_floored(kl_from_unit(said, spread), config))
    losses = {"prediction": sum_of(pixels), "prediction_kl": sum_of(divergence)}
    losses["total"] = losses["prediction"] + config.kl_weight * losses["prediction_kl"]
    return losses


class Aligner(nn.Module):
    """What the joint recipe has beside the model: an adversary and an inverse dynamics.

    Args:
        config: Their sizes.
        worlds: How many worlds the adversary tells apart.
        actions: How many there are.
    """

    def __init__(self, config: MetaConfig, worlds: int, actions: int) -> None:
        super().__init__()
        latent, units = config.latent, config.adversary_units
        self.adversary = guesser(3 * latent + 2 * actions, units, worlds)
        self.inverse = guesser(2 * latent, 64, actions)

    def telling(self, latents: Tensor, actions: Tensor) -> Tensor:
        """Return logits over worlds of every window of three frames.

        Args:
            latents: ``(worlds, b, T, latent)``.
            actions: One-hot ``(worlds, b, T, actions)``.

        Returns:
            ``(worlds, b * (T - 2), worlds)``.
        """
        z, a = latents, actions
        parts = (z[:, :, :-2], a[:, :, :-2], z[:, :, 1:-1], a[:, :, 1:-1], z[:, :, 2:])
        windows: Tensor = self.adversary(torch.cat(parts, dim=3))
        return windows.flatten(1, 2)

    def adversary_loss(self, latents: Tensor, actions: Tensor) -> Tensor:
        """Return the cross entropy of telling the worlds apart."""
        logits = self.telling(latents.detach(), actions)
        truth = torch.arange(len(logits), device=logits.device)
        return functional.cross_entropy(
            logits.flatten(0, 1), truth.repeat_interleave(logits.shape[1])
        )

    def fooling_loss(self, latents: Tensor, actions: Tensor, *, to_first: bool) -> Tensor:
        """Return the cross entropy of being taken for another world, or for world 0."""
        logits = self.telling(latents, actions)
        worlds = len(logits)
        if to_first:
            wanted = torch.zeros(worlds, worlds, device=logits.device)
            wanted[:, 0] = 1
            logits, wanted = logits[1:], wanted[1:]
        else:
            wanted = (1 - torch.eye(worlds, device=logits.device)) / (worlds - 1)
        return -(wanted[:, None] * logits.log_softmax(dim=2)).sum(dim=2).mean()

    def inverse_loss(self, latents: Tensor, actions: Tensor) -> Tensor:
        """Return the cross entropy of the action between two latents."""
        logits = self.inverse(torch.cat([latents[:, :, :-1], latents[:, :, 1:]], dim=3))
        return functional.cross_entropy(logits.flatten(0, 2), actions[:, :, :-1].flatten())


def joint_losses(
    model: MetaModel,
    aligner: Aligner,
    batch: Batch,
    config: MetaConfig,
    generator: torch.Generator,
    *,
    usual: Tensor,
    trained: range,
    ramp: float,
) -> tuple[Losses, Tensor]:
    """All losses at once.

    Args:
        model: Of all worlds.
        aligner: Adversary and inverse dynamics.
        batch: Sequences of all worlds.
        config: Weights.
        generator: Of the noise.
        usual: The worlds' median frames ``(worlds, 64, 64)``.
        trained: The worlds that learn; the others before them are looked at only.
        ramp: Share of the adversary's weight, 0 to 1.

    Returns:
        The losses; and the latents ``(worlds, b, T, latent)`` of the worlds up to the last one that
        is trained, for the adversary.
    """
    seen = range(trained.stop)
    actions = one_hot(batch, model.actions)[: trained.stop]
    lists: dict[str, list[Tensor]] = {"reconstruction": [], "prediction": [], "kl": []}
    latents, means = [], []
    for world in seen:
        frames = batch.frames[world]
        learns = world in trained
        with torch.set_grad_enabled(learns):
            mean, log_variance = model.vision(world).encode(frames.flatten(0, 1))
            z = sample(mean, log_variance, generator)
            latents.append(z.reshape(*frames.shape[:2], -1))
        if not learns:
            continue
        weights = _weights(frames, usual[world], config)
        # Decoding costs most: of two frames one is reconstructed and the other predicted.
        logits = model.vision(world).decode(latents[-1][:, ::2].flatten(0, 1))
        lists["reconstruction"].append(cross_entropy(logits, frames[:, ::2], weights[:, ::2]))
        lists["kl"].append(_floored(kl_from_unit(mean, log_variance), config))
        means.append(mean.reshape(*frames.shape[:2], -1))
        if config.matching_only:
            continue
        said, _ = model.memory(world)(latents[-1][:, :-1], actions[world, :, :-1])
        logits = model.vision(world).decode(said[:, ::2].flatten(0, 1))
        lists["prediction"].append(cross_entropy(logits, frames[:, 1::2], weights[:, 1::2]))
    z = torch.stack(latents)
    losses = {name: sum_of(values) for name, values in lists.items()}
    total = losses["reconstruction"] + losses["prediction"] + config.kl_weight * losses["kl"]
    if config.matching_weight and len(z) > 1:
        middles = z.mean(dim=(1, 2))
        losses["matching"] = ((middles[1:] - middles[0].detach()) ** 2).sum()
        total = total + config.matching_weight * losses["matching"]
    if config.inverse and not config.matching_only:
        losses["inverse"] = aligner.inverse_loss(z, batch.actions[: trained.stop])
        total = total + config.inverse * losses["inverse"]
    if config.straightness:
        losses["straightness"] = sum_of([_bend(mean) for mean in means])
        total = total + config.straightness * losses["straightness"]
    if len(z) > 1 and config.adversary and not config.matching_only:
        to_first = trained.start > 0
        losses["adversary"] = aligner.fooling_loss(z, actions, to_first=to_first)
        total = total + ramp * config.adversary * losses["adversary"]
    if len(z) > 1 and config.cycle and not config.matching_only:
        losses["cycle"] = cycle_loss(model, z[:, :, ::_CYCLE_EVERY])
        total = total + config.cycle * losses["cycle"]
    return losses | {"total": total}, z


def cycle_loss(model: MetaModel, latents: Tensor) -> Tensor:
    """Return the mean squared distance of z from what comes back by way of the next world."""
    worlds = len(latents)
    errors = []
    for world in range(worlds):
        other = model.vision((world + 1) % worlds)
        z = latents[world].flatten(0, 1)
        back, _ = other.encode(other.decode(z).sigmoid())
        errors.append(((back - z) ** 2).sum(dim=1).mean())
    return sum_of(errors)


def one_hot(batch: Batch, actions: int) -> Tensor:
    """Return the actions one-hot, ``(worlds, b, T, actions)`` of the frames' type."""
    return functional.one_hot(batch.actions, actions).to(batch.frames.dtype)


def sum_of(values: list[Tensor]) -> Tensor:
    """Return the sum, 0 of nothing."""
    return torch.stack(values).sum() if values else torch.zeros(())


def _bend(means: Tensor) -> Tensor:
    """Return the mean squared second difference of ``(b, T, latent)`` over time, in variances."""
    bend = means[:, 2:] - 2 * means[:, 1:-1] + means[:, :-2]
    return (bend**2).sum(dim=2).mean() / means.flatten(0, 1).var(dim=0).sum().clamp(min=1e-8)


def cross_entropy(logits: Tensor, frames: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the cross entropy in nats, a sum over pixels and a mean over frames.

    Args:
        logits: ``(n, 64, 64)``.
        frames: ``(..., 64, 64)``, n of them.
        weights: Of the pixels, of the frames' shape.
    """
    total = functional.binary_cross_entropy_with_logits(
        logits.reshape(frames.shape), frames, weight=weights, reduction="sum"
    )
    return total / len(logits)


def _floored(divergence: Tensor, config: MetaConfig) -> Tensor:
    return divergence.clamp(min=config.kl_floor).mean()


def _weights(frames: Tensor, usual: Tensor, config: MetaConfig) -> Tensor:
    """Return the weights of pixels ``(b, T, 64, 64)``: more for what is not always there."""
    unusual = (frames - usual).abs()
    moved = (frames[:, 1:] - frames[:, :-1]).abs()
    moved = torch.cat([moved[:, :1], moved], dim=1)
    return 1 + config.foreground * unusual + config.motion * moved
