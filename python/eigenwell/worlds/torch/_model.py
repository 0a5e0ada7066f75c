"""The networks: a vision model for each world, and a memory that they share.

References:
    Ha and Schmidhuber 2018, "World models" (the convolutional V, appendix A.1).
    Wu, Li and Wang 2018, "Meta-world models", arXiv 1811.01741 (one Gaussian instead of a mixture).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from eigenwell.worlds._config import MetaConfig
    from eigenwell.worlds._staged_config import StagedConfig

Row: TypeAlias = dict[str, float]

# Latents' variances stay between e^-10 and e^4: beyond, only the exponential would overflow.
_LOG_VARIANCE = (-10.0, 4.0)


class Vision(nn.Module):
    """A variational autoencoder of frames ``(n, 64, 64)``.

    Args:
        config: Widths and latent size.

    Attributes:
        there: Translates the world's own latents into the shared ones; the identity unless trained.
        back: The other way.
        surest: Where decoded logits end.
    """

    def __init__(self, config: MetaConfig | StagedConfig) -> None:
        super().__init__()
        self.surest: float = getattr(config, "surest", math.inf)
        self.encoder, self.decoder = _convolutions(config)
        # Convolutions are faster with channels last.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.there: nn.Module = nn.Identity()
        self.back: nn.Module = nn.Identity()

    def encode(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of z, each ``(n, latent)``."""
        mean, log_variance = self.encoder(frames.unsqueeze(1)).chunk(2, dim=1)
        return self.there(mean), log_variance.clamp(*_LOG_VARIANCE)

    def decode(self, latents: Tensor) -> Tensor:
        """Return logits ``(n, 64, 64)`` of latents ``(n, latent)``."""
        return self.unbounded(latents).clamp(-self.surest, self.surest)

    def unbounded(self, latents: Tensor) -> Tensor:
        """Return the same to learn from: what is wrong and sure needs a slope."""
        logits: Tensor = self.decoder(self.back(latents))
        return logits.squeeze(1)


