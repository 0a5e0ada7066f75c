"""Methods that measure the gradient in another geometry: no plateau, exponent 0.

Each takes the arguments of :func:`eigenwell.wells.softmax_pg`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsIndex

from eigenwell.errors import ArgumentError
from eigenwell.wells._run import Array, Now, Rule, Run, run

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from eigenwell.wells._bandit import Bandit


def npg(
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
    """Iterate natural policy gradient, ``theta(a) <- theta(a) + eta (r(a) - pi^T r)``.

    The Fisher information cancels the factor pi(a) that makes a well; in probabilities these are
    multiplicative weights. Exact gradients never sink and have no plateau. On-policy sampled ones
    may commit to the first actions they see and never return.

    References:
        Kakade 2001; Agarwal, Kakade, Lee and Mahajan 2021 (the softmax form); Mei et al. 2021
        (arXiv 2110.15572: sampled).
    """
    return run(
        "npg",
        Rule(_npg),
        bandit,
        policy,
        learning_rate=learning_rate,
        steps=steps,
        record=record,
        trace=trace,
        sampled=sampled,
        device=device,
    )


def _npg(now: Now) -> Array:
    return now.log_p + now.learning_rate * now.advantage


def normalised_pg(
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
    """Iterate ``theta <- theta + eta g / |g|``, g the softmax policy gradient, |.| Euclidean.

    Geometry-aware normalised policy gradient. It shortens the plateau to a logarithm, but goes the
    same way as softmax policy gradient, so it still sinks first.

    References:
        Mei, Gao, Dai, Szepesvari and Schuurmans 2021, arXiv 2105.06072.
    """
    return run(
        "normalised_pg",
        Rule(_normalised),
        bandit,
        policy,
        learning_rate=learning_rate,
        steps=steps,
        record=record,
        trace=trace,
        sampled=sampled,
        device=device,
    )


def _normalised(now: Now) -> Array:
    gradient = now.p * now.advantage
    # Scaled before it is squared: at a corner its entries are smaller than the root of the smallest
    # float64. A gradient of 0 stays 0.
    largest = now.xp.amax(now.xp.abs(gradient), 0)
    direction = gradient / now.xp.where(largest > 0, largest, 1.0)
    length = now.xp.sqrt((direction * direction).sum(0))
    return now.log_p + now.learning_rate * direction / now.xp.where(length > 0, length, 1.0)


def spma(
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
    """Iterate softmax policy mirror ascent, ``pi(a) <- pi(a) (1 + eta (r(a) - pi^T r))``.

    Mirror ascent in the logits with the log-sum-exp as mirror map; the new probabilities sum to 1
    without a normalisation.

    Raises:
        ArgumentError: A factor ``1 + eta (r(a) - pi^T r)`` is not above 0: the learning rate times
            the range of the rewards must be below 1.

    References:
        Asad, Babanezhad, Laradji, Le Roux and Vaswani 2025, arXiv 2411.12042.
    """
    return run(
        "spma",
        Rule(_spma),
        bandit,
        policy,
        learning_rate=learning_rate,
        steps=steps,
        record=record,
        trace=trace,
        sampled=sampled,
        device=device,
    )


def _spma(now: Now) -> Array:
    change = now.learning_rate * now.advantage
    if not bool((change > -1).all()):
        raise ArgumentError(
            "`learning_rate` times the advantages must stay above -1 for spma, got "
            f"{float(change.min()):.3g} at t = {now.t}: take a rate below 1 over the range of the "
            "rewards"
        )
    return now.log_p + now.xp.log1p(change)
