"""What the verbs that take a policy share: loading it and finding its environment."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import tyro

from eigenwell._checks import require
from eigenwell.dc import PackedPolicy, walker
from eigenwell.dc.bitwise import BitwisePolicy
from eigenwell.errors import ArgumentError
from eigenwell.evaluation import make_environment, physics_matches

#: The argument POLICY of a verb that has a default for it.
PolicyPath: TypeAlias = Annotated[
    Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="POLICY")
]

Policy: TypeAlias = PackedPolicy | BitwisePolicy

_WHOSE = {"article": "article's", "trained": "trained"}
#: What names the bundled policies where a file name is expected.
BUNDLED = {"walker": "article", "trained": "trained"}


def load_policy(path: Path | None, *, no_quadratic: bool = False) -> PackedPolicy:
    """Return the policy in a file, by default the walker of the article.

    Args:
        path: A ``.dcp`` file; unless files have these names, ``walker`` is the article's, as None
            is, and ``trained`` ours.
        no_quadratic: Leave the quadratic term out.

    Raises:
        ArgumentError: The file cannot be read.
        FormatError: It is not a valid policy.
    """
    name = _bundled(path)
    if name is not None:
        policy = walker(name)
    else:
        assert path is not None
        policy = PackedPolicy.load(path)
    return policy.without_quadratic() if no_quadratic else policy


def load_any_policy(path: Path | None, *, no_quadratic: bool = False) -> Policy:
    """Return the bitwise policy in a ``.json`` file, or what :func:`load_policy` does.

    Raises:
        ArgumentError: The file cannot be read, or its policy has no quadratic term to leave out.
        FormatError: It is not a valid policy.
    """
    if path is None or path.suffix != ".json":
        return load_policy(path, no_quadratic=no_quadratic)
    if no_quadratic:
        raise ArgumentError("`--no-quadratic` must come with a .dcp file, got a bitwise policy")
    return BitwisePolicy.load(path)


def check_choices(policy: Policy, env_id: str) -> None:
    """Check that a bitwise policy's answers, 0 and 1, are actions of the environment.

    Raises:
        ArgumentError: They are not, or there is no such environment.
    """
    if isinstance(policy, PackedPolicy):
        return
    with contextlib.closing(make_environment(env_id)) as environment:
        space: Any = environment.action_space
    discrete = require("gymnasium", extra="walk").spaces.Discrete
    if not (isinstance(space, discrete) and space.contains(0) and space.contains(1)):
        raise ArgumentError(
            f"environment `{env_id}` does not fit the policy: a bitwise one chooses between the "
            f"actions 0 and 1, got {space}"
        )


def policy_label(path: Path | None) -> str:
    """Name a policy in a title."""
    name = _bundled(path)
    return str(path) if name is None else f"the {_WHOSE[name]} walker"


def environment_of(policy: Policy, chosen: str | None) -> str:
    """Return the environment to run in: the one chosen, else the one in the metadata.

    Raises:
        ArgumentError: Neither names one.
    """
    environment = policy.metadata.get("environment") if chosen is None else chosen
    if not isinstance(environment, str) or not environment:
        raise ArgumentError("the policy names no environment of its own: say one with --env ID")
    return environment


def physics_report(policy: Policy, env_id: str) -> tuple[bool | None, str]:
    """Say whether the environment's physics is the one that the policy was scored in.

    Returns:
        True, False or None for unknown, and the same in words.
    """
    matches = physics_matches(policy.metadata, env_id)
    words: dict[Any, str] = {
        True: "the same as where the policy was scored",
        False: "DIFFERENT from where the policy was scored: scores may differ too",
        None: "unknown, the policy carries no fingerprint of this environment",
    }
    return matches, words[matches]


def _bundled(path: Path | None) -> str | None:
    """Return the name of a bundled policy, None for a file."""
    if path is None:
        return "article"
    return None if path.exists() else BUNDLED.get(str(path))
