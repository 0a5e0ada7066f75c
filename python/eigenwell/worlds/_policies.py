"""How the collectors play: randomly, stickily, or so that the ball comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from eigenwell.errors import ArgumentError

#: Takes labels ``(n, 3, 2)`` in a frame of 64 pixels, returns actions ``(n,)``.
Policy: TypeAlias = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.uint8]]

POLICIES: Final = ("random", "sticky", "rally")

_ACTIONS = 6
# Of the sticky player: an action lasts four frames on average.
_STICK = 0.75
# Of the rally keeper: how often it plays stickily, how often it aims anew, and how wide, in pixels.
_RANDOM = 0.3
_AIM_ANEW = 0.1
_AIM = 4.0
_DEAD_BAND = 1.25
# Without FIRE and with it.
_UP, _DOWN, _STAY = np.array([2, 4]), np.array([3, 5]), np.array([0, 1])


def make(name: str, environments: int, rng: np.random.Generator) -> Policy:
    """Return a player of ``environments`` games at once.

    ``random`` chooses anew every frame. ``sticky`` keeps its action for four frames on average.
    ``rally`` follows the ball, at a place on the paddle that it changes now and then, and plays
    stickily for 30 % of the frames; it looks at the labels, no learner does.

    Raises:
        ArgumentError: There is no such player.
    """
    if name not in POLICIES:
        raise ArgumentError(f"`policy` must be one of {', '.join(POLICIES)}, got {name!r}")
    if name == "random":
        return lambda _labels: rng.integers(_ACTIONS, size=environments, dtype=np.uint8)
    last = rng.integers(_ACTIONS, size=environments, dtype=np.uint8)
    aim = rng.uniform(-_AIM, _AIM, environments)

    def sticky() -> npt.NDArray[np.uint8]:
        anew = rng.random(environments) >= _STICK
        last[anew] = rng.integers(_ACTIONS, size=int(anew.sum()), dtype=np.uint8)
        return last.copy()

    def rally(labels: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        anew = rng.random(environments) < _AIM_ANEW
        aim[anew] = rng.uniform(-_AIM, _AIM, int(anew.sum()))
        off = labels[:, 2, 0] + aim - labels[:, 0, 0]
        fire = rng.integers(2, size=environments)
        wanted = np.where(off < -_DEAD_BAND, _UP[fire], _STAY[fire])
        wanted = np.where(off > _DEAD_BAND, _DOWN[fire], wanted)
        loose = (rng.random(environments) < _RANDOM) | np.isnan(off)
        return np.where(loose, sticky(), wanted).astype(np.uint8)

    return rally if name == "rally" else lambda _labels: sticky()
