"""Tries to break the theorems of ``eigenwell.wells.bounds``, and shows how sharp they are.

``python -m eigenwell.benchmarks.wells_proofs`` prints the tables of ``docs/wells_bounds.md`` and
exits with 1 if any inequality fails; some minutes on one core.
``--instances 2000 --intervals 100`` is a quick look.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from eigenwell.benchmarks._wells_checks import (
    RUN_ALLOWANCE,
    STEP_ALLOWANCE,
    Check,
    Homogeneous,
    check_corners,
    homogeneous_cases,
    total,
)
from eigenwell.benchmarks._wells_intervals import IntervalCheck, check_intervals
from eigenwell.benchmarks._wells_mdp import check_mdps
from eigenwell.benchmarks._wells_sharpness import sharpness
from eigenwell.report import Alignment, Table

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
NUMBERS: tuple[Alignment, ...] = ("left",) + 7 * ("right",)


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=100_000, help="in float64")
    parser.add_argument("--intervals", type=int, default=2_000, help="in interval arithmetic")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(options.seed)
    few = max(options.instances // 50, 20)

    checks = check_corners(rng, instances=options.instances)
    homogeneous = homogeneous_cases(rng, instances=few)
    fast = homogeneous_cases(rng, instances=few, probability=(1e-4, 0.1), pull=(1.0, 11.0))
    checks += total([*homogeneous.check(), *fast.check()])
    checks += total(check for _ in range(few // 20) for check in check_mdps(rng, instances=20))
    print(checks_table(checks).as_text(), "\n")
    intervals = check_intervals(rng, instances=options.intervals)
    print(intervals_table(intervals, options.intervals).as_text(), "\n")
    print(homogeneous_table(homogeneous).as_text(), "\n")
    for second_best in (True, False):
        print(sharpness_table(rng, instances=few // 2, second_best=second_best).as_text(), "\n")
    failed = sum(check.violations for check in checks)
    failed += sum(check.refuted + check.open for check in intervals)
    print(f"violations: {failed}")
    return 1 if failed else 0


def checks_table(checks: list[Check]) -> Table:
    """Violations in float64."""
    rows = tuple(
        (
            check.name,
            f"{check.instances:,}",
            f"{check.comparisons:,}",
            f"{check.violations}",
            f"{check.worst:.2g}",
        )
        for check in checks
    )
    title = (
        f"float64, allowance {STEP_ALLOWANCE:g} (1 + |logit m|) a step, {RUN_ALLOWANCE:g} a run, "
        "none for homogeneous"
    )
    columns = ("statement", "instances", "comparisons", "violations", "worst / allowance")
    return Table(title, columns, rows, ("left", "right", "right", "right", "right"))


def intervals_table(checks: list[IntervalCheck], instances: int) -> Table:
    """Proofs in interval arithmetic."""
    rows = tuple(
        (check.name, f"{check.proved:,}", f"{check.equal:,}", f"{check.open}", f"{check.refuted}")
        for check in checks
    )
    columns = ("statement", "proved", "equal (K = 2)", "open", "refuted")
    title = f"intervals of 60 digits, {instances:,} instances"
    return Table(title, columns, rows, ("left", "right", "right", "right", "right"))


def homogeneous_table(cases: Homogeneous) -> Table:
    """Quantiles of the bounds over the measured time."""
    rows = tuple(
        _quantiles(name, values / cases.times)
        for name, values in (
            ("lower / T", cases.lower),
            ("upper / T", cases.upper),
            ("flow / T", cases.flow),
        )
    )
    title = (
        f"homogeneous rewards, {len(cases.times):,} cases: K uniform in 2..50, pi_1(a*) "
        "log-uniform in [0.001, 0.05], eta Delta in [0.05, 1], Dirichlet(1) beside"
    )
    return Table(title, ("", *(f"{q:.0%}" for q in QUANTILES)), rows, NUMBERS)


def sharpness_table(rng: np.random.Generator, *, instances: int, second_best: bool) -> Table:
    """Quantiles of certificate over escape time."""
    ratios, unfinished = sharpness(rng, instances=instances, second_best=second_best)
    rows = tuple(_quantiles(name, values) for name, values in ratios.items())
    where = "the second best action" if second_best else "any sub-optimal action"
    title = (
        f"certificate / T, corner at {where}: {instances - unfinished:,} runs, and {unfinished} "
        "that took longer than 20,000 steps"
    )
    return Table(title, ("", *(f"{q:.0%}" for q in QUANTILES)), rows, NUMBERS)


def _quantiles(name: str, values: np.typing.NDArray[np.float64]) -> tuple[str, ...]:
    return (name, *(f"{value:.3f}" for value in np.quantile(values, QUANTILES)))


if __name__ == "__main__":
    sys.exit(main())
