"""Certificates restarted along a run: how long the policy still stays, as seen from each time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from eigenwell.errors import ShapeError
from eigenwell.wells.bounds._arguments import (
    Float64,
    actions_of,
    policies,
    positive,
)
from eigenwell.wells.bounds._corner import corner_mass
from eigenwell.wells.bounds._escape import certified_steps, escape_certificate


def remaining_time(
    policy: npt.ArrayLike,
    gap: npt.ArrayLike,
    *,
    learning_rate: npt.ArrayLike,
    corner: npt.ArrayLike = 0.1,
    action: npt.ArrayLike | None = None,
    better: npt.ArrayLike | None = None,
) -> Float64:
    """Steps from now before which ``delta < (1 - corner) G`` cannot hold: 1 + certified steps.

    Hypotheses: as :func:`certified_steps`, with the present policy as the start. ``gap`` bounds
    every future ``max r_t - r_t(j)`` from above, ``learning_rate`` every future rate, and
    ``better`` names every action that will ever beat j. Proof: the lemma knows no first time.

    Args:
        policy: The present policy or those along a run, ``(..., K)``.
        gap: ``(...)``, at least 0.
        learning_rate: ``(...)``, above 0.
        corner: c, above 0 and at most 1/2.
        action: j; by default the most probable action.
        better: A, as :func:`corner_mass`.

    Returns:
        ``(...)``, whole numbers or infinity; 0 where the policy is in no such corner.

    Raises:
        EigenwellError: An argument is out of range.

    Example:
        >>> float(remaining_time([0.001, 0.999], 0.1, learning_rate=0.4))
        12495.0
    """
    p = policies(policy)
    j = np.argmax(p, axis=-1) if action is None else actions_of(action, p)
    mass = corner_mass(p, j, better=better)
    steps = certified_steps(mass, gap, learning_rate=learning_rate, corner=corner)
    return np.asarray(steps + 1)


def online_certificate(
    times: npt.ArrayLike,
    run: npt.ArrayLike,
    rewards: npt.ArrayLike,
    *,
    learning_rate: npt.ArrayLike,
    fraction: float = 0.9,
) -> Float64:
    """Lower bounds on the escape time, each by what was seen of the run up to then.

    Theorem: if the run has not escaped before time t, it does not before
    ``max_{s <= t} (s - 1 + T_s)``, T_s the time of :func:`escape_certificate` restarted from pi_s.
    Hypotheses and proof: those of the certificate; rewards are constant, so times may be shifted.

    Args:
        times: Of the recorded policies, ``(R,)``, from 1, increasing.
        run: The policies, ``(R, ..., K)``.
        rewards: Constant, broadcasts with ``(..., K)``.
        learning_rate: An upper bound of the rates, a scalar or ``(...)``.
        fraction: In (0, 1).

    Returns:
        ``(R, ...)``, increasing along the run; as long as the run has not escaped, true bounds.

    Raises:
        EigenwellError: An argument is out of range.

    Example:
        >>> run = [[0.01, 0.05, 0.94], [0.004, 0.9, 0.096]]
        >>> online_certificate([1, 2000], run, [1, 0.9, 0.1], learning_rate=0.4)
        array([  31., 4782.])
    """
    p = policies(run, "run")
    t = positive(times, "times")
    if t.ndim != 1 or p.ndim < 2 or t.shape[0] != p.shape[0]:
        raise ShapeError(
            f"`times` must have shape (R,) and `run` (R, ..., K), got {t.shape} and {p.shape}"
        )
    restarted = escape_certificate(
        p, rewards, learning_rate=learning_rate, fraction=fraction, strict=False
    ).time
    shifted = restarted + (t - 1).reshape((-1,) + (1,) * (restarted.ndim - 1))
    return np.asarray(np.maximum.accumulate(shifted, axis=0))
