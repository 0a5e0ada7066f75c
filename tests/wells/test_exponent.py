from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eigenwell import wells
from eigenwell.errors import ArgumentError, ShapeError

pytest.importorskip("scipy")


@pytest.mark.parametrize("row", wells.remedies(), ids=lambda row: row.name)
def test_the_exponents_of_the_table(row: wells.Remedy) -> None:
    fit = wells.well_exponent(row.method, options=row.options)
    # Terms of order pi(a*)^(1/4) bend the line by less; entropy's logarithm by 0.0125.
    assert fit.omega == pytest.approx(row.omega, abs=0.02 if row.name == "entropy" else 0.004)
    assert fit.low <= fit.omega <= fit.high
    assert fit.high - fit.low < 0.01


@pytest.mark.parametrize(
    ("method", "options", "omega"),
    [
        (wells.escort_pg, {"p": 1.5}, -1 / 3),
        (wells.escort_pg, {"p": 3.0}, 1 / 3),
        (wells.escort_pg, {"p": 6.0}, 2 / 3),
        (wells.tsallis_pg, {"alpha": 1.1}, 0.8),
        (wells.tsallis_pg, {"alpha": 1.4}, 0.2),
        (wells.tsallis_pg, {"alpha": 1.6}, -0.2),
    ],
)
def test_other_escorts_and_tsallis_entropies(method: Any, options: Any, omega: float) -> None:
    # A small rate: with an exponent below 0 a step of the usual size leaves the well at once.
    fit = wells.well_exponent(method, options=options, learning_rate=1e-4)
    # Of order pi(a*)^(1/3), from the corner's own change.
    assert fit.omega == pytest.approx(omega, abs=0.01)


def test_the_factor_is_the_rate_per_unit_of_learning_rate() -> None:
    # To first order in pi(a*) = x: the logit of a* grows by eta x, the corner's falls by it.
    fit = wells.well_exponent(wells.softmax_pg, learning_rate=0.1)
    assert fit.factor == pytest.approx(2, abs=2e-3)


def test_escape_times_of_the_softmax_grow_as_one_over_the_start() -> None:
    x = np.geomspace(1e-3, 1e-2, 6)
    fit = wells.well_exponent(wells.softmax_pg, quantity="escape", probabilities=x, steps=5000)
    assert fit.omega == pytest.approx(1, abs=0.05)
    np.testing.assert_array_equal(fit.values, fit.values.astype(int))
    np.testing.assert_allclose(fit.factor * x**-fit.omega, fit.values, rtol=0.05)


def test_the_interval_covers_at_its_level() -> None:
    """95 % of the fits to noisy rates of a known exponent hold it inside their interval."""
    rng = np.random.default_rng(0)

    def noisy(bandit: wells.Bandit, policy: Any, **_: Any) -> wells.Run:
        start = np.log(policy[:, 0])
        growth = np.exp(0.5 * start + 0.3 * rng.normal(size=start.shape))
        times, zero = np.array([1, 2]), np.zeros((2, len(start)))
        return wells.Run(
            "noisy", bandit, 1.0, times, np.zeros((2, len(start), 3)), times, zero,
            np.stack([start, start + growth]), zero[:1],
        )  # fmt: skip

    x = np.geomspace(1e-4, 1e-1, 6)
    fits = [wells.well_exponent(noisy, probabilities=x, learning_rate=1.0) for _ in range(400)]
    covered = np.mean([fit.low <= 0.5 <= fit.high for fit in fits])
    # Binomial: 0.95 with a standard deviation of 0.011.
    assert 0.91 < covered < 0.99


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"quantity": "speed"}, ArgumentError, "`quantity` must be rate or escape, got 'speed'"),
        ({"rewards": [[1.0, 0.0]]}, ShapeError, r"`rewards` must have shape \(K,\)"),
        ({"rewards": [1.0, -5.0, 0.0]}, ArgumentError, "sinks"),
        ({"probabilities": [0.1, 0.01]}, ShapeError, "n >= 3"),
        ({"probabilities": [0.0, 0.1, 0.01]}, ArgumentError, r"above 0 and at most 1/\(2 K\)"),
        ({"quantity": "escape", "steps": 50}, ArgumentError, "`steps` = 50 must suffice"),
    ],
)
def test_bad_input(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        wells.well_exponent(wells.softmax_pg, **changes)
