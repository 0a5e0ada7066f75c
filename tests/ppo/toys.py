"""Environments whose values are known, and ones with defects."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

LENGTH = 4


class Chain(gym.Env[Any, Any]):
    """Observes the number of its step, reward 1 a step, ends after four, one way or the other."""

    def __init__(self, end: str = "terminated", observation: Any = None, action: Any = None):
        self.observation_space = observation or gym.spaces.Box(-9.0, 9.0, (1,), np.float32)
        self.action_space = action or gym.spaces.Box(-2.0, 4.0, (1,), np.float32)
        self.end, self.t, self.episode, self.actions = end, 0, -1, []

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.t, self.episode = 0, self.episode + 1
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> Any:
        self.t += 1
        self.actions.append(action)
        end = self.t == LENGTH
        obs = np.full(1, self.t, np.float32)
        return obs, 1.0, end and self.end == "terminated", end and self.end == "truncated", {}


class Target(Chain):
    """Reward for actions near the observation, which is random: has something to learn from."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.goal = self.np_random.uniform(-1, 1, 1).astype(np.float32)
        return self.goal, {}

    def step(self, action: Any) -> Any:
        _, _, terminated, truncated, info = super().step(action)
        reward = -float(np.square(action - self.goal).sum())
        self.goal = self.np_random.uniform(-1, 1, 1).astype(np.float32)
        return self.goal, reward, terminated, truncated, info


class Hollow(Chain):
    """Gives a NaN in the third episode."""

    def step(self, action: Any) -> Any:
        obs, *rest = super().step(action)
        return obs * np.float32(np.nan if self.episode == 2 else 1), *rest


class Unpaid(Chain):
    def step(self, action: Any) -> Any:
        obs, _, *rest = super().step(action)
        return obs, np.inf if self.episode == 2 else 1.0, *rest


class Broken(Chain):
    def step(self, action: Any) -> Any:
        if self.episode == 2:
            raise ZeroDivisionError("the ground is missing")
        return super().step(action)


class Closed(Chain):
    def reset(self, **_: Any) -> Any:
        raise ZeroDivisionError("the ground is missing")


S = gym.spaces
BOX = S.Box(-1, 1, (1,), np.float32)
for name, entry, options in (
    ("Terminates", Chain, {}),
    ("Truncates", Chain, {"end": "truncated"}),
    ("Target", Target, {}),
    ("Discrete", Target, {"action": S.Discrete(3, start=-1)}),
    ("Hollow", Hollow, {}),
    ("Unpaid", Unpaid, {}),
    ("Broken", Broken, {}),
    ("Closed", Closed, {}),
    ("Dict", Chain, {"observation": S.Dict({"a": BOX})}),
    ("Picture", Chain, {"observation": S.Box(0, 1, (8, 8, 3), np.float32)}),
    ("Many", Chain, {"action": S.MultiDiscrete([2, 3])}),
    ("Unbounded", Chain, {"action": S.Box(-np.inf, np.inf, (1,), np.float32)}),
):
    gym.register(f"ppo/{name}-v0", entry, kwargs=options, disable_env_checker=True)
