"""What steps environments side by side: Gymnasium in this thread or in processes, or EnvPool.

Gymnasium has three autoreset modes. In its default, NEXT_STEP, the step after an episode's end
ignores the action and must be masked out of the rollout; SAME_STEP resets within the ending step,
so that every step is one of an episode, and hands over the final observation beside the first one.
EnvPool knows NEXT_STEP alone, and gets SAME_STEP here by resetting those that ended before the next
step.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import warnings
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt


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


class Backend(Protocol):
    """Environments that have been created; their exceptions are turned into ours outside."""

    def reset(self) -> npt.NDArray[Any]: ...

    def step(self, actions: npt.NDArray[Any]) -> Step: ...

    def close(self) -> None: ...


class InThread:
    """Gymnasium's vector of environments in this thread."""

    def __init__(self, make: Callable[[], Any], seeds: list[int]) -> None:
        from gymnasium.vector import AutoresetMode, SyncVectorEnv

        self._seeds = seeds
        self._vector: Any = SyncVectorEnv(
            [make] * len(seeds),
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


class InProcesses:
    """Such vectors in processes, each with a share of the environments.

    Gymnasium's own ``AsyncVectorEnv`` has a process for each environment, and for cheap ones spends
    more on messages than on steps.

    Args:
        spec: Gymnasium's, not the id: what this process has registered is unknown to others.
        seeds: One for each environment.
        workers: Processes.
    """

    def __init__(self, spec: Any, seeds: list[int], workers: int) -> None:
        from gymnasium.vector.utils import CloudpickleWrapper

        # Not by fork: torch and the kernels have threads here.
        start = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        context: Any = multiprocessing.get_context(start)
        shares = np.array_split(np.array(seeds), min(workers, len(seeds)))
        self._ends = np.cumsum([len(share) for share in shares])[:-1]
        self._pipes: list[Connection[Any, Any]] = []
        self._processes = []
        for share in shares:
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_serve, args=(theirs, CloudpickleWrapper(spec), share.tolist()), daemon=True
            )
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def reset(self) -> npt.NDArray[Any]:
        return np.concatenate(self._ask([None] * len(self._pipes)))

    def step(self, actions: npt.NDArray[Any]) -> Step:
        steps = self._ask(np.split(actions, self._ends))
        return Step(*(np.concatenate(parts) for parts in zip(*steps, strict=True)))

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.close()  # which ends them
        for process in self._processes:
            process.join(timeout=5)
            process.terminate()

    def _ask(self, messages: Sequence[Any]) -> list[Any]:
        try:
            for pipe, message in zip(self._pipes, messages, strict=True):
                pipe.send(message)
            answers = [pipe.recv() for pipe in self._pipes]
        except (EOFError, ConnectionError):
            raise ChildProcessError("its process has ended") from None
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers


def _serve(pipe: Connection[Any, Any], spec: Any, seeds: list[int]) -> None:
    """Step environments for another process until it closes the pipe."""
    import gymnasium

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    vector = None
    while True:
        try:
            actions = pipe.recv()
        except EOFError:
            break
        try:
            if vector is None:
                vector = InThread(lambda: gymnasium.make(spec.fn), seeds)
            answer: Any = vector.reset() if actions is None else vector.step(actions)
        except Exception as error:  # noqa: BLE001  (whatever an environment throws)
            answer = error
        pipe.send(answer)
    if vector is not None:
        vector.close()


class EnvPool:
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
