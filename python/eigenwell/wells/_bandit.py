"""A bandit: one state, K actions, and the reward of each, constant or changing over time."""

from __future__ import annotations

from collections.abc import Callable
from typing import SupportsIndex, cast

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError, ShapeError

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

_LAST_TIME = 2**53


class Bandit:
    """Rewards ``r_t(a)`` of K actions in one state, or in a batch of separate states.

    Args:
        rewards: ``(..., K)``, constant; or ``(T, ..., K)`` for times 1 to T with `over_time`; or a
            function of the time ``t >= 1`` that returns ``(..., K)``, always of one shape and the
            same for the same t.
        over_time: Whether the first axis of an array is time.

    Raises:
        DTypeError: The rewards are not real numbers.
        ShapeError: There is no axis of actions, or no time.
        ArgumentError: A reward is NaN or infinite; there is one action; or two actions share the
            largest reward (of rewards over time: at every time).

    Note:
        Rewards over time may change which action is optimal, and may tie at some times.
        `optimal` and `gap` are those of t = 1.

    Example:
        >>> bandit = Bandit([1.0, 0.9, 0.1])
        >>> int(bandit.optimal), round(float(bandit.gap), 3)
        (0, 0.1)
    """

    def __init__(
        self,
        rewards: npt.ArrayLike | Callable[[int], npt.ArrayLike],
        *,
        over_time: bool = False,
    ) -> None:
        self._function = rewards if callable(rewards) else None
        if self._function is not None:
            first = _checked(self._function(1), "rewards(1)")
            table = first[np.newaxis]
        else:
            table = _checked(cast("npt.ArrayLike", rewards), "rewards")
            if over_time and table.ndim < 2:
                raise ShapeError(
                    f"`rewards` over time must have shape (T, ..., K), got {table.shape}"
                )
            table = table if over_time else table[np.newaxis]
        if table.shape[-1] == 1:
            raise ArgumentError("`rewards` must have at least 2 actions, got K = 1")
        self._table = table
        self._table.flags.writeable = False
        #: Whether the rewards are the same at all times.
        self.constant = self._function is None and not over_time
        #: Last time with rewards.
        self.last_time = _LAST_TIME if self.constant or self._function else len(table)
        gaps = gap_of(table)
        if self._function is None and table.size and (gaps.max(axis=0) == 0).any():
            raise ArgumentError(
                "`rewards` must have one largest reward, got gap 0: the best two actions tie"
                f"{'' if self.constant else ' at every time'}, so there is no sub-optimality "
                "between them to escape from"
            )
        #: Gap at t = 1: the best reward minus the second best, ``(...)``.
        self.gap: Float64 = gaps[0]
        #: Index of the best action at t = 1, int64 ``(...)``.
        self.optimal: Int64 = np.asarray(table[0].argmax(axis=-1), dtype=np.int64)

    @property
    def actions(self) -> int:
        """Number of actions K."""
        return int(self._table.shape[-1])

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape ``(...)`` of the batch; ``()`` for one bandit."""
        return self._table.shape[1:-1]

    def rewards_at(self, t: SupportsIndex) -> Float64:
        """Return the rewards ``(..., K)`` at time `t`, counted from 1.

        Raises:
            ArgumentError: There is no such time, or the function gave a value that is not finite.
            ShapeError: The function gave another shape than at t = 1.
        """
        t = _checks.integer(t, "t", low=1, high=self.last_time)
        if self._function is None:
            return cast("Float64", self._table[0 if self.constant else t - 1])
        rewards = _checked(self._function(t), f"rewards({t})")
        if rewards.shape != self._table.shape[1:]:
            raise ShapeError(
                f"`rewards({t})` must have the shape of `rewards(1)`, {self._table.shape[1:]}, got "
                f"{rewards.shape}"
            )
        return rewards

    def gap_at(self, t: SupportsIndex) -> Float64:
        """Return the gap ``(...)`` at time `t`: 0 where the best two actions tie."""
        return gap_of(self.rewards_at(t))


def _checked(rewards: npt.ArrayLike, name: str) -> Float64:
    array = _checks.real_array(rewards, name)
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ShapeError(f"`{name}` must have shape (..., K), got {array.shape}")
    if not np.isfinite(array).all():
        raise ArgumentError(f"`{name}` must be finite, got NaN or infinity")
    return array.copy()  # a later change of the caller's array must not change the bandit


def gap_of(rewards: Float64) -> Float64:
    """Return the best minus the second best of rewards ``(..., K)``."""
    best = np.partition(rewards, -2, axis=-1)
    return np.asarray(best[..., -1] - best[..., -2])
