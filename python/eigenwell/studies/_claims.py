"""From measurements over seeds to verdicts, by one rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from eigenwell.studies._study import Interval, Result

HOLDS = "holds"
FAILS = "fails"
OPEN = "undecided"


@dataclass(frozen=True)
class Check:
    """A number that a claim asks for.

    Attributes:
        quantity: Its name among the measurements.
        experiment: Where it was measured.
        expects: The expectation in words.
        low: Least mean that agrees with it; any by default.
        high: Largest.
    """

    quantity: str
    experiment: str
    expects: str
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True)
class Claim:
    """Something said, and the numbers that decide it.

    Attributes:
        name: A word.
        says: The claim, one sentence.
        source: Who says so: ``"article"``, ``"design"`` or ``"ours"``.
        checks: All must hold.
        remark: What else there is to know, for the page.
    """

    name: str
    says: str
    source: str
    checks: tuple[Check, ...]
    remark: str = ""


@dataclass(frozen=True)
class Finding:
    """A check with what was measured and what follows."""

    check: Check
    interval: Interval
    verdict: str


def judge(check: Check, results: Sequence[Result]) -> Finding:
    """Compare the interval of the mean over seeds with what was expected.

    It holds where the whole interval lies in ``[low, high]``, fails where none of it does, and is
    undecided otherwise.
    """
    values = [
        float(value)
        for result in results
        if result.experiment == check.experiment
        and isinstance(value := result.values.get(check.quantity), float | int)
    ]
    interval = Interval.of(values)
    if check.low <= interval.low and interval.high <= check.high:
        verdict = HOLDS
    elif interval.high < check.low or interval.low > check.high:
        verdict = FAILS
    else:
        verdict = OPEN
    return Finding(check, interval, verdict)


def verdict(findings: Sequence[Finding]) -> str:
    """Return a claim's verdict: it fails where a check fails, and holds where all hold."""
    verdicts = {finding.verdict for finding in findings}
    if FAILS in verdicts:
        return FAILS
    return HOLDS if verdicts == {HOLDS} else OPEN
