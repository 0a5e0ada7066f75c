"""The actor in NumPy: what collects rollouts, what is scored, what a checkpoint gives back.

There is no native kernel here: it decodes indices into a codebook of at most 256 entries, and a
policy in training has as many weights as it likes. For all environments at once the float32 product
takes microseconds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell._checkpoint import Format
from eigenwell.errors import FormatError, ShapeError
from eigenwell.ppo._config import PPOConfig
from eigenwell.ppo._spaces import Actions, Float32

CHECKPOINT = Format(key="eigenwell.ppo", extra="learn")
# Bound on normalised observations: Huang et al. 2022, continuous actions, detail 7.
INPUT_CLIP = 10.0


def normalise(obs: npt.NDArray[Any], shift: Float32, scale: Float32) -> Float32:
    """Return ``clip((obs - shift) * scale)``, float32."""
    x = (np.asarray(obs, np.float32) - shift) * scale
    return np.asarray(np.clip(x, -INPUT_CLIP, INPUT_CLIP))


@dataclass(frozen=True)
class TrainedPolicy:
    """An actor with its normalisation; a call is the most likely action.

    Attributes:
        config: What it was trained by.
        actions: The environment's.
        weights: The actor's arrays by their names in torch.
        shift: ``(n,)``, subtracted from the observation.
        scale: ``(n,)``, then multiplied with it.
        log_std: ``(k,)``, of continuous actions.
    """

    config: PPOConfig
    actions: Actions
    weights: Mapping[str, Float32]
    shift: Float32
    scale: Float32
    log_std: Float32 | None = None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TrainedPolicy:
        """Read the policy in a checkpoint, such as ``best.safetensors`` in a run's folder.

        Raises:
            ArgumentError: The file cannot be read.
            FormatError: It is not a checkpoint.
        """
        tensors, about = CHECKPOINT.read(path)
        try:
            weights = {
                name.removeprefix("actor."): tensor
                for name, tensor in tensors.items()
                if name.startswith("actor.")
            }
            described = about["actions"]
            actions = Actions(
                described["size"],
                discrete=described["discrete"],
                low=tuple(described["low"]),
                high=tuple(described["high"]),
                start=described["start"],
            )
            return cls(
                PPOConfig.from_mapping(about["config"]),
                actions,
                weights,
                tensors["policy.shift"],
                tensors["policy.scale"],
                tensors.get("log_std"),
            )
        except (KeyError, TypeError) as error:
            raise FormatError(f"`{os.fspath(path)}` lacks {error} of a checkpoint") from None

    def save(self, path: str | os.PathLike[str], *, about: Mapping[str, Any] | None = None) -> None:
        """Write the policy alone, all of it or nothing.

        Raises:
            ArgumentError: It cannot be written there.
        """
        CHECKPOINT.write(path, self.tensors(), {**self.description(), **(about or {})})

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """What :meth:`load` reads, by name."""
        named = {f"actor.{name}": array for name, array in self.weights.items()}
        named |= {"policy.shift": self.shift, "policy.scale": self.scale}
        return named if self.log_std is None else {**named, "log_std": self.log_std}

    def description(self) -> dict[str, Any]:
        """What :meth:`load` reads beside arrays, as JSON has it."""
        described: dict[str, Any] = json.loads(
            json.dumps({"config": asdict(self.config), "actions": asdict(self.actions)})
        )
        return described

    def normalise(self, obs: npt.NDArray[Any]) -> Float32:
        """Return ``clip((obs - shift) * scale)``, ``(b, n)``, float32."""
        return normalise(obs, self.shift, self.scale)

    def output(self, x: Float32) -> Float32:
        """Return means or logits ``(b, k)`` for normalised observations ``(b, n)``."""
        weights = self.weights
        if self.config.actor == "dc":
            spectrum = x @ weights["weights"] + weights["biases"].ravel()
            spectrum = spectrum.reshape(len(x), self.actions.size, -1)
            return np.asarray(spectrum.max(axis=-1) + spectrum.min(axis=-1))
        layers = len(weights) // 2
        for i in range(layers):  # the modules between are the activations
            x = x @ weights[f"{2 * i}.weight"].T + weights[f"{2 * i}.bias"]
            x = np.tanh(x) if i + 1 < layers else x
        return x

    def __call__(self, obs: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return the environment's action for an observation ``(n,)``.

        Raises:
            ShapeError: It is not of that shape.
        """
        row = np.asarray(obs)
        if row.shape != self.shift.shape:
            raise ShapeError(f"`obs` must have shape {self.shift.shape}, got {row.shape}")
        greedy = self.actions.greedy(self.output(self.normalise(row[None])))
        action: npt.NDArray[Any] = self.actions.to_environment(greedy)[0]
        return action
