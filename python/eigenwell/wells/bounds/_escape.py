"""Escape certificates: times that a policy needs at least, computed from its start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError
from eigenwell.wells.bounds._arguments import (
    Float64,
    Indices,
    corner_of,
    not_negative,
    policies,
    positive,
    rewards_like,
)
from eigenwell.wells.bounds._corner import corner_mass_bounds, escape_budget, whole_steps


@dataclass(frozen=True)
class EscapeCertificate:
    """A lower bound on an escape time, and the corner that gives it.

    Attributes:
        time: Escape is not before this time, counted from 1, ``(...)``; whole numbers or infinity.
            1 says nothing.
        action: The corner's action j.
        mass: The corner mass of the start.
        corner: The mass up to which the sub-optimality stays at least fraction * gap.
    """

    time: Float64
    action: Indices
    mass: Float64
    corner: Float64


def certified_steps(
    mass: npt.ArrayLike,
    gap: npt.ArrayLike,
    *,
    learning_rate: npt.ArrayLike,
    corner: npt.ArrayLike = 0.1,
    form: str = "sharp",
) -> Float64:
    """Steps after which the corner mass is certainly at most ``corner``: floor(budget / (eta G)).

    Hypotheses: those of :func:`logit_increment_bound` in every step; ``gap`` and ``learning_rate``
    bound every G_t and eta_t from above. Proof: the sum of ``eta_s G_s`` over n steps is at most
    ``n eta G``, and :func:`escape_budget` is the largest sum that is covered.

    Then ``delta_t >= (1 - c) G_t`` at the first n + 1 times, since the actions outside of A and j
    itself lose at least G_t each and hold at least 1 - c of the probability.

    Args:
        mass: m_1, by :func:`corner_mass`.
        gap: Above or equal to every ``max r_t - r_t(j)``.
        learning_rate: Above or equal to every eta_t.
        corner: c, above 0 and at most 1/2.
        form: ``"simple"`` or ``"sharp"``.

    Returns:
        n: whole numbers or infinity; -1 where m_1 > c.

    Raises:
        EigenwellError: An argument is out of range.

    Example:
        >>> float(certified_steps(0.001, 0.1, learning_rate=0.4))
        12494.0
    """
    budget = escape_budget(mass, corner=corner, form=form)
    pull = not_negative(gap, "gap") * positive(learning_rate, "learning_rate")
    return whole_steps(budget, np.asarray(pull))


def certified_steps_over_time(
    mass: npt.ArrayLike,
    gaps: npt.ArrayLike,
    *,
    learning_rate: npt.ArrayLike,
    corner: npt.ArrayLike = 0.1,
    form: str = "sharp",
) -> Float64:
    """Steps after which the corner mass is certainly at most ``corner``, from gaps over time.

    Theorem (escape): ``delta_t >= (1 - c) G_t`` for every t with ``sum_{s<t} eta_s G_s`` at most
    :func:`escape_budget`. Hypotheses and proof: :func:`corner_mass_bounds` and
    :func:`certified_steps`. Rewards may be chosen by an adversary who sees the policy.

    Args:
        mass: m_1, ``(...)``, at most 1/2.
        gaps: G_t, ``(T, ...)``.
        learning_rate: A scalar or ``(T, ...)``.
        corner: c, above 0 and at most 1/2.
        form: ``"simple"``, ``"sharp"`` or ``"logit"``.

    Returns:
        n ``(...)``, at most T; -1 where m_1 > c.

    Raises:
        EigenwellError: An argument is out of range.
    """
    bounds = corner_mass_bounds(mass, gaps, learning_rate=learning_rate, form=form)
    inside = bounds <= corner_of(corner) * (1 - 1e-12)
    return np.asarray(np.cumprod(inside, axis=0).sum(axis=0) - 1.0)


def escape_certificate(
    policy: npt.ArrayLike,
    rewards: npt.ArrayLike,
    *,
    learning_rate: npt.ArrayLike,
    fraction: float = 0.9,
    form: str = "sharp",
    strict: bool = True,
) -> EscapeCertificate:
    """No t before the certificate's time has ``(pi* - pi_t).r < fraction * Delta``.

    Theorem: let the rewards be constant with gap Delta > 0 and every rate at most eta. For a
    sub-optimal action j let ``G_j = max r - r(j)``, m the share of the better actions beside j
    (:func:`corner_mass`) and ``c = min(1/2, 1 - fraction Delta / G_j)``. If m <= c, escape takes at
    least ``2 + floor((h(c) - h(m)) / (2 eta G_j))``. The best j is chosen.

    Proof: :func:`certified_steps` bounds the mass, so ``delta >= (1 - c) G_j >= fraction Delta``.

    Args:
        policy: pi_1, ``(..., K)``, inside of the simplex.
        rewards: Constant, broadcasts with ``policy``.
        learning_rate: An upper bound of the rates, a scalar or ``(...)``.
        fraction: In (0, 1); the articles' is 0.9.
        form: ``"simple"`` (the theorem's 1/pi form) or ``"sharp"``.
        strict: Raise if some start is in no corner, for which the theorem has no hypothesis;
            otherwise its time is 1.

    Returns:
        The certificate.

    Raises:
        EigenwellError: The gap is 0, a start is in no corner, or an argument is out of range.

    Note:
        Cost O(K^2) per start, whatever the time that comes out.

    References:
        Mei et al. 2020, "Escaping the gravitational pull of softmax", theorem 1, proves that some
        constant exists; this is a computable one, see :func:`escape_constant`.

    Example:
        >>> certificate = escape_certificate(
        ...     [0.001, 0.998, 0.001], [1, 0.9, 0.1], learning_rate=0.4
        ... )
        >>> int(certificate.action), float(certificate.time)
        (1, 12483.0)
    """
    p = policies(policy)
    r = np.broadcast_to(rewards_like(rewards, p), np.broadcast_shapes(np.shape(rewards), p.shape))
    p = np.broadcast_to(p, r.shape)
    share = fraction_of(fraction)
    losses = r.max(axis=-1, keepdims=True) - r
    gap = gap_of(losses)
    shape = r.shape[:-1]
    rate = np.broadcast_to(positive(learning_rate, "learning_rate"), shape)
    best = np.full(shape, -np.inf)
    action = np.zeros(shape, dtype=np.intp)
    mass, corner = np.ones(shape), np.zeros(shape)
    for j in range(r.shape[-1]):
        loss = losses[..., j]
        suboptimal = loss > 0
        q = np.where(losses < loss[..., None], p, 0.0).sum(axis=-1)
        m = np.where(suboptimal, q / (q + p[..., j]), 0.5)
        c = np.minimum(0.5, 1 - share * gap / np.where(suboptimal, loss, gap))
        steps = certified_steps(m, loss, learning_rate=rate, corner=c, form=form)
        better = suboptimal & (steps > best)
        best = np.where(better, steps, best)
        action = np.where(better, j, action)
        mass, corner = np.where(better, m, mass), np.where(better, c, corner)
    if strict and (best < 0).any():
        raise ArgumentError(
            "`policy` must start in a corner: no sub-optimal action holds so much probability "
            "beside the better ones that the theorem applies (strict=False gives time 1)"
        )
    return EscapeCertificate(np.maximum(best + 2, 1.0), action, mass, corner)


def escape_constant(
    policy: npt.ArrayLike, rewards: npt.ArrayLike, *, learning_rate: float
) -> Float64:
    """The theorem's C: ``delta_t >= 0.9 Delta`` until ``t_0 = C / (Delta pi_1(a*))``.

    ``C = (pi_1(a*) / m)(1 - 10 m) / (2 eta)``, with m the mass of the optimal action beside the
    second best. Hypotheses: constant rewards, one optimal action, rates at most eta, m < 1/10.
    Proof: :func:`escape_budget`, simple form, at c = 1/10, where G = Delta.

    Args:
        policy: pi_1, ``(..., K)``.
        rewards: Broadcasts with ``policy``.
        learning_rate: eta, above 0.

    Returns:
        C, ``(...)``.

    Raises:
        EigenwellError: A hypothesis fails.

    References:
        Mei et al. 2020, theorem 1, where "there exists C > 0".

    Example:
        >>> round(float(escape_constant([0.01, 0.98, 0.01], [1, 0.9, 0.1], learning_rate=0.5)), 3)
        0.89
    """
    p = policies(policy)
    r = np.broadcast_to(rewards_like(rewards, p), np.broadcast_shapes(np.shape(rewards), p.shape))
    p = np.broadcast_to(p, r.shape)
    gap_of(r.max(axis=-1, keepdims=True) - r)
    order = np.argsort(r, axis=-1)
    first, second = (
        np.take_along_axis(p, order[..., k : k + 1], axis=-1)[..., 0]
        for k in (r.shape[-1] - 1, r.shape[-1] - 2)
    )
    mass = first / (first + second)
    if not (mass < 0.1).all():
        raise ArgumentError(
            "`policy` must hold the optimal action at less than a ninth of the second best's "
            f"probability, got a share of {float(mass.max()):.6g} beside it"
        )
    rate = _checks.positive(learning_rate, "learning_rate")
    return np.asarray(first / mass * (1 - 10 * mass) / (2 * rate))


def fraction_of(value: float) -> float:
    """Return a fraction inside of (0, 1)."""
    number = _checks.positive(value, "fraction")
    if number >= 1:
        raise ArgumentError(f"`fraction` must be above 0 and below 1, got {number}")
    return number


def gap_of(losses: Float64) -> Float64:
    """Return the second smallest loss, which must not be 0."""
    gap = np.sort(losses, axis=-1)[..., 1]
    if (gap == 0).any():
        raise ArgumentError("`rewards` must have one optimal action: two share it, the gap is 0")
    return np.asarray(gap)
