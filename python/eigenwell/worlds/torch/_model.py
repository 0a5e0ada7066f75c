"""The networks: a vision model for each world, and a memory that they share.

References:
    Ha and Schmidhuber 2018, "World models" (the convolutional V, appendix A.1).
    Wu, Li and Wang 2018, "Meta-world models", arXiv 1811.01741 (one Gaussian instead of a mixture).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from eigenwell.worlds._config import MetaConfig

Row: TypeAlias = dict[str, float]

# Latents' variances stay between e^-10 and e^4: beyond, only the exponential would overflow.
_LOG_VARIANCE = (-10.0, 4.0)


class Vision(nn.Module):
    """A variational autoencoder of frames ``(n, 64, 64)``.

    Args:
        config: Widths and latent size.
    """

    def __init__(self, config: MetaConfig) -> None:
        super().__init__()
        self.encoder, self.decoder = _convolutions(config.widths, config.latent)
        # Convolutions are faster with channels last.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def encode(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of z, each ``(n, latent)``."""
        mean, log_variance = self.encoder(frames.unsqueeze(1)).chunk(2, dim=1)
        return mean, log_variance.clamp(*_LOG_VARIANCE)

    def decode(self, latents: Tensor) -> Tensor:
        """Return logits ``(n, 64, 64)`` of latents ``(n, latent)``."""
        logits: Tensor = self.decoder(latents)
        return logits.squeeze(1)


class Memory(nn.Module):
    """A recurrent network that reads latents and actions and says where z goes, as a Gaussian.

    Args:
        config: Cell, size and latent size.
        actions: How many there are.
    """

    def __init__(self, config: MetaConfig, actions: int) -> None:
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

    def __init__(self, config: MetaConfig, worlds: int, actions: int) -> None:
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


def guesser(inputs: int, units: int, outputs: int) -> nn.Sequential:
    """Return a small network with two hidden layers: the adversary, or the inverse dynamics."""
    return nn.Sequential(
        nn.Linear(inputs, units),
        nn.LeakyReLU(0.2),
        nn.Linear(units, units),
        nn.LeakyReLU(0.2),
        nn.Linear(units, outputs),
    )


def _convolutions(widths: tuple[int, ...], latent: int) -> tuple[nn.Module, nn.Module]:
    a, b, c, d = widths
    flat = 4 * d  # what four convolutions leave of 64 x 64 is 2 x 2
    encoder = nn.Sequential(
        *(nn.Conv2d(1, a, 4, 2), nn.ReLU(), nn.Conv2d(a, b, 4, 2), nn.ReLU()),
        *(nn.Conv2d(b, c, 4, 2), nn.ReLU(), nn.Conv2d(c, d, 4, 2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(flat, 2 * latent)),
    )
    decoder = nn.Sequential(
        *(nn.Linear(latent, flat), nn.Unflatten(1, (flat, 1, 1))),
        *(nn.ConvTranspose2d(flat, c, 5, 2), nn.ReLU()),
        *(nn.ConvTranspose2d(c, b, 5, 2), nn.ReLU()),
        *(nn.ConvTranspose2d(b, a, 6, 2), nn.ReLU(), nn.ConvTranspose2d(a, 1, 6, 2)),
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
    config: MetaConfig
    variants: tuple[str, ...]
    iteration: int
    rows: tuple[Row, ...]


def encode(model: MetaModel, world: int, frames: Any, chunk: int = 512) -> torch.Tensor:
    """Return latent means ``(n, latent)`` of frames ``(n, 64, 64)``, without gradients."""
    with torch.no_grad():
        parts = torch.split(torch.from_numpy(np.asarray(frames, np.float32)), chunk)
        return torch.cat([model.vision(world).encode(part)[0] for part in parts])


def decode(model: MetaModel, world: int, latents: torch.Tensor, chunk: int = 512) -> torch.Tensor:
    """Return logits ``(n, 64, 64)`` of latents ``(n, latent)``, without gradients."""
    with torch.no_grad():
        return torch.cat([model.vision(world).decode(part) for part in torch.split(latents, chunk)])
