"""The conjugate energy: what the loop lowers, and where it stands still."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.clouds import cloud

from eigenwell import pairwise
from eigenwell.errors import ArgumentError, DTypeError, ShapeError
from eigenwell.particles import theory

RATE = 0.01


def centred(x: Any) -> Any:
    return x - x.mean(axis=0)


def rms(x: Any) -> float:
    return float(np.sqrt((centred(x) ** 2).sum(axis=1).mean()))


@pytest.mark.parametrize("pairs", ["upper", "all"])
def test_the_gradient_is_that_of_the_energy(pairs: str) -> None:
    z, direction = cloud((20, 3)), cloud((20, 3), seed=1)
    options: Any = {"pairs": pairs, "momentum": 0.3}
    value, gradient = theory.conjugate_energy_and_gradient(z, 0.1, **options)
    assert value == theory.conjugate_energy(z, 0.1, **options)
    ahead = theory.conjugate_energy(z + 1e-5 * direction, 0.1, **options)
    behind = theory.conjugate_energy(z - 1e-5 * direction, 0.1, **options)
    # Central differences: 1e-10 of the value from rounding and from the third derivative.
    assert np.vdot(gradient, direction) == pytest.approx((ahead - behind) / 2e-5, rel=1e-7)


@pytest.mark.parametrize("pairs", ["upper", "all"])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_the_mirrored_loop_is_descent_on_the_conjugate_energy(pairs: str, momentum: float) -> None:
    x = cloud((30, 3))
    run = pairwise.descend(
        x, steps=6, learning_rate=RATE, pairs=pairs, momentum=momentum, record_every=1
    )
    states = run.records * (-1.0) ** np.arange(7)[:, None, None]
    for before, now, after in zip(states, states[1:], states[2:], strict=False):
        _, gradient = theory.conjugate_energy_and_gradient(
            now, RATE, pairs=pairs, momentum=momentum
        )
        expected = now - RATE * gradient + momentum * (now - before)
        np.testing.assert_allclose(after, expected, atol=1e-12)


@pytest.mark.parametrize("spread", [0.01, 1.0, 20.0])
@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_the_loop_lowers_the_conjugate_energy_from_any_start(d: int, spread: float) -> None:
    """By exactly the Bregman divergence of the sum of distances, which is convex."""
    x = np.random.default_rng(d).normal(size=(40, d)) * spread
    run = pairwise.descend(x, steps=300, learning_rate=RATE, pairs="upper", record_every=1)
    energies = [theory.conjugate_energy(state, RATE) for state in run.records]
    rounding = 1e-13 * max(np.abs(energies))
    for k in range(300):
        _, slope = pairwise.energy_and_gradient(run.records[k], pairs="upper")
        ahead = pairwise.energy(run.records[k + 1], pairs="upper")
        divergence = ahead + np.vdot(slope, run.records[k + 1])
        assert divergence > -rounding
        assert energies[k] - energies[k + 1] == pytest.approx(divergence, abs=10 * rounding)


@pytest.mark.parametrize("pairs", ["upper", "all"])
def test_a_critical_point_is_a_two_cycle_and_no_other_point_is(pairs: str) -> None:
    z = np.array([[-1.0, 0.0], [1.0, 0.0]]) * RATE / 2 * (1 if pairs == "upper" else 2)
    assert theory.two_cycle_residual(z, RATE, pairs=pairs) < 1e-15
    _, gradient = theory.conjugate_energy_and_gradient(z, RATE, pairs=pairs)
    np.testing.assert_allclose(gradient, 0, atol=1e-15)
    following = pairwise.descend(z, steps=1, learning_rate=RATE, pairs=pairs).x
    np.testing.assert_allclose(following, -z, atol=1e-17)
    # Larger by a tenth it flickers between 1.1 z and 0.9 z, elsewhere, too.
    moved = 1.1 * z + 7.0
    assert theory.two_cycle_residual(moved, RATE, pairs=pairs) == pytest.approx(0.1)
    assert theory.two_cycle_residual(moved, RATE, pairs=pairs, scale_free=True) < 1e-12
    following = pairwise.descend(moved, steps=1, learning_rate=RATE, pairs=pairs).x
    np.testing.assert_allclose(following, 7.0 - 0.9 * z, atol=1e-14)


@pytest.mark.parametrize("initial", ["normal", "uniform"])
@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_two_radii_that_sum_to_twice_the_theory(d: int, initial: str) -> None:
    """From either start, although the two differ; 1e-3 covers n = 150 and the steps left."""
    rng = np.random.default_rng(d)
    x = rng.normal(size=(150, d)) if initial == "normal" else rng.uniform(-1, 1, size=(150, d))
    x = pairwise.descend(x, steps=3000, learning_rate=RATE, pairs="upper").x
    y = pairwise.descend(x, steps=1, learning_rate=RATE, pairs="upper").x
    if d > 1:
        assert rms(x) + rms(y) == pytest.approx(2 * theory.rms_radius(150, RATE, d), rel=2e-3)
        assert theory.two_cycle_residual(x, RATE, scale_free=True) < 1e-2
        assert theory.two_cycle_residual(x, RATE) > 1e-2  # the flicker itself
    else:  # on the line the two states differ by more than a scale: only half the difference counts
        assert rms(x - y) == pytest.approx(2 * theory.rms_radius(150, RATE, 1), rel=1e-12)


@pytest.mark.parametrize("momentum", [0.5, 0.9])
def test_momentum_divides_the_radius(momentum: float) -> None:
    """Of the two-cycle, near which this starts; from afar the loop need not find it."""
    radius = theory.shell_radius(150, RATE, 3, momentum=momentum)
    x = np.random.default_rng(0).normal(size=(150, 3))
    x = centred(pairwise.descend(x, steps=2000, learning_rate=RATE, pairs="upper").x)
    x *= radius / rms(x)
    options: Any = {"learning_rate": RATE, "pairs": "upper", "momentum": momentum}
    run = pairwise.descend(x, steps=3000, velocity=-2 * x / RATE, **options)
    following = pairwise.descend(run.x, steps=1, velocity=run.velocity, **options).x
    assert theory.two_cycle_residual(run.x, RATE, momentum=momentum, scale_free=True) < 1e-3
    assert (rms(run.x) + rms(following)) / 2 == pytest.approx(radius, rel=1e-3)


def test_adam_has_no_sphere() -> None:
    """Its two-cycle would put all points on 2^d corners; the cloud ends far smaller."""
    x = np.random.default_rng(0).normal(size=(60, 3)) * 0.05
    first, second = np.zeros_like(x), np.zeros_like(x)
    sizes = []
    for step in range(1, 3001):
        gradient = pairwise.energy_and_gradient(x, pairs="upper")[1]
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        x = x - RATE * first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        sizes.append(rms(x) / RATE)
    assert max(sizes[-500:]) < 0.3  # measured 0.09; the sphere of SGD has 20
    assert theory.two_cycle_residual(x, RATE, scale_free=True) > 0.1


def test_points_that_coincide_stand_still() -> None:
    assert theory.two_cycle_residual(np.ones((3, 2)), RATE) == 0.0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: theory.conjugate_energy([1.0], RATE), ShapeError, r"`z` must have shape \(n, d\)"),
        (lambda: theory.conjugate_energy([["a"]], RATE), DTypeError, "`z` must hold real numbers"),
        (lambda: theory.conjugate_energy([[np.nan]], RATE), ArgumentError, "`z` must be finite"),
        (lambda: theory.conjugate_energy([[1.0]], -1), ArgumentError, "`learning_rate` must be"),
        (lambda: theory.two_cycle_residual(np.ones((2, 0)), 1), ShapeError, "`x` must have shape"),
        (
            lambda: theory.two_cycle_residual([[1.0]], 1, pairs="both"),
            ArgumentError,
            "`pairs` must be one of all, upper, different, got 'both'",
        ),
        (
            lambda: theory.two_cycle_residual([[1.0]], 1, momentum=1.5),
            ArgumentError,
            "`momentum` must be at least 0 and below 1, got 1.5",
        ),
    ],
)
def test_mistakes(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
