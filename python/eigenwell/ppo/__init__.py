"""Proximal policy optimisation: short enough to read, fast enough on two cores.

:func:`train` runs a :class:`PPOConfig`; every choice in it cites where it comes from. Actors are DC
neurons or multilayer perceptrons, for continuous and discrete actions. What acts in the rollout is
NumPy on all environments at once; torch only differentiates (:mod:`eigenwell.ppo.torch`).

A run with an ``output`` folder leaves there its config, its metrics, and checkpoints from which
``resume=True`` goes on to the same weights, bit for bit. :func:`sweep` does that for many of them.

References:
    Schulman et al. 2017, "Proximal policy optimization algorithms" (PPO).
    Schulman et al. 2016, "High-dimensional continuous control using generalized advantage
    estimation" (GAE).
    Andrychowicz et al. 2021, "What matters for on-policy deep actor-critic methods?"
    Huang et al. 2022, "The 37 implementation details of proximal policy optimization".
    Rahman and Xue 2022, "Robust policy optimization in deep reinforcement learning" (RPO).

Example:
    >>> from eigenwell.ppo import PPOConfig, train
    >>> config = PPOConfig.preset("cartpole", seed=1)
    >>> result = train(config, output="runs/cartpole")  # doctest: +SKIP
    >>> result.best_score  # doctest: +SKIP
    500.0
"""

from eigenwell.ppo._advantages import gae
from eigenwell.ppo._config import PPOConfig
from eigenwell.ppo._metrics import Metrics
from eigenwell.ppo._normalise import ReturnScale, RunningMoments
from eigenwell.ppo._policy import TrainedPolicy
from eigenwell.ppo._presets import PRESETS
from eigenwell.ppo._rollout import Rollout
from eigenwell.ppo._sweep import SweepRun, mean_interval, sweep
from eigenwell.ppo._train import TrainResult, train

__all__ = [
    "PRESETS",
    "Metrics",
    "PPOConfig",
    "ReturnScale",
    "Rollout",
    "RunningMoments",
    "SweepRun",
    "TrainResult",
    "TrainedPolicy",
    "gae",
    "mean_interval",
    "sweep",
    "train",
]
