"""Advantages and updates beside those of Stable-Baselines3, from the same numbers."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import DummyVecEnv

from eigenwell.ppo import PPOConfig
from eigenwell.ppo._rollout import Rollout
from eigenwell.ppo._spaces import Actions
from eigenwell.ppo.torch import Learner

# The bar. Both sides compute in float64: Adam divides by roots of gradients, so that in
# float32 two orders of summation come to weights that differ by 1e-6 in some of 10,000.
EXACT = 1e-6
STEPS, ENVIRONMENTS, SIZE = 64, 4, 3

CONTINUOUS = gym.spaces.Box(-1, 1, (2,), np.float32)
DISCRETE = gym.spaces.Discrete(3)


def value(x: Any) -> Any:
    return np.sin(x.astype(np.float64)).sum(-1)


@pytest.mark.parametrize(("gamma", "lam"), [(0.99, 0.95), (0.98, 0.8), (1.0, 1.0), (0.9, 0.0)])
def test_advantages_with_ends_of_both_kinds(gamma: float, lam: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((STEPS + 1, ENVIRONMENTS, SIZE)).astype(np.float32)
    rewards = rng.standard_normal((STEPS, ENVIRONMENTS))
    done = rng.random((STEPS, ENVIRONMENTS)) < 0.1
    done[-1, 0] = True
    terminated = done & (rng.random(done.shape) < 0.5)
    final = rng.standard_normal((done.sum(), SIZE)).astype(np.float32)
    assert terminated.any()
    assert (done & ~terminated).any()
    nothing = np.zeros(0)
    ours, returns = Rollout(x, nothing, rewards, terminated, done, final).advantages(
        value, gamma=gamma, gae_lambda=lam
    )

    space = gym.spaces.Box(-1, 1, (SIZE,), np.float32)
    theirs = RolloutBuffer(
        STEPS, space, CONTINUOUS, gamma=gamma, gae_lambda=lam, n_envs=ENVIRONMENTS
    )
    theirs.advantages = theirs.advantages.astype(np.float64)
    # What its collect_rollouts does where an episode was cut short: the value goes to the reward.
    last_values = np.zeros(done.shape)
    last_values[done] = value(final)
    theirs.rewards = rewards + gamma * np.where(done & ~terminated, last_values, 0.0)
    theirs.values = value(x[:-1])
    theirs.episode_starts[1:] = done[:-1]
    theirs.compute_returns_and_advantage(torch.from_numpy(value(x[-1])), done[-1])
    np.testing.assert_allclose(ours, theirs.advantages, rtol=0, atol=EXACT)
    np.testing.assert_allclose(returns, theirs.returns, rtol=0, atol=EXACT)


class Still(gym.Env[Any, Any]):
    def __init__(self, action_space: Any) -> None:
        self.observation_space = gym.spaces.Box(-9, 9, (SIZE,), np.float32)
        self.action_space = action_space


def pair(space: Any, config: PPOConfig) -> tuple[Learner, PPO]:
    """Ours and theirs with the same settings and the same weights."""
    discrete = isinstance(space, gym.spaces.Discrete)
    actions = (
        Actions(int(space.n), discrete=True)
        if discrete
        else Actions(2, discrete=False, low=(-1, -1), high=(1, 1))
    )
    ours = Learner(config, SIZE, actions)
    theirs = PPO(
        "MlpPolicy",
        DummyVecEnv([lambda: Still(space)]),
        n_steps=config.steps_per_update,
        batch_size=config.minibatch,
        n_epochs=config.epochs,
        learning_rate=config.learning_rate,
        clip_range=config.clip,
        ent_coef=config.entropy_coefficient,
        vf_coef=config.value_coefficient / 2,  # theirs has no half in the squared error
        max_grad_norm=config.max_grad_norm,
        device="cpu",
    )
    theirs.set_logger(Logger(None, []))
    ours.networks.double()
    theirs.policy.double()
    theirs.policy.extract_features = lambda obs, *_: obs.double()
    with torch.no_grad():
        for a, b in zip(parameters(ours), parameters(theirs), strict=True):
            b.copy_(a)
    return ours, theirs


def parameters(of: Any) -> list[torch.Tensor]:
    """Actor, critic, and the logarithm of the deviation, in this order."""
    if isinstance(of, Learner):
        nets, log_std = [of.networks.actor, of.networks.critic], of.networks.log_std
    else:
        policy = of.policy
        inner = policy.mlp_extractor
        nets = [inner.policy_net, policy.action_net, inner.value_net, policy.value_net]
        log_std = getattr(policy, "log_std", None)
    found = [parameter for net in nets for parameter in net.parameters()]
    return found if log_std is None else [*found, log_std]


@pytest.mark.parametrize("epochs", [1, 4])
@pytest.mark.parametrize("minibatch", [64, 256])
@pytest.mark.parametrize("space", [CONTINUOUS, DISCRETE], ids=["continuous", "discrete"])
def test_an_update_moves_the_weights_to_the_same_place(
    space: Any, minibatch: int, epochs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = PPOConfig(
        "Still",
        environments=1,
        rollout_steps=256,
        minibatch=minibatch,
        epochs=epochs,
        learning_rate=3e-3,
        entropy_coefficient=0.01,
        target_kl=None,
    )
    rng = np.random.default_rng(1)
    ours, theirs = pair(space, config)
    count = config.steps_per_update
    x = rng.standard_normal((count, SIZE)).astype(np.float32).astype(np.float64)
    # Actions of a policy, from which the weights then move away: the clip has something to do.
    actions = (
        rng.integers(0, 3, count)
        if isinstance(space, gym.spaces.Discrete)
        else rng.standard_normal((count, 2)).astype(np.float32).astype(np.float64)
    )
    advantages = rng.standard_normal(count).astype(np.float32)
    returns = rng.standard_normal(count).astype(np.float32)

    buffer = theirs.rollout_buffer
    buffer.log_probs = buffer.log_probs.astype(np.float64)
    buffer.observations[:, 0], buffer.actions[:, 0] = x, actions.reshape(count, -1)
    buffer.advantages[:, 0], buffer.returns[:, 0] = advantages, returns
    with torch.no_grad():
        _, log_prob, _ = theirs.policy.evaluate_actions(
            torch.from_numpy(x), torch.from_numpy(actions)
        )
    buffer.log_probs[:, 0], buffer.full = log_prob.numpy(), True
    monkeypatch.setattr(np.random, "permutation", np.random.default_rng(5).permutation)
    before = [p.detach().clone() for p in parameters(theirs)]
    theirs.train()
    losses = ours.update(
        x,
        actions,
        advantages,
        returns,
        learning_rate=config.learning_rate,
        rng=np.random.default_rng(5),
    )

    for a, b, old in zip(parameters(ours), parameters(theirs), before, strict=True):
        np.testing.assert_allclose(a.detach(), b.detach(), rtol=0, atol=EXACT)
        assert (b - old).abs().max() > 50 * EXACT
    logged = theirs.logger.name_to_value
    assert losses.policy_loss == pytest.approx(logged["train/policy_gradient_loss"], abs=EXACT)
    assert 2 * losses.value_loss == pytest.approx(logged["train/value_loss"], abs=1e-5)
    assert losses.clip_fraction == pytest.approx(logged["train/clip_fraction"], abs=EXACT)
    if epochs > 1 and minibatch < count:
        assert losses.clip_fraction > 0.03
