"""What a run shows: when it escapes, how deep it sinks, how long the plateau is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from eigenwell.errors import ArgumentError

if TYPE_CHECKING:
    from eigenwell.wells._bandit import Float64, Int64
    from eigenwell.wells._run import Run


def escape_time(run: Run, fraction: float = 0.9) -> Int64:
    """Return the first t, counted from 1, with sub-optimality below ``fraction * gap``.

    Args:
        run: A run; over time-varying rewards the gap is that of time t.
        fraction: Above 0, at most 1.

    Returns:
        int64 ``(...)``; -1 where the run ended before.

    Raises:
        ArgumentError: The fraction is out of range.
    """
    if not 0 < fraction <= 1:
        raise ArgumentError(f"`fraction` must be above 0 and at most 1, got {fraction}")
    below = run.suboptimality < fraction * run.gaps
    return _first(below, run.trace_times)


def time_above(run: Run, probability: float) -> Int64:
    """Return the first t with ``pi_t(a*) > probability``, -1 where there was none.

    Raises:
        ArgumentError: The probability is not inside (0, 1).
    """
    if not 0 < probability < 1:
        raise ArgumentError(f"`probability` must be above 0 and below 1, got {probability}")
    return _first(run.optimal_log_probability > np.log(probability), run.trace_times)


@dataclass(frozen=True, eq=False)
class Sinking:
    """How far the optimal action's probability falls before it grows.

    Attributes:
        probability: Smallest pi(a*), ``(...)``.
        time: When, int64 ``(...)``; 1 where it never fell.
        depth: ``log(pi_1(a*) / smallest)``, at least 0, ``(...)``.
    """

    probability: Float64
    time: Int64
    depth: Float64


def sinking(run: Run) -> Sinking:
    """Return how far pi(a*) fell below its start: the first of a well's two mechanisms."""
    trace = run.optimal_log_probability
    lowest = trace.min(axis=0)
    return Sinking(
        probability=np.asarray(np.exp(lowest)),
        time=np.asarray(run.trace_times[trace.argmin(axis=0)]),
        depth=np.asarray(trace[0] - lowest),
    )


@dataclass(frozen=True, eq=False)
class Plateau:
    """The climb out of a well.

    Attributes:
        start: The time of the smallest pi(a*), int64 ``(...)``.
        end: The escape time, int64 ``(...)``; -1 where the run ended before.
        length: ``end - start``; -1 where the run ended before.
    """

    start: Int64
    end: Int64
    length: Int64


def plateau(run: Run, fraction: float = 0.9) -> Plateau:
    """Return the time from the smallest pi(a*) up to the escape: the second mechanism of a well.

    Sinking and plateau make up the whole escape time: ``sinking(run).time + plateau(run).length``
    is ``escape_time(run)``. The smallest pi(a*) is sought up to the escape only.

    Raises:
        ArgumentError: The fraction is out of range.
    """
    end = escape_time(run, fraction)
    times = run.trace_times.reshape(-1, *(1,) * end.ndim)
    before = (times <= end) | (end < 0)
    trace = np.where(before, run.optimal_log_probability, np.inf)
    start = np.asarray(run.trace_times[trace.argmin(axis=0)])
    return Plateau(start, end, np.where(end < 0, -1, end - start))


def corners(run: Run, probability: float = 0.9) -> Int64:
    """Return when each action first had more than `probability`: the corners that a run visited.

    Args:
        run: A run; only its recorded policies are looked at.
        probability: At least 1/2, so that one action at a time is in its corner, and below 1.

    Returns:
        int64 ``(..., K)``; -1 for actions whose corner was not visited.

    Raises:
        ArgumentError: The probability is out of range.
    """
    if not 0.5 <= probability < 1:
        raise ArgumentError(f"`probability` must be at least 0.5 and below 1, got {probability}")
    return _first(run.log_policies > np.log(probability), run.times)


def _first(condition: np.ndarray, times: Int64) -> Int64:
    return np.where(condition.any(axis=0), times[condition.argmax(axis=0)], -1)
