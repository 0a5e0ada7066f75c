"""The loop that runs episodes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from eigenwell._checks import integer
from eigenwell.errors import ArgumentError
from eigenwell.evaluation._environment import (
    Environment,
    check_spaces,
    make_environment,
    threshold_of,
)
from eigenwell.evaluation._scores import SOLVED_EPISODES, Episode, Evaluation

Policy: TypeAlias = Callable[[npt.NDArray[Any]], Any]
#: Takes a picture ``(height, width, 3)`` and the seconds until the next one.
OnFrame: TypeAlias = Callable[[npt.NDArray[np.uint8], float], None]

_MAX_COUNT = 2**31 - 1
# Of environments that do not state `render_fps`.
_FRAMES_PER_SECOND = 30.0


def run_episode(
    policy: Policy,
    environment: Environment,
    *,
    seed: int,
    on_frame: OnFrame | None = None,
    frame_every: int = 2,
) -> Episode:
    """Run one episode; termination and truncation both end it.

    Args:
        policy: Called with each observation, returns the action.
        environment: The environment, of render mode ``"rgb_array"`` if ``on_frame`` is given.
        seed: Seed of the reset.
        on_frame: Called with a picture ``(height, width, 3)`` of every ``frame_every``-th state and
            the seconds until the next one, by the frame rate that the environment states.
        frame_every: Steps from one picture to the next.

    Raises:
        ArgumentError: ``on_frame`` is given and the environment gives no pictures.
    """
    frame_rate = float(environment.metadata.get("render_fps") or _FRAMES_PER_SECOND)
    frame_seconds = frame_every / frame_rate
    observation, _ = environment.reset(seed=seed)
    total, length = 0.0, 0
    terminated = truncated = False
    while not (terminated or truncated):
        if on_frame is not None and length % frame_every == 0:
            on_frame(_picture(environment), frame_seconds)
        observation, reward, terminated, truncated, _ = environment.step(policy(observation))
        total += float(reward)
        length += 1
    return Episode(seed, total, length, bool(terminated), bool(truncated))


def evaluate(
    policy: Policy,
    env_id: str,
    *,
    episodes: int = SOLVED_EPISODES,
    seed: int = 0,
    fresh_environment: bool = True,
    render_mode: str | None = None,
    on_episode: Callable[[Episode], None] | None = None,
    on_frame: OnFrame | None = None,
    frame_every: int = 2,
) -> Evaluation:
    """Score a policy: episode ``i`` runs with the seed ``seed + i``.

    Args:
        policy: Called with each observation, returns the action. If it has the attributes
            ``inputs`` and ``neurons``, the spaces of the environment are checked against them.
        env_id: Gymnasium id.
        episodes: Number of episodes, at least 1.
        seed: Seed of the first episode, not negative.
        fresh_environment: Create an environment for each episode, so that the score of a seed does
            not depend on the episodes before it.
        render_mode: ``"human"`` shows every episode in a window.
        on_episode: Called after each episode. An exception from it, or Ctrl-C, ends the run and
            leaves through here; the caller has what was done from this callback.
        on_frame: Called with pictures of the first episode, see :func:`run_episode`.
        frame_every: Steps from one picture to the next.

    Raises:
        ArgumentError: A bad count, seed, environment or render mode, or both ways of rendering.
        ShapeError: The environment's observations or actions do not fit the policy.
        BackendUnavailableError: Gymnasium or a package of the environment is missing.

    Note:
        Deterministic for a deterministic policy and environment. Episodes are independent of each
        other if ``fresh_environment`` is true.
    """
    episodes = integer(episodes, "episodes", low=1, high=_MAX_COUNT)
    seed = integer(seed, "seed", low=0, high=_MAX_COUNT)
    integer(frame_every, "frame_every", low=1, high=_MAX_COUNT)
    if on_frame is not None and render_mode is not None:
        raise ArgumentError("`on_frame` draws off the screen and excludes `render_mode`")
    done: list[Episode] = []
    threshold: float | None = None
    with contextlib.ExitStack() as stack:
        environment: Environment | None = None
        for index in range(episodes):
            record = on_frame if index == 0 else None
            if environment is None or fresh_environment:
                stack.close()
                # Only the recorded episode pays for the off-screen surface.
                mode = "rgb_array" if record is not None else render_mode
                environment = make_environment(env_id, render_mode=mode)
                stack.callback(environment.close)
                check_spaces(policy, environment, env_id)
                threshold = threshold_of(environment)
            with _display_errors():
                episode = run_episode(
                    policy, environment, seed=seed + index, on_frame=record, frame_every=frame_every
                )
            done.append(episode)
            if on_episode is not None:
                on_episode(episode)
    return Evaluation(
        environment=env_id,
        episodes=tuple(done),
        requested=episodes,
        reward_threshold=threshold,
    )


def _picture(environment: Environment) -> npt.NDArray[np.uint8]:
    picture: Any = environment.render()
    if not isinstance(picture, np.ndarray) or picture.ndim != 3 or picture.shape[2] != 3:
        raise ArgumentError("the environment draws no pictures of shape (height, width, 3)")
    return picture.astype(np.uint8, copy=False)


@contextlib.contextmanager
def _display_errors() -> Iterator[None]:
    """Turn pygame's error, e.g. that no screen is there, into one of ours."""
    try:
        yield
    except RuntimeError as error:
        # By its name: pygame is the environment's dependency and need not be installed here.
        if type(error).__module__.partition(".")[0] != "pygame":
            raise
        raise ArgumentError(f"the environment cannot be drawn: {error}") from error
