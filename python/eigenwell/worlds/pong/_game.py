"""The game: many environments in lock-step, arrays of one number per environment.

Frames are drawn packed: a row of 64 pixels is one 64-bit word, an object is a mask that is or-ed
into a few words. No frame is ever unpacked to be drawn.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError, DTypeError, ShapeError

Float32: TypeAlias = npt.NDArray[np.float32]
UInt8: TypeAlias = npt.NDArray[np.uint8]

#: The actions, in the order of ALE's minimal set for Pong; RIGHT is up there, and LEFT is down.
ACTIONS: Final = ("NOOP", "FIRE", "RIGHT", "LEFT", "RIGHTFIRE", "LEFTFIRE")
#: Pixels along an edge of a frame.
SIZE: Final = 64
#: Bytes of a packed frame.
FRAME_BYTES: Final = SIZE * SIZE // 8

# Atari's court at 0.4 of its size: a paddle is 16 x 4 there, the ball 4 x 2.
PADDLE_HEIGHT: Final = 7
PADDLE_WIDTH: Final = 2
BALL: Final = 2
OPPONENT_COLUMN: Final = 6
PLAYER_COLUMN: Final = SIZE - OPPONENT_COLUMN - PADDLE_WIDTH

# Pixels per frame. The opponent is slower than the steepest ball, so it can be beaten.
PADDLE_SPEED = 2.5
OPPONENT_SPEED = 1.6
BALL_SPEED = 2.5
STEEPEST = 2.2
# Frames without a ball after a point; FIRE serves before that.
PAUSE = 12

_TOP = SIZE - PADDLE_HEIGHT
_MOST = 2**20
_DIRECTION = np.array([0, 0, -1, 1, -1, 1], np.float32)
_FIRES = np.array([False, True, False, False, True, True])


def _masks(width: int) -> npt.NDArray[np.uint64]:
    """Return the word of a row in which ``width`` pixels are set, by the first one's column."""
    rows = np.zeros((SIZE - width + 1, SIZE), np.uint8)
    for column, row in enumerate(rows):
        row[column : column + width] = 1
    return np.packbits(rows, axis=1).view(np.uint64)[:, 0]


_BALL_MASKS = _masks(BALL)
_PADDLE_MASKS = _masks(PADDLE_WIDTH)


