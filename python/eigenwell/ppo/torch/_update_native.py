"""An epoch of the update in C++: see ``cpp/src/ppo/update.hpp``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from eigenwell import _native
from eigenwell.dc.torch import DCLayer
from eigenwell.ppo.torch._update_torch import Means

if TYPE_CHECKING:
    from eigenwell.ppo._config import PPOConfig
    from eigenwell.ppo.torch._networks import ActorCritic
    from eigenwell.ppo.torch._update_torch import Batch


class NativeUpdate:
    """Writes to the memory of the networks' parameters and of Adam's moments.

    Args:
        config: Of the run.
        networks: Such that :func:`shape_of` knows them.
        adam: Their optimiser.
        batch: To learn from.
    """

    def __init__(
        self, config: PPOConfig, networks: ActorCritic, adam: torch.optim.Adam, batch: Batch
    ) -> None:
        shape = shape_of(config, networks)
        assert shape is not None
        ends = [] if networks.log_std is None else [networks.log_std]
        parameters = [*networks.actor.parameters(), *networks.critic.parameters(), *ends]
        for parameter in parameters:
            if not adam.state[parameter]:
                adam.state[parameter].update(
                    step=torch.tensor(0.0),
                    exp_avg=torch.zeros_like(parameter),
                    exp_avg_sq=torch.zeros_like(parameter),
                )
        states = [adam.state[parameter] for parameter in parameters]
        self._steps = [state["step"] for state in states]
        self._native = _native.PPOUpdate(
            [
                [tensor.detach().numpy() for tensor in (p, state["exp_avg"], state["exp_avg_sq"])]
                for p, state in zip(parameters, states, strict=True)
            ],
            **shape,
        )
        self._config = config
        self._batch = type(batch)(*(np.ascontiguousarray(column) for column in batch))
        self._old = self._native.log_probs(self._batch.x, self._batch.actions)

    def epoch(
        self,
        order: npt.NDArray[np.int64],
        *,
        learning_rate: float,
        rng: np.random.Generator,  # noqa: ARG002
    ) -> Means:
        """Learn from every minibatch once; see :meth:`TorchUpdate.epoch`."""
        taken = int(self._steps[0])
        minibatches = -(-len(order) // self._config.minibatch)
        x, actions, advantages, returns = self._batch
        settings = settings_of(self._config, learning_rate)
        sums = self._native.epoch(
            x, actions, self._old, advantages, returns, order, taken, settings
        )
        for step in self._steps:
            step.fill_(taken + minibatches)
        return Means(*(total / minibatches for total in sums))


def settings_of(config: PPOConfig, learning_rate: float) -> _native.PPOSettings:
    """What a native update needs to know of a config."""
    return _native.PPOSettings(
        minibatch=config.minibatch,
        learning_rate=learning_rate,
        clip=config.clip,
        value_coefficient=config.value_coefficient,
        entropy_coefficient=config.entropy_coefficient,
        max_grad_norm=config.max_grad_norm,
    )


def shape_of(config: PPOConfig, networks: ActorCritic) -> dict[str, Any] | None:
    """Describe networks to the native update; None if it does not know them, or RPO's noise."""
    actor, noisy = networks.actor, config.rpo_alpha and networks.log_std is not None
    plain = all(
        p.dtype == torch.float32 and p.device.type == "cpu" and p.is_contiguous()
        for p in networks.parameters()
    )
    critic = _widths(networks.critic)
    if noisy or not plain or critic is None:
        return None
    shape = {"inputs": critic[0], "critic": critic[1:-1], "discrete": networks.log_std is None}
    # Not a class that is derived from it, and may compute anything.
    if type(actor) is DCLayer:
        if not actor.tied or actor.quadratic is not None or actor.backward != "softmax":
            return None
        pieces, temperature = actor.eigenvalues, actor.temperature
        more = {"actions": actor.out_features, "actor": (), "pieces": pieces}
        return {**shape, **more, "temperature": temperature}
    widths = _widths(actor)
    if widths is None:
        return None
    more = {"actions": widths[-1], "actor": widths[1:-1], "pieces": 0}
    return {**shape, **more, "temperature": 1.0}


def _widths(module: torch.nn.Module) -> tuple[int, ...] | None:
    """Widths of an MLP with tanh between its layers, or None if it is something else."""
    if type(module) is not torch.nn.Sequential or len(module) % 2 == 0:
        return None
    widths: list[int] = []
    for i, layer in enumerate(module):
        if i % 2 == 1:
            if type(layer) is not torch.nn.Tanh:
                return None
        elif type(layer) is not torch.nn.Linear or layer.bias is None:
            return None
        else:
            widths += [layer.out_features] if widths else [layer.in_features, layer.out_features]
    return tuple(widths)
