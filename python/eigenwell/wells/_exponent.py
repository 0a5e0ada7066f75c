"""The exponent of a method: how its time in a well grows as the start nears the corner."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError, ShapeError
from eigenwell.wells._bandit import Bandit, Float64
from eigenwell.wells._measures import escape_time

if TYPE_CHECKING:
    from eigenwell.wells._run import Run

# So small that terms of order pi(a*) do not bend the line, so large that the growth of log pi(a*)
# in one step, eta pi(a*), stands out from its rounding of 4e-15.
_PROBABILITIES = np.geomspace(1e-8, 1e-4, 17)
# Escape times are run to their end: 1e-4 takes some 1e4 / eta steps with the softmax.
_ESCAPE_PROBABILITIES = np.geomspace(1e-4, 1e-2, 9)


@dataclass(frozen=True, eq=False)
class WellExponent:
    """A fit of ``value = c pi_1(a*)^omega`` (rates) or ``c pi_1(a*)^-omega`` (escape times).

    Attributes:
        omega: The exponent.
        low: Lower end of its 95 % interval (Student's t of the regression).
        high: Upper end.
        factor: c.
        quantity: ``"rate"`` or ``"escape"``.
        probabilities: pi_1(a*) of the starts, ``(n,)``.
        values: What was measured from them, ``(n,)``.
    """

    omega: float
    low: float
    high: float
    factor: float
    quantity: str
    probabilities: Float64
    values: Float64


def well_exponent(
    method: Callable[..., Run],
    *,
    quantity: str = "rate",
    rewards: npt.ArrayLike = (1.0, 0.0, 0.0),
    probabilities: npt.ArrayLike | None = None,
    learning_rate: float = 0.4,
    steps: SupportsIndex = 100_000,
    options: Mapping[str, Any] | None = None,
) -> WellExponent:
    """Fit omega in "log pi(a*) grows at a rate proportional to pi(a*)^omega" near a corner.

    The starts give probability x to every action but the last, which has the rest: the last action
    is the corner. One number is measured from each start and its logarithm regressed on log x.

    Args:
        method: A method of `eigenwell.wells`.
        quantity: ``"rate"``: ``(log pi_2(a*) - log pi_1(a*)) / eta``, the plateau alone; or
            ``"escape"``: the escape time, with sinking and the end of the climb in it, so its
            exponent is that of the range of starts and tends to the other as they shrink.
        rewards: ``(K,)``. The default is homogeneous: pi(a*) never sinks.
        probabilities: Values of x, ``(n,)``, at least 3; small ones by default.
        learning_rate: eta. A rate is that of the flow only while one step changes pi(a*) little:
            an exponent below 0 needs a small one.
        steps: Limit of a run for ``"escape"``.
        options: Of the method, by name.

    Returns:
        The exponent with its 95 % interval. The interval is of the scatter about a straight line;
        it does not cover a bend, which plotting `values` shows.

    Raises:
        ShapeError: Rewards or probabilities have the wrong shape.
        ArgumentError: `quantity` is unknown, a probability leaves no corner, pi(a*) sinks from a
            start (``"rate"``), or a run did not escape (``"escape"``).
        BackendUnavailableError: SciPy is not installed.

    Example:
        >>> from eigenwell import wells
        >>> round(wells.well_exponent(wells.softmax_pg).omega, 3)
        1.0
    """
    if quantity not in {"rate", "escape"}:
        raise ArgumentError(f"`quantity` must be rate or escape, got {quantity!r}")
    reward = _checks.real_array(rewards, "rewards")
    if reward.ndim != 1:
        raise ShapeError(f"`rewards` must have shape (K,), got {reward.shape}")
    default = _PROBABILITIES if quantity == "rate" else _ESCAPE_PROBABILITIES
    x = _checks.real_array(default if probabilities is None else probabilities, "probabilities")
    x = x.copy()  # of what the fit keeps
    if x.ndim != 1 or len(x) < 3:
        raise ShapeError(f"`probabilities` must have shape (n,) with n >= 3, got {x.shape}")
    most = 1 / (2 * len(reward))
    if not ((x > 0) & (x <= most)).all():
        raise ArgumentError(f"`probabilities` must be above 0 and at most 1/(2 K) = {most:.3g}")
    stats = _checks.require("scipy.stats", extra="wells")

    bandit = Bandit(reward)
    starts = np.repeat(x[:, np.newaxis], bandit.actions, axis=1)
    starts[:, -1] = 1 - (bandit.actions - 1) * x
    count = 2 if quantity == "rate" else _checks.integer(steps, "steps", low=2, high=2**53)
    run = method(
        bandit, starts, learning_rate=learning_rate, steps=count, record=count, **(options or {})
    )
    if quantity == "rate":
        growth = run.optimal_log_probability[1] - run.optimal_log_probability[0]
        values = growth / float(learning_rate)
        if not (values > 0).all():
            raise ArgumentError(
                "`rewards` must let pi(a*) grow from every start for a rate, but it sinks: take "
                "homogeneous rewards or quantity='escape'"
            )
    else:
        values = escape_time(run).astype(np.float64)
        if (values < 0).any():
            raise ArgumentError(
                f"`steps` = {count} must suffice to escape from every start, but pi_1(a*) = "
                f"{x[values < 0].max():.3g} did not: raise it or `probabilities`"
            )
    fit = stats.linregress(np.log(x), np.log(values))
    half = float(stats.t.ppf(0.975, len(x) - 2) * fit.stderr)
    omega = float(fit.slope if quantity == "rate" else -fit.slope)
    factor = float(np.exp(fit.intercept))
    return WellExponent(omega, omega - half, omega + half, factor, quantity, x, values)
