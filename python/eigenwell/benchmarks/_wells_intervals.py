"""The corner lemma in interval arithmetic: each inequality is proved for the instance, or is not.

Inputs are float64 numbers, taken as exact; everything after is an interval of 60 digits, so a
positive lower end is a proof that rounding has no part in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenwell._checks import require

if TYPE_CHECKING:
    from eigenwell.benchmarks._wells_instances import Float64


@dataclass(frozen=True)
class IntervalCheck:
    """How a statement fared.

    Attributes:
        name: The statement.
        proved: Inequalities whose difference has a lower end of at least 0.
        refuted: Those whose difference has an upper end below 0.
        equal: Those whose difference is 0 to within 1e-40: the case of equality, K = 2.
        open: All others.
    """

    name: str
    proved: int
    refuted: int
    equal: int
    open: int


def check_intervals(rng: np.random.Generator, *, instances: int) -> list[IntervalCheck]:
    """The lemma, the recursion and both summed forms over up to four steps, K = 2 to 8."""
    iv = require("mpmath", extra="test").iv
    before, iv.dps = iv.dps, 60
    try:
        differences: dict[str, list[Any]] = {}
        for case in range(instances):
            for name, difference in _instance(iv, rng, 2 + case % 7):
                differences.setdefault(name, []).append(difference)
    finally:
        iv.dps = before
    return [_judge(name, found) for name, found in differences.items()]


def _judge(name: str, differences: list[Any]) -> IntervalCheck:
    proved = refuted = equal = undecided = 0
    for difference in differences:
        low, high = float(difference.a), float(difference.b)
        if low >= 0:
            proved += 1
        elif high < 0:
            refuted += 1
        elif max(-low, high) < 1e-40:
            equal += 1
        else:
            undecided += 1
    return IntervalCheck(name, proved, refuted, equal, undecided)


def _instance(iv: Any, rng: np.random.Generator, actions: int) -> list[tuple[str, Any]]:
    """Return bound minus actual value for each statement and step of one instance."""
    better, weights = _start(rng, actions)
    total = _sum(iv, weights)
    policy = [iv.mpf(float(w)) / total for w in weights]
    first = _mass(policy, better)
    if not first.b <= 0.5:
        return []
    recursion, spent = first, iv.mpf(0)
    found = []
    for _ in range(int(rng.integers(1, 5))):
        rewards = _rewards(rng, actions, better)
        rate = iv.mpf(float(10 ** rng.uniform(-3, 1)))
        gap = iv.mpf(max(rewards))
        now = _mass(policy, better)
        if now.b <= 0.5:
            policy = _ascend(iv, policy, rewards, rate)
            after = _mass(policy, better)
            rise = _logit(iv, after) - _logit(iv, now)
            found.append(("corner lemma", 2 * rate * gap * now * (1 - now) - rise))
        else:
            break
        spent += rate * gap
        simple = 1 / first - 2 * spent
        if simple.a >= 2:
            found.append(("simple form", 1 / after - simple))
        sharp = _potential(iv, first) + 2 * spent
        if sharp.b <= 0:
            found.append(("sharp form", sharp - _potential(iv, after)))
        if recursion is not None:
            logit = _logit(iv, recursion) + 2 * rate * gap * recursion * (1 - recursion)
            found.append(("logit form", logit - _logit(iv, after)))
            recursion = 1 / (1 + iv.exp(-logit)) if logit.b <= 0 else None
    return found


def _start(rng: np.random.Generator, actions: int) -> tuple[list[int], Float64]:
    """Action 0 is the corner's; some of the others may beat it."""
    better = [a for a in range(1, actions) if rng.random() < 0.7] or [1]
    weights = rng.random(actions) * 10 ** rng.uniform(-2, 1)
    weights[better] *= 10 ** rng.uniform(-9, -0.5)
    weights[0] = 1.0
    return better, weights


def _rewards(rng: np.random.Generator, actions: int, better: list[int]) -> list[float]:
    scale = float(10 ** rng.uniform(-2, 1))
    kind = int(rng.integers(3))
    rewards = -np.abs(rng.normal(size=actions))
    rewards[better] = {
        0: np.ones(len(better)),
        1: rng.choice([-1.0, 1.0], size=len(better)),
        2: rng.normal(size=len(better)),
    }[kind]
    if kind == 0:
        rewards[[a for a in range(1, actions) if a not in better]] = 0.0
    rewards[0] = 0.0
    return [float(x) for x in scale * rewards]


def _ascend(iv: Any, policy: list[Any], rewards: list[float], rate: Any) -> list[Any]:
    mean = _sum(iv, [p * iv.mpf(r) for p, r in zip(policy, rewards, strict=True)])
    grown = [
        p * iv.exp(rate * p * (iv.mpf(r) - mean)) for p, r in zip(policy, rewards, strict=True)
    ]
    total = _sum(iv, grown)
    return [g / total for g in grown]


def _sum(iv: Any, values: Any) -> Any:
    total = iv.mpf(0)
    for value in values:
        total += value
    return total


def _mass(policy: list[Any], better: list[int]) -> Any:
    odds = policy[better[0]] / policy[0]
    for a in better[1:]:
        odds += policy[a] / policy[0]
    return odds / (1 + odds)


def _logit(iv: Any, mass: Any) -> Any:
    return iv.log(mass) - iv.log(1 - mass)


def _potential(iv: Any, mass: Any) -> Any:
    return 1 / (1 - mass) - 1 / mass + 2 * _logit(iv, mass)
