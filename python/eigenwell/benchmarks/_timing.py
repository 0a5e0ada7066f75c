"""Timing of contenders in turns, so that a machine whose speed drifts drifts for all of them."""

from __future__ import annotations

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
    """

    name: str
    call: Callable[[], Any]
    items: int


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
    contenders: Sequence[Contender], *, rounds: int = 21, seconds: float = 0.01
) -> Iterator[Timing]:
    """Time the contenders in turns.

    Args:
        contenders: What to time.
        rounds: Samples of each.
        seconds: Least duration of a sample; a call that is shorter is repeated.

    Yields:
        The timings, in the order of the contenders, once all are done.
    """
    repeats = [_repeats(contender, seconds) for contender in contenders]
    samples = np.empty((len(contenders), rounds))
    for turn in range(rounds):
        for row, (contender, number) in enumerate(zip(contenders, repeats, strict=True)):
            elapsed = _sample(contender.call, number)
            samples[row, turn] = 1e9 * elapsed / (number * contender.items)
    for row, contender in enumerate(contenders):
        yield Timing(contender.name, samples[row])


def _sample(call: Callable[[], Any], number: int) -> float:
    """Return the seconds that ``number`` calls take, the loop itself included."""
    turns = range(number)
    start = time.perf_counter()
    for _ in turns:
        call()
    return time.perf_counter() - start


def _repeats(contender: Contender, seconds: float) -> int:
    """Return how often to call it for a sample of at least ``seconds``; warms it up, too."""
    number = 1
    while (elapsed := _sample(contender.call, number)) < seconds:
        number = max(2 * number, int(number * 1.2 * seconds / max(elapsed, 1e-9)))
    return number
