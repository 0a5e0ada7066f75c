"""The findings about particles: experiments, claims, and what the numbers say of them."""

from eigenwell.particles.findings._claims import Check, Claim, Finding, judge, verdict
from eigenwell.particles.findings._polymer import experiments as polymer_experiments
from eigenwell.particles.findings._sphere import experiments as sphere_experiments
from eigenwell.particles.findings._statements import claims
from eigenwell.particles.findings._study import (
    Experiment,
    Interval,
    Measured,
    Result,
    Store,
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
    "claims",
    "judge",
    "polymer_experiments",
    "run_study",
    "sphere_experiments",
    "verdict",
]
