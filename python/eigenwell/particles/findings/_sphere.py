"""Experiments with one species that descends on the sum of its distances."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from eigenwell.particles import observe, theory
from eigenwell.particles._presets import sphere
from eigenwell.particles._simulate import simulate
from eigenwell.studies import Experiment, Measured

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_RATE = 1e-3
_STEPS = 2000
# Steps at which the share of interior points is looked at, for all runs that are long enough.
_LOOKS = (100, 200, 500, 1000, 2000, 5000, 10_000)
_DRIFT_STEPS = 1000


def measure(
    seed: int,
    *,
    n: int,
    dimension: int = 3,
    steps: int = _STEPS,
    initial: str = "normal",
    dtype: str = "float32",
) -> Measured:
    """Run the article's first system until it flickers; lengths in units of the theory's radius."""
    system = sphere(n, _RATE, dimension, initial=initial)
    looks = [look for look in _LOOKS if look <= steps]
    state: dict[str, Any] | None = None
    interior, step = [], 0
    for look in looks:
        run = simulate(
            system,
            steps=look - step,
            record_every=look - step,
            seed=seed,
            initial=state,
            dtype=dtype,
        )
        state, step = run.last, look
        interior.append(float(observe.interior(state["points"]).mean()))
    run = simulate(system, steps=2, seed=seed, initial=state, dtype=dtype)
    later = simulate(
        system, steps=_DRIFT_STEPS, record_every=_DRIFT_STEPS, initial=state, dtype=dtype
    )
    drift = observe.drift(later.steps, later.positions["points"])
    values = _flicker(run.positions["points"], n, dimension)
    return values | {
        "looks": [float(look) for look in looks],
        "interior_at": interior,
        "interior_200": interior[looks.index(200)],
        "drift": drift.centre / theory.shell_radius(n, _RATE, dimension),
        "turn": drift.rotation,
    }


def measure_momentum(seed: int, *, n: int, momentum: float = 0.0, steps: int = _STEPS) -> Measured:
    """Run it with momentum; lengths in units of the radius without."""
    run = simulate(sphere(n, _RATE), steps=steps, seed=seed, momentum=momentum)
    return _flicker(run.positions["points"][-3:], n, 3)


def measure_adam(seed: int, *, n: int, learning_rate: float, steps: int) -> Measured:
    """Run it with Adam, whose steps are of the size of the learning rate in every coordinate."""
    run = simulate(
        sphere(n, learning_rate), steps=steps, seed=seed, backend="torch", optimizer="adam"
    )
    alternation = observe.alternation(*run.positions["points"][-2:])
    return {
        "thickness": sum(alternation.spread) / sum(alternation.mean),
        "over_rate": alternation.radius / learning_rate,
    }


def _flicker(states: npt.NDArray[np.floating], n: int, dimension: int) -> Measured:
    """Measure three successive states."""
    radius = theory.shell_radius(n, _RATE, dimension)
    alternation = observe.alternation(states[1], states[2])
    values: Measured = {
        "radius": alternation.radius / radius,
        "outer": sum(alternation.maximum) / 2 / radius,
        "imbalance": alternation.imbalance,
        "thickness": sum(alternation.spread) / sum(alternation.mean),
        "residual": observe.period_two(states[0], states[2]).residual,
        "interior": float(observe.interior(states[2]).mean()),
    }
    # Where the two configurations differ in size only, this is the two-cycle between equal ones.
    cycle = (states[2] - states[1]) / 2
    if dimension == 1:
        spacing = observe.spacing(cycle)
        values["gap"] = spacing.mean / _RATE
        values["variation"] = spacing.variation
    elif dimension == 2:
        values["law"] = observe.radial_profile(
            cycle, lambda r: theory.radial_cdf(r, radius, 2)
        ).distance
        values["bonds"] = observe.bond_order(cycle)
    elif dimension == 3:
        order = observe.shell_order(cycle)
        values["nearest"] = order.nearest.score
        values["hexatic"] = order.hexatic.score
    return values


def experiments() -> list[Experiment]:
    """Return what the claims about the sphere rest on."""
    runs = [
        Experiment(
            f"sphere-{n}",
            f"{n:,} points from a normal cloud, {steps:,} steps",
            partial(measure, n=n, steps=steps),
            seeds,
        )
        for n, steps, seeds in (
            (100, 10_000, None),
            (300, 10_000, None),
            (1000, 10_000, None),
            (3000, 10_000, None),
            (10_000, 2000, None),
            (20_000, 2000, 3),
        )
    ]
    runs.append(
        Experiment(
            "uniform-1000",
            "1,000 points from a uniform cube, 10,000 steps",
            partial(measure, n=1000, steps=10_000, initial="uniform"),
        )
    )
    runs.append(
        Experiment(
            "dimension-1",
            "1,000 points on a line, float64, 5,000 steps",
            partial(measure, n=1000, dimension=1, steps=5000, dtype="float64"),
        )
    )
    runs += [
        Experiment(
            f"dimension-{d}",
            f"1,000 points in {d} dimensions, 5,000 steps",
            partial(measure, n=1000, dimension=d, steps=5000),
        )
        for d in (2, 4, 5, 6)
    ]
    runs += [
        Experiment(
            f"momentum-{momentum}",
            f"1,000 points, momentum {momentum}, 2,000 steps",
            partial(measure_momentum, n=1000, momentum=momentum),
        )
        for momentum in (0.1, 0.5, 0.9)
    ]
    runs.append(
        Experiment(
            "adam",
            "300 points, Adam at learning rate 0.02, 5,000 steps",
            partial(measure_adam, n=300, learning_rate=0.02, steps=5000),
        )
    )
    return runs
