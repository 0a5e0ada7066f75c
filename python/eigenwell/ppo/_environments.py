"""Environments side by side, with an episode's last observation kept apart from the next's first.

Gymnasium 1.x has three autoreset modes. In its default, NEXT_STEP, the step after an episode's end
ignores the action and must be masked out of the rollout; SAME_STEP resets within the ending step,
so that every step is one of an episode, and hands over the final observation beside the first one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from eigenwell._checks import require
from eigenwell.errors import EigenwellError
from eigenwell.evaluation import make_environment
from eigenwell.ppo._errors import TrainingError
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


class Environments:
    """n Gymnasium environments of one id, stepped one after another.

    Args:
        env_id: Gymnasium id.
        count: n.
        seed: Of all resets, together with the number given to :meth:`restart`.

    Attributes:
        actions: Their action space.
        size: Length of an observation.

    Raises:
        ArgumentError: The id is unknown, or a space is not supported.
        BackendUnavailableError: Gymnasium or a package of the environment is missing.
    """

    def __init__(self, env_id: str, count: int, seed: int) -> None:
        self.env_id, self.count, self._seed = env_id, count, seed
        self._vector: Any = None
        self._steps = 0
        require("gymnasium", extra="learn")
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
        from gymnasium.vector import AutoresetMode, SyncVectorEnv

        self.close()
        self._steps = steps
        seeds = np.random.SeedSequence([self._seed, segment]).generate_state(self.count)
        try:
            self._vector = SyncVectorEnv(
                [lambda: make_environment(self.env_id)] * self.count,
                autoreset_mode=AutoresetMode.SAME_STEP,
                copy=False,
            )
            obs, _ = self._vector.reset(seed=[int(seed >> 1) for seed in seeds])
        except EigenwellError:
            raise
        except Exception as error:
            raise self._failure("reset", error) from error
        self._check("an observation", obs)
        return np.array(obs)

    def step(self, actions: npt.NDArray[Any]) -> Step:
        """Step all of them with actions as they take them, ``(n, k)`` or ``(n,)``.

        Raises:
            TrainingError: One of them threw, or returned NaN; the message names the step.
        """
        try:
            obs, rewards, terminated, truncated, info = self._vector.step(actions)
        except Exception as error:
            raise self._failure("step", error) from error
        done = terminated | truncated
        ended = np.flatnonzero(done)
        final = [info["final_obs"][i] for i in ended]
        final_obs = np.stack(final) if final else np.empty((0, self.size), obs.dtype)
        self._check("an observation", obs, final_obs)
        self._check("a reward", rewards)
        self._steps += self.count
        return Step(np.array(obs), rewards, terminated, done, final_obs)

    def close(self) -> None:
        """Close them."""
        if self._vector is not None:
            self._vector.close()
            self._vector = None

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
