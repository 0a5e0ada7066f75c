"""What the monitor says about one update."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class WellReport:
    """The states of one update, a row each.

    Attributes:
        step: Of training.
        corner: ``(b,)`` int64, the most likely action.
        mass: ``(b,)``, one minus its probability.
        best: ``(b,)`` int64, the action with the best estimated advantage; -1 where none is known
            to be better than the policy.
        sinking: ``(b,)``, whether another action dominates the best one and its probability falls.
        trap: ``(b,)`` int64, the action of the well that matters: of those that last, the costliest
            one; -1 where there is none. It need not dominate yet.
        share: ``(b,)``, ``m = pi(A) / (pi(A) + pi(trap))``, A the actions better than it.
        gap: ``(b,)``, reward of the best action above the trap's. While m is at most the threshold,
            the state loses at least ``(1 - threshold) * gap``.
        remaining: ``(b,)``, updates until m can exceed the threshold; 0 without a trap, infinite
            where nothing has moved, NaN if unknown.
        certified: Whether `remaining` is the certificate, from a rate and a gap, or has been
            extrapolated from how fast the policy moved.
        silence: ``(b,)``, expected updates until one of A is next sampled; NaN if the visits are
            unknown or there is no trap.
        held: ``(b,)``, whether the trap lasts: `remaining` or `silence` is at least the patience.
        weights: ``(b,)``, of the states, sum 1.
        threshold: Of m, and of the mass.
    """

    step: int
    corner: Int64
    mass: Float64
    best: Int64
    sinking: npt.NDArray[np.bool_]
    trap: Int64
    share: Float64
    gap: Float64
    remaining: Float64
    certified: bool
    silence: Float64
    held: npt.NDArray[np.bool_]
    weights: Float64
    threshold: float

    def row(self) -> dict[str, float]:
        """Return the batch in a few numbers.

        ``mass`` is the mean corner mass; ``cornered``, ``sinking`` and ``held`` are shares of the
        states by weight; ``loss`` is the mean of ``(1 - threshold) * gap`` over all states, 0 where
        one is not held; ``remaining`` and ``silence`` are medians over the held states, NaN without
        any.
        """
        w, held = self.weights, self.held
        return {
            "mass": float(w @ self.mass),
            "cornered": float(w @ (self.mass < self.threshold)),
            "sinking": float(w @ self.sinking),
            "held": float(w @ held),
            "loss": float((1 - self.threshold) * (w[held] @ self.gap[held])),
            "remaining": _median(self.remaining[held]),
            "silence": _median(self.silence[held]),
        }

    def worst(self, count: int = 5) -> npt.NDArray[np.intp]:
        """Return the rows that are held, those that lose most first."""
        rows = np.flatnonzero(self.held)
        return rows[np.argsort(-(self.weights * self.gap)[rows], kind="stable")][:count]


def _median(values: Float64) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else math.nan
