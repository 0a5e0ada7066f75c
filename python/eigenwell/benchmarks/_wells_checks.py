"""The theorems of ``eigenwell.wells.bounds`` against random and adversarial cases, in float64."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eigenwell.benchmarks._wells_instances import (
    ADVERSARIES,
    Float64,
    Trajectories,
    ascend,
    softmax,
    trajectories,
)
from eigenwell.wells import bounds

# What rounding may add: to a step of logit m (relative to 1 + |logit m|), and to a mass or a
# sub-optimality after tens of steps (relative). Single operations round to 1e-16.
STEP_ALLOWANCE, RUN_ALLOWANCE = 1e-12, 1e-11


@dataclass(frozen=True)
class Check:
    """How a statement fared.

    Attributes:
        name: The statement.
        instances: Separate cases.
        comparisons: Inequalities evaluated where its hypotheses hold.
        violations: Those that fail by more than the allowance.
        worst: Largest excess over the bound, in units of the allowance; 1 would be a violation.
    """

    name: str
    instances: int
    comparisons: int
    violations: int
    worst: float

    def __add__(self, other: Check) -> Check:
        return Check(
            self.name,
            self.instances + other.instances,
            self.comparisons + other.comparisons,
            self.violations + other.violations,
            max(self.worst, other.worst),
        )


def compare(
    name: str, actual: Float64, bound: Float64, allowance: Float64, where: npt.NDArray[np.bool_]
) -> Check:
    """Count where ``actual <= bound`` fails; arrays are ``(T, n)`` for n instances."""
    excess = ((actual - bound) / allowance)[where]
    instances = int(where.any(axis=0).sum())
    failed = int((~(excess <= 1)).sum())  # NaN fails
    return Check(name, instances, int(where.sum()), failed, float(excess.max(initial=-np.inf)))


def total(checks: Iterable[Check]) -> list[Check]:
    """Add up the checks of one name, in order of first appearance."""
    sums: dict[str, Check] = {}
    for check in checks:
        sums[check.name] = sums[check.name] + check if check.name in sums else check
    return list(sums.values())


def check_corner(batch: Trajectories, rng: np.random.Generator) -> list[Check]:
    """The lemma in each step, every form over time, the comparison theorem and the escape."""
    gaps, logits, rates = batch.gaps, batch.logits, batch.learning_rate
    masses = np.exp(-np.logaddexp(0, -logits))
    inside = (logits[:-1] <= 0) & (logits[:-1] > -700)
    before = np.where(inside, logits[:-1], -1.0)
    mass = np.exp(-np.logaddexp(0, -before))
    bound = bounds.logit_increment_bound(mass, gaps, rates)
    allowance = STEP_ALLOWANCE * (1 + np.abs(before))
    found = [compare("corner lemma", logits[1:] - before, bound, allowance, inside)]
    everywhere = np.ones(masses.shape, dtype=np.bool_)
    for form in bounds.FORMS:
        over = bounds.corner_mass_bounds(masses[0], gaps, learning_rate=rates, form=form)
        found.append(
            compare(f"mass, {form}", masses, over, RUN_ALLOWANCE * over, everywhere & (over < 1))
        )
    over = bounds.worst_case_masses(
        softmax(batch.theta[0]), gaps, learning_rate=rates, action=batch.action, better=batch.better
    )
    found.append(
        compare("mass, worst case", masses, over, RUN_ALLOWANCE * over, everywhere & (over < 1))
    )
    corner = np.where(rng.random(masses.shape[1]) < 0.5, 0.1, rng.uniform(0.01, 0.5))
    deltas = batch.rewards.max(axis=-1) - (softmax(batch.theta[:-1]) * batch.rewards).sum(axis=-1)
    for form in bounds.FORMS:
        steps = bounds.certified_steps_over_time(
            masses[0], gaps, learning_rate=rates, corner=corner, form=form
        )
        certified = np.arange(len(gaps))[:, None] <= steps
        floor = (1 - corner) * gaps
        slack = RUN_ALLOWANCE * (np.abs(batch.rewards).max(axis=-1) + 1e-300)
        found.append(compare(f"escape, {form}", floor, deltas, slack, certified))
    return found


def check_corners(rng: np.random.Generator, *, instances: int, steps: int = 24) -> list[Check]:
    """:func:`check_corner` over K = 2 to 50 and every adversary, at least so many instances."""
    found: list[Check] = []
    size = 250
    for batch in range(-(-instances // size)):
        actions = 2 + batch % 49
        adversary = ADVERSARIES[batch % len(ADVERSARIES)]
        drawn = trajectories(rng, count=size, actions=actions, steps=steps, adversary=adversary)
        found += check_corner(drawn, rng)
    return total(found)


def escape_times(
    policy: Float64,
    rewards: Float64,
    learning_rate: Float64,
    *,
    fraction: Float64,
    limit: int,
) -> Float64:
    """First t, from 1, with delta < fraction * gap, ``(n,)``; NaN after ``limit`` steps."""
    times = np.full(len(policy), np.nan)
    left = np.arange(len(policy))
    best = rewards.max(axis=-1)
    goal = fraction * (best - np.sort(rewards, axis=-1)[:, -2])
    logits = np.log(policy)
    for t in range(1, limit + 1):
        loss = best[left] - (softmax(logits) * rewards[left]).sum(axis=-1)
        out = loss < goal[left]
        if out.any():
            times[left[out]] = t
            logits, left = logits[~out], left[~out]
            if not left.size:
                break
        logits = ascend(logits, rewards[left], learning_rate[left])
    return times


@dataclass(frozen=True)
class Homogeneous:
    """Cases with rewards (Delta, 0, ..., 0) and their escape times, all ``(n,)``.

    Attributes:
        times: Measured.
        lower: Bound.
        upper: Bound.
        flow: ``1 + homogeneous_flow_time / (eta Delta)``.
    """

    times: Float64
    lower: Float64
    upper: Float64
    flow: Float64

    def check(self) -> list[Check]:
        """Both sides; counted in steps, so any excess is a violation."""
        n = len(self.times)
        return [
            Check(name, n, n, int((~(excess <= 0)).sum()), float(excess.max()))
            for name, excess in (
                ("homogeneous, lower", self.lower - self.times),
                ("homogeneous, upper", self.times - self.upper),
            )
        ]


def homogeneous_cases(
    rng: np.random.Generator,
    *,
    instances: int,
    probability: tuple[float, float] = (1e-3, 0.05),
    pull: tuple[float, float] = (0.05, 1.0),
) -> Homogeneous:
    """Draw K in 2 to 50, pi_1(a*) and eta Delta log-uniform, the rest Dirichlet(1); run them."""
    policies = np.zeros((instances, 50))
    rewards = np.zeros((instances, 50))
    rewards[:, 0] = 1.0
    start = _log_uniform(rng, probability, instances)
    pulls = _log_uniform(rng, pull, instances)
    lower, upper, flow = np.empty(instances), np.empty(instances), np.empty(instances)
    for case in range(instances):
        actions = int(rng.integers(2, 51))
        rest = rng.dirichlet(np.ones(actions - 1)) + 1e-9
        policy = np.concatenate([[start[case]], (1 - start[case]) * rest / rest.sum()])
        policies[case, :actions] = policy
        both = bounds.homogeneous_bounds(policy, gap=1.0, learning_rate=pulls[case])
        lower[case], upper[case] = both.lower, both.upper
        flow[case] = 1 + bounds.homogeneous_flow_time(policy) / pulls[case]
    with np.errstate(divide="ignore"):  # actions that do not exist
        times = escape_times(
            policies, rewards, pulls, fraction=np.full(instances, 0.9), limit=10**6
        )
    return Homogeneous(times, lower, upper, flow)


def _log_uniform(rng: np.random.Generator, ends: tuple[float, float], count: int) -> Float64:
    low, high = np.log(ends)
    return np.asarray(np.exp(rng.uniform(low, high, count)))
