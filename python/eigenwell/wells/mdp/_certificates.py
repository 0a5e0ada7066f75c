"""How long a corner holds a state's policy, at least; and which state costs the return most."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.wells.bounds import escape_budget, mdp_certificate

if TYPE_CHECKING:
    from eigenwell.wells.mdp._tabular import Float64, TabularMDP


@dataclass(frozen=True)
class CornerCertificates:
    """What is certain about the corners (s, j) of a policy under exact softmax policy gradient.

    Attributes:
        mass: ``(S, A)``, ``m = 1 - pi(j|s)``: how far the policy of s is from the corner j.
        budget: ``(S, A)``, 0 outside of the well: while ``sum eta n_u(s) G_u(s, j)`` is no larger,
            the mass is at most the threshold; :attr:`MDPRun.spent` has that sum.
        updates: ``(S, A)``, for at least so many updates from now on the mass is at most the
            threshold, whatever happens in other states; infinite where no update can move it.
        floor: ``(S, A)``, what V*(mu) - V(mu) is at least for as long.
    """

    mass: Float64
    budget: Float64
    updates: Float64
    floor: Float64


def corner_certificates(
    mdp: TabularMDP,
    policy: npt.ArrayLike,
    *,
    learning_rate: float,
    threshold: float = 0.1,
) -> CornerCertificates:
    """Lower bounds on how long each corner of each state holds, from the process alone.

    :func:`eigenwell.wells.bounds.mdp_certificate` for all corners, with bounds on what training can
    ever do that are computed from the process: a state's rate is at most eta times the most visits
    of any policy, and ``G(s, j) <= V*(s) - Q_min(s, j)``, Q_min being the worst policy's.

    While m is at most the threshold, ``V*(mu) - V(mu) >= (1 - threshold) n_min(s) (V*(s) -
    Q*(s, j))``, n_min being the fewest discounted visits of any policy, at least mu(s). Proof: by
    the performance difference the left side is ``sum n(s) sum_a pi(a|s) (V*(s) - Q*(s, a))``, whose
    terms are not negative; keep the term of s and j.

    Args:
        mdp: The process.
        policy: ``(S, A)``, at the time that the count begins; no probability may be 0.
        learning_rate: eta, above 0.
        threshold: Mass that counts as out of the corner, above 0 and at most 1/2.

    Raises:
        EigenwellError: An argument is out of range.

    Note:
        2 S policy iterations for the bounds on visits.
    """
    pi = mdp.checked(policy)
    best, worst = mdp.optimum(), mdp.worst()
    fewest, most = mdp.visit_bounds()
    certificate = mdp_certificate(
        np.broadcast_to(pi, (mdp.actions, *pi.shape)),
        (best.values[:, None] - worst.action_values).T,
        learning_rate=learning_rate,
        discount=mdp.discount,
        visitation=(1 - mdp.discount) * most / mdp.copies,
        action=np.broadcast_to(np.arange(mdp.actions)[:, None], pi.T.shape),
        corner=threshold,
    )
    inside = certificate.budget.T > 0
    floor = (1 - threshold) * fewest[:, None] * (best.values[:, None] - best.action_values)
    return CornerCertificates(
        certificate.mass.T,
        np.where(inside, certificate.budget.T, 0.0),
        np.where(inside, certificate.steps.T, 0.0),
        np.where(inside, floor, 0.0),
    )


@dataclass(frozen=True)
class HoldingState:
    """A state and what it does to training at the moment.

    Attributes:
        state: Its number.
        label: Its name.
        action: The most likely action: the corner it is in, or nearest to.
        mass: One minus that action's probability.
        loss: What its policy costs the return: the losses of all states sum to V*(mu) - V(mu).
        share: Of all the loss.
        optimal: Its optimal action.
        drift: ``eta n(s) (pi(a*) A(a*) - sum pi^2 A)``, change of ``log pi(a*|s)`` per update at
            present: below 0 it sinks, near 0 it is on a plateau.
        updates: If nothing but this state changed, updates until its mass can exceed the threshold,
            at least; 0 outside of a well, infinite if its gap is 0.
    """

    state: int
    label: str
    action: int
    mass: float
    loss: float
    share: float
    optimal: int
    drift: float
    updates: float

    def row(self) -> dict[str, Any]:
        """Return the attributes by name, for a table or JSON."""
        return asdict(self)


def holding_back(
    mdp: TabularMDP,
    policy: npt.ArrayLike,
    *,
    learning_rate: float = 1.0,
    threshold: float = 0.1,
    limit: SupportsIndex = 10,
) -> list[HoldingState]:
    """Which states hold training back now: those with the largest share of the sub-optimality.

    Args:
        mdp: The process.
        policy: ``(S, A)``, such as ``run.policies[-1]``.
        learning_rate: eta, the unit of ``drift`` and ``updates``.
        threshold: Mass that counts as out of a corner.
        limit: Longest list returned. States without loss are left out.

    Returns:
        The states, the costliest first.

    Raises:
        EigenwellError: An argument is out of range.

    Example:
        >>> from eigenwell.wells.mdp import nested_wells
        >>> mdp = nested_wells(3, actions=4)
        >>> [(row.label, round(row.share, 2)) for row in holding_back(mdp, mdp.uniform())]
        [('3', 0.4), ('2', 0.35), ('1', 0.25)]
    """
    pi = mdp.checked(policy)
    eta = _checks.positive(learning_rate, "learning_rate")
    most = _checks.integer(limit, "limit", low=1, high=2**31 - 1)
    best = mdp.optimum()
    losses = mdp.losses(pi, best)
    v, n = mdp.solve(pi)
    q = mdp.backup(v)
    advantage = q - v[:, None]
    rate = eta * n / mdp.copies
    rows, corner = np.arange(mdp.states), pi.argmax(axis=1)
    a_star = best.policy
    drift = rate * ((pi * advantage)[rows, a_star] - (pi**2 * advantage).sum(axis=1))
    mass = (pi * (np.arange(mdp.actions) != corner[:, None])).sum(axis=1)
    pull = rate * (q.max(axis=1) - q[rows, corner])
    total = losses.sum()
    listed = []
    for s in np.argsort(-losses, kind="stable")[:most]:
        if not losses[s] > 1e-12 * max(1.0, total):
            break
        updates = 0.0
        if mass[s] < threshold:
            budget = float(escape_budget(mass[s], corner=threshold))
            updates = budget / pull[s] if pull[s] > 0 else math.inf
        listed.append(
            HoldingState(
                int(s),
                mdp.labels[s],
                int(corner[s]),
                float(mass[s]),
                float(losses[s]),
                float(losses[s] / total),
                int(a_star[s]),
                float(drift[s]),
                updates,
            )
        )
    return listed
