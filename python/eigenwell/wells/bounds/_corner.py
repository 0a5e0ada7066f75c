"""The corner lemma: how fast a softmax policy can leave a corner, whatever the rewards."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from eigenwell.errors import ArgumentError
from eigenwell.wells.bounds._arguments import (
    ROUNDING,
    Float64,
    actions_of,
    better_mask,
    choice,
    corner_of,
    masses,
    not_negative,
    policies,
    positive,
    take,
)

FORMS = ("simple", "sharp", "logit")


def corner_potential(mass: npt.ArrayLike) -> Float64:
    """``h(m) = 1/(1-m) - 1/m + 2 ln(m/(1-m))``, the clock of a corner: h' = 1/(m(1-m))^2.

    With l = logit(m) it is ``2 sinh(l) + 2 l``: odd about m = 1/2, and concave in l below it.

    Args:
        mass: m, any shape, above 0 and below 1.

    Returns:
        h, the shape of ``mass``.

    Raises:
        EigenwellError: A mass is not above 0 and below 1.

    Example:
        >>> round(float(corner_potential(0.1)), 4)
        -13.2833
    """
    m = masses(mass)
    return np.asarray(1 / (1 - m) - 1 / m + 2 * (np.log(m) - np.log1p(-m)))


def corner_potential_inverse(value: npt.ArrayLike) -> Float64:
    """The m with ``h(m) = value``, by Newton's method on ``2 sinh(l) + 2 l``.

    Args:
        value: Any shape, finite.

    Returns:
        m in (0, 1), the shape of ``value``; above 1/2 it is as exact as 1 - m can be.

    Raises:
        EigenwellError: A value is NaN or infinite.

    Note:
        Newton starts at asinh(|value| / 2), beyond the root of a convex function, so it descends to
        it; five steps reach machine accuracy for every value, eight are done.

    Example:
        >>> float(corner_potential_inverse(0.0))
        0.5
    """
    y = np.asarray(value, dtype=np.float64)
    if not np.isfinite(y).all():
        raise ArgumentError("`value` must be finite")
    logit = np.arcsinh(np.abs(y) / 2)
    for _ in range(8):
        # Divided by cosh, so that values near the largest float do not overflow.
        cosh = np.cosh(logit)
        residual = np.tanh(logit) + (logit - np.abs(y) / 2) / cosh
        logit = np.maximum(logit - residual / (1 + 1 / cosh), 0.0)
    small = np.exp(-logit) / (1 + np.exp(-logit))
    return np.asarray(np.where(y > 0, 1 - small, small))


def corner_mass(
    policy: npt.ArrayLike, action: npt.ArrayLike, *, better: npt.ArrayLike | None = None
) -> Float64:
    """``m = pi(A) / (pi(A) + pi(j))``: the share of the actions A that beat the corner's action j.

    With A = every other action it is 1 - pi(j), and sums without cancellation. An action that never
    beats j cannot pull the policy out of the corner, and its probability does not count.

    Args:
        policy: ``(..., K)``, inside of the simplex.
        action: j, ``(...)``.
        better: A as a mask ``(..., K)``; by default every action but j.

    Returns:
        m, ``(...)``.

    Raises:
        EigenwellError: A shape, an action or a probability is out of range.

    Example:
        >>> float(corner_mass([0.25, 0.25, 0.5], 2, better=[True, False, False])) == 1 / 3
        True
    """
    p = policies(policy)
    j = actions_of(action, p)
    own = take(p, j)
    q = np.where(better_mask(better, p, j), p, 0.0).sum(axis=-1)
    return np.asarray(q / (q + own))


def logit_increment_bound(
    mass: npt.ArrayLike, gap: npt.ArrayLike, learning_rate: npt.ArrayLike
) -> Float64:
    """Corner lemma: ``logit m_{t+1} - logit m_t <= 2 eta_t G_t m_t (1 - m_t)``.

    Hypotheses: j is any action, A holds every action whose reward exceeds that of j at time t,
    ``G_t = max_a r_t(a) - r_t(j)``, ``m_t`` is :func:`corner_mass` and at most 1/2. Rewards are any
    real numbers and may change with time, K is any number, eta_t any number above 0.

    Proof: let g = r - r(j), q = pi(A). The log-ratio of a in A to j rises by
    ``eta (pi(a) g(a) + (pi(j) - pi(a)) pi.g)``. As ``m <= 1/2``, ``pi(a) <= q <= pi(j)``; and
    ``pi.g <= q G``. So it rises by at most ``eta G q (1 - q + pi(j))``; so does the logarithm of
    the sum of the ratios, which is logit m. With ``B = q + pi(j)``, ``q = B m`` and
    ``pi(j) = B (1 - m)`` that is ``eta G B m (1 + B (1 - 2m))``, largest at B = 1.

    Args:
        mass: m_t, at most 1/2.
        gap: G_t, at least 0.
        learning_rate: eta_t, above 0.

    Returns:
        The largest possible rise of logit m in the step.

    Raises:
        EigenwellError: A hypothesis fails.

    Note:
        Equality holds at K = 2. ``docs/wells_bounds.md`` has the proof in full.
    """
    m = masses(mass)
    if (m > 0.5).any():
        raise ArgumentError(
            f"`mass` must be at most 0.5 for the corner lemma, got {float(m.max()):.6g}"
        )
    rate = positive(learning_rate, "learning_rate")
    return np.asarray(2 * rate * not_negative(gap, "gap") * m * (1 - m))


def corner_mass_bounds(
    mass: npt.ArrayLike,
    gaps: npt.ArrayLike,
    *,
    learning_rate: npt.ArrayLike,
    form: str = "logit",
) -> Float64:
    """Upper bounds on m_1, m_2, ... from the gaps alone, by the corner lemma summed over time.

    * ``"simple"``: ``1/m_t >= 1/m_1 - 2 S`` with ``S = sum_{s<t} eta_s G_s``, while it is >= 2.
    * ``"sharp"``: ``h(m_t) <= h(m_1) + 2 S``, while it is <= 0.
    * ``"logit"``: the lemma's recursion itself, while m <= 1/2; the sharpest, one step at a time.

    Hypotheses: those of :func:`logit_increment_bound` in every step, with one j and one A.

    Proof: with l = logit m, 1/m is convex in l and h concave for l <= 0, with slopes -(1-m)/m and
    1/(m(1-m)); tangents turn the lemma into both forms. The recursion's right side increases with
    m, so bounds may be fed into it. Induction over t, because the bound at t keeps m_t <= 1/2.

    Args:
        mass: m_1, ``(...)``, at most 1/2.
        gaps: G_t or upper bounds of it, ``(T, ...)``.
        learning_rate: eta_t or upper bounds of it, a scalar or ``(T, ...)``.
        form: One of ``FORMS``.

    Returns:
        Bounds ``(T + 1, ...)`` for m_1 to m_{T+1}; 1 where the form says nothing any more.

    Raises:
        EigenwellError: A hypothesis fails.
    """
    choice(form, "form", FORMS)
    m = masses(mass)
    logit_increment_bound(m, 0.0, 1.0)  # its check of m_1
    pulls = _pulls(gaps, learning_rate)
    if form == "logit":
        return _logit_recursion(m, pulls)
    sums = np.concatenate([np.zeros_like(pulls[:1]), np.cumsum(pulls, axis=0)])
    if form == "simple":
        reciprocal = 1 / m - 2 * sums
        return np.where(reciprocal >= 2, 1 / np.maximum(reciprocal, 2.0), 1.0)
    potential = corner_potential(m) + 2 * sums
    return np.where(potential <= 0, corner_potential_inverse(np.minimum(potential, 0.0)), 1.0)


def _pulls(gaps: npt.ArrayLike, learning_rate: npt.ArrayLike) -> Float64:
    """Return eta_t G_t, ``(T, ...)``."""
    gap = not_negative(gaps, "gaps")
    if gap.ndim < 1:
        raise ArgumentError("`gaps` must have a first axis, time")
    return np.asarray(gap * positive(learning_rate, "learning_rate"))


def _logit_recursion(m: Float64, pulls: Float64) -> Float64:
    bounds = [np.broadcast_to(m, np.broadcast_shapes(m.shape, pulls.shape[1:]))]
    logit = np.log(bounds[0]) - np.log1p(-bounds[0])
    for pull in pulls:
        previous = bounds[-1]
        logit = logit + 2 * pull * previous * (1 - previous)
        inside = (previous <= 0.5) & (logit <= 0)
        bounds.append(np.where(inside, 1 / (1 + np.exp(np.maximum(-logit, 0.0))), 1.0))
    return np.array(bounds)


def escape_budget(
    mass: npt.ArrayLike, *, corner: npt.ArrayLike = 0.1, form: str = "sharp"
) -> Float64:
    """The sum of ``eta_s G_s`` that cannot bring the corner mass from m_1 above ``corner``.

    ``(h(c) - h(m_1)) / 2`` if sharp, ``(1/m_1 - 1/c) / 2`` if simple: the forms of
    :func:`corner_mass_bounds` solved for the sum. A start outside of the corner has budget -1.

    Args:
        mass: m_1.
        corner: c, above 0 and at most 1/2.
        form: ``"simple"`` or ``"sharp"``.

    Returns:
        The budget, lowered by a rounding allowance of 1e-12 of what is subtracted.

    Raises:
        EigenwellError: An argument is out of range.

    Example:
        >>> round(float(escape_budget(0.001)), 3)
        499.765
    """
    choice(form, "form", FORMS[:2])
    m, c = masses(mass), corner_of(corner)
    if form == "simple":
        low, high = -1 / m, -1 / c
    else:
        low, high = corner_potential(m), corner_potential(c)
    budget = (high - low) / 2 - ROUNDING * np.abs(low)
    return np.where(m <= c, np.maximum(budget, 0.0), -1.0)


def whole_steps(budget: Float64, pull: Float64) -> Float64:
    """Return how many steps of a constant pull a budget covers: whole, infinite, or -1 for none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.where(pull > 0, np.floor(budget / pull), np.inf)
    return np.where(budget < 0, -1.0, steps)
