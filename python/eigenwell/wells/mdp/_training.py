"""Exact softmax policy gradient in a tabular MDP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, SupportsIndex

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError
from eigenwell.wells._arguments import recorded_times

if TYPE_CHECKING:
    from eigenwell.wells.mdp._tabular import Float64, Optimum, TabularMDP

_MOST_STEPS = 2**31 - 1
_MOST_BYTES = 2**32


@dataclass(frozen=True)
class MDPRun:
    """A training run.

    Attributes:
        mdp: What was trained on.
        optimum: Of it.
        learning_rate: eta.
        times: ``(R,)`` int64, the recorded times; 1 is the start.
        log_policies: ``(R, S, A)``, log pi at these times.
        spent: ``(R, S, A)``, ``sum eta n_u(s) G_u(s, j)`` over the updates u before the time,
            with n the visits of a state, or of one of its copies, and
            ``G(s, j) = max_a Q(s, a) - Q(s, j)``: what a certificate at (s, j) has used up.
        suboptimality: ``(T,)``, V*(mu) - V(mu) at every time from 1 to T.
    """

    mdp: TabularMDP
    optimum: Optimum
    learning_rate: float
    times: npt.NDArray[np.int64]
    log_policies: Float64
    spent: Float64
    suboptimality: Float64

    @property
    def policies(self) -> Float64:
        """Pi at the recorded times, ``(R, S, A)``."""
        return np.exp(self.log_policies)

    def first_below(self, loss: float) -> int:
        """Return the first time, counted from 1, with sub-optimality below ``loss``, else -1."""
        below = self.suboptimality < _checks.positive(loss, "loss")
        return int(below.argmax()) + 1 if below.any() else -1


def softmax_pg(
    mdp: TabularMDP,
    policy: npt.ArrayLike,
    *,
    learning_rate: float,
    steps: SupportsIndex,
    record: SupportsIndex = 1,
) -> MDPRun:
    """Ascend V(mu) by its exact gradient: ``theta += eta n(s) pi(a|s) (Q(s, a) - V(s))``.

    Per state this is the softmax gradient of a bandit with rewards Q(s, .) and learning rate
    ``eta n(s)``, where ``n = d / (1 - gamma)`` are the discounted visits.

    Args:
        mdp: With S states and A actions.
        policy: ``(S, A)``, the start; no probability may be 0, gradients never change that.
        learning_rate: eta, above 0.
        steps: T, number of times: of policies the run passes through, the start included.
        record: Keep every so-manieth policy, and the last.

    Returns:
        The run.

    Raises:
        EigenwellError: An argument is out of range, or the record would not fit into 4 GiB.

    Note:
        Two linear solves a step. Deterministic.

    Example:
        >>> from eigenwell.wells.mdp import nested_wells
        >>> mdp = nested_wells(3)
        >>> run = softmax_pg(mdp, mdp.uniform(), learning_rate=0.5, steps=2001, record=1000)
        >>> run.times.tolist(), bool(run.suboptimality[-1] < 0.1)
        ([1, 1001, 2001], True)
    """
    start = mdp.checked(policy)
    if not (start > 0).all():
        raise ArgumentError("`policy` must be above 0 everywhere: the softmax has no zeros")
    eta = _checks.positive(learning_rate, "learning_rate")
    steps = _checks.integer(steps, "steps", low=1, high=_MOST_STEPS)
    record = _checks.integer(record, "record", low=1, high=_MOST_STEPS)
    needed = 16 * (steps // record + 2) * start.size + 8 * steps
    if needed > _MOST_BYTES:
        raise ArgumentError(
            f"`record` must leave a record of at most 4 GiB, got {needed / 2**30:.3g} GiB: keep "
            "fewer policies"
        )
    times = recorded_times(steps, record)
    optimum = mdp.optimum()
    highest = float(mdp.initial @ optimum.values)
    log_policies, spent = np.empty((2, len(times), *start.shape))
    loss = np.empty(steps)
    theta, used, row = np.log(start), np.zeros(start.shape), 0
    for t in range(1, steps + 1):
        theta -= theta.max(axis=1, keepdims=True)
        log_pi = theta - np.log(np.exp(theta).sum(axis=1, keepdims=True))
        pi = np.exp(log_pi)
        v, n = mdp.solve(pi)
        q, n = mdp.backup(v), n / mdp.copies
        loss[t - 1] = highest - float(mdp.initial @ v)
        if t == times[row]:
            log_policies[row], spent[row] = log_pi, used
            row += 1
        used += eta * n[:, None] * (q.max(axis=1, keepdims=True) - q)
        theta += eta * n[:, None] * pi * (q - v[:, None])
    return MDPRun(mdp, optimum, eta, times, log_policies, spent, loss)