class Pong:
    """Pong in ``environments`` courts at once; the player is the right paddle.

    The ball leaves a paddle by where it hit, ``v_row = 2.2 * offset`` with the offset from -1 to 1,
    and bounces off the upper and lower edge. The opponent follows the ball's row with a speed
    limit. A point empties the court for twelve frames, or until the player fires. Nothing but the
    score changes when a game is over, so frames never jump.

    Args:
        environments: How many courts.
        seed: Of the serves; the same seed and actions give the same games.
        points: With which a side wins and the score returns to 0.

    Raises:
        ArgumentError: A number is out of range.
        DTypeError: It is no integer.

    Example:
        >>> game = Pong(4, seed=0)
        >>> rewards, over = game.step([0, 1, 2, 3])
        >>> game.frames.shape, game.labels.shape
        ((4, 512), (4, 3, 2))
    """

    def __init__(self, environments: int, *, seed: Any = 0, points: int = 21) -> None:
        n = _checks.integer(environments, "environments", low=1, high=_MOST)
        self.environments = n
        self.points = _checks.integer(points, "points", low=1, high=2**15 - 1)
        self._rng = np.random.default_rng(seed)
        self._all = np.arange(n)
        #: Points of opponent and player, ``(n, 2)``.
        self.scores: npt.NDArray[np.int16] = np.zeros((n, 2), np.int16)
        # Upper edges of the paddles and of the ball, its left edge, and its velocity.
        self._player = self._rng.uniform(0, _TOP, n).astype(np.float32)
        self._opponent = self._rng.uniform(0, _TOP, n).astype(np.float32)
        self._row, self._column, self._down, self._right = np.zeros((4, n), np.float32)
        # Frames until the serve, 0 in play; courts start at different times.
        self._pause = self._rng.integers(1, PAUSE + 1, n)

    @property
    def in_play(self) -> npt.NDArray[np.bool_]:
        """Where there is a ball, ``(n,)``."""
        return np.asarray(self._pause == 0)

    def step(self, actions: npt.ArrayLike) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.bool_]]:
        """Advance every court by a frame.

        Args:
            actions: Indices into :data:`ACTIONS`, ``(n,)``.

        Returns:
            Rewards ``(n,)``, 1 for the player's point and -1 for the opponent's; and where a game
            was over with it, whose score is 0 again.

        Raises:
            ShapeError: There is not one action for each court.
            DTypeError: They are no integers.
            ArgumentError: One is out of range.
        """
        chosen = self._checked(actions)
        served = self._serve(_FIRES[chosen])
        self._player += np.float32(PADDLE_SPEED) * _DIRECTION[chosen]
        np.clip(self._player, 0, _TOP, out=self._player)
        self._follow()
        rewards = self._move(self.in_play & ~served)
        self.scores[:, 0] += rewards < 0
        self.scores[:, 1] += rewards > 0
        over = np.asarray((self.scores >= self.points).any(axis=1))
        self.scores[over] = 0
        return rewards, over

    @property
    def frames(self) -> UInt8:
        """The courts as they are, one bit per pixel as of ``np.packbits``: uint8 ``(n, 512)``."""
        words = np.zeros((self.environments, SIZE), np.uint64)
        rows = np.arange(PADDLE_HEIGHT)
        every = self._all[:, None]
        words[every, _drawn(self._opponent)[:, None] + rows] |= _PADDLE_MASKS[OPPONENT_COLUMN]
        words[every, _drawn(self._player)[:, None] + rows] |= _PADDLE_MASKS[PLAYER_COLUMN]
        there = np.flatnonzero(self.in_play)
        upper, mask = _drawn(self._row[there]), _BALL_MASKS[_drawn(self._column[there])]
        for row in range(BALL):
            words[there, upper + row] |= mask
        return words.view(np.uint8)

    @property
    def labels(self) -> Float32:
        """Centres (row, column) of player, opponent and ball as drawn, in pixels: ``(n, 3, 2)``.

        The upper left pixel's centre is (0, 0). Without a ball its centre is NaN.
        """
        centres = np.empty((self.environments, 3, 2), np.float32)
        half = (PADDLE_HEIGHT - 1) / 2
        centres[:, 0, 0] = _drawn(self._player) + half
        centres[:, 0, 1] = PLAYER_COLUMN + (PADDLE_WIDTH - 1) / 2
        centres[:, 1, 0] = _drawn(self._opponent) + half
        centres[:, 1, 1] = OPPONENT_COLUMN + (PADDLE_WIDTH - 1) / 2
        centres[:, 2, 0] = _drawn(self._row) + (BALL - 1) / 2
        centres[:, 2, 1] = _drawn(self._column) + (BALL - 1) / 2
        centres[~self.in_play, 2] = np.nan
        return centres

    def _checked(self, actions: npt.ArrayLike) -> npt.NDArray[np.intp]:
        chosen = np.asarray(actions)
        if chosen.shape != (self.environments,):
            raise ShapeError(
                f"`actions` must have shape ({self.environments},), got {chosen.shape}"
            )
        if chosen.dtype.kind not in "iu":
            raise DTypeError(f"`actions` must be integers, got dtype {chosen.dtype}")
        if chosen.min() < 0 or chosen.max() >= len(ACTIONS):
            raise ArgumentError(
                f"`actions` must be between 0 and {len(ACTIONS) - 1}, got "
                f"{chosen.min()} to {chosen.max()}"
            )
        return chosen.astype(np.intp)

    def _serve(self, fires: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Count the pauses down, and put a ball in the middle where one ends."""
        waiting = self._pause > 0
        self._pause[waiting] -= 1
        # After a point the ball has to leave the picture for a frame, or it would jump.
        self._pause[waiting & fires & (self._pause < PAUSE - 1)] = 0
        served = waiting & (self._pause == 0)
        count = int(served.sum())
        if count:
            self._row[served] = self._rng.uniform(SIZE / 4, 3 * SIZE / 4, count)
            self._column[served] = (SIZE - BALL) / 2
            self._down[served] = self._rng.uniform(-STEEPEST / 2, STEEPEST / 2, count)
            self._right[served] = BALL_SPEED * self._rng.choice((-1, 1), count)
        return np.asarray(served)

    def _follow(self) -> None:
        aim = np.where(self.in_play, self._row + BALL / 2, SIZE / 2) - PADDLE_HEIGHT / 2
        self._opponent += np.clip(aim - self._opponent, -OPPONENT_SPEED, OPPONENT_SPEED)
        np.clip(self._opponent, 0, _TOP, out=self._opponent)

    def _move(self, moving: npt.NDArray[np.bool_]) -> npt.NDArray[np.int8]:
        """Move the balls, off edges and paddles or out of the court; return the rewards."""
        before = self._column
        self._row = np.where(moving, self._row + self._down, self._row)
        self._column = np.where(moving, before + self._right, before)
        lowest = SIZE - BALL
        outside = (self._row < 0) | (self._row > lowest)
        self._down[outside] *= -1
        self._row = np.where(self._row < 0, -self._row, self._row)
        self._row = np.where(self._row > lowest, 2 * lowest - self._row, self._row)

        left, right = OPPONENT_COLUMN + PADDLE_WIDTH, PLAYER_COLUMN - BALL
        self._bounce(moving & (before >= left) & (self._column < left), self._opponent, left)
        self._bounce(moving & (before <= right) & (self._column > right), self._player, right)

        won, lost = moving & (self._column < 0), moving & (self._column > lowest)
        self._pause[won | lost] = PAUSE
        return won.astype(np.int8) - lost.astype(np.int8)

    def _bounce(self, reached: npt.NDArray[np.bool_], paddle: Float32, at: int) -> None:
        """Turn the balls round that cross a paddle's column where the paddle is."""
        reach = (PADDLE_HEIGHT + BALL) / 2
        offset = (self._row + BALL / 2 - paddle - PADDLE_HEIGHT / 2) / reach
        hit = reached & (np.abs(offset) <= 1)
        self._column[hit] = 2 * at - self._column[hit]
        self._right[hit] *= -1
        self._down[hit] = STEEPEST * offset[hit]


def unpack(frames: UInt8, size: int = SIZE) -> UInt8:
    """Return packed frames ``(..., size * size / 8)`` as pixels 0 or 1, ``(..., size, size)``.

    Raises:
        ShapeError: The last axis is not a frame.
        DTypeError: They are not uint8.
    """
    if frames.dtype != np.uint8:
        raise DTypeError(f"`frames` must be uint8, got dtype {frames.dtype}")
    if frames.ndim == 0 or frames.shape[-1] != size * size // 8:
        raise ShapeError(f"`frames` must have shape (..., {size * size // 8}), got {frames.shape}")
    return np.unpackbits(frames, axis=-1).reshape(*frames.shape[:-1], size, size)


def _drawn(edge: Float32) -> npt.NDArray[np.intp]:
    """Return the pixel that an edge is drawn at."""
    return np.rint(edge).astype(np.intp)
