"""Methods that add a regulariser to the reward: they push the policy off every corner.

Each takes the arguments of :func:`eigenwell.wells.softmax_pg`. The optimum is that of the
regularised objective: sub-optimality is measured in the rewards as ever, and does not fall to 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsIndex

from eigenwell import _checks
from eigenwell.wells._run import Array, Now, Rule, Run, run

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from eigenwell.wells._bandit import Bandit


def entropy_pg(
    bandit: Bandit,
    policy: npt.ArrayLike,
    *,
    learning_rate: npt.ArrayLike,
    steps: SupportsIndex,
    temperature: float = 0.01,
    record: SupportsIndex = 1,
    trace: SupportsIndex = 1,
    sampled: np.random.Generator | None = None,
    device: str | None = None,
) -> Run:
    """Iterate policy gradient on ``pi^T r + temperature H(pi)``, H Shannon's entropy.

    ``theta(a) <- theta(a) + eta pi(a) (c(a) - pi^T c)`` with ``c = r - temperature log pi``. The
    option `temperature` is at least 0.

    Raises:
        ArgumentError: `temperature` is out of range.

    References:
        Williams and Peng 1991; Mei, Xiao, Szepesvari and Schuurmans 2020 (ICML).
    """
    weight = _checks.not_negative(temperature, "temperature")

    def update(now: Now) -> Array:
        value = now.advantage - weight * now.log_p
        gradient = now.p * (value - (now.p * value).sum(0))
        return now.log_p + now.learning_rate * gradient

    return run(
        "entropy_pg",
        Rule(update),
        bandit,
        policy,
        learning_rate=learning_rate,
        steps=steps,
        record=record,
        trace=trace,
        sampled=sampled,
        device=device,
        options={"temperature": weight},
    )


def log_barrier_pg(
    bandit: Bandit,
    policy: npt.ArrayLike,
    *,
    learning_rate: npt.ArrayLike,
    steps: SupportsIndex,
    barrier: float = 0.01,
    record: SupportsIndex = 1,
    trace: SupportsIndex = 1,
    sampled: np.random.Generator | None = None,
    device: str | None = None,
) -> Run:
    """Iterate policy gradient on ``pi^T r + (barrier / K) sum_a log pi(a)``.

    ``theta(a) <- theta(a) + eta (pi(a) (r(a) - pi^T r) + barrier (1/K - pi(a)))``: every action is
    pushed up at a rate that does not vanish with its probability. The option `barrier` is at
    least 0.

    Raises:
        ArgumentError: `barrier` is out of range.

    References:
        Agarwal, Kakade, Lee and Mahajan 2021 (JMLR), "On the Theory of Policy Gradient Methods":
        the relative-entropy regulariser.
    """
    weight = _checks.not_negative(barrier, "barrier")

    def update(now: Now) -> Array:
        push = weight * (1 / len(now.p) - now.p)
        return now.log_p + now.learning_rate * (now.p * now.advantage + push)

    return run(
        "log_barrier_pg",
        Rule(update),
        bandit,
        policy,
        learning_rate=learning_rate,
        steps=steps,
        record=record,
        trace=trace,
        sampled=sampled,
        device=device,
        options={"barrier": weight},
    )
