"""An actor of DC neurons where Stable-Baselines3 has an MLP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stable_baselines3.common.policies import ActorCriticPolicy

from eigenwell.dc.torch import DCLayer
from eigenwell.errors import ArgumentError

if TYPE_CHECKING:
    from gymnasium import spaces
    from stable_baselines3.common.type_aliases import Schedule

    from eigenwell.dc.torch._extremes import Rule


class DCActorCriticPolicy(ActorCriticPolicy):
    """One layer of DC neurons for the actor, an MLP for the critic: for PPO and A2C.

    Args:
        observation_space: As the algorithm gives it.
        action_space: As the algorithm gives it; Box, Discrete, MultiDiscrete or MultiBinary.
        lr_schedule: As the algorithm gives it.
        net_arch: Widths of the critic, 64 and 64 by default. Also Stable-Baselines3's
            ``dict(pi=[], vf=[...])``; the actor has no hidden layers.
        eigenvalues: Of a neuron.
        backward: Rule of its gradient, ``"softmax"``, ``"sparsemax"`` or ``"hard"``.
        temperature: Of that rule.
        **options: Any other of ``ActorCriticPolicy``, such as ``log_std_init``. Its
            ``activation_fn`` is the critic's.

    Raises:
        ArgumentError: ``net_arch`` has hidden layers for the actor, or ``use_sde`` is set.

    Note:
        Normalise observations, with ``VecNormalize``: a layer on raw ones learns far less.

    Example:
        >>> from stable_baselines3 import PPO  # doctest: +SKIP
        >>> PPO(DCActorCriticPolicy, "Pendulum-v1", policy_kwargs={"log_std_init": -0.7})
        ... # doctest: +SKIP
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        net_arch: list[int] | dict[str, list[int]] | None = None,
        *,
        eigenvalues: int = 6,
        backward: Rule = "softmax",
        temperature: float = 1.0,
        **options: Any,
    ) -> None:
        critic = [64, 64] if net_arch is None else net_arch
        widths = critic if isinstance(critic, dict) else {"vf": critic}
        if widths.get("pi"):
            raise ArgumentError(
                f"`net_arch` must leave the actor without hidden layers, got pi={widths['pi']}: "
                "DC neurons are a layer on the observation"
            )
        if options.get("use_sde"):
            raise ArgumentError("`use_sde` must be False: DC actors explore by plain Gaussians")
        self._neurons: dict[str, Any] = {
            "eigenvalues": eigenvalues,
            "backward": backward,
            "temperature": temperature,
        }
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            net_arch={"pi": [], "vf": widths.get("vf", [])},
            **options,
        )

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), **self._neurons}

    def _build(self, lr_schedule: Schedule) -> None:
        super()._build(lr_schedule)
        linear: Any = self.action_net
        self.action_net = DCLayer(linear.in_features, linear.out_features, **self._neurons)
        # The base class has given its optimiser the parameters of the layer that is gone.
        optimiser: Any = self.optimizer_class
        self.optimizer = optimiser(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)
