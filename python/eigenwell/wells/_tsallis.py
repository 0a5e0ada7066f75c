"""Policy gradient with the softargmax of Tsallis' entropy: from the softmax to the projection."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, SupportsIndex

from eigenwell import _checks
from eigenwell.errors import ArgumentError
from eigenwell.wells._run import Array, Now, Rule, Run, run

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from eigenwell.wells._bandit import Bandit

# Newton's method doubles the digits with each step; from the far end it first has to get near.
_MOST_ITERATIONS = 64
# Of a threshold near 1: smaller steps change nothing.
_ROUNDING = 2.0**-53


def tsallis_pg(
    bandit: Bandit,
    policy: npt.ArrayLike,
    *,
    learning_rate: npt.ArrayLike,
    steps: SupportsIndex,
    alpha: float = 1.25,
    record: SupportsIndex = 1,
    trace: SupportsIndex = 1,
    sampled: np.random.Generator | None = None,
    device: str | None = None,
) -> Run:
    """Iterate policy gradient with ``pi(a) = [(alpha - 1)(theta(a) - tau)]_+^(1 / (alpha - 1))``.

    tau makes the sum 1. This is the f-softargmax of Tsallis' entropy, ``argmax_pi pi^T theta -
    sum_a (pi(a)^alpha - pi(a)) / (alpha (alpha - 1))``: the softmax as alpha tends to 1, the
    Euclidean projection (sparsemax) at 2. With ``w = pi^(2 - alpha)`` on the support of pi,
    ``theta(a) <- theta(a) + eta w(a) (r(a) - w^T r / sum w)``. Exponent 3 - 2 alpha.

    It takes the arguments of :func:`softmax_pg`; the option `alpha` is above 1 and at most 2.

    Raises:
        ArgumentError: `alpha` is out of range.

    Note:
        A probability may become exactly 0, and an action at 0 has no gradient: it returns only when
        the threshold tau falls.

    References:
        Labbi, Tiapkin, Mangold and Moulines 2026, arXiv 2601.12604 (with a regulariser of the same
        entropy, left out here). Policy and gradient are derived here from the entropy.
    """
    alpha = _checks.finite(alpha, "alpha")
    if not 1 < alpha <= 2:
        raise ArgumentError(
            f"`alpha` must be above 1 and at most 2, got {alpha}: alpha = 1 is softmax_pg"
        )
    rule = _rule(alpha - 1)
    return run(
        "tsallis_pg",
        rule,
        bandit,
        policy,
        learning_rate=learning_rate,
        steps=steps,
        record=record,
        trace=trace,
        sampled=sampled,
        device=device,
        options={"alpha": alpha},
    )


def _rule(k: float) -> Rule:
    """Return the rule for k = alpha - 1; its state is ``k (theta - tau)``, at most 1."""

    def start(xp: ModuleType, log_p: Array) -> Array:
        return xp.exp(k * log_p)

    def policy(xp: ModuleType, state: Array) -> tuple[Array, Array, Array]:
        state = state - _threshold(xp, state, k)
        support = xp.where(state > 0, state, 0.0)
        log_p = xp.log(support) / k
        return state, log_p, xp.exp(log_p)

    def update(now: Now) -> Array:
        inside = now.state > 0
        log_p = now.xp.where(inside, now.log_p, 0.0)
        weight = now.xp.where(inside, now.xp.exp((1 - k) * log_p), 0.0)
        mean = (weight * now.advantage).sum(0) / weight.sum(0)
        return now.state + now.learning_rate * k * weight * (now.advantage - mean)

    return Rule(update, start, policy)


def _threshold(xp: ModuleType, state: Array, k: float) -> Array:
    """Solve ``sum_a [state(a) - q]_+^(1/k) = 1`` for q by Newton's method.

    The sum falls with q and is convex, so Newton's steps from the left of the root never pass it.
    There the largest term alone is 1.
    """
    q = xp.amax(state, 0) - 1
    for _ in range(_MOST_ITERATIONS):
        above = xp.where(state > q, state - q, 0.0)
        slope = above ** (1 / k - 1) if k < 1 else xp.where(above > 0, 1.0, 0.0)
        step = k * ((slope * above).sum(0) - 1) / slope.sum(0)
        q = q + step
        if not bool((xp.abs(step) > _ROUNDING).any()):
            break
    return q
