"""An epoch of the update in torch: the reference, and what the native one does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from eigenwell.ppo.torch._losses import approximate_kl, clipped_objective, normalised

if TYPE_CHECKING:
    from eigenwell.ppo._config import PPOConfig
    from eigenwell.ppo._spaces import Float32
    from eigenwell.ppo.torch._networks import ActorCritic


class Batch(NamedTuple):
    """A rollout to learn from.

    Attributes:
        x: ``(b, n)``, normalised observations.
        actions: ``(b, k)`` float32, or ``(b,)`` int64.
        advantages: ``(b,)``, float32.
        returns: ``(b,)``, float32.
    """

    x: Float32
    actions: npt.NDArray[Any]
    advantages: Float32
    returns: Float32


class Means(NamedTuple):
    """Means over the minibatches of an epoch."""

    policy_loss: float
    value_loss: float
    entropy: float
    clip_fraction: float
    kl: float


class TorchUpdate:
    """Differentiates by autograd.

    Args:
        config: Of the run.
        networks: To improve.
        adam: Their optimiser.
        batch: To learn from.
    """

    def __init__(
        self, config: PPOConfig, networks: ActorCritic, adam: torch.optim.Adam, batch: Batch
    ) -> None:
        self._config, self._networks, self._adam = config, networks, adam
        x, actions, advantages, returns = (torch.from_numpy(column) for column in batch)
        with torch.no_grad():
            old, _ = networks.assess(x, actions)
        self._table = (x, actions, old, advantages, returns)

    def epoch(
        self, order: npt.NDArray[np.int64], *, learning_rate: float, rng: np.random.Generator
    ) -> Means:
        """Learn from every minibatch once.

        Args:
            order: ``(b,)``, a permutation.
            learning_rate: Adam's.
            rng: Source of RPO's noise.
        """
        config, networks = self._config, self._networks
        for group in self._adam.param_groups:
            group["lr"] = learning_rate
        parameters = list(networks.parameters())
        rows = torch.from_numpy(order)
        shuffled = [torch.split(column[rows], config.minibatch) for column in self._table]
        found = []
        for x_b, actions_b, old_b, advantages_b, returns_b in zip(*shuffled, strict=True):
            noise = None
            if config.rpo_alpha and networks.log_std is not None:
                a = config.rpo_alpha
                noise = torch.from_numpy(rng.uniform(-a, a, actions_b.shape).astype(np.float32))
            log_prob, entropy = networks.assess(x_b, actions_b, noise)
            log_ratio = log_prob - old_b
            policy_loss = -clipped_objective(log_ratio, normalised(advantages_b), clip=config.clip)
            # Not clipped: that does not help (Andrychowicz et al. 2021).
            value_loss = 0.5 * (networks.value(x_b) - returns_b).square().mean()
            loss = (
                policy_loss
                + config.value_coefficient * value_loss
                - config.entropy_coefficient * entropy
            )
            self._adam.zero_grad()
            loss.backward()
            # Over all parameters at once: Huang et al. 2022, detail 11.
            torch.nn.utils.clip_grad_norm_(parameters, config.max_grad_norm)
            self._adam.step()
            with torch.no_grad():
                outside = (log_ratio.expm1().abs() > config.clip).float().mean()
                kl = approximate_kl(log_ratio)
                found.append(torch.stack([policy_loss, value_loss, entropy, outside, kl]))
        return Means(*torch.stack(found).mean(0).tolist())
