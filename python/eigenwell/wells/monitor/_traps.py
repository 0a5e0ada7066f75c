"""Arithmetic of the monitor: which actions trap a policy, and for how long."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from eigenwell.wells.bounds import corner_potential

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# Shares stay inside of (0, 1), where h is finite.
_TINY, _MOST = np.finfo(np.float64).tiny, 1 - np.finfo(np.float64).epsneg


class Traps(NamedTuple):
    """Every action j of every state as a trap, ``(b, K)`` each.

    Attributes:
        better: ``(b, K, K)``, at [s, j, a] whether a may be better than j in s.
        gap: Largest reward above that of j.
        mass: ``pi(A)``, the probability of the better actions.
        share: ``pi(A) / (pi(A) + pi(j))``.
    """

    better: Mask
    gap: Float64
    mass: Float64
    share: Float64


def center(estimates: Float64, p: Float64) -> Float64:
    """Return advantages: unknown ones are 0; without any unknown, their mean is."""
    unknown = np.isnan(estimates)
    whole = ~unknown.any(axis=1, keepdims=True)
    known = np.where(unknown, 0.0, estimates)
    return np.asarray(known - np.where(whole, (p * known).sum(axis=1, keepdims=True), 0.0))


def traps(p: Float64, estimates: Float64 | None, bound: Float64 | None) -> Traps:
    """Return what each action would be as a trap.

    Args:
        p: ``(b, K)``, the policy.
        estimates: ``(b, K)`` advantages, NaN where unknown.
        bound: ``(b,)``, on the gap; with it, an action without an estimate may be the best.
    """
    b, k = p.shape
    others = ~np.eye(k, dtype=np.bool_)
    if estimates is None:
        better = np.broadcast_to(others, (b, k, k))
        gap = np.full((b, k), np.nan)
    else:
        a = center(estimates, p)
        gap = a.max(axis=1, keepdims=True) - a
        # One that is better by rounding alone is none.
        better = a[:, None, :] > a[:, :, None] + 1e-9 * np.abs(a).max(axis=1)[:, None, None]
        if bound is not None:
            better = better | (np.isnan(estimates)[:, None, :] & others)
    if bound is not None:
        gap = np.broadcast_to(bound[:, None], (b, k))
    mass = np.einsum("sja,sa->sj", better, p)
    return Traps(better, gap, mass, np.clip(mass / (mass + p), _TINY, _MOST))


def speed(past: list[Float64], better: Mask) -> Float64:
    """Return the fastest change of ``h(share)`` from one policy to the next, ``(b, K)``."""
    h = []
    for p in past:
        mass = np.einsum("sja,sa->sj", better, p)
        h.append(corner_potential(np.clip(mass / (mass + p), _TINY, _MOST)))
    return np.asarray(np.abs(np.diff(h, axis=0)).max(axis=0))


def remaining(trap: Traps, clock: Float64, threshold: float) -> Float64:
    """Return ``(h(threshold) - h(share)) / clock``, 0 where nothing better is kept away."""
    inside = (trap.share < threshold) & trap.better.any(axis=2)
    way = corner_potential(threshold) - corner_potential(np.where(inside, trap.share, threshold))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(inside, way / clock, 0.0)


def choose(lasting: Mask, inside: Mask, gap: Float64, time: Float64, p: Float64) -> Int64:
    """Return the trap of each state: the costliest of those that last, else the longest, else -1.

    Equals are told apart by the policy's own preference.
    """
    cost = np.where(np.isnan(gap), 0.0, gap)
    key = np.where(lasting, cost, -1.0)
    key = np.where(key == key.max(axis=1, keepdims=True), p, -1.0)
    longest = np.where(inside, time, -1.0)
    longest = np.where(longest == longest.max(axis=1, keepdims=True), p, -1.0)
    best = np.where(lasting.any(axis=1), key.argmax(axis=1), longest.argmax(axis=1))
    return np.where(inside.any(axis=1), best, -1)
