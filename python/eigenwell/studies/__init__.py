"""Studies: experiments over seeds that resume, and verdicts on claims from what they measured.

An :class:`Experiment` measures something with a seed; :func:`run_study` runs what a :class:`Store`
does not have yet, on one machine or on a cluster. A :class:`Claim` asks for numbers, and
:func:`judge` compares their intervals over seeds with what it expects. What is measured, and the
claims, are the business of each family's own ``findings``.
"""

from eigenwell.studies._claims import Check, Claim, Finding, judge, verdict
from eigenwell.studies._study import (
    Experiment,
    Interval,
    Measured,
    Result,
    Store,
    kept,
    run_study,
)

__all__ = [
    "Check",
    "Claim",
    "Experiment",
    "Finding",
    "Interval",
    "Measured",
    "Result",
    "Store",
    "judge",
    "kept",
    "run_study",
    "verdict",
]
