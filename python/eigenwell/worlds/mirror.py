"""The mirror test as numbers: what one world's encoder says, read by another world's decoder.

The worlds are exact transforms of one game, so every held-out frame has its counterpart, and the
game says where its objects are. No learner sees either.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError, ShapeError
from eigenwell.worlds import variants

Float32: TypeAlias = npt.NDArray[np.float32]

#: What a world must reach, by measure, for the mirror test to be passed.
BARS: Final = {
    "top_1": 0.80,
    "top_5": 0.95,
    "cross_decode_ratio": 1.25,
    "predicted_ratio": 1.25,
    "paddle_pixels": 1.0,
    "ball_found": 0.90,
}
#: Pixels off the ball's place that still count as found.
BALL_PIXELS: Final = 1.5
#: From which lightness on a pixel of the field is the ball, by game. Atari's ball is smaller than a
#: pixel and a half of the article's frames: wherever it is, its lightest pixel has 0.32 to 0.8.
BALL_LIGHT: Final = {"pong": 0.5, "atari": 0.3}

# Columns of opponent and player with one to spare for grey edges, and rows of a paddle, at least.
_BANDS = (slice(5, 9), slice(55, 59))
_BALL_COLUMNS = slice(9, 55)
_PADDLE_ROWS = 3


@dataclass(frozen=True)
class Mirror:
    """How well latents of one world are understood in another.

    Attributes:
        source: The world whose encoder spoke.
        target: The world whose decoder read it.
        top_1: Share of frames whose counterpart is the nearest of all by latent mean.
        top_5: Share of frames whose counterpart is among the five nearest.
        own_loss: Of the target's own reconstruction, nats per frame.
        cross_loss: Of the reconstruction from the source's latents, nats per frame.
        own_predicted: Of the next frame, predicted from the target's own latents.
        cross_predicted: Of the next frame, predicted from the source's latents.
        player_pixels: Median distance of the player's paddle from its place, infinite if most have
            none.
        opponent_pixels: The same of the opponent's.
        ball_found: Share of in-play frames whose ball is at most 1.5 pixels off.
        ball_frames: How many such frames there were.
        own_ball_found: The same share in the target's own reconstructions.
        frames: How many there were.
    """

    source: str
    target: str
    top_1: float
    top_5: float
    own_loss: float
    cross_loss: float
    own_predicted: float
    cross_predicted: float
    player_pixels: float
    opponent_pixels: float
    ball_found: float
    ball_frames: int
    own_ball_found: float
    frames: int

    @property
    def cross_decode_ratio(self) -> float:
        """Loss of the cross-decoded frame over that of the world's own reconstruction."""
        return self.cross_loss / self.own_loss

    @property
    def predicted_ratio(self) -> float:
        """The same of predicted frames."""
        return self.cross_predicted / self.own_predicted

    @property
    def bars(self) -> dict[str, bool]:
        """Which of the bars 1 to 3 are reached."""
        return {
            "retrieval": self.top_1 >= BARS["top_1"] and self.top_5 >= BARS["top_5"],
            "decoding": self.cross_decode_ratio <= BARS["cross_decode_ratio"]
            and self.predicted_ratio <= BARS["predicted_ratio"],
            "paddles": max(self.player_pixels, self.opponent_pixels) <= BARS["paddle_pixels"],
            "ball": self.ball_found >= BARS["ball_found"],
        }

    @property
    def passed(self) -> bool:
        """Whether all of them are."""
        return all(self.bars.values())


