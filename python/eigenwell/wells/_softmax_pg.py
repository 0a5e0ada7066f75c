"""Softmax policy gradient, exact or sampled: the method whose gravity wells this is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsIndex

from eigenwell.wells._run import Array, Now, Rule, Run, run

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from eigenwell.wells._bandit import Bandit


def softmax_pg(
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
    """Iterate ``theta(a) <- theta(a) + eta pi(a) (r(a) - pi^T r)``, pi = softmax(theta).

    Every method of `eigenwell.wells` takes these arguments; some take options of their own.

    Args:
        bandit: The rewards.
        policy: Starts pi_1, ``(..., K)``: probabilities above 0 that sum to 1. They broadcast
            against the bandit's batch.
        learning_rate: eta, above 0: a number, or ``(steps,)`` with that of time t at t - 1. The
            last is not used.
        steps: Number of times t = 1, ..., `steps`, so one more than updates.
        record: Record every k-th policy; the first and the last in any case.
        trace: Trace sub-optimality and log pi(a*) at every k-th time. Escape times, sinking and
            plateau are exact to that many steps.
        sampled: None for exact gradients. With a generator, each update sees one action
            a_t ~ pi_t and its reward: ``r(a)`` becomes ``1{a = a_t} r(a) / pi_t(a)`` (Mei et al.
            2021), which is r on average.
        device: None for NumPy; or a device of torch's such as "cuda", for the same code on
            tensors.

    Returns:
        The run.

    Raises:
        DTypeError: An argument has the wrong type.
        ShapeError: Shapes of starts, rewards or rates do not fit.
        ArgumentError: A start is off the simplex or has a zero, a rate is not above 0, or the
            record would not fit in memory.
        BackendUnavailableError: `device` is given and torch is not installed.
        DeviceError: torch has no such device.

    Note:
        float64 throughout, and the same numbers on every call. Sums over actions go in their
        order.

    References:
        Mei, Xiao, Szepesvari and Schuurmans 2020 (ICML), "On the Global Convergence Rates of
        Softmax Policy Gradient Methods"; Mei, Xiao, Dai, Li, Szepesvari and Schuurmans 2020
        (NeurIPS), "Escaping the Gravitational Pull of Softmax". Sampled: arXiv 2110.15572.

    Example:
        >>> from eigenwell import wells
        >>> bandit = wells.Bandit([1.0, 0.9, 0.1])
        >>> run = wells.softmax_pg(bandit, [0.01, 0.05, 0.94], learning_rate=0.4, steps=8000)
        >>> int(wells.escape_time(run))
        7368
    """
    return run(
        "softmax_pg",
        Rule(_update),
        bandit,
        policy,
        learning_rate=learning_rate,
        steps=steps,
        record=record,
        trace=trace,
        sampled=sampled,
        device=device,
    )


def _update(now: Now) -> Array:
    return now.log_p + now.learning_rate * now.p * now.advantage
