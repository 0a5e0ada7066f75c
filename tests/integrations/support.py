"""Models of Stable-Baselines3, untrained but for weights that make their actions differ."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize


class Spaces(gym.Env[Any, Any]):
    """An environment that is nothing but its spaces."""

    def __init__(self, observation_space: Any, action_space: Any) -> None:
        self.observation_space, self.action_space = observation_space, action_space

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> Any:
        return self.observation_space.sample(), 0.0, False, False, {}


def reals(n: int) -> gym.spaces.Box:
    return gym.spaces.Box(-np.inf, np.inf, (n,), np.float32)


BOX = gym.spaces.Box(np.float32([-1, -2, 0, -9]), np.float32([1, 0.5, 0.25, 9]))


def environment(action: Any, observation: Any = None) -> DummyVecEnv:
    return DummyVecEnv([lambda: Spaces(observation or reals(5), action)])


def statistics(environment: DummyVecEnv, seed: int = 0, **options: Any) -> VecNormalize:
    """Statistics as of a long run; the first component hardly varies around a large mean."""
    shape = environment.observation_space.shape
    normalise = VecNormalize(environment, training=False, clip_obs=3.0, **options)
    rng = np.random.default_rng(seed)
    normalise.obs_rms.mean = rng.normal(0, 3, shape)
    normalise.obs_rms.var = rng.uniform(0.1, 9, shape)
    normalise.obs_rms.mean.flat[0], normalise.obs_rms.var.flat[0] = 1000.1, 1e-6
    return normalise


def model(env: Any, policy: Any = "MlpPolicy", algorithm: Any = PPO, **options: Any) -> Any:
    """A model whose last layer is no longer nearly zero."""
    few = {"n_steps": 8, "batch_size": 8} if algorithm is PPO else {}
    made = algorithm(policy, env, seed=3, device="cpu", **few, **options)
    with torch.no_grad():
        for parameter in made.policy.action_net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.5)
    return made


def observations(n: int, normalise: VecNormalize | None = None, count: int = 400) -> Any:
    """Raw observations, from usual ones to those far outside of the clip."""
    x = np.random.default_rng(1).standard_normal((count, n)) * np.linspace(0.1, 5, count)[:, None]
    if normalise is not None:
        x = normalise.obs_rms.mean.ravel() + x * np.sqrt(normalise.obs_rms.var.ravel())
    return x.astype(np.float32)


def predicted(made: Any, obs: Any, normalise: VecNormalize | None = None) -> Any:
    obs = obs.reshape(-1, *made.observation_space.shape)
    obs = obs if normalise is None else normalise.normalize_obs(obs)
    return np.asarray(made.predict(obs, deterministic=True)[0])


__all__ = ["A2C", "BOX", "PPO", "Spaces", "environment", "model", "observations", "predicted"]