def retrieval(queries: npt.ArrayLike, keys: npt.ArrayLike, within: int = 1) -> float:
    """Return the share of queries whose own key, of the same row, is among the nearest.

    Args:
        queries: ``(n, d)``.
        keys: ``(n, d)``.
        within: How many are looked at; by chance the share is ``within / n``.

    Raises:
        ShapeError: They are not of one shape.
        ArgumentError: ``within`` is not between 1 and n, or a number is not finite.

    Note:
        Keys at the same distance as the own one count as nearer: equal latents find nothing.
    """
    a, b = _checks.real_array(queries, "queries"), _checks.real_array(keys, "keys")
    if a.ndim != 2 or a.shape != b.shape or not len(a):
        raise ShapeError(f"`queries` and `keys` must be (n, d), got {a.shape} and {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ArgumentError("`queries` and `keys` must be finite")
    within = _checks.integer(within, "within", low=1, high=len(a))
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    own = squares.diagonal()[:, None]
    # The product rounds; what is as near as that is not nearer.
    rounding = 1e-12 * (1 + np.abs(squares).max())
    nearer = (squares <= own + rounding).sum(axis=1) - 1
    return float((nearer < within).mean())


@dataclass(frozen=True)
class ObjectErrors:
    """Distances in pixels, infinite where an object is missing.

    Attributes:
        player: Of the right paddle's centre, ``(n,)``; NaN where its label is.
        opponent: Of the left one's, ``(n,)``.
        ball: Of the ball's centre, ``(n,)``; NaN where there is none, or none that the paddles'
            columns leave in sight.
    """

    player: npt.NDArray[np.float64]
    opponent: npt.NDArray[np.float64]
    ball: npt.NDArray[np.float64]


def object_errors(
    frames: npt.NDArray[Any], labels: Float32, variant: str = "o", game: str = "pong"
) -> ObjectErrors:
    """Compare where the objects of decoded frames are with where they should be.

    The frames are turned back to the game's own picture. A paddle is the centroid of its columns'
    light pixels, of 0.5 and more, and the ball that of the field between, of ``BALL_LIGHT``.

    Args:
        frames: Decoded frames of a world ``(n, 64, 64)``, 0 to 1.
        labels: Centres of player, opponent and ball in the game ``(n, 3, 2)``.
        variant: The frames' world.
        game: ``"pong"`` or ``"atari"``.

    Raises:
        ArgumentError: There is no such game.
        ShapeError: Shapes do not match.
    """
    if game not in BALL_LIGHT:
        raise ArgumentError(f"`game` must be pong or atari, got {game!r}")
    if frames.ndim != 3 or frames.shape[1:] != (64, 64) or labels.shape != (len(frames), 3, 2):
        raise ShapeError(
            f"`frames` and `labels` must be (n, 64, 64) and (n, 3, 2), got {frames.shape} and "
            f"{labels.shape}"
        )
    shown = variants.parse(variant).inverse.frames(frames)
    opponent, player = (
        np.abs(_centroid(shown[:, :, band] >= 0.5, _PADDLE_ROWS)[0] - labels[:, place, 0])
        for place, band in ((1, _BANDS[0]), (0, _BANDS[1]))
    )
    row, column = _centroid(shown[:, :, _BALL_COLUMNS] >= BALL_LIGHT[game], 1)
    ball = np.hypot(
        row - labels[:, 2, 0], column + _BALL_COLUMNS.start - labels[:, 2, 1], dtype=np.float64
    )
    # The whole ball, and not a part of it, has to be in the field.
    column = np.nan_to_num(labels[:, 2, 1], nan=-1)
    inside = (column >= _BALL_COLUMNS.start + 1) & (column <= _BALL_COLUMNS.stop - 2)
    return ObjectErrors(player, opponent, np.where(inside, ball, np.nan))


def wilson(successes: int, trials: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Return Wilson's interval of a proportion.

    Args:
        successes: How many.
        trials: Of how many, at least one.
        z: Quantile of the normal distribution; the default makes 95 %.

    Raises:
        ArgumentError: Numbers are out of range.

    References:
        Wilson 1927, "Probable inference, the law of succession, and statistical inference".

    Example:
        >>> low, high = wilson(10, 10)
        >>> round(low, 3), high
        (0.722, 1.0)
    """
    n = _checks.integer(trials, "trials", low=1, high=2**53)
    k = _checks.integer(successes, "successes", low=0, high=n)
    z = _checks.positive(z, "z")
    share, spread = k / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
    # At the ends the interval touches 0 or 1; the formula does so but for rounding.
    return (0.0 if k == 0 else middle - half), (1.0 if k == n else middle + half)


def _centroid(light: npt.NDArray[np.bool_], fewest: int) -> tuple[Any, Any]:
    """Return rows and columns ``(n,)`` of the mean light pixel, infinite for fewer than those."""
    rows, columns = light.sum(axis=2), light.sum(axis=1)
    count = rows.sum(axis=1)
    safe = np.where(count < fewest, 1, count)
    found = [(sums @ np.arange(sums.shape[1])) / safe for sums in (rows, columns)]
    row, column = (np.where(count < fewest, np.inf, centre) for centre in found)
    return row, column
