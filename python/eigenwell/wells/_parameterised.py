"""Methods that replace the softmax by another map from parameters to policies.

Each takes the arguments of :func:`eigenwell.wells.softmax_pg`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsIndex

from eigenwell import _checks
from eigenwell.errors import ArgumentError
from eigenwell.wells._run import Array, Now, Rule, Run, run

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from eigenwell.wells._bandit import Bandit


def escort_pg(
    bandit: Bandit,
    policy: npt.ArrayLike,
    *,
    learning_rate: npt.ArrayLike,
    steps: SupportsIndex,
    p: float = 2.0,
    record: SupportsIndex = 1,
    trace: SupportsIndex = 1,
    sampled: np.random.Generator | None = None,
    device: str | None = None,
) -> Run:
    """Iterate policy gradient with the escort transform, ``pi = |theta|^p / sum |theta|^p``.

    The gradient is ``p pi(a) (r(a) - pi^T r) / theta(a)`` and the step ``eta |theta|_p^2 / p^2`` of
    it. The norm makes the step independent of the scale of theta, and the ``p^2`` makes pi move as
    fast as with the softmax where ``pi(a)^(-2/p)`` is 1; so, with u = 1 - 2/p,
    ``pi(a) <- pi(a) |1 + (eta / p) pi(a)^u (r(a) - pi^T r)|^p`` and then normalised. Exponent u.

    The option `p` is a finite number, at least 1; the softmax is the limit of large p.

    Raises:
        ArgumentError: `p` is out of range.

    References:
        Mei, Xiao, Dai, Li, Szepesvari and Schuurmans 2020 (NeurIPS). The transform is theirs; the
        scaling of the step is derived here as said above.
    """
    power = _checks.finite(p, "p")
    if power < 1:
        raise ArgumentError(f"`p` must be at least 1, got {power}")

    def update(now: Now) -> Array:
        slope = now.xp.exp((1 - 2 / power) * now.log_p)
        factor = 1 + now.learning_rate / power * slope * now.advantage
        return now.log_p + power * now.xp.log(now.xp.abs(factor))

    return run(
        "escort_pg",
        Rule(update),
        bandit,
        policy,
        learning_rate=learning_rate,
        steps=steps,
        record=record,
        trace=trace,
        sampled=sampled,
        device=device,
        options={"p": power},
    )


def hadamard_pg(
    bandit: Bandit,
    policy: npt.ArrayLike,
    *,
    learning_rate: npt.ArrayLike,
    steps: SupportsIndex,
    record: SupportsIndex = 1,
    trace: SupportsIndex = 1,
    sampled: np.random.Generator | None = None,
    device: str | None = None,
) -> Run:
    """Iterate policy gradient with ``pi = theta * theta``, theta on the unit sphere.

    A step ``theta + eta 2 theta (r - pi^T r)`` along the sphere's tangent, then back to the sphere
    by normalisation: ``pi(a) <- pi(a) (1 + 2 eta (r(a) - pi^T r))^2``, normalised. This is
    :func:`escort_pg` with p = 2 and four times the learning rate.

    References:
        Liu, Li and Wei 2023, arXiv 2305.19575. The step is derived here from the parameterisation.
    """
    return run(
        "hadamard_pg",
        Rule(_hadamard),
        bandit,
        policy,
        learning_rate=learning_rate,
        steps=steps,
        record=record,
        trace=trace,
        sampled=sampled,
        device=device,
    )


def _hadamard(now: Now) -> Array:
    factor = 1 + 2 * now.learning_rate * now.advantage
    return now.log_p + 2 * now.xp.log(now.xp.abs(factor))
