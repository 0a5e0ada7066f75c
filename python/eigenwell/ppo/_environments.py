"""Environments side by side, with an episode's last observation kept apart from the next's first.

What steps them is a backend. Gymnasium's steps them one after another; it has three autoreset
modes. In its default, NEXT_STEP, the step after an episode's end ignores the action and must be
masked out of the rollout; SAME_STEP resets within the ending step, so that every step is one of an
episode, and hands over the final observation beside the first one. EnvPool steps them in threads;
it knows NEXT_STEP alone, and gets SAME_STEP here by resetting those that ended before the next
step.
"""

from __future__ import annotations

import os
import warnings
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from eigenwell._checks import require
from eigenwell.errors import ArgumentError, EigenwellError, TrainingError
from eigenwell.evaluation import make_environment
from eigenwell.ppo._spaces import Actions, observation_size


class Step(NamedTuple):
    """What a step of n environments gave.

    Attributes:
        obs: ``(n, size)``, to act on next: where an episode ended, the first of the next.
        rewards: ``(n,)``.
        terminated: ``(n,)``, the environment reached a terminal state.
        done: ``(n,)``, the episode ended, by that or by a limit.
        final_obs: ``(ended, size)``, the last observations of the episodes that ended.
    """

    obs: npt.NDArray[Any]
    rewards: npt.NDArray[np.float64]
    terminated: npt.NDArray[np.bool_]
    done: npt.NDArray[np.bool_]
    final_obs: npt.NDArray[Any]


class _Backend(Protocol):
    """Environments that have been created; their exceptions are turned into ours outside."""

    def reset(self) -> npt.NDArray[Any]: ...

    def step(self, actions: npt.NDArray[Any]) -> Step: ...

    def close(self) -> None: ...


class Environments:
    """n environments of one id.

    Args:
        env_id: Gymnasium id.
        count: n.
        seed: Of all resets, together with the number given to :meth:`restart`.
        backend: ``"gymnasium"`` or ``"envpool"``.

    Attributes:
        actions: Their action space.
        size: Length of an observation.

    Raises:
        ArgumentError: The id is unknown, there or in the backend, or a space is not supported.
        BackendUnavailableError: Gymnasium, EnvPool or a package of the environment is missing.
    """

    def __init__(self, env_id: str, count: int, seed: int, *, backend: str = "gymnasium") -> None:
        self.env_id, self.count, self._seed = env_id, count, seed
        self._create = _EnvPool if backend == "envpool" else _Gymnasium
        self._running: _Backend | None = None
        self._steps = 0
        require("gymnasium", extra="learn")
        if backend == "envpool":
            known = require("envpool", extra="fast-envs").list_all_envs()
            if env_id not in known:
                raise ArgumentError(
                    f"`backend` must be 'gymnasium' for environment `{env_id}`: EnvPool lacks it"
                )
        probe = make_environment(env_id)
        try:
            self.actions = Actions.of(probe.action_space, env_id)
            self.size = observation_size(probe.observation_space, env_id)
        finally:
            probe.close()

    def restart(self, segment: int, *, steps: int = 0) -> npt.NDArray[Any]:
        """Create them anew and reset them with seeds of the segment.

        New ones, because Box2D's solver keeps state across resets: what follows depends on the seed
        and the segment alone, which a resumed run can repeat.

        Args:
            segment: Number that the seeds depend on.
            steps: Environment steps so far, for messages.

        Returns:
            Observations, ``(n, size)``.
        """
        self.close()
        self._steps = steps
        seeds = np.random.SeedSequence([self._seed, segment]).generate_state(self.count)
        try:
            self._running = self._create(self.env_id, [int(seed >> 1) for seed in seeds])
            obs = self._running.reset()
        except EigenwellError:
            raise
        except Exception as error:
            raise self._failure("reset", error) from error
        self._check("an observation", obs)
        return obs

    def step(self, actions: npt.NDArray[Any]) -> Step:
        """Step all of them with actions as they take them, ``(n, k)`` or ``(n,)``.

        Raises:
            TrainingError: One of them threw, or returned NaN; the message names the step.
        """
        assert self._running is not None
        try:
            step = self._running.step(actions)
        except Exception as error:
            raise self._failure("step", error) from error
        self._check("an observation", step.obs, step.final_obs)
        self._check("a reward", step.rewards)
        self._steps += self.count
        return step

    def close(self) -> None:
        """Close them."""
        if self._running is not None:
            self._running.close()
            self._running = None

    def _check(self, what: str, *arrays: npt.NDArray[Any]) -> None:
        if not all(np.isfinite(array).all() for array in arrays):
            raise TrainingError(
                f"environment `{self.env_id}` returned {what} that is not finite, at {self._where}"
            )

    def _failure(self, what: str, error: Exception) -> TrainingError:
        return TrainingError(
            f"environment `{self.env_id}` raised {type(error).__name__} in {what}(), at "
            f"{self._where}: {error}"
        )

    @property
    def _where(self) -> str:
        return f"environment step {self._steps + 1} or up to {self.count - 1} after it"


class _Gymnasium:
    """Gymnasium's vector of environments in this thread."""

    def __init__(self, env_id: str, seeds: list[int]) -> None:
        from gymnasium.vector import AutoresetMode, SyncVectorEnv

        self._seeds = seeds
        self._vector: Any = SyncVectorEnv(
            [lambda: make_environment(env_id)] * len(seeds),
            autoreset_mode=AutoresetMode.SAME_STEP,
            copy=False,
        )

    def reset(self) -> npt.NDArray[Any]:
        obs, _ = self._vector.reset(seed=self._seeds)
        return np.array(obs)

    def step(self, actions: npt.NDArray[Any]) -> Step:
        obs, rewards, terminated, truncated, info = self._vector.step(actions)
        done = terminated | truncated
        final = [info["final_obs"][i] for i in np.flatnonzero(done)]
        final_obs = np.stack(final) if final else np.empty((0, obs.shape[1]), obs.dtype)
        return Step(np.array(obs), rewards, terminated, done, final_obs)

    def close(self) -> None:
        self._vector.close()


class _EnvPool:
    """EnvPool's environments, in as many threads as this process may use."""

    def __init__(self, env_id: str, seeds: list[int]) -> None:
        import envpool

        # The pool gives environment i the seed `seed + i`.
        self._pool: Any = envpool.make(
            env_id,
            env_type="gymnasium",
            num_envs=len(seeds),
            num_threads=min(len(seeds), os.cpu_count() or 1),
            seed=seeds[0],
        )

    def reset(self) -> npt.NDArray[Any]:
        with warnings.catch_warnings():  # Gymnasium's, about bounds that the pool gives in float64
            warnings.simplefilter("ignore", UserWarning)
            obs, _ = self._pool.reset()
        return np.array(obs)

    def step(self, actions: npt.NDArray[Any]) -> Step:
        obs, rewards, terminated, truncated, _ = self._pool.step(actions)
        done = terminated | truncated
        ended = np.flatnonzero(done)
        final_obs = obs[ended]  # a copy
        if len(ended):
            first, info = self._pool.reset(ended.astype(np.int32))
            obs = obs.copy()
            obs[info["env_id"]] = first
        return Step(obs, rewards.astype(np.float64), terminated & ~truncated, done, final_obs)

    def close(self) -> None:
        self._pool.close()
