"""The update: epochs of minibatches over one rollout, and the state that a checkpoint needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from eigenwell.errors import FormatError, TrainingError
from eigenwell.ppo.torch._networks import ActorCritic
from eigenwell.ppo.torch._update_native import NativeUpdate, shape_of
from eigenwell.ppo.torch._update_torch import Batch, Means, TorchUpdate

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
        config = self._config
        batch = Batch(x, actions, advantages.astype(np.float32), returns.astype(np.float32))
        native = shape_of(config, self.networks) is not None
        update = (NativeUpdate if native else TorchUpdate)(config, self.networks, self._adam, batch)
        found: list[Means] = []
        while len(found) < config.epochs:
            order = rng.permutation(len(x))
            found.append(update.epoch(order, learning_rate=learning_rate, rng=rng))
            # Early stopping: Dossa et al. 2021; Huang et al. 2022, "early stopping".
            if config.target_kl is not None and found[-1].kl > config.target_kl:
                break
        policy_loss, value_loss, entropy, fraction, _ = np.mean(found, 0).tolist()
        kl = found[-1].kl
        if not np.isfinite([policy_loss, value_loss, kl]).all():
            raise TrainingError(
                "the loss is no longer finite: try a smaller `learning_rate` or a `target_kl`"
            )
        return Losses(policy_loss, value_loss, entropy, kl, fraction, len(found))

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
