"""Atari's Pong by ale-py, with the article's preprocessing and labels from the console's memory.

ale-py carries the game and is licensed under GPL-2.0, so it is an extra of its own.

References:
    Wu, Li and Wang 2018, "Meta-world models", arXiv 1811.01741.
    Bellemare et al. 2013, "The arcade learning environment".
"""

from __future__ import annotations

import importlib
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import BackendUnavailableError, ShapeError

#: Pixels along an edge of a binary frame, before it is resized to 64.
SIZE: Final = 80
#: Bytes of a packed binary frame.
FRAME_BYTES: Final = SIZE * SIZE // 8

_SKIP = 4
_COURT = slice(35, 195)
# The row below is a wall, which every second pixel leaves out.
_LAST = 193
_BACKGROUND = (144, 109)
# Bytes of memory, and what makes screen coordinates of them.
_PLAYER, _OPPONENT, _BALL_COLUMN, _BALL_ROW = 51, 50, 49, 54
_EDGE = 64
_MOST = 4096


class AtariPong:
    """Games of Atari's Pong, one after another, with the interface of our own Pong.

    Four frames pass for an action and the last is seen; actions are never repeated by chance.

    Args:
        environments: How many games.
        seed: Of the consoles.

    Raises:
        ArgumentError: A number is out of range.
        BackendUnavailableError: ale-py is not installed.
    """

    def __init__(self, environments: int, *, seed: Any = 0) -> None:
        n = _checks.integer(environments, "environments", low=1, high=_MOST)
        ale_py = _ale()
        self.environments = n
        self._consoles = []
        for number in np.random.default_rng(seed).integers(2**31, size=n):
            console = ale_py.ALEInterface()
            console.setInt("random_seed", int(number))
            console.setInt("frame_skip", _SKIP)
            console.setFloat("repeat_action_probability", 0.0)
            console.loadROM(ale_py.roms.get_rom_path("pong"))
            self._consoles.append(console)
        self._actions = self._consoles[0].getMinimalActionSet()

    def step(self, actions: npt.ArrayLike) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.bool_]]:
        """Advance every game by four frames; return rewards and which games are over, ``(n,)``.

        Raises:
            ShapeError: There is not one action for each game.
        """
        chosen = np.asarray(actions)
        if chosen.shape != (self.environments,):
            raise ShapeError(
                f"`actions` must have shape ({self.environments},), got {chosen.shape}"
            )
        rewards = [
            console.act(self._actions[action])
            for console, action in zip(self._consoles, chosen.tolist(), strict=True)
        ]
        over = [console.game_over() for console in self._consoles]
        return np.array(rewards, np.int8), np.array(over, np.bool_)

    @property
    def frames(self) -> npt.NDArray[np.uint8]:
        """Binary frames before they are resized, packed: uint8 ``(n, 800)``."""
        screens = [binary(console.getScreenRGB()) for console in self._consoles]
        return np.packbits(np.reshape(screens, (self.environments, -1)), axis=1)

    @property
    def labels(self) -> npt.NDArray[np.float32]:
        """Centres (row, column) of player, opponent and ball in a frame of 64 pixels: (n, 3, 2).

        They are read from memory. What the court does not show has the centre NaN.
        """
        memory = np.array([console.getRAM() for console in self._consoles], np.float32)
        centres = np.empty((self.environments, 3, 2), np.float32)
        player = memory[:, _PLAYER] - 13
        centres[:, 0] = np.stack([_visible(player, 16), np.full(len(memory), 141.5)], 1)
        opponent = memory[:, _OPPONENT] - 15
        centres[:, 1] = np.stack([_visible(opponent, 16), np.full(len(memory), 17.5)], 1)
        row, column = memory[:, _BALL_ROW], memory[:, _BALL_COLUMN]
        # Two columns wide: the even one is seen.
        centres[:, 2] = np.stack([_visible(row - 14, 4), (column - 48) // 2 * 2 + 0.5], 1)
        centres[(row == 0) | (column == 0), 2] = np.nan
        centres[np.isnan(centres[..., 0])] = np.nan
        centres[..., 0] -= _COURT.start
        # The centre of pixel i of n is at (i + 1/2) / n of the edge.
        return (centres + 0.5) * np.float32(_EDGE / (2 * SIZE)) - 0.5


def binary(screen: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Return the court of a screen ``(210, 160, 3)``, every second pixel, light objects: (80, 80).

    Raises:
        ShapeError: It is no screen.
    """
    if screen.shape != (210, 160, 3):
        raise ShapeError(f"`screen` must have shape (210, 160, 3), got {screen.shape}")
    red = screen[_COURT, :, 0][::2, ::2]
    light: npt.NDArray[np.bool_] = (red != _BACKGROUND[0]) & (red != _BACKGROUND[1])
    return light


def resize(frames: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return binary frames ``(..., 80, 80)`` as the article's ``(..., 64, 64)``, from 0 to 1.

    A pixel is the mean over the area that it covers, rounded to a level of 255 as in an 8-bit
    picture; edges are grey.

    Raises:
        ShapeError: They are of another size.
    """
    if frames.shape[-2:] != (SIZE, SIZE):
        raise ShapeError(f"`frames` must have shape (..., {SIZE}, {SIZE}), got {frames.shape}")
    # Both exact: areas are multiples of 1/25 of a pixel, and 255 / 25 is no half.
    weights = _areas()
    means = weights @ frames.astype(np.float32) @ weights.T
    levels: npt.NDArray[np.float32] = np.rint(np.float32(255) * means) / np.float32(255)
    return levels


def _areas() -> npt.NDArray[np.float32]:
    """Return how much of each old pixel a new one covers, ``(64, 80)``, rows of sum 1."""
    edges = np.arange(_EDGE + 1) * (SIZE / _EDGE)
    old = np.arange(SIZE)
    ends = np.minimum(edges[1:, None], old + 1) - np.maximum(edges[:-1, None], old)
    areas = np.maximum(ends, 0) * (_EDGE / SIZE)
    return np.asarray(areas, np.float32)


def _visible(upper: npt.NDArray[np.float32], height: int) -> npt.NDArray[np.float32]:
    """Return the middle of what every second row, the odd ones, shows of an object, or NaN."""
    first = np.maximum(upper, _COURT.start) // 2 * 2 + 1
    last = (np.minimum(upper + height - 1, _LAST) - 1) // 2 * 2 + 1
    return np.where(first > last, np.float32("nan"), (first + last) / 2 + np.float32(0.5))


def _ale() -> Any:
    try:
        ale_py = importlib.import_module("ale_py")
        importlib.import_module("ale_py.roms")
    except ImportError as error:
        raise BackendUnavailableError(
            f"`ale_py` is needed here and could not be imported ({error}): "
            'pip install "eigenwell[atari]", whose ale-py is licensed under GPL-2.0'
        ) from error
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    return ale_py
