"""Stable-Baselines3's PPO with the settings of one of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eigenwell._checks import require

if TYPE_CHECKING:
    from eigenwell.ppo import PPOConfig


def sb3_ppo(config: PPOConfig, *, processes: bool = False) -> Any:
    """Return a model that Stable-Baselines3 trains as :func:`eigenwell.ppo.train` trains ours.

    The same network, rollout, minibatches, epochs, optimiser, losses and normalisation. Its
    KL stop has another rule: leave ``target_kl`` None.

    Args:
        config: With an MLP actor.
        processes: Each environment in one, rather than all of them here.
    """
    sb3 = require("stable_baselines3", extra="sb3")
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import SubprocVecEnv, VecNormalize

    env: Any = make_vec_env(
        config.environment,
        config.environments,
        seed=config.seed,
        vec_env_cls=SubprocVecEnv if processes else None,
    )
    if config.normalise_observations or config.normalise_returns:
        env = VecNormalize(
            env,
            norm_obs=config.normalise_observations,
            norm_reward=config.normalise_returns,
            gamma=config.gamma,
        )

    def learning_rate(left: float) -> float:
        return config.learning_rate * (left if config.anneal else 1.0)

    return sb3.PPO(
        "MlpPolicy",
        env,
        n_steps=config.rollout_steps,
        batch_size=config.minibatch,
        n_epochs=config.epochs,
        learning_rate=learning_rate,
        gamma=config.gamma,
        gae_lambda=config.gae_lambda,
        clip_range=config.clip,
        ent_coef=config.entropy_coefficient,
        vf_coef=config.value_coefficient / 2,  # theirs has no half in the squared error
        max_grad_norm=config.max_grad_norm,
        target_kl=config.target_kl,
        policy_kwargs={
            "net_arch": {"pi": list(config.hidden), "vf": list(config.critic_hidden)},
            "log_std_init": config.initial_log_std,
        },
        seed=config.seed,
        device="cpu",
    )
