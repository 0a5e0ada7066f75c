"""What Stable-Baselines3 has saved, without the environment and the algorithm around it."""

from __future__ import annotations

import os
import pickle
from typing import Any

from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.save_util import load_from_zip_file
from stable_baselines3.common.vec_env import VecNormalize

from eigenwell import _files
from eigenwell.errors import FormatError

# Pickled in the file, but of no use to a policy: the fewer are read, the fewer can fail.
_LEFT_ALONE = (
    "learning_rate",
    "lr_schedule",
    "clip_range",
    "clip_range_vf",
    "ep_info_buffer",
    "ep_success_buffer",
)


def load_policy(path: str | os.PathLike[str]) -> ActorCriticPolicy:
    """Return the policy of a saved PPO or A2C model, on the CPU.

    Args:
        path: What ``model.save`` has written. **It runs the code that is pickled in it.**

    Raises:
        ArgumentError: The file cannot be read.
        FormatError: It is no such model.
    """
    _files.read_bytes(path)
    custom = dict.fromkeys(_LEFT_ALONE)
    try:
        settings, parameters, _ = load_from_zip_file(
            os.fspath(path), device="cpu", custom_objects=custom
        )
    except Exception as error:
        raise _not_loaded(path, "a model", error) from error
    if settings is None:
        raise FormatError(f"`{os.fspath(path)}` is not a model of Stable-Baselines3")
    kind = settings.get("policy_class")
    if not (isinstance(kind, type) and issubclass(kind, ActorCriticPolicy)):
        raise FormatError(
            f"`{os.fspath(path)}` must hold a PPO or A2C model, got one whose policy is "
            f"{getattr(kind, '__name__', kind)}"
        )
    try:
        options = {k: v for k, v in settings["policy_kwargs"].items() if k != "device"}
        shapes = settings["observation_space"], settings["action_space"]
        policy = kind(*shapes, lambda _: 0.0, **{"use_sde": settings["use_sde"], **options})
        stored: Any = parameters
        policy.load_state_dict(stored["policy"])
    except Exception as error:
        raise _not_loaded(path, "a model", error) from error
    policy.set_training_mode(False)
    return policy


def load_vec_normalize(path: str | os.PathLike[str]) -> VecNormalize:
    """Return saved statistics without an environment.

    Args:
        path: What ``vec_normalize.save`` has written. **It runs the code that is pickled in it.**

    Raises:
        ArgumentError: The file cannot be read.
        FormatError: It does not hold a ``VecNormalize``.
    """
    data = _files.read_bytes(path)
    try:
        loaded: Any = pickle.loads(data)
    except Exception as error:
        raise _not_loaded(path, "a VecNormalize", error) from error
    if not isinstance(loaded, VecNormalize):
        raise FormatError(
            f"`{os.fspath(path)}` must hold a VecNormalize, got {type(loaded).__name__}"
        )
    return loaded


def _not_loaded(path: str | os.PathLike[str], what: str, error: Exception) -> FormatError:
    return FormatError(
        f"`{os.fspath(path)}` is not {what} that can be loaded here: {type(error).__name__}: "
        f"{error}"
    )
