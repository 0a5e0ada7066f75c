"""Collects rollouts: normalise, act, step, and remember how episodes ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell.ppo._advantages import Float64, gae
from eigenwell.ppo._normalise import ReturnScale, RunningMoments
from eigenwell.ppo._policy import TrainedPolicy, normalise

if TYPE_CHECKING:
    from eigenwell.ppo._config import PPOConfig
    from eigenwell.ppo._environments import Environments
    from eigenwell.ppo._spaces import Float32

# Episodes that the reported return is a mean of, as Gymnasium's own statistics have it.
RECENT = 100


@dataclass(frozen=True)
class Rollout:
    """T steps of n environments.

    Attributes:
        x: ``(T + 1, n, size)``, normalised observations; the last row is yet to be acted on.
        actions: ``(T, n, k)`` float32 or ``(T, n)`` int64, as sampled.
        rewards: ``(T, n)``, scaled.
        terminated: ``(T, n)``.
        done: ``(T, n)``.
        final_x: ``(ended, size)``, last observations of the episodes that ended, in order of time,
            then environment.
    """

    x: Float32
    actions: npt.NDArray[Any]
    rewards: Float64
    terminated: npt.NDArray[np.bool_]
    done: npt.NDArray[np.bool_]
    final_x: Float32

    def advantages(
        self, value: Callable[[Float32], Float32], *, gamma: float, gae_lambda: float
    ) -> tuple[Float64, Float64]:
        """Return advantages and the returns that the critic learns, each ``(T, n)``.

        Args:
            value: The critic, ``(b, size)`` to ``(b,)``.
            gamma: Discount.
            gae_lambda: See :func:`eigenwell.ppo.gae`.
        """
        steps, n, size = self.x.shape
        values = np.asarray(value(self.x.reshape(-1, size)), np.float64).reshape(steps, n)
        v_t = values[1:].copy()
        # A time limit is no state of the task: bootstrap from where the episode was cut short
        # (Pardo et al. 2018; Huang et al. 2022 list it as missing from the original code).
        if len(self.final_x):
            v_t[self.done] = value(self.final_x)
        v_t[self.terminated] = 0.0
        advantages = gae(
            self.rewards, values[:-1], v_t, self.done, gamma=gamma, gae_lambda=gae_lambda
        )
        return advantages, advantages + values[:-1]


class Collector:
    """Acts in environments and keeps the running statistics.

    Args:
        config: Of the run.
        environments: To act in.
        rng: Source of the actions.

    Attributes:
        moments: Of the observations.
        returns: Scale of the rewards.
        recent: Returns and lengths of the last episodes.
        episodes: How many have ended.
    """

    def __init__(
        self, config: PPOConfig, environments: Environments, rng: np.random.Generator
    ) -> None:
        self._config, self._environments, self._rng = config, environments, rng
        self.moments = RunningMoments(environments.size)
        self.returns = ReturnScale(config.environments, config.gamma)
        self.recent: deque[tuple[float, float]] = deque(maxlen=RECENT)
        self.episodes = 0

    def restart(self, segment: int, *, steps: int) -> None:
        """Begin new episodes in all environments; see :meth:`Environments.restart`."""
        n = self._config.environments
        self.returns.restart()
        self._return, self._length = np.zeros(n), np.zeros(n)
        self._x = self._normalised(self._environments.restart(segment, steps=steps))

    def collect(self, policy: TrainedPolicy) -> Rollout:
        """Take ``rollout_steps`` steps in each environment."""
        config = self._config
        steps, n = config.rollout_steps, config.environments
        x = np.empty((steps + 1, n, self._environments.size), np.float32)
        rewards = np.empty((steps, n))
        terminated, done = np.empty((steps, n), np.bool_), np.empty((steps, n), np.bool_)
        actions, final_x = [], [x[:0, 0]]
        x[0] = self._x
        for t in range(steps):
            action = policy.actions.sample(policy.output(x[t]), policy.log_std, self._rng)
            step = self._environments.step(policy.actions.to_environment(action))
            actions.append(action)
            terminated[t], done[t] = step.terminated, step.done
            rewards[t] = (
                self.returns(step.rewards, step.done) if config.normalise_returns else step.rewards
            )
            x[t + 1] = self._normalised(step.obs)
            if len(step.final_obs):
                final_x.append(self._scaled(step.final_obs))
            self._count(step.rewards, step.done)
        self._x = x[-1].copy()
        return Rollout(x, np.stack(actions), rewards, terminated, done, np.concatenate(final_x))

    def _normalised(self, obs: npt.NDArray[Any]) -> Float32:
        """Take observations into the statistics, then normalise them.

        Huang et al. 2022, continuous actions, details 6 and 7; Andrychowicz et al. 2021 find that
        it matters in nearly every environment.
        """
        if self._config.normalise_observations:
            self.moments.update(obs)
        return self._scaled(obs)

    def _scaled(self, obs: npt.NDArray[Any]) -> Float32:
        moments = self.moments
        return normalise(obs, moments.mean.astype(np.float32), moments.scale.astype(np.float32))

    def _count(self, rewards: Float64, done: npt.NDArray[np.bool_]) -> None:
        self._return += rewards
        self._length += 1
        for i in np.flatnonzero(done):
            self.recent.append((float(self._return[i]), float(self._length[i])))
            self.episodes += 1
        self._return[done] = self._length[done] = 0.0
