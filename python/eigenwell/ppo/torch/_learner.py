"""The update: epochs of minibatches over one rollout, and the state that a checkpoint needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from eigenwell.errors import FormatError, TrainingError
from eigenwell.ppo.torch._losses import approximate_kl, clipped_objective, normalised
from eigenwell.ppo.torch._networks import ActorCritic

if TYPE_CHECKING:
    from eigenwell.ppo._config import PPOConfig
    from eigenwell.ppo._spaces import Actions, Float32

_ADAM = ("step", "exp_avg", "exp_avg_sq")


class Losses(NamedTuple):
    """What an update came to; see :class:`eigenwell.ppo.Metrics`."""

    policy_loss: float
    value_loss: float
    entropy: float
    kl: float
    clip_fraction: float
    epochs: int


class Learner:
    """Networks and their optimiser.

    Args:
        config: Of the run.
        size: Length of an observation.
        actions: Of the environment.
    """

    def __init__(self, config: PPOConfig, size: int, actions: Actions) -> None:
        self._config = config
        self.networks = ActorCritic(config, size, actions)
        # Adam with epsilon 1e-5: Huang et al. 2022, detail 3.
        self._adam = torch.optim.Adam(
            self.networks.parameters(), lr=config.learning_rate, eps=1e-5, fused=True
        )

    @torch.no_grad()
    def value(self, x: Float32) -> Float32:
        """Return values ``(b,)`` of normalised observations ``(b, n)``."""
        values: Float32 = self.networks.value(torch.from_numpy(x)).numpy()
        return values

    def update(
        self,
        x: Float32,
        actions: npt.NDArray[Any],
        advantages: npt.NDArray[np.floating],
        returns: npt.NDArray[np.floating],
        *,
        learning_rate: float,
        rng: np.random.Generator,
    ) -> Losses:
        """Ascend the clipped objective on a rollout.

        Args:
            x: ``(b, n)``, normalised observations.
            actions: ``(b, k)`` float32, or ``(b,)`` int64.
            advantages: ``(b,)``.
            returns: ``(b,)``, that the critic learns.
            learning_rate: Adam's in this update.
            rng: Source of the minibatches and of RPO's noise.

        Raises:
            TrainingError: The loss is no longer finite.
        """
        config, networks = self._config, self.networks
        for group in self._adam.param_groups:
            group["lr"] = learning_rate
        with torch.no_grad():
            old, _ = networks.assess(torch.from_numpy(x), torch.from_numpy(actions))
        table = (
            torch.from_numpy(x),
            torch.from_numpy(actions),
            old,
            torch.from_numpy(advantages.astype(np.float32)),
            torch.from_numpy(returns.astype(np.float32)),
        )
        parameters = list(networks.parameters())
        sums, count, epochs, kl = torch.zeros(4), 0, 0, 0.0
        while epochs < config.epochs:
            epochs += 1
            order = torch.from_numpy(rng.permutation(len(x)))
            shuffled = [torch.split(column[order], config.minibatch) for column in table]
            kls = []
            for x_b, actions_b, old_b, advantages_b, returns_b in zip(*shuffled, strict=True):
                noise = None
                if config.rpo_alpha and networks.log_std is not None:
                    a = config.rpo_alpha
                    drawn = rng.uniform(-a, a, actions_b.shape).astype(np.float32)
                    noise = torch.from_numpy(drawn)
                log_prob, entropy = networks.assess(x_b, actions_b, noise)
                log_ratio = log_prob - old_b
                policy_loss = -clipped_objective(
                    log_ratio, normalised(advantages_b), clip=config.clip
                )
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
                    kls.append(approximate_kl(log_ratio))
                    outside = (log_ratio.expm1().abs() > config.clip).float().mean()
                    sums += torch.stack([policy_loss, value_loss, entropy, outside])
                count += 1
            kl = float(torch.stack(kls).mean())
            # Early stopping: Dossa et al. 2021; Huang et al. 2022, "early stopping".
            if config.target_kl is not None and kl > config.target_kl:
                break
        policy_loss_, value_loss_, entropy_, fraction = (sums / count).tolist()
        if not np.isfinite([policy_loss_, value_loss_, kl]).all():
            raise TrainingError(
                "the loss is no longer finite: try a smaller `learning_rate` or a `target_kl`"
            )
        return Losses(policy_loss_, value_loss_, entropy_, kl, fraction, epochs)

    def weights(self) -> dict[str, npt.NDArray[Any]]:
        """Copies of the parameters by name."""
        return {
            name: parameter.detach().numpy().copy()
            for name, parameter in self.networks.named_parameters()
        }

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Parameters and Adam's moments by name; without the latter before the first update."""
        tensors = self.weights()
        for name, parameter in self.networks.named_parameters():
            for key, value in self._adam.state.get(parameter, {}).items():
                tensors[f"adam.{name}.{key}"] = value.numpy().copy()
        return tensors

    def load_state(self, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take back what :meth:`state` gave.

        Raises:
            FormatError: An array is missing or of another shape.
        """
        with torch.no_grad():
            for name, parameter in self.networks.named_parameters():
                stored = tensors.get(name)
                if stored is None or stored.shape != parameter.shape:
                    raise FormatError(
                        f"`{name}` in the checkpoint must have shape {tuple(parameter.shape)}, "
                        f"got {None if stored is None else stored.shape}"
                    )
                parameter.copy_(torch.from_numpy(stored.copy()))
                moments = {key: tensors.get(f"adam.{name}.{key}") for key in _ADAM}
                if moments["step"] is not None:
                    self._adam.state[parameter] = {
                        key: torch.from_numpy(np.array(value)) for key, value in moments.items()
                    }
