"""Contenders in a process of their own, for what is read from the environment once and for all."""

from __future__ import annotations

import itertools
import os
import re
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from eigenwell.benchmarks._timing import Contender, seconds_of

_CALLS: dict[int, Callable[[], Any]] = {}  # of the child


class Elsewhere:
    """One child, started by the first call of one of its contenders.

    Args:
        environment: Variables to set in the child before it imports what reads them.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        # A fresh interpreter: a fork would come with the parent's threads and libraries.
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), _begin, (dict(environment),))
        self._keys = itertools.count()

    def contender(
        self, name: str, build: Callable[[Any], Callable[[], Any]], task: Any, items: int
    ) -> Contender:
        """Return a contender that the child builds, calls, times and weighs.

        Args:
            name: What it is.
            build: A function of a module that turns the task into a call.
            task: Anything that can be pickled.
            items: How many units of work a call does.
        """
        key = next(self._keys)
        built = False

        def ask(question: Callable[..., Any], *arguments: Any) -> Any:
            nonlocal built
            if not built:
                self._pool.submit(_build, key, build, task).result()
                built = True
            return self._pool.submit(question, key, *arguments).result()

        return Contender(
            name,
            lambda: ask(_result),
            items,
            sample=lambda number: ask(_seconds, number),
            peak=lambda: ask(_peak),
        )


def peak_bytes(call: Callable[[], Any]) -> int | None:
    """Return by how much a call raises the resident memory at most; None where nobody knows.

    Linux only: the kernel's high-water mark is reset first. What the first call allocates and
    keeps does not count if there was a call before.
    """
    status = Path("/proc/self/status")
    reset = Path("/proc/self/clear_refs")
    if not (status.exists() and reset.exists()):
        return None
    before = _status_bytes(status, "VmRSS")
    try:
        reset.write_text("5")
    except OSError:
        return None
    call()
    return max(0, _status_bytes(status, "VmHWM") - before)


def _status_bytes(status: Path, name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", status.read_text())
    return 0 if found is None else 1024 * int(found[1])


def _begin(environment: dict[str, str]) -> None:
    """Prepare the child."""
    os.environ.update(environment)
    os.dup2(2, 1)  # stdout is for the parent's result alone
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback


def _build(key: int, build: Callable[[Any], Callable[[], Any]], task: Any) -> None:
    _CALLS[key] = build(task)


def _result(key: int) -> Any:
    return _CALLS[key]()


def _seconds(key: int, number: int) -> float:
    return seconds_of(_CALLS[key], number)


def _peak(key: int) -> int | None:
    return peak_bytes(_CALLS[key])
