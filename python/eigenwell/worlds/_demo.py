"""Games for a model that nobody has collected any for, and the checkpoint that comes along."""

from __future__ import annotations

import dataclasses
import importlib.resources
from collections.abc import Sequence
from pathlib import Path

from eigenwell.errors import ArgumentError
from eigenwell.worlds._collect import _play
from eigenwell.worlds._storage import Origin, World

# A seed of its own; where a model was trained on games of it, the next one is taken.
_SEED = 181_101_741
# The last tenth counts as held out: here nothing was trained on any of them.
_EPISODES, _LENGTH = 64, 300


def shipped() -> Path:
    """Return the small checkpoint that comes with eigenwell.

    Raises:
        ArgumentError: This installation has none.
    """
    path = Path(str(importlib.resources.files("eigenwell.worlds") / "demo.safetensors"))
    if not path.is_file():
        raise ArgumentError("`--model` must be given: no model comes with this eigenwell")
    return path


def games(origins: Sequence[Origin]) -> tuple[World, ...]:
    """Play games that a model has never seen, other ones for each of its worlds.

    Args:
        origins: What it was trained on.

    Raises:
        ArgumentError: That was not our own Pong, which is all that is played here.
    """
    if {origin.game for origin in origins} != {"pong"}:
        raise ArgumentError("`model` must be of worlds of our own Pong: only that is played here")
    seed = _SEED
    while seed in {origin.seed for origin in origins}:
        seed += 1
    played = [
        dataclasses.replace(
            origin, seed=seed, stream=number, policy="rally", episodes=_EPISODES, length=_LENGTH
        )
        for number, origin in enumerate(origins, 1)
    ]
    return tuple(World(origin, _play(origin, 0, _EPISODES)) for origin in played)
