"""Two ways to fine-tune a quantised layer: imitate the float policy, or go on with PPO."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from eigenwell.errors import FormatError, TrainingError
from eigenwell.ppo._normalise import EPSILON
from eigenwell.ppo._rollout import Collector
from eigenwell.ppo.torch._learner import Learner

if TYPE_CHECKING:
    from eigenwell.ppo._config import PPOConfig
    from eigenwell.ppo._environments import Environments
    from eigenwell.ppo._policy import TrainedPolicy
    from eigenwell.ppo._spaces import Actions, Float32
    from eigenwell.ppo.distil._config import DistilConfig
    from eigenwell.ppo.distil._teacher import Teacher
    from eigenwell.ppo.torch._quantised_layer import QuantisedLayer

# Of imitation: steps of each environment between two bouts of learning, and what these are.
ROLLOUT_STEPS, UPDATES, MINIBATCH = 256, 60, 1024


class Tuner(Protocol):
    """Improves a layer in place."""

    def __init__(
        self,
        layer: QuantisedLayer,
        teacher: Teacher,
        environments: Environments,
        config: DistilConfig,
    ) -> None: ...

    steps: int

    def advance(self) -> None:
        """Collect some steps and learn from them."""

    def close(self) -> None:
        """Close the environments."""


class Imitation(Tuner):
    """Runs the quantised policy and learns what the float policy would have done there.

    All states since the start are kept, so that what is learnt early is not forgotten (Ross, Gordon
    and Bagnell 2011, algorithm 3.1).

    Args:
        layer: To improve.
        teacher: To imitate.
        environments: To act in.
        config: Steps, learning rate, seed.
    """

    def __init__(
        self,
        layer: QuantisedLayer,
        teacher: Teacher,
        environments: Environments,
        config: DistilConfig,
    ) -> None:
        self._layer, self._config, self._environments = layer, config, environments
        self._teacher: TrainedPolicy = teacher.policy
        self._rng = np.random.default_rng(config.seed)
        self._adam = torch.optim.Adam(layer.parameters(), lr=config.rate)
        self._x: list[Float32] = []
        self._targets: list[Float32] = []
        self._obs = environments.restart(0)
        self.steps = 0

    def advance(self) -> None:
        """Collect a rollout, then learn from everything that was collected.

        Raises:
            TrainingError: The environment failed, or the loss is not finite.
        """
        teacher = self._teacher
        student = dataclasses.replace(teacher, weights=self._layer.acting(teacher))
        for _ in range(ROLLOUT_STEPS):
            x = teacher.normalise(self._obs)
            self._x.append(x)
            self._targets.append(teacher.output(x))
            actions = teacher.actions.to_environment(student.output(x))
            self._obs = self._environments.step(actions).obs
        before, self.steps = self.steps, self.steps + ROLLOUT_STEPS * self._environments.count
        x_all = torch.from_numpy(np.concatenate(self._x))
        targets = torch.from_numpy(np.concatenate(self._targets))
        rates = self._config.rate * (
            1 - np.linspace(before, self.steps, UPDATES) / self._config.total_steps
        )
        for rate in rates.clip(min=0):
            rows = torch.from_numpy(self._rng.integers(0, len(x_all), MINIBATCH))
            loss = imitation_loss(self._layer(x_all[rows]), targets[rows])
            for group in self._adam.param_groups:
                group["lr"] = float(rate)
            self._adam.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._adam.step()
        if not bool(loss.isfinite()):
            raise TrainingError("the loss is no longer finite: try a smaller `learning_rate`")

    def close(self) -> None:
        """Close the environments."""
        self._environments.close()


def imitation_loss(
    outputs: torch.Tensor,  # (b, k), of the student, not clipped
    targets: torch.Tensor,  # (b, k), of the teacher, not clipped
) -> torch.Tensor:
    """Return the mean squared difference of the actions, which are clipped to [-1, 1].

    Outputs beyond a bound that the target is beyond too are right; those beyond another are pulled
    back, where the gradient of the clipped difference would be zero.
    """
    wanted = targets.clamp(-1, 1)
    error = outputs - wanted
    above = (wanted == 1) & (error > 0)
    below = (wanted == -1) & (error < 0)
    return error.masked_fill(above | below, 0.0).square().mean()


class Continuation(Tuner):
    """Goes on with the run's PPO, with the quantised layer for its actor.

    The statistics of the observations stay as they are: they are part of the packed policy.

    Args:
        layer: To improve.
        teacher: Of a run with a last checkpoint, whose critic is gone on with.
        environments: To act in.
        config: Steps, learning rate, seed.
    """

    def __init__(
        self,
        layer: QuantisedLayer,
        teacher: Teacher,
        environments: Environments,
        config: DistilConfig,
    ) -> None:
        policy = teacher.policy
        tensors, about = teacher.last_checkpoint()
        self._layer, self._environments = layer, environments
        self._config = dataclasses.replace(
            policy.config,
            seed=config.seed,
            total_steps=config.total_steps,
            learning_rate=config.rate,
            anneal=True,
            normalise_observations=False,
        )
        self._rng = np.random.default_rng(config.seed)
        self._learner = QuantisedLearner(self._config, policy.actions, layer)
        try:
            self._learner.take_over(policy, tensors)
            self._collector = Collector(self._config, environments, self._rng)
            moments, returns = self._collector.moments, self._collector.returns.moments
            moments.count, moments.mean = 1, policy.shift.astype(np.float64)
            moments.m2 = policy.scale.astype(np.float64) ** -2 - EPSILON
            returns.mean, returns.m2 = tensors["returns.mean"], tensors["returns.m2"]
            returns.count = about["returns"]
        except KeyError as error:
            raise FormatError(f"`run` lacks {error} of a checkpoint") from None
        self._policy = dataclasses.replace(policy, weights=layer.acting(policy))
        self._collector.restart(0, steps=0)
        self.steps = 0

    def advance(self) -> None:
        """Collect a rollout and learn from it.

        Raises:
            TrainingError: The environment failed, or the loss is not finite.
        """
        config = self._config
        rollout = self._collector.collect(self._policy)
        advantages, returns = rollout.advantages(
            self._learner.value, gamma=config.gamma, gae_lambda=config.gae_lambda
        )
        flat = config.steps_per_update
        self._learner.update(
            rollout.x[:-1].reshape(flat, -1),
            rollout.actions.reshape(flat, -1),
            advantages.ravel(),
            returns.ravel(),
            learning_rate=config.learning_rate_at(self.steps // flat),
            rng=self._rng,
        )
        self._policy = dataclasses.replace(
            self._policy,
            weights=self._layer.acting(self._policy),
            log_std=self._learner.weights()["log_std"],
        )
        self.steps += flat

    def close(self) -> None:
        """Close the environments."""
        self._environments.close()


class QuantisedLearner(Learner):
    """The learner of a run, whose actor is a quantised layer."""

    def __init__(self, config: PPOConfig, actions: Actions, layer: QuantisedLayer) -> None:
        super().__init__(config, layer.in_features, actions)
        self.networks.actor = layer
        self._adam = torch.optim.Adam(
            self.networks.parameters(), lr=config.learning_rate, eps=1e-5, fused=True
        )

    @torch.no_grad()
    def take_over(self, policy: TrainedPolicy, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take the critic of a checkpoint and the policy's standard deviations.

        Raises:
            FormatError: An array is missing or of another shape.
        """
        named = {f"critic.{name}": p for name, p in self.networks.critic.named_parameters()}
        for name, parameter in named.items():
            stored = tensors.get(name)
            if stored is None or stored.shape != parameter.shape:
                raise FormatError(
                    f"`{name}` in the checkpoint must have shape {tuple(parameter.shape)}, "
                    f"got {None if stored is None else stored.shape}"
                )
            parameter.copy_(torch.from_numpy(stored.copy()))
        assert self.networks.log_std is not None
        assert policy.log_std is not None
        self.networks.log_std.copy_(torch.from_numpy(policy.log_std.copy()))
