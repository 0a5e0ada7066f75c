"""Timing of contenders in turns, so that a machine whose speed drifts drifts for all of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    Attributes:
        name: What it is.
        call: Does the work once and returns the result.
        items: How many units of work (actions, pairs, steps) a call does.
        sample: The seconds that a number of calls take, if another process makes them.
        peak: By how many bytes a call raises that process's memory at most.
    """

    name: str
    call: Callable[[], Any]
    items: int
    sample: Callable[[int], float] | None = None
    peak: Callable[[], int | None] | None = None

    def seconds(self, number: int) -> float:
        """Return what ``number`` calls take, the loop itself included."""
        return seconds_of(self.call, number) if self.sample is None else self.sample(number)


@dataclass(frozen=True)
class Timing:
    """What one contender took.

    Attributes:
        name: The contender's.
        samples: ``(rounds,)``, nanoseconds per item.
    """

    name: str
    samples: npt.NDArray[np.float64]

    @property
    def median(self) -> float:
        """Nanoseconds per item."""
        return float(np.median(self.samples))

    @property
    def quartiles(self) -> tuple[float, float]:
        """Lower and upper quartile, nanoseconds per item."""
        low, high = np.percentile(self.samples, [25, 75])
        return float(low), float(high)


def time_all(
    contenders: Sequence[Contender],
    *,
    rounds: int = 21,
    seconds: float = 0.01,
    budget: float = math.inf,
    rest: float = 0.0,
) -> Iterator[Timing]:
    """Time the contenders in turns.

    Args:
        contenders: What to time.
        rounds: Samples of each.
        seconds: Least duration of a sample; a call that is shorter is repeated.
        budget: Seconds that the samples of a contender should take together. One that needs more
            gets fewer samples, at least three; one alone if a single call takes longer than that.
        rest: Seconds before a sample for the threads of the contender before to go to sleep: those
            of OpenMP and of BLAS stay awake for milliseconds, in the way of others.

    Yields:
        The timings, in the order of the contenders, once all are done.
    """
    plans = [_plan(contender, rounds, seconds, budget) for contender in contenders]
    for _ in range(rounds):
        for contender, plan in zip(contenders, plans, strict=True):
            if len(plan.samples) == plan.rounds:
                continue
            if rest:
                time.sleep(rest)
                if plan.number > 1:
                    contender.seconds(1)  # wakes its own threads up
            plan.samples.append(contender.seconds(plan.number))
    for contender, plan in zip(contenders, plans, strict=True):
        items = plan.number * contender.items
        yield Timing(contender.name, 1e9 * np.array(plan.samples) / items)


def seconds_of(call: Callable[[], Any], number: int) -> float:
    """Return the seconds that ``number`` calls take, the loop itself included."""
    turns = range(number)
    start = time.perf_counter()
    for _ in turns:
        call()
    return time.perf_counter() - start


@dataclass(frozen=True)
class _Plan:
    """How a contender is timed: so many samples of so many calls, and those there are."""

    number: int
    rounds: int
    samples: list[float]


def _plan(contender: Contender, rounds: int, seconds: float, budget: float) -> _Plan:
    """Find out how often to call it for a sample of at least ``seconds``; warms it up, too."""
    number = 1
    while (elapsed := contender.seconds(number)) < seconds:
        number = max(2 * number, int(number * 1.2 * seconds / max(elapsed, 1e-9)))
    if elapsed > budget:
        return _Plan(number, 1, [elapsed])
    return _Plan(number, int(min(rounds, max(3, budget / elapsed))), [])
