"""Creates Gymnasium environments, with their failures as one-sentence errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from eigenwell._checks import require
from eigenwell.errors import ArgumentError, BackendUnavailableError, ShapeError

if TYPE_CHECKING:
    import gymnasium

Environment: TypeAlias = "gymnasium.Env[Any, Any]"

_SHOWN_AS = {"human": {"human", "rgb_array", "rgb_array_list"}}


def make_environment(env_id: str, *, render_mode: str | None = None) -> Environment:
    """Create a Gymnasium environment.

    Args:
        env_id: Gymnasium id, e.g. ``"BipedalWalker-v3"``.
        render_mode: None, ``"human"`` or ``"rgb_array"``.

    Raises:
        ArgumentError: The id is not registered, or the environment has not this render mode.
        BackendUnavailableError: Gymnasium or a package of the environment is missing.
    """
    gym = require("gymnasium", extra="walk")
    # Environments need not take the argument `render_mode`, so it is passed only if asked for.
    options = {} if render_mode is None else {"render_mode": render_mode}
    with _one_sentence(env_id):
        environment: Environment = gym.make(env_id, **options)
    offered = set(environment.metadata.get("render_modes") or ())
    # Gymnasium shows the pictures of an environment in a window of its own if that has none.
    if render_mode is not None and not offered & _SHOWN_AS.get(render_mode, {render_mode}):
        environment.close()
        raise ArgumentError(f"environment `{env_id}` has no render mode {render_mode!r}")
    return environment


def reward_threshold(env_id: str) -> float | None:
    """Mean return at which the environment counts as solved, None if its spec states none.

    Raises:
        ArgumentError: The id is not registered.
        BackendUnavailableError: Gymnasium or a package of the environment is missing.
    """
    # By making one: the registry alone knows neither "module:id" nor an id without its version.
    with contextlib.closing(make_environment(env_id)) as environment:
        return threshold_of(environment)


def threshold_of(environment: Environment) -> float | None:
    """Mean return at which an environment counts as solved, None if its spec states none."""
    threshold = None if environment.spec is None else environment.spec.reward_threshold
    return None if threshold is None else float(threshold)


def check_spaces(policy: Any, environment: Environment, env_id: str) -> None:
    """Compare the environment's spaces with ``inputs`` and ``neurons`` of a policy that has them.

    Raises:
        ShapeError: Observations are not a Box of shape ``(inputs,)``, or actions not one of shape
            ``(neurons,)``.
    """
    for attribute, space, what in (
        ("inputs", environment.observation_space, "observations"),
        ("neurons", environment.action_space, "actions"),
    ):
        length = getattr(policy, attribute, None)
        if length is not None and not (is_box(space) and space.shape == (length,)):
            # The text of a Box spells out all of its bounds: its shape says enough.
            came = f"a Box of shape {space.shape}" if is_box(space) else str(space)
            raise ShapeError(
                f"environment `{env_id}` does not fit the policy: {what} must be a Box of shape "
                f"({length},), got {came}"
            )


def is_box(space: Any) -> bool:
    """Whether a Gymnasium space is a box of numbers."""
    return isinstance(space, require("gymnasium", extra="walk").spaces.Box)


@contextlib.contextmanager
def _one_sentence(env_id: str) -> Iterator[None]:
    """Turn Gymnasium's errors about an id into ours."""
    gym = require("gymnasium", extra="walk")
    try:
        yield
    except gym.error.DependencyNotInstalled as error:
        # Gymnasium says which of its extras is missing; one of them is also in an extra of ours.
        reason = _first_line(error)
        cure = ': pip install "eigenwell[walk]"' if "[box2d]" in reason else ""
        raise BackendUnavailableError(
            f"environment `{env_id}` needs a package that is not installed ({reason}){cure}"
        ) from error
    except (gym.error.Error, ModuleNotFoundError) as error:
        raise ArgumentError(
            f"environment `{env_id}` cannot be created: {_first_line(error)}"
        ) from error


def _first_line(error: Exception) -> str:
    """Return the first line of an error's message, without the full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
