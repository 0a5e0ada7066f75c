"""Escape times and last policies of many starts, in native code: what maps of wells are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, SupportsIndex

import numpy as np
import numpy.typing as npt

from eigenwell import _checks, _native
from eigenwell.errors import ArgumentError
from eigenwell.wells._arguments import columns, log_starts, rates
from eigenwell.wells._run import softmax

if TYPE_CHECKING:
    from eigenwell.wells._bandit import Bandit, Float64, Int64

_MOST_STEPS = 2**53
_MOST_THREADS = 256
# What keeps ratios of probabilities inside float64 (cpp/src/wells/wells.hpp).
_SMALLEST_START = 1e-200
_LARGEST_SPAN = 100.0
# Up to here logits differ by at most 1/4 a step, half the span: the shorter exponential does.
_GENTLE_SPAN = 0.5


def escape_times(
    bandit: Bandit,
    policy: npt.ArrayLike,
    *,
    learning_rate: npt.ArrayLike,
    steps: SupportsIndex,
    fraction: float = 0.9,
    threads: SupportsIndex | None = None,
) -> Int64:
    """Return ``escape_time(softmax_pg(...), fraction)`` of exact gradients, in native code.

    Nothing is recorded, and starts that have escaped are left out: some 100,000 starts and 100,000
    steps take seconds.

    Args:
        bandit: The rewards, constant over time.
        policy: Starts pi_1, ``(..., K)``: probabilities of at least 1e-200 that sum to 1. They
            broadcast against the bandit's batch.
        learning_rate: eta, above 0: a number, or ``(steps,)`` with that of time t at t - 1. At most
            100 divided by the largest difference between two rewards.
        steps: The last t to look at.
        fraction: Above 0, at most 1.
        threads: At most so many; None for ``EIGENWELL_NUM_THREADS`` or all cores.

    Returns:
        The first t, counted from 1, with sub-optimality below ``fraction * gap``, int64 ``(...)``;
        -1 where there is none up to `steps`.

    Raises:
        DTypeError: An argument has the wrong type.
        ShapeError: Shapes of starts, rewards or rates do not fit.
        ArgumentError: A start is off the simplex or below 1e-200, a rate is not above 0 or too
            large, rewards change over time, or the fraction is out of range.

    Note:
        float64. A start has the same bits alone, in any batch and with any number of threads. Times
        are those of :func:`~eigenwell.wells.softmax_pg` but where the crossing is within rounding
        of a step: after T steps, some 1e-14 T of one. Ctrl-C stops it.

    Example:
        >>> from eigenwell import wells
        >>> bandit = wells.Bandit([1.0, 0.9, 0.1])
        >>> starts = [[0.01, 0.05, 0.94], [0.05, 0.01, 0.94]]
        >>> wells.escape_times(bandit, starts, learning_rate=0.4, steps=8000).tolist()
        [7368, 54]
    """
    if not 0 < fraction <= 1:
        raise ArgumentError(f"`fraction` must be above 0 and at most 1, got {fraction}")
    problem = _Problem.of(bandit, policy, learning_rate, steps, threads)
    gap = np.broadcast_to(bandit.gap, problem.shape).reshape(-1)
    below = fraction * gap
    # At t = 1 by the same operations as a run: starts on a grid lie on the line to the bit.
    with np.errstate(under="ignore"):
        _, _, p = softmax(np, problem.log_starts)
        times = np.where((p * problem.shortfalls).sum(0) < below, 1, 0).astype(np.int64)
    problem.run(times, problem.scaled(below))
    return np.where(times > 0, times, -1).reshape(problem.shape)


def final_policies(
    bandit: Bandit,
    policy: npt.ArrayLike,
    *,
    learning_rate: npt.ArrayLike,
    steps: SupportsIndex,
    threads: SupportsIndex | None = None,
) -> Float64:
    """Return ``softmax_pg(...).policies[-1]`` of exact gradients, in native code.

    Args:
        bandit: As for :func:`escape_times`, and so are the others.
        policy: Starts pi_1, ``(..., K)``.
        learning_rate: eta.
        steps: The last t: one more than updates.
        threads: At most so many.

    Returns:
        The policies at t = `steps`, ``(..., K)``.

    Raises:
        DTypeError: An argument has the wrong type.
        ShapeError: Shapes of starts, rewards or rates do not fit.
        ArgumentError: As for :func:`escape_times`.

    Note:
        float64, the same bits in any batch and with any number of threads. Ctrl-C stops it.

    Example:
        >>> from eigenwell import wells
        >>> bandit = wells.Bandit([1.0, 0.9, 0.1])
        >>> bad = [0.01, 0.05, 0.94]
        >>> last = wells.final_policies(bandit, bad, learning_rate=0.4, steps=8000)
        >>> last.round(3).tolist()
        [0.97, 0.03, 0.0]
    """
    problem = _Problem.of(bandit, policy, learning_rate, steps, threads)
    ratios = problem.run()
    best = 1 / (1 + ratios.sum(axis=0))
    last = np.empty((len(ratios) + 1, len(best)))
    np.put_along_axis(last, problem.order, np.vstack([best, ratios * best]), axis=0)
    return np.ascontiguousarray(last.T).reshape(*problem.shape, len(last))


@dataclass(frozen=True)
class _Problem:
    """Checked arguments: actions first, starts second."""

    shape: tuple[int, ...]
    log_starts: Float64  # (K, n)
    shortfalls: Float64  # (K, n) or (K, 1)
    order: Int64  # (K, n): the best action, then the others
    rates: float | Float64
    span: float  # largest rate times largest shortfall
    scale: int  # shortfalls times 2^-scale are at most 1
    steps: int
    threads: int

    @classmethod
    def of(
        cls,
        bandit: Bandit,
        policy: npt.ArrayLike,
        learning_rate: npt.ArrayLike,
        steps: SupportsIndex,
        threads: SupportsIndex | None,
    ) -> _Problem:
        if not bandit.constant:
            raise ArgumentError(
                "`bandit` must have constant rewards here, got rewards over time: use "
                "escape_time(softmax_pg(...))"
            )
        logs, shape = log_starts(bandit, policy)
        steps = _checks.integer(steps, "steps", low=1, high=_MOST_STEPS)
        rate = rates(learning_rate, steps)
        count = (
            0 if threads is None else _checks.integer(threads, "threads", low=1, high=_MOST_THREADS)
        )
        if logs.size and logs.min() < math.log(_SMALLEST_START):
            raise ArgumentError(
                f"`policy` must be at least {_SMALLEST_START} here, got {np.exp(logs.min()):.3g}: "
                "use softmax_pg, which keeps logarithms"
            )
        rewards = columns(bandit.rewards_at(1), shape)
        with np.errstate(over="ignore"):  # refused below
            shortfalls = rewards.max(axis=0) - rewards
        largest = float(shortfalls.max(initial=0.0))
        span = float(np.max(rate)) * largest
        if not span <= _LARGEST_SPAN:
            raise ArgumentError(
                f"`learning_rate` times the largest difference of rewards must be at most "
                f"{_LARGEST_SPAN:g} here, got {span:.3g}: use softmax_pg"
            )
        best = np.broadcast_to(bandit.optimal, shape).reshape(-1)
        actions = np.arange(1, bandit.actions, dtype=np.int64)[:, np.newaxis]
        order = np.vstack([best, actions - (actions <= best)])
        return cls(
            shape=shape,
            log_starts=np.ascontiguousarray(logs.T),
            shortfalls=shortfalls,
            order=order,
            rates=rate,
            span=span,
            scale=math.frexp(largest)[1],
            steps=steps,
            threads=count,
        )

    def scaled(self, rewards: Float64) -> Float64:
        """Return rewards in units of a power of 2: exact, and no product can overflow."""
        scaled: Float64 = np.ldexp(rewards, -self.scale)
        return scaled

    def run(self, times: Int64 | None = None, thresholds: Float64 | None = None) -> Float64:
        """Run natively; return pi(a) / pi(a*) of the other actions, ``(K - 1, n)``."""
        others = self.order[1:]
        logs = np.take_along_axis(self.log_starts, self.order, axis=0)
        ratios: Float64 = np.exp(logs[1:] - logs[0])
        shared = self.shortfalls.shape[1] == 1 and ratios.shape[1] > 0
        shortfalls = (
            self.shortfalls[others[:, :1], 0]
            if shared
            else np.take_along_axis(
                np.broadcast_to(self.shortfalls, self.log_starts.shape), others, axis=0
            )
        )
        _native.softmax_pg(
            ratios,
            np.ascontiguousarray(self.scaled(shortfalls)),
            np.ldexp(np.atleast_1d(self.rates), self.scale),
            thresholds,
            times,
            steps=self.steps,
            gentle=self.span <= _GENTLE_SPAN,
            threads=self.threads,
        )
        return ratios
