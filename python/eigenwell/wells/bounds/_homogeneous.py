"""Rewards (b + Delta, b, ..., b): bounds on the escape time from both sides, and its flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError
from eigenwell.wells.bounds._arguments import Float64, actions_of, policies, take
from eigenwell.wells.bounds._corner import corner_potential, escape_budget


@dataclass(frozen=True)
class HomogeneousBounds:
    """``lower <= T <= upper`` for the first T, counted from 1, with ``pi_T(a*) > corner``.

    Attributes:
        lower: Whole numbers ``(...)``.
        upper: Whole numbers ``(...)``.
    """

    lower: Float64
    upper: Float64


def homogeneous_bounds(
    policy: npt.ArrayLike,
    *,
    gap: float,
    learning_rate: float,
    optimal: SupportsIndex = 0,
    corner: float = 0.1,
) -> HomogeneousBounds:
    """Bounds on the escape time when all actions but one have the same reward.

    Theorem: let p = pi_1(a*) <= c <= 1/2, w the other actions' shares of 1 - p, ``k1 = sum w^2``,
    ``k2 = 1/(K - 1)`` and ``B = h(c) - h(p)``. If ``eta Delta c (1 - c) <= 1``, then::

        lower = 2 + floor(B / ((1 + k1) eta Delta))
        upper = 2 + floor(B / ((1 + k2) eta Delta (1 - exp(-x)) / x)),  x = (1+k2) eta Delta c(1-c)

    Proof: with ``u = eta Delta p (1 - p)`` a step adds ``u - ln sum w exp(-w u)`` to logit p. By
    Jensen that is at most ``(1 + sum w^2) u``; the step makes w more even, as ``w exp(-w u)``
    increases in w and its ratio to w decreases, so the sum never rises above k1. And for u <= 2
    ``w exp(-w u)`` is concave in w, so the sum is largest for equal shares: at least
    ``(1 + k2) u``. For the potential: h is concave in logit p, and its slope there falls no faster
    than exp(-logit p).

    Args:
        policy: pi_1, ``(..., K)``.
        gap: Delta, above 0.
        learning_rate: eta, constant, above 0.
        optimal: a*.
        corner: c, above 0 and at most 1/2; ``1 - c`` is the fraction of the gap.

    Returns:
        The bounds.

    Raises:
        EigenwellError: A hypothesis fails.

    Example:
        >>> bounds = homogeneous_bounds([0.05] + 4 * [0.95 / 4], gap=0.3, learning_rate=0.5)
        >>> float(bounds.lower), float(bounds.upper)
        (63.0, 64.0)
    """
    p, weights = _split(policy, optimal)
    pull = _checks.positive(gap, "gap") * _checks.positive(learning_rate, "learning_rate")
    if not (0 < corner <= 0.5 and (p <= corner).all()):
        raise ArgumentError(
            "`policy` must hold the optimal action with a probability of at most `corner` <= 0.5, "
            f"got {float(p.max()):.6g} and {corner}"
        )
    reach = pull * corner * (1 - corner)
    if reach > 1:
        raise ArgumentError(
            "`learning_rate` times `gap` must be at most "
            f"{1 / (corner * (1 - corner)):.6g} at this corner, got {pull:.6g}"
        )
    spread, even = (weights**2).sum(axis=-1), 1 / weights.shape[-1]
    low = 2 * escape_budget(p, corner=corner)
    high = corner_potential(corner) - corner_potential(p)
    x = (1 + even) * reach
    lower = 2 + np.floor(low / ((1 + spread) * pull))
    upper = 2 + np.floor(high * (1 + 1e-12) / ((1 + even) * pull * -np.expm1(-x) / x))
    return HomogeneousBounds(np.asarray(lower), np.asarray(upper))


def homogeneous_flow_time(
    policy: npt.ArrayLike, *, optimal: SupportsIndex = 0, corner: float = 0.1
) -> Float64:
    """``eta Delta`` times the time at which the gradient flow reaches ``pi(a*) = corner``, exactly.

    With ``w_a`` the shares of the other actions, ``Q(s) = sum 1/(1/w_a + s)`` and
    ``P(s) = p/(1-p) prod(1 + w_a s)`` the flow is at ``pi(a*) = P/(P + Q)``, at the time

        ``eta Delta t = integral of (P + Q)^2 / P ds`` from 0 to s.

    Proof: in the flow ``exp(-theta_a)`` grows at one rate for all a != a*; call its growth s. Then
    theta_a is explicit, ``d theta_a*/ds = Q``, and ``dt/ds = (P + Q)^2 / (eta Delta P)``.

    Args:
        policy: pi_1, ``(..., K)``.
        optimal: a*.
        corner: In (0, 1).

    Returns:
        ``(...)``; 0 where the start has more than ``corner`` already.

    Raises:
        EigenwellError: An argument is out of range.

    Note:
        An estimate of discrete ascent, which trails the flow: ``1 + time / (eta Delta)`` is about
        T, and was below it in every case tried; no proof of that is known to us.

    Example:
        >>> start = [0.05] + 4 * [0.95 / 4]
        >>> round(float(1 + homogeneous_flow_time(start) / (0.5 * 0.3)), 1)
        62.6
    """
    p, weights = _split(policy, optimal)
    if not 0 < corner < 1:
        raise ArgumentError(f"`corner` must be above 0 and below 1, got {corner}")
    start = np.log(p) - np.log1p(-p)
    target = np.log(corner) - np.log1p(-corner)
    low, high = np.zeros(p.shape), np.ones(p.shape)
    while (ahead := _logs(high, start, weights)[2] < target).any():
        high = np.where(ahead, 2 * high, high)
    for _ in range(64):
        middle = (low + high) / 2
        ahead = _logs(middle, start, weights)[2] < target
        low, high = np.where(ahead, middle, low), np.where(ahead, high, middle)
    nodes, quadrature = np.polynomial.legendre.leggauss(16)
    panels = int(np.ceil(high.max(initial=1.0)))
    total = np.zeros(p.shape)
    for panel in range(panels):
        for node, weight in zip(nodes, quadrature, strict=True):
            v = high * (panel + (1 + node) / 2) / panels
            log_p, log_q, _ = _logs(v, start, weights)
            total += weight / 2 * np.exp(v + 2 * np.logaddexp(log_p, log_q) - log_p)
    return np.where(start < target, total * high / panels, 0.0)


def _split(policy: npt.ArrayLike, optimal: SupportsIndex) -> tuple[Float64, Float64]:
    """Return pi(a*) and the other actions' shares of the rest."""
    p = policies(policy)
    index = _checks.integer(optimal, "optimal", low=0, high=p.shape[-1] - 1)
    rest = np.delete(p, index, axis=-1)
    own = take(p, actions_of(np.asarray(index), p))
    return own, rest / rest.sum(axis=-1, keepdims=True)


def _logs(v: Float64, start: Float64, weights: Float64) -> tuple[Float64, Float64, Float64]:
    """Return ln P, ln Q and their difference at s = exp(v) - 1."""
    s = np.expm1(v)[..., None]
    log_p = start + np.log1p(weights * s).sum(axis=-1)
    log_q = np.log((weights / (1 + weights * s)).sum(axis=-1))
    return log_p, log_q, log_p - log_q