class Memory(nn.Module):
    """A recurrent network that reads latents and actions and says where z goes, as a Gaussian.

    Args:
        config: Cell, size and latent size.
        actions: How many there are.
    """

    def __init__(self, config: MetaConfig | StagedConfig, actions: int) -> None:
        super().__init__()
        cell = nn.LSTM if config.memory == "lstm" else nn.GRU
        self.residual = config.residual
        self.cell = cell(config.latent + actions, config.units, batch_first=True)
        self.gaussian = nn.Linear(config.units, 2 * config.latent)

    def forward(self, latents: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Predict from every time on.

        Args:
            latents: ``(b, T, latent)``.
            actions: One-hot ``(b, T, actions)``.

        Returns:
            Mean and log variance of the next latent, each ``(b, T, latent)``.
        """
        states, _ = self.cell(torch.cat([latents, actions], dim=2))
        mean, log_variance = self.gaussian(states).chunk(2, dim=2)
        mean = latents + mean if self.residual else mean
        return mean, log_variance.clamp(*_LOG_VARIANCE)


class MetaModel(nn.Module):
    """Vision models by world and the memory between them.

    Args:
        config: Of all of them.
        worlds: How many.
        actions: How many there are.
    """

    def __init__(self, config: MetaConfig | StagedConfig, worlds: int, actions: int) -> None:
        super().__init__()
        self.actions = actions
        self.visions = nn.ModuleList(Vision(config) for _ in range(worlds))
        memories = worlds if config.separate_memory else 1
        self.memories = nn.ModuleList(Memory(config, actions) for _ in range(memories))

    def vision(self, world: int) -> Vision:
        """Return a world's vision model."""
        found = self.visions[world]
        assert isinstance(found, Vision)
        return found

    def memory(self, world: int) -> Memory:
        """Return the memory that a world uses: the shared one, but for a control."""
        found = self.memories[world % len(self.memories)]
        assert isinstance(found, Memory)
        return found


class Residual(nn.Module):
    """The sum of a linear map and a network with two hidden layers, from latents to latents.

    Args:
        latent: Dimensions of both.
        hidden: Width of the network.
    """

    def __init__(self, latent: int, hidden: int) -> None:
        super().__init__()
        self.body = guesser(latent, hidden, latent)
        self.skip = nn.Linear(latent, latent)

    def forward(self, latents: Tensor) -> Tensor:
        """Return latents of the same shape."""
        moved: Tensor = self.body(latents) + self.skip(latents)
        return moved


class Translator(Residual):
    """A residual network between two spaces of latents, which learns on standardised ones.

    Args:
        latent: Dimensions of both.
        hidden: Width.
        origin: Mean and standard deviation of what comes in, ``(latent,)`` each.
        target: The same of what goes out.
    """

    def __init__(
        self,
        latent: int,
        hidden: int,
        origin: tuple[Tensor, Tensor],
        target: tuple[Tensor, Tensor],
    ) -> None:
        super().__init__(latent, hidden)
        self._origin, self._target = origin, target

    def forward(self, latents: Tensor) -> Tensor:
        """Return latents of the same shape."""
        (mean, deviation), (new_mean, new_deviation) = self._origin, self._target
        return super().forward((latents - mean) / deviation) * new_deviation + new_mean

    def folded(self) -> Residual:
        """Return the same map without scales: they go into the first and the last layers."""
        first = self.body[0]
        assert isinstance(first, nn.Linear)
        plain = Residual(first.in_features, first.out_features)
        plain.load_state_dict(self.state_dict())
        (mean, deviation), (new_mean, new_deviation) = self._origin, self._target
        with torch.no_grad():
            for layer in (plain.body[0], plain.skip):
                assert isinstance(layer, nn.Linear)
                layer.weight.div_(deviation)
                layer.bias.sub_(layer.weight @ mean)
            for layer in (plain.body[-1], plain.skip):
                assert isinstance(layer, nn.Linear)
                layer.weight.mul_(new_deviation[:, None])
                layer.bias.mul_(new_deviation)
            plain.skip.bias.add_(new_mean)
        return plain


class Upwards(nn.ConvTranspose2d):
    """A transposed convolution of stride 2 as one of stride 1 whose channels are then spread out.

    The same map with the same weights. oneDNN is faster at convolutions, but where an odd kernel
    would have to be filled up.
    """

    def forward(self, pixels: Tensor, _output_size: list[int] | None = None) -> Tensor:
        """Return pixels ``(n, out, 2 * size + kernel - 2, ...)`` of ``(n, in, size, size)``."""
        inwards, outwards, edge, _ = self.weight.shape
        assert self.bias is not None
        if pixels.shape[-1] == 1:
            spread = (pixels.flatten(1) @ self.weight.flatten(1)).reshape(-1, outwards, edge, edge)
            return spread + self.bias[:, None, None]
        if edge % 2:
            return super().forward(pixels)
        half = edge // 2
        kernel = self.weight.reshape(inwards, outwards, half, 2, half, 2).permute(1, 3, 5, 0, 2, 4)
        kernel = kernel.flip(4, 5).reshape(4 * outwards, inwards, half, half)
        kernel = kernel.contiguous(memory_format=torch.channels_last)
        bias = self.bias.repeat_interleave(4)
        wide = functional.conv2d(pixels, kernel, bias, padding=half - 1)
        return functional.pixel_shuffle(wide, 2)


def guesser(inputs: int, units: int, outputs: int, layers: int = 2) -> nn.Sequential:
    """Return a small network with some hidden layers: adversary, inverse dynamics, translator."""
    hidden: list[nn.Module] = []
    for layer in range(layers):
        hidden += [nn.Linear(units if layer else inputs, units), nn.LeakyReLU(0.2)]
    return nn.Sequential(*hidden, nn.Linear(units, outputs))


def _convolutions(config: MetaConfig | StagedConfig) -> tuple[nn.Sequential, nn.Sequential]:
    (a, b, c, d), latent = config.widths, config.latent
    flat = 4 * d  # what four convolutions leave of 64 x 64 is 2 x 2
    encoder = nn.Sequential(
        *(nn.Conv2d(1, a, config.first_kernel, 2), nn.ReLU()),
        *(nn.Conv2d(a, b, 4, 2), nn.ReLU()),
        *(nn.Conv2d(b, c, 4, 2), nn.ReLU(), nn.Conv2d(c, d, 4, 2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(flat, 2 * latent)),
    )
    decoder = nn.Sequential(
        *(nn.Linear(latent, flat), nn.Unflatten(1, (flat, 1, 1))),
        *(Upwards(flat, c, 5, 2), nn.ReLU(), Upwards(c, b, 5, 2), nn.ReLU()),
        *(Upwards(b, a, 6, 2), nn.ReLU(), Upwards(a, 1, 6, 2)),
    )
    return encoder, decoder


def kl_from_unit(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the divergence of Gaussians ``(..., latent)`` from N(0, 1) in nats, ``(...,)``."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=-1)


def sample(mean: Tensor, log_variance: Tensor, generator: torch.Generator) -> Tensor:
    """Return one draw of each Gaussian, through which gradients flow."""
    noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype).to(mean.device)
    return mean + (log_variance / 2).exp() * noise


@dataclass(frozen=True)
class Trained:
    """A model and where it comes from.

    Attributes:
        model: The networks.
        config: Of the training.
        variants: Names of its worlds, in their order.
        iteration: How many it was trained for.
        rows: Metrics, a row for every ``report_every`` iterations.
    """

    model: MetaModel
    config: MetaConfig | StagedConfig
    variants: tuple[str, ...]
    iteration: int
    rows: tuple[Row, ...]


def encode(vision: Vision, frames: Any, chunk: int = 512) -> torch.Tensor:
    """Return latent means ``(n, latent)`` of frames ``(n, 64, 64)``, without gradients."""
    with torch.no_grad():
        parts = torch.split(torch.from_numpy(np.asarray(frames, np.float32)), chunk)
        return torch.cat([vision.encode(part)[0] for part in parts])


def decode(vision: Vision, latents: torch.Tensor, chunk: int = 512) -> torch.Tensor:
    """Return logits ``(n, 64, 64)`` of latents ``(n, latent)``, without gradients."""
    with torch.no_grad():
        return torch.cat([vision.decode(part) for part in torch.split(latents, chunk)])
