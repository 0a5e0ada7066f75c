"""The networks of the embedding: plain perceptrons, and a normalising flow on the latents."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import nn

_LOG_2PI = 1.8378770664093453


def perceptron(sizes: Sequence[int]) -> nn.Sequential:
    """Return dense layers with SiLU between them."""
    layers: list[nn.Module] = []
    for size, width in itertools.pairwise(sizes):
        layers += [nn.Linear(size, width), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


def gaussian(
    heads: torch.Tensor,  # [n, 2 d]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and logarithm of the standard deviation, each [n, d]."""
    mean, log_std = heads.chunk(2, dim=1)
    return mean, log_std.clamp(-6, 2)


def kl_to_normal(mean: torch.Tensor, log_std: torch.Tensor) -> torch.Tensor:
    """Return KL(N(mean, std^2) || N(0, 1)) summed over the latent, averaged over the batch."""
    return (0.5 * (mean.square() + (2 * log_std).exp() - 1) - log_std).sum(dim=1).mean()


class Coupling(nn.Module):
    """Half of the latent, scaled and shifted by what the other half and the condition say.

    References:
        Dinh, Sohl-Dickstein and Bengio 2017, "Density estimation using Real NVP", section 3.
    """

    order: torch.Tensor

    def __init__(self, latent: int, conditions: int, hidden: int, order: torch.Tensor) -> None:
        super().__init__()
        self.passive = latent // 2
        self.active = latent - self.passive
        self.register_buffer("order", order)
        self.net = perceptron((self.passive + conditions, hidden, hidden, 2 * self.active))
        last = self.net[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)  # starts as the identity
        nn.init.zeros_(last.bias)

    def _terms(
        self, passive: torch.Tensor, condition: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        raw, shift = self.net(torch.cat([passive, condition], dim=1)).chunk(2, dim=1)
        return 2 * torch.tanh(raw / 2), shift

    def forward(
        self, z: torch.Tensor, condition: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the image and the logarithm of the determinant, [n, d] and [n]."""
        z = z[:, self.order]
        passive, active = z[:, : self.passive], z[:, self.passive :]
        log_scale, shift = self._terms(passive, condition)
        return torch.cat([passive, active * log_scale.exp() + shift], dim=1), log_scale.sum(dim=1)

    def inverse(self, u: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """Return what :meth:`forward` maps to `u`, [n, d]."""
        passive, active = u[:, : self.passive], u[:, self.passive :]
        log_scale, shift = self._terms(passive, condition)
        z = torch.cat([passive, (active - shift) * (-log_scale).exp()], dim=1)
        return z[:, self.order.argsort()]


class Flow(nn.Module):
    """A density of latents given a condition: RealNVP behind a standardisation.

    Args:
        latent: d.
        conditions: c.
        couplings: How many.
        hidden: Width of their networks.
        generator: Draws the orders in which they see the latent.
    """

    shift: torch.Tensor
    spread: torch.Tensor

    def __init__(
        self,
        latent: int,
        conditions: int,
        *,
        couplings: int,
        hidden: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.latent = latent
        self.register_buffer("shift", torch.zeros(latent))
        self.register_buffer("spread", torch.ones(latent))
        self.couplings = nn.ModuleList()
        for _ in range(couplings):
            order = torch.randperm(latent, generator=generator)
            self.couplings.append(Coupling(latent, conditions, hidden, order))

    def standardise(self, z: torch.Tensor) -> None:
        """Take mean and standard deviation from latents, [n, d]."""
        self.shift.copy_(z.mean(dim=0))
        self.spread.copy_(z.std(dim=0) + 1e-3)

    def log_prob(
        self,
        z: torch.Tensor,  # [n, d]
        condition: torch.Tensor,  # [n, c]
    ) -> torch.Tensor:
        """Return log p(z | condition), [n]."""
        u = (z - self.shift) / self.spread
        total = -self.spread.log().sum().expand(len(z))
        for coupling in self.couplings:
            u, log_det = coupling(u, condition)
            total = total + log_det
        return total - 0.5 * (u.square().sum(dim=1) + self.latent * _LOG_2PI)

    def from_noise(
        self,
        u: torch.Tensor,  # [n, d], of N(0, I)
        condition: torch.Tensor,  # [n, c]
    ) -> torch.Tensor:
        """Return latents, [n, d]."""
        for coupling in reversed(self.couplings):
            assert isinstance(coupling, Coupling)
            u = coupling.inverse(u, condition)
        return u * self.spread + self.shift
