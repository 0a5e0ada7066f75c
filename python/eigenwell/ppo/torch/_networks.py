"""Actor and critic, and what the actor's outputs say about actions."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from eigenwell.dc.torch import DCLayer

if TYPE_CHECKING:
    from eigenwell.ppo._config import PPOConfig
    from eigenwell.ppo._spaces import Actions

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


class ActorCritic(torch.nn.Module):
    """Two networks without shared layers (Andrychowicz et al. 2021).

    Args:
        config: Of the run; its seed draws the parameters.
        size: Length of an observation.
        actions: Of the environment.

    Attributes:
        actor: Gives means or logits.
        critic: Gives values.
        log_std: ``(k,)``, the same in every state (Huang et al. 2022, continuous actions, detail
            2); None for discrete actions.
    """

    def __init__(self, config: PPOConfig, size: int, actions: Actions) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(config.seed)
        self.actor: torch.nn.Module
        if config.actor == "dc":
            self.actor = DCLayer(
                size,
                actions.size,
                config.eigenvalues,
                backward=config.backward,
                temperature=config.temperature,
                generator=generator,
            )
        else:
            # A last layer of nearly zero makes the first policy indifferent to the observation
            # (Andrychowicz et al. 2021).
            self.actor = mlp((size, *config.hidden, actions.size), 0.01, generator)
        self.critic = mlp((size, *config.critic_hidden, 1), 1.0, generator)
        self.log_std = (
            None
            if actions.discrete
            else torch.nn.Parameter(torch.full((actions.size,), config.initial_log_std))
        )

    def value(self, x: torch.Tensor) -> torch.Tensor:
        """Return values ``(b,)`` of normalised observations ``(b, n)``."""
        values: torch.Tensor = self.critic(x)
        return values.squeeze(-1)

    def assess(
        self,
        x: torch.Tensor,  # (b, n)
        actions: torch.Tensor,  # (b, k) float, or (b,) int64
        noise: torch.Tensor | None = None,  # (b, k)
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ``log pi(a|s)``, ``(b,)``, and the mean entropy.

        The noise, on the means, keeps the policy from settling too early (Rahman and Xue 2022,
        algorithm 1).
        """
        output = self.actor(x)
        if self.log_std is None:
            logits = output.log_softmax(-1)
            chosen = logits.gather(-1, actions[:, None]).squeeze(-1)
            return chosen, -(logits.exp() * logits).sum(-1).mean()
        mean = output if noise is None else output + noise
        z = (actions - mean) * torch.exp(-self.log_std)
        log_prob = -(0.5 * z.square() + self.log_std + _HALF_LOG_2PI).sum(-1)
        return log_prob, (self.log_std + 0.5 + _HALF_LOG_2PI).sum()


def mlp(
    sizes: tuple[int, ...], last_gain: float, generator: torch.Generator
) -> torch.nn.Sequential:
    """Build tanh layers with orthogonal weights and zero biases (Huang et al. 2022, detail 2)."""
    modules: list[torch.nn.Module] = []
    last = len(sizes) - 2
    for i, (a, b) in enumerate(pairwise(sizes)):
        layer = torch.nn.Linear(a, b, device="meta").to_empty(device="cpu")  # draws nothing
        gain = last_gain if i == last else math.sqrt(2.0)
        torch.nn.init.orthogonal_(layer.weight, gain, generator=generator)
        torch.nn.init.zeros_(layer.bias)
        modules += [layer] if i == last else [layer, torch.nn.Tanh()]
    return torch.nn.Sequential(*modules)
