"""The float policy that is quantised, and what its run says of itself."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from eigenwell.errors import ArgumentError, DTypeError, FormatError
from eigenwell.ppo._policy import CHECKPOINT, TrainedPolicy
from eigenwell.ppo._state import BEST, LAST

_ABOUT = ("score", "steps", "versions", "git", "machine")
_HINT = "a run's folder, a checkpoint in one, or a TrainedPolicy"


@dataclass(frozen=True)
class Teacher:
    """A policy of DC neurons for continuous actions.

    Attributes:
        policy: In float32.
        about: What the run's files say: score, steps, versions, git revision, machine.
        folder: Of the run, if it came from one.
    """

    policy: TrainedPolicy
    about: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    @classmethod
    def of(cls, run: str | os.PathLike[str] | TrainedPolicy | Teacher) -> Teacher:
        """Return the best policy of a run, the last one if none was scored.

        Raises:
            DTypeError: ``run`` is something else.
            ArgumentError: It does not exist, is not of DC neurons, or has discrete actions.
            FormatError: Its checkpoint is damaged.
        """
        if isinstance(run, Teacher):
            return run
        if isinstance(run, TrainedPolicy):
            return cls(_checked(run))
        if not isinstance(run, str | os.PathLike):
            raise DTypeError(f"`run` must be {_HINT}, got {type(run).__name__}")
        path = Path(run)
        folder = path if path.is_dir() else path.parent
        files = [folder / BEST, folder / LAST] if path.is_dir() else [path]
        found = next((file for file in files if file.is_file()), None)
        if found is None:
            what = f"a folder without {BEST} and {LAST}" if path.is_dir() else "which is not there"
            raise ArgumentError(f"`run` must be {_HINT}, got {path}, {what}")
        policy = _checked(TrainedPolicy.load(found))
        about = {**_json(folder / "config.json"), **CHECKPOINT.read(found)[1]}
        return cls(policy, {key: about[key] for key in _ABOUT if key in about}, folder)

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest action, the same in every component."""
        return self.policy.actions.low[0], self.policy.actions.high[0]

    def last_checkpoint(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        """Return arrays and description of the run's last checkpoint, which has the critic.

        Raises:
            ArgumentError: There is none.
            FormatError: It is damaged.
        """
        if self.folder is None or not (self.folder / LAST).is_file():
            raise ArgumentError(
                f"`run` must be a folder with {LAST} to go on with PPO, which needs its critic: "
                "use fine_tune='distil'"
            )
        return CHECKPOINT.read(self.folder / LAST)


def _checked(policy: TrainedPolicy) -> TrainedPolicy:
    config, actions = policy.config, policy.actions
    if config.actor != "dc":
        raise ArgumentError(
            "`run` must have an actor of DC neurons to be packed, got an MLP: a .dcp file holds "
            "one layer of them, so train with actor='dc'"
        )
    if actions.discrete:
        raise ArgumentError(
            f"`run` must have continuous actions to be packed, got {actions.size} discrete ones in "
            f"{config.environment}: a .dcp policy answers with numbers, not with a choice"
        )
    if len(set(zip(actions.low, actions.high, strict=True))) != 1:
        raise ArgumentError(
            "`run` must have the same bounds for every action to be packed, got "
            f"{actions.low} to {actions.high}: a .dcp file holds one pair"
        )
    n, k, m = len(policy.shift), actions.size, config.eigenvalues
    for name, shape in (("weights", (n, k * m)), ("biases", (k, m))):
        array = policy.weights.get(name)
        if array is None or array.shape != shape or not np.isfinite(array).all():
            raise FormatError(
                f"`run` must have finite {name} of shape {shape} in its checkpoint, got "
                f"{None if array is None else array.shape}"
            )
    return policy


def _json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; what cannot be read says nothing."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
