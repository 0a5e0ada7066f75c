"""What a training run is made of."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from eigenwell import _checks
from eigenwell.errors import ArgumentError, DTypeError
from eigenwell.ppo._presets import PRESETS

_MAX = 2**31 - 1


@dataclass(frozen=True)
class PPOConfig:
    """Everything that decides the weights a run ends with, and when it is scored and saved.

    Attributes:
        environment: Gymnasium id.
        backend: What steps the environments: ``"gymnasium"``, one after another, or ``"envpool"``,
            in parallel and in C++, for the environments that EnvPool has.
        workers: Processes that step Gymnasium's environments, as many as there are cores to gain
            from them; 1 steps them in this one. Has no part in the results.
        seed: Of weights, actions, minibatches and environments.
        total_steps: Environment steps, rounded up to whole rollouts.
        environments: Environments side by side.
        rollout_steps: Steps of each between two updates.
        epochs: Passes over a rollout.
        minibatch: Steps in a gradient; divides ``environments * rollout_steps``.
        learning_rate: Adam's, at the start.
        anneal: Lower it linearly to 0 over ``total_steps``.
        gamma: Discount.
        gae_lambda: Of the advantage estimate, 0 to 1.
        clip: Of the probability ratio, around 1.
        value_coefficient: Weight of the critic's loss.
        entropy_coefficient: Weight of the entropy bonus.
        max_grad_norm: Longer gradients are scaled to this.
        target_kl: An update ends with the first epoch whose mean KL is above; None for never.
        normalise_observations: Subtract the running mean and divide by the standard deviation.
        normalise_returns: Divide rewards by the standard deviation of the discounted return.
        rpo_alpha: Half width of the uniform noise on means in the update; 0 is plain PPO.
        actor: ``"dc"``, one layer of DC neurons, or ``"mlp"``.
        eigenvalues: Of a DC neuron.
        backward: Rule of a DC neuron's gradient: ``"softmax"``, ``"sparsemax"`` or ``"hard"``.
        temperature: Of that rule.
        hidden: Widths of an MLP actor.
        critic_hidden: Widths of the critic.
        initial_log_std: Of continuous actions, in units where their bounds are -1 and 1.
        evaluate_every: Environment steps between scores by fresh environments; 0 for the end alone.
        evaluate_episodes: Episodes of such a score.
        checkpoint_every: Environment steps between checkpoints. At each, the environments start
            anew, because their state cannot be saved: it should span many episodes.

    Raises:
        EigenwellError: A value is out of range or of the wrong type; see the message.
    """

    environment: str
    backend: Literal["gymnasium", "envpool"] = "gymnasium"
    workers: int = 1
    seed: int = 0
    total_steps: int = 1_000_000
    environments: int = 16
    rollout_steps: int = 256
    epochs: int = 10
    minibatch: int = 64
    learning_rate: float = 3e-4
    anneal: bool = True
    gamma: float = 0.99
    gae_lambda: float = 0.95
    clip: float = 0.2
    value_coefficient: float = 0.5
    entropy_coefficient: float = 0.0
    max_grad_norm: float = 0.5
    target_kl: float | None = 0.03
    normalise_observations: bool = True
    normalise_returns: bool = True
    rpo_alpha: float = 0.0
    actor: Literal["dc", "mlp"] = "mlp"
    eigenvalues: int = 6
    backward: Literal["softmax", "sparsemax", "hard"] = "softmax"
    temperature: float = 1.0
    hidden: tuple[int, ...] = (64, 64)
    critic_hidden: tuple[int, ...] = (64, 64)
    initial_log_std: float = 0.0
    evaluate_every: int = 0
    evaluate_episodes: int = 10
    checkpoint_every: int = 500_000

    def __post_init__(self) -> None:
        if not isinstance(self.environment, str):
            raise DTypeError(
                f"`environment` must be a Gymnasium id, got {type(self.environment).__name__}"
            )
        for name in ("seed", "evaluate_every"):
            _checks.integer(getattr(self, name), name, low=0, high=_MAX)
        for name in (
            "workers",
            "total_steps",
            "environments",
            "rollout_steps",
            "epochs",
            "minibatch",
            "eigenvalues",
            "evaluate_episodes",
            "checkpoint_every",
        ):
            _checks.integer(getattr(self, name), name, low=1, high=_MAX)
        for name in ("learning_rate", "clip", "max_grad_norm", "temperature"):
            _checks.positive(getattr(self, name), name)
        for name in ("value_coefficient", "entropy_coefficient", "rpo_alpha"):
            _checks.not_negative(getattr(self, name), name)
        _checks.finite(self.initial_log_std, "initial_log_std")
        if self.target_kl is not None:
            _checks.positive(self.target_kl, "target_kl")
        for name in ("gamma", "gae_lambda"):
            if not 0 <= _checks.finite(getattr(self, name), name) <= 1:
                raise ArgumentError(f"`{name}` must be between 0 and 1, got {getattr(self, name)}")
        for name in ("hidden", "critic_hidden"):
            widths = tuple(_checks.integer(w, name, low=1, high=_MAX) for w in getattr(self, name))
            object.__setattr__(self, name, widths)
        one_of(self.backend, "backend", ("gymnasium", "envpool"))
        one_of(self.actor, "actor", ("dc", "mlp"))
        one_of(self.backward, "backward", ("softmax", "sparsemax", "hard"))
        if self.steps_per_update % self.minibatch:
            raise ArgumentError(
                f"`minibatch` must divide environments * rollout_steps = {self.steps_per_update}, "
                f"got {self.minibatch}"
            )
        if self.minibatch < 2:
            raise ArgumentError("`minibatch` must be at least 2 to normalise advantages, got 1")

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:
        """Return the settings of a preset, with changes.

        Args:
            name: One of :data:`eigenwell.ppo.PRESETS`: walker, cartpole, acrobot, lunarlander,
                lunarlander-continuous.
            **changes: Attributes by name.

        Raises:
            ArgumentError: There is no such preset or attribute; the message has the nearest.
        """
        one_of(name, "preset", PRESETS)
        return cls.from_mapping({**PRESETS[name], **changes})

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> Self:
        """Return a config from a mapping of attributes, such as a JSON object.

        Raises:
            ArgumentError: A name is not an attribute; the message has the nearest.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        for name in settings:
            one_of(name, "setting", names)
        if "environment" not in settings:
            raise ArgumentError("`environment` must be given: a Gymnasium id")
        return cls(**settings)

    @property
    def steps_per_update(self) -> int:
        """Environment steps in a rollout."""
        return self.environments * self.rollout_steps

    @property
    def updates(self) -> int:
        """Rollouts, and updates after them, in the whole run."""
        return math.ceil(self.total_steps / self.steps_per_update)

    def learning_rate_at(self, update: int) -> float:
        """Return Adam's learning rate in an update, 0 the first.

        Annealing: Huang et al. 2022, detail 4; Andrychowicz et al. 2021.
        """
        return self.learning_rate * (1.0 - update / self.updates if self.anneal else 1.0)


def one_of(value: Any, name: str, valid: Iterable[str]) -> None:
    """Raise an error that names the nearest valid word."""
    words = list(valid)
    if value in words:
        return
    near = difflib.get_close_matches(str(value), words, n=1, cutoff=0.5)
    cure = f": did you mean {near[0]!r}?" if near else ""
    raise ArgumentError(f"`{name}` must be one of {', '.join(words)}, got {value!r}{cure}")
