"""A hash of an environment's physics.

Gymnasium's Box2D environments change with their versions, and scores with them. The hash of a fixed
trajectory says whether the physics here is the one that a policy was scored in.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from eigenwell._checks import integer, require
from eigenwell.errors import ArgumentError
from eigenwell.evaluation._environment import Environment, is_box, make_environment

_MAX_COUNT = 2**31 - 1


def environment_fingerprint(env_id: str, *, steps: int = 200, seed: int = 0) -> str:
    """SHA-256 of the observations along a fixed sequence of actions, as 64 hex digits.

    Recipe: create the environment, ``reset(seed=seed)``, then take ``steps`` steps. Step t = 0, 1,
    ... sets component i of a continuous action to ``low + (high - low) * (1 + s) / 2`` with
    ``s = round(64 sin(0.1 (t + 1) (i + 1))) / 64``, where infinite bounds count as -1 and 1, cast
    to the dtype of the action space; a discrete action is ``start + (t // 10) % n``. An episode
    that ends is followed by ``reset()`` without a seed. The hash runs over every observation, those
    of resets included, as C-ordered little-endian float32.

    Args:
        env_id: Gymnasium id.
        steps: Number of steps.
        seed: Seed of the first reset.

    Raises:
        ArgumentError: The environment is unknown, or its spaces are neither Box nor Discrete.
        BackendUnavailableError: Gymnasium or a package of the environment is missing.

    Note:
        Equal hashes mean equal physics to the last bit. Different hashes can also come from another
        compiler or processor family; the effect on scores is then small as a rule.
    """
    steps = integer(steps, "steps", low=0, high=_MAX_COUNT)
    seed = integer(seed, "seed", low=0, high=_MAX_COUNT)
    digest = hashlib.sha256()
    with contextlib.closing(make_environment(env_id)) as environment:
        actions = _fixed_actions(environment, env_id)
        observation, _ = environment.reset(seed=seed)
        digest.update(_float32_bytes(observation, env_id))
        for _ in range(steps):
            observation, _, terminated, truncated, _ = environment.step(next(actions))
            digest.update(_float32_bytes(observation, env_id))
            if terminated or truncated:
                observation, _ = environment.reset()
                digest.update(_float32_bytes(observation, env_id))
    return digest.hexdigest()


def physics_matches(metadata: Mapping[str, Any], env_id: str) -> bool | None:
    """Whether ``env_id`` behaves here as where the policy was scored.

    Args:
        metadata: A policy's metadata, of which ``environment`` and ``environment_fingerprint``
            are read.
        env_id: Gymnasium id of the environment to be used.

    Returns:
        True or False; None if the metadata say nothing about this environment.
    """
    expected = metadata.get("environment_fingerprint")
    if not isinstance(expected, str) or metadata.get("environment") != env_id:
        return None
    return environment_fingerprint(env_id) == expected


def _fixed_actions(environment: Environment, env_id: str) -> Iterator[Any]:
    """Yield the actions of :func:`environment_fingerprint`."""
    space: Any = environment.action_space
    if is_box(space):
        return _box_actions(space)
    if isinstance(space, require("gymnasium", extra="walk").spaces.Discrete):
        return _discrete_actions(space)
    raise ArgumentError(f"environment `{env_id}` has the unsupported action space {space}")


def _discrete_actions(space: Any) -> Iterator[Any]:
    step = 0
    while True:
        yield space.dtype.type(space.start + (step // 10) % space.n)
        step += 1


def _box_actions(space: Any) -> Iterator[Any]:
    low = np.where(np.isfinite(space.low), space.low, -1.0).astype(np.float64)
    high = np.where(np.isfinite(space.high), space.high, 1.0).astype(np.float64)
    frequency = 0.1 * (1.0 + np.arange(low.size).reshape(low.shape))
    step = 0
    while True:
        # Rounding to 1/64 makes the actions the same for every libm.
        wave = np.round(64.0 * np.sin(frequency * (step + 1))) / 64.0
        yield (low + (high - low) * (1.0 + wave) / 2.0).astype(space.dtype)
        step += 1


def _float32_bytes(observation: Any, env_id: str) -> bytes:
    try:
        return np.ascontiguousarray(observation, dtype="<f4").tobytes()
    except (TypeError, ValueError):
        raise ArgumentError(
            f"environment `{env_id}` has observations that are not arrays of numbers"
        ) from None
