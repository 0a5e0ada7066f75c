"""Environments side by side; an episode's last observation is kept apart from the next's first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell._checks import require
from eigenwell.errors import ArgumentError, EigenwellError, TrainingError
from eigenwell.evaluation import make_environment
from eigenwell.ppo import _backends
from eigenwell.ppo._spaces import Actions, observation_size

if TYPE_CHECKING:
    from eigenwell.ppo._backends import Step


class Environments:
    """n environments of one id.

    Args:
        env_id: Gymnasium id.
        count: n.
        seed: Of all resets, together with the number given to :meth:`restart`.
        backend: ``"gymnasium"`` or ``"envpool"``.
        workers: Processes that step Gymnasium's; 1 steps them here. Has no part in the results.

    Attributes:
        actions: Their action space.
        size: Length of an observation.

    Raises:
        ArgumentError: The id is unknown, there or in the backend, or a space is not supported.
        BackendUnavailableError: Gymnasium, EnvPool or a package of the environment is missing.
    """

    def __init__(
        self, env_id: str, count: int, seed: int, *, backend: str = "gymnasium", workers: int = 1
    ) -> None:
        self.env_id, self.count, self._seed = env_id, count, seed
        self._backend, self._workers = backend, workers
        self._running: _backends.Backend | None = None
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
            self._spec = probe.spec
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
            self._running = self._create([int(seed >> 1) for seed in seeds])
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

    def _create(self, seeds: list[int]) -> _backends.Backend:
        if self._backend == "envpool":
            return _backends.EnvPool(self.env_id, seeds)
        if self._workers == 1:
            return _backends.InThread(lambda: make_environment(self.env_id), seeds)
        return _backends.InProcesses(self._spec, seeds, self._workers)

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
