"""The article's second theorem, corrected, and the case in which the printed one is false."""

from __future__ import annotations

from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError, ShapeError
from eigenwell.wells.bounds._arguments import Float64, policies
from eigenwell.wells.bounds._corner import corner_mass
from eigenwell.wells.bounds._escape import certified_steps


@dataclass(frozen=True)
class SecondTheorem:
    """What the corrected theorem gives for one start.

    Attributes:
        constant: C, with ``t_0 = C / (Delta pi_1(a*))``.
        time: t_0, real: ``delta_t >= 0.9 Delta`` at every t <= t_0.
        certified: The last time that the sharp form certifies, a whole number >= t_0 - 1.
    """

    constant: float
    time: float
    certified: float


def second_theorem(
    policy: npt.ArrayLike,
    base: npt.ArrayLike,
    gap: float,
    *,
    learning_rate: float = 1.0,
    action: SupportsIndex = 1,
) -> SecondTheorem:
    """Rewards ``(b_1(t) + Delta, b_2(t), ...)``: ``delta_t >= 0.9 Delta`` until C / (Delta pi_1).

    Theorem (corrected): let ``b_i(t) <= b_1(t)`` for all i and t, which the printed theorem lacks;
    Delta > 0; rates at most eta. Let j be a sub-optimal action with ``m = 1 - pi_1(j) < 1/10`` and
    ``G = max_t (b_1(t) + Delta - b_j(t))``. Then the claim holds with
    ``C = (Delta / G) (pi_1(a*) / m) (1 - 10 m) / (2 eta)``. G is Delta if b_j = b_1, and at most 1
    for rewards in [0, 1]; C must see it, as larger differences drive the policy faster.

    Proof: ``delta_t >= (1 - m_t) (b_1(t) + Delta - b_j(t)) >= 0.9 Delta`` while m_t <= 1/10, which
    :func:`certified_steps` guarantees, simple form.

    Args:
        policy: pi_1, ``(K,)``; action 0 is the optimal one.
        base: b_i(t), ``(K,)`` or ``(T, K)``, for all times that are of interest.
        gap: Delta, above 0.
        learning_rate: eta, an upper bound of the rates.
        action: j, from 1 to K - 1.

    Returns:
        The constant and the times; of base over time, claims end with its last time.

    Raises:
        EigenwellError: ``b_i(t) > b_1(t)`` somewhere, or another hypothesis fails.

    References:
        ``articles/gravity_wells.txt``, theorem 2, printed with ``b_i(t) <= beta <= b_1(t) + Delta``
        instead: see :func:`counterexample`.

    Example:
        >>> round(second_theorem([0.005, 0.99, 0.005], [0.2, 0.2, 0.1], 0.5).time, 3)
        90.0
    """
    p = policies(policy)
    b = np.atleast_2d(_checks.real_array(base, "base"))
    if p.ndim != 1 or b.ndim != 2 or b.shape[1] != p.shape[0]:
        raise ShapeError(
            f"`policy` must be (K,) and `base` (K,) or (T, K), got {p.shape}, {b.shape}"
        )
    if not np.isfinite(b).all():
        raise ArgumentError("`base` must be finite")
    if (b > b[:, :1]).any():
        raise ArgumentError(
            "`base` must satisfy b_i(t) <= b_1(t): without it the theorem is false, see "
            "`counterexample`"
        )
    delta = _checks.positive(gap, "gap")
    rate = _checks.positive(learning_rate, "learning_rate")
    j = _checks.integer(action, "action", low=1, high=p.shape[0] - 1)
    mass = float(corner_mass(p, j))
    if mass >= 0.1:
        raise ArgumentError(
            f"`policy` must hold the corner's action with more than 0.9, got {1 - mass:.6g}"
        )
    largest = float((b[:, 0] + delta - b[:, j]).max())
    optimal = float(p[0])
    constant = delta / largest * optimal / mass * (1 - 10 * mass) / (2 * rate)
    steps = float(certified_steps(mass, largest, learning_rate=rate))
    return SecondTheorem(constant, constant / (delta * optimal), 1 + steps)


@dataclass(frozen=True)
class Counterexample:
    """Rewards that satisfy the printed theorem's hypotheses and break its claim.

    Attributes:
        base: b, ``(K,)``, constant over time.
        beta: The printed bound.
        gap: Delta.
    """

    base: Float64
    beta: float
    gap: float

    @property
    def rewards(self) -> Float64:
        """``(b_1 + Delta, b_2, ..., b_K)``: all the same."""
        rewards = self.base.copy()
        rewards[0] += self.gap
        return rewards


def counterexample(actions: SupportsIndex = 3, gap: float = 0.5) -> Counterexample:
    """``b_1 = 0`` and ``b_i = beta = Delta``: every reward is Delta, so delta is 0 from the start.

    The printed hypothesis ``b_i(t) <= beta <= b_1(t) + Delta`` holds with equality. The printed
    claim ``delta_t >= 0.9 Delta`` fails at t = 1 for every start, rate and constant.

    Args:
        actions: K, at least 2.
        gap: Delta, above 0 and at most 1, so that rewards are in [0, 1].

    Returns:
        The counterexample.

    Raises:
        EigenwellError: An argument is out of range.

    Example:
        >>> counterexample().rewards
        array([0.5, 0.5, 0.5])
    """
    count = _checks.integer(actions, "actions", low=2, high=2**31 - 1)
    delta = _checks.positive(gap, "gap")
    if delta > 1:
        raise ArgumentError(f"`gap` must be above 0 and at most 1, got {delta}")
    base = np.full(count, delta)
    base[0] = 0.0
    return Counterexample(base, delta, delta)
