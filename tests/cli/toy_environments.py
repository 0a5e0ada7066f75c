"""Environments that Gymnasium finds as `toy_environments:ID`."""

from __future__ import annotations

import os
import signal
import warnings
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np


class Toy(gym.Env[Any, Any]):
    """Two observations, one action, reward 1 a step; a time limit of four steps truncates it."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 50}

    def __init__(self, render_mode: str | None = None) -> None:
        self.observation_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.render_mode = render_mode
        self.seed = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.seed = seed or 0
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> Any:
        return np.zeros(2, np.float32), 1.0, False, False, {}

    def render(self) -> Any:
        return np.zeros((8, 12, 3), np.uint8)


class CtrlC(Toy):
    """The user presses Ctrl-C in the episode with the seed 2."""

    def step(self, action: Any) -> Any:
        if self.seed == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return super().step(action)


class Warns(Toy):
    """Warns from two places, as Gymnasium does: coloured, and with a prefix."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        warnings.warn("\x1b[33mWARN: the ground is wet\x1b[0m", stacklevel=1)
        return super().reset(seed=seed, options=options)

    def step(self, action: Any) -> Any:
        warnings.warn("\x1b[33mWARN: the ground is wet\x1b[0m", stacklevel=1)
        return super().step(action)


class Broken(Toy):
    """Has a defect."""

    def step(self, action: Any) -> Any:
        raise ZeroDivisionError("the ground is missing")


class Hollow(Toy):
    """Gives an observation that is not a number."""

    def step(self, action: Any) -> Any:
        observation, *rest = super().step(action)
        return observation * np.float32(np.nan), *rest


for _class in (Toy, CtrlC, Warns, Broken, Hollow):
    gym.register(f"{_class.__name__}-v0", _class, max_episode_steps=4, disable_env_checker=True)
