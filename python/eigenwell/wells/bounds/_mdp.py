"""The certificate in a Markov decision process: every state is a bandit that pays Q."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError, ShapeError
from eigenwell.wells.bounds._arguments import (
    Float64,
    Indices,
    actions_of,
    corner_of,
    not_negative,
    policies,
    rewards_like,
    take,
)
from eigenwell.wells.bounds._corner import corner_mass, escape_budget, whole_steps


@dataclass(frozen=True)
class MDPCertificate:
    """What is certain about each state before training goes on.

    Attributes:
        action: The corner's action j of each state, ``(..., S)``.
        mass: ``1 - pi(j|s)``.
        budget: The sum of :func:`mdp_pulls` that cannot bring the mass above the corner; -1 where
            it is above.
        steps: Steps that the budget covers at the largest pull; -1 where the mass is above.
    """

    action: Indices
    mass: Float64
    budget: Float64
    steps: Float64


def mdp_pulls(
    action_values: npt.ArrayLike,
    visitation: npt.ArrayLike,
    *,
    action: npt.ArrayLike,
    learning_rate: npt.ArrayLike,
    discount: float,
) -> Float64:
    """``eta d(s) / (1 - gamma) (max_a Q(s, a) - Q(s, j))``: what a step takes from a budget.

    Args:
        action_values: Q of the present policy, ``(..., S, A)``.
        visitation: The discounted state distribution d, ``(..., S)``, which sums to 1.
        action: j, ``(..., S)``.
        learning_rate: eta, above 0.
        discount: gamma, in [0, 1).

    Returns:
        ``(..., S)``.

    Raises:
        EigenwellError: An argument is out of range.
    """
    q = _checks.real_array(action_values, "action_values")
    if q.ndim < 2 or not np.isfinite(q).all():
        raise ShapeError(f"`action_values` must be finite, of shape (..., S, A), got {q.shape}")
    gap = q.max(axis=-1) - take(q, actions_of(action, q))
    weight = not_negative(visitation, "visitation") / (1 - _discount(discount))
    return np.asarray(not_negative(learning_rate, "learning_rate") * weight * gap)


def mdp_certificate(
    policy: npt.ArrayLike,
    value_range: npt.ArrayLike,
    *,
    learning_rate: float,
    discount: float,
    visitation: npt.ArrayLike = 1.0,
    action: npt.ArrayLike | None = None,
    corner: float = 0.1,
    form: str = "sharp",
) -> MDPCertificate:
    """Steps for which each state certainly stays at its corner, under exact policy gradient.

    Theorem: softmax policy gradient of ``V(mu)`` moves the logits of state s as a bandit with rate
    ``eta d_t(s) / (1 - gamma)`` and rewards ``Q_t(s, .)``. So ``1 - pi_t(j|s) <= c`` at every t
    with ``sum_{s<t} mdp_pulls <= budget``; rewards of that bandit change as all states learn, which
    the corner lemma allows. Proof: the policy gradient theorem and :func:`corner_mass_bounds`.

    Args:
        policy: ``(..., S, A)``.
        value_range: Above or equal to every future ``max_a Q_t(s, a) - Q_t(s, j)``, ``(..., S)`` or
            a scalar; the range of the rewards over ``1 - gamma`` always is.
        learning_rate: An upper bound of the rates.
        discount: gamma, in [0, 1).
        visitation: Above or equal to every future d_t(s); 1 always is.
        action: j; by default the most probable action of each state.
        corner: c, above 0 and at most 1/2.
        form: ``"simple"`` or ``"sharp"``.

    Returns:
        The certificate.

    Raises:
        EigenwellError: An argument is out of range.
    """
    p = policies(policy)
    if p.ndim < 2:
        raise ShapeError(f"`policy` must have shape (..., S, A), got {p.shape}")
    j = np.argmax(p, axis=-1) if action is None else actions_of(action, p)
    mass = corner_mass(p, j)
    budget = escape_budget(mass, corner=corner, form=form)
    rate = _checks.positive(learning_rate, "learning_rate") / (1 - _discount(discount))
    pull = rate * not_negative(visitation, "visitation") * not_negative(value_range, "value_range")
    return MDPCertificate(j, mass, budget, whole_steps(budget, np.asarray(pull)))


def mdp_suboptimality_bound(
    optimal_values: npt.ArrayLike,
    weight: npt.ArrayLike,
    *,
    action: npt.ArrayLike,
    inside: npt.ArrayLike,
    corner: float = 0.1,
) -> Float64:
    """``V*(mu) - V(mu) >= (1 - c) sum_s weight(s) (V*(s) - Q*(s, j))`` over the states inside.

    Theorem: with weight the start distribution mu, or, which is never less, ``d(s) / (1 - gamma)``
    of the present policy, the bound holds for every policy with ``pi(j|s) >= 1 - c`` in the states
    named by ``inside``, so as long as their budgets last.

    Proof: the performance difference lemma makes the left side
    ``sum_s d(s)/(1 - gamma) sum_a pi(a|s) (V*(s) - Q*(s, a))``, whose terms are not negative; keep
    those of the corners. And ``d(s) >= (1 - gamma) mu(s)``.

    Args:
        optimal_values: Q*, ``(S, A)``.
        weight: mu or d / (1 - gamma), ``(..., S)``.
        action: j of each state, ``(S,)``.
        inside: Mask of the states whose mass is at most c, ``(..., S)``.
        corner: c, above 0 and at most 1/2.

    Returns:
        ``(...)``, in units of return.

    Raises:
        EigenwellError: An argument is out of range.
    """
    q = _checks.real_array(optimal_values, "optimal_values")
    q = rewards_like(q, q, "optimal_values")
    if q.ndim != 2:
        raise ShapeError(f"`optimal_values` must have shape (S, A), got {q.shape}")
    loss = q.max(axis=-1) - take(q, actions_of(action, q))
    share = not_negative(weight, "weight") * np.asarray(inside, dtype=np.bool_)
    return np.asarray((1 - float(corner_of(corner))) * (share * loss).sum(axis=-1))


def _discount(value: float) -> float:
    number = _checks.not_negative(value, "discount")
    if number >= 1:
        raise ArgumentError(f"`discount` must be at least 0 and below 1, got {number}")
    return number
