"""Methods that weigh the terms of the policy gradient otherwise: by a gate, or by frozen rollouts.

Each takes the arguments of :func:`eigenwell.wells.softmax_pg`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsIndex

from eigenwell import _checks
from eigenwell.errors import ArgumentError
from eigenwell.wells._run import Array, Now, Rule, Run, run

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from eigenwell.wells._bandit import Bandit


def delightful_pg(
    bandit: Bandit,
    policy: npt.ArrayLike,
    *,
    learning_rate: npt.ArrayLike,
    steps: SupportsIndex,
    temperature: float = 1.0,
    record: SupportsIndex = 1,
    trace: SupportsIndex = 1,
    sampled: np.random.Generator | None = None,
    device: str | None = None,
) -> Run:
    """Iterate ``theta <- theta + eta sum_a pi(a) w(a) A(a) grad log pi(a)``, A = r - pi^T r.

    The gate is a sigmoid of delight, advantage times surprisal: ``w(a) = 1 / (1 + exp(A(a) log
    pi(a) / temperature))``. At temperature 0 only actions with a positive advantage count. The
    option `temperature` is at least 0. Rare bad actions no longer feed the corner, so pi(a*) does
    not sink; each term still carries its probability, so the plateau keeps exponent 1.

    With sampled actions the term of the sampled one alone counts; its advantage is against the
    exact value ``pi^T r``.

    Raises:
        ArgumentError: `temperature` is out of range.

    References:
        Osband 2026, arXiv 2603.14608 (the gate); Mei and Osband 2026, arXiv 2605.11908 (its escape
        from corners). The expected update is derived here from the gate.
    """
    scale = _checks.not_negative(temperature, "temperature")

    def update(now: Now) -> Array:
        advantage, xp = now.exact_advantage, now.xp
        if scale:
            gate = 1 / (1 + xp.exp(advantage * now.log_p / scale))
        else:
            gate = xp.where(advantage > 0, 1.0, 0.0)
        term = now.frequency(now.p) * gate * advantage
        return now.log_p + now.learning_rate * (term - now.p * term.sum(0))

    return run(
        "delightful_pg",
        Rule(update),
        bandit,
        policy,
        learning_rate=learning_rate,
        steps=steps,
        record=record,
        trace=trace,
        sampled=sampled,
        device=device,
        options={"temperature": scale},
    )


def frozen_rollout_pg(
    bandit: Bandit,
    policy: npt.ArrayLike,
    *,
    learning_rate: npt.ArrayLike,
    steps: SupportsIndex,
    refresh: SupportsIndex = 100,
    record: SupportsIndex = 1,
    trace: SupportsIndex = 1,
    sampled: np.random.Generator | None = None,
    device: str | None = None,
) -> Run:
    """Iterate ``theta <- theta + eta sum_a mu(a) r(a) grad log pi(a)``, mu a frozen pi.

    The rollouts of mu are used for `refresh` updates without importance weights, then mu becomes
    the current policy. With `refresh` 1 this is :func:`softmax_pg`. Many updates per refresh lead
    to ``pi proportional to mu(a) r(a)``: multiplicative weights, at the price of that many updates.
    It saves rollouts, not updates.

    Rewards must be at least 0, and their level matters: adding a constant slows it down.

    Raises:
        ArgumentError: `refresh` is below 1, or a reward is negative.

    References:
        Ghosh, Machado and Le Roux 2020, "An operator view of policy gradient methods", for the
        limit of many updates. The update is derived here from its definition.
    """
    every = _checks.integer(refresh, "refresh", low=1, high=2**53)
    frozen: list[Array] = [None]

    def update(now: Now) -> Array:
        if (now.t - 1) % every == 0:
            frozen[0] = now.p
        if bool((now.rewards < 0).any()):
            raise ArgumentError(
                f"`rewards` must be at least 0 for frozen_rollout_pg, got "
                f"{float(now.rewards.min()):.3g} at t = {now.t}: add a constant"
            )
        term = now.frequency(frozen[0]) * now.rewards
        return now.log_p + now.learning_rate * (term - now.p * term.sum(0))

    return run(
        "frozen_rollout_pg",
        Rule(update),
        bandit,
        policy,
        learning_rate=learning_rate,
        steps=steps,
        record=record,
        trace=trace,
        sampled=sampled,
        device=device,
        options={"refresh": every},
    )
