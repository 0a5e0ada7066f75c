"""The comparison theorem: the one reward vector that leaves a corner fastest, iterated exactly."""

from __future__ import annotations

from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError
from eigenwell.wells.bounds._arguments import (
    ROUNDING,
    Float64,
    actions_of,
    better_mask,
    policies,
    positive,
    take,
)
from eigenwell.wells.bounds._arguments import not_negative as not_negative_array

WORST_CASE_CORNER = 0.25


def worst_case_masses(
    policy: npt.ArrayLike,
    gaps: npt.ArrayLike,
    *,
    learning_rate: npt.ArrayLike,
    action: npt.ArrayLike,
    better: npt.ArrayLike | None = None,
) -> Float64:
    """The least upper bounds on m_1, m_2, ... that the gaps allow, while they are <= 1/4.

    Theorem: let A hold every action that ever beats j. Among all rewards with ``max r_t - r_t(j)``
    at most G_t, the corner mass is largest at every time for those that give ``r_t(j) + G_t`` to
    every action in A, with no probability elsewhere, as long as that mass is at most 1/4. Without
    other actions the bound is attained; no certificate from the gaps alone is sharper.

    Proof: let ``x_a = pi(a)/pi(j)``, ``X`` their sum over A. By the corner lemma's proof log x_a
    rises by at most ``eta G (x_a + X)/(1 + X)^2``, and equality holds for these rewards. That is
    increasing in each x_b, b != a, where ``X + 2 x_a <= 1``, so where m <= 1/4, and it leaves
    log x_a + its rise increasing in x_a. A map that is increasing keeps the order of two
    trajectories.

    Args:
        policy: pi_1, ``(..., K)``.
        gaps: G_t, ``(T, ...)``.
        learning_rate: eta_t, a scalar or ``(T, ...)``.
        action: j, ``(...)``.
        better: A as a mask ``(..., K)``; by default every action but j.

    Returns:
        Bounds ``(T + 1, ...)``; 1 where the theorem says nothing any more.

    Raises:
        EigenwellError: An argument is out of range.
    """
    ratios = _log_ratios(policy, action, better)
    gap = not_negative_array(gaps, "gaps")
    if gap.ndim < 1:
        raise ArgumentError("`gaps` must have a first axis, time")
    pulls = gap * positive(learning_rate, "learning_rate")
    mass = _mass(ratios)
    bounds = [mass]
    inside = np.ones(mass.shape, dtype=np.bool_)
    for pull in pulls:
        inside = inside & (bounds[-1] <= WORST_CASE_CORNER)
        ratios = _step(ratios, pull)
        bounds.append(np.where(inside, _mass(ratios), 1.0))
    return np.array(np.broadcast_arrays(*bounds))


def worst_case_steps(
    policy: npt.ArrayLike,
    gap: npt.ArrayLike,
    *,
    learning_rate: npt.ArrayLike,
    action: npt.ArrayLike,
    better: npt.ArrayLike | None = None,
    corner: float = 0.1,
    limit: SupportsIndex = 100_000,
) -> Float64:
    """Steps that certainly leave the corner mass at most ``corner``, by :func:`worst_case_masses`.

    Args:
        policy: ``(..., K)``.
        gap: An upper bound of every ``max r_t - r_t(j)``, ``(...)``.
        learning_rate: An upper bound of every rate, ``(...)``.
        action: j, ``(...)``.
        better: A as a mask ``(..., K)``; by default every action but j.
        corner: c, above 0 and at most 1/4.
        limit: Steps after which the iteration stops; its cost is that of a run of so many steps.

    Returns:
        Whole numbers ``(...)``, at most ``limit``; -1 where the start is outside of the corner.

    Raises:
        EigenwellError: An argument is out of range.

    Example:
        >>> start = [0.001, 0.001, 0.998]
        >>> float(worst_case_steps(start, 1.0, learning_rate=0.5, action=2))
        666.0
    """
    if not 0 < corner <= WORST_CASE_CORNER:
        raise ArgumentError(f"`corner` must be above 0 and at most 0.25, got {corner}")
    last = _checks.integer(limit, "limit", low=0, high=2**53)
    ratios = _log_ratios(policy, action, better)
    pull = not_negative_array(gap, "gap") * positive(learning_rate, "learning_rate")
    inside = _mass(ratios) <= corner * (1 - ROUNDING)
    steps = np.where(inside, 0.0, -1.0) + np.zeros_like(pull)
    inside = np.broadcast_to(inside, steps.shape)
    for count in range(1, last + 1):
        if not inside.any():
            break
        ratios = _step(ratios, pull)
        inside = inside & (_mass(ratios) <= corner * (1 - ROUNDING))
        steps = np.where(inside, float(count), steps)
    return steps


def _log_ratios(
    policy: npt.ArrayLike, action: npt.ArrayLike, better: npt.ArrayLike | None
) -> Float64:
    p = policies(policy)
    j = actions_of(action, p)
    logs = np.log(p)
    return np.where(better_mask(better, p, j), logs - take(logs, j)[..., None], -np.inf)


def _mass(ratios: Float64) -> Float64:
    """Return the corner mass, or 1 where an action overtook j: there the theorem has ended."""
    total = _odds(ratios).sum(axis=-1)
    return np.where((ratios > 0).any(axis=-1), 1.0, total / (1 + total))


def _odds(ratios: Float64) -> Float64:
    """Return pi(a) / pi(j), cut at 1, beyond which nobody looks and squares would overflow."""
    return np.asarray(np.exp(np.minimum(ratios, 0.0)))


def _step(ratios: Float64, pull: Float64) -> Float64:
    x = _odds(ratios)
    total = x.sum(axis=-1, keepdims=True)
    return np.asarray(ratios + pull[..., None] * (x + total) / (1 + total) ** 2)
