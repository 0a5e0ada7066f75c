"""Descents that go astray stop, name the step and keep what they had."""

from __future__ import annotations

import numpy as np
import pytest

from eigenwell import particles
from eigenwell.particles import (
    DivergenceError,
    Interaction,
    Species,
    System,
    Trajectory,
    _divergence,
    _simulate,
    simulate,
)

# A spring between two points: each step multiplies their distance by 1 - 4 * rate = -9.
SPRING = System((Species("ends", 2, 2.5),), (Interaction("ends", "ends", 2.0),), 1)
ENDS = {"ends": [[-1.0], [1.0]]}
# The bound is a million times 1 + the step times a speed of 2.5 * 2 * (2 + 2).
ASTRAY = next(k for k in range(99) if 9.0**k > 1e6 * (1 + 20 * k))


@pytest.mark.parametrize("seconds", [0.0, 1e9])
@pytest.mark.parametrize("backend", ["native", "torch"])
def test_an_explosion_names_its_first_step(monkeypatch, backend: str, seconds: float) -> None:
    monkeypatch.setattr(_simulate, "_SECONDS", seconds)
    monkeypatch.setattr(_divergence, "_PIECE_BYTES", 32)  # four states: several pieces
    with pytest.raises(DivergenceError, match="`learning_rate` of 'ends' must be") as caught:
        simulate(SPRING, steps=100, initial=ENDS, dtype="float64", backend=backend)
    assert caught.value.step == ASTRAY
    assert caught.value.species == "ends"
    assert f"after step {ASTRAY} the positions have exploded from 1 to" in str(caught.value)
    kept = caught.value.trajectory
    assert kept.steps.tolist() == list(range(ASTRAY))
    right = (-9.0) ** (ASTRAY - 1)
    assert kept.last["ends"][:, 0].tolist() == [-right, right]


def test_what_was_recorded_before_is_on_disk(tmp_path) -> None:
    with pytest.raises(DivergenceError, match="recorded up to step 6"):
        simulate(SPRING, steps=30, record_every=3, initial=ENDS, output=tmp_path / "run")
    assert Trajectory.load(tmp_path / "run").steps.tolist() == [0, 3, 6]


def test_positions_that_are_not_finite() -> None:
    # At this distance the force is 1e24; with this rate that is beyond float32.
    system = System((Species("a", 2, 1.0), Species("b", 2, 1e20)), (Interaction("b", "b", -1.0),))
    with pytest.raises(DivergenceError, match="after step 1 the positions are not fin") as caught:
        simulate(system, steps=9, record_every=9, initial={"b": [[0, 0, 0], [1e-12, 0, 0]]})
    assert caught.value.species == "b"
    assert caught.value.step == 1


@pytest.mark.parametrize("rate", [1e20, 1e30, 1e308])
def test_an_absurd_learning_rate(rate: float) -> None:
    with pytest.raises(DivergenceError, match="must be smaller than 1e") as caught:
        simulate(particles.sphere(20, rate), steps=10)
    assert caught.value.step == 1


def test_an_absurd_learning_rate_by_fmm() -> None:
    with pytest.raises(DivergenceError, match="must be smaller than 1e") as caught:
        simulate(particles.sphere(20, 1e39), steps=10, record_every=10, method="fmm")
    assert caught.value.step == 1


def test_points_that_drift_apart_are_no_explosion() -> None:
    """Unbound points of exponent 1 go away at a constant speed, however long."""
    system = System((Species("free", 2, 1.0),), (Interaction("free", "free", 1.0, -1.0),))
    start = {"free": [[-1e-3, 0, 0], [1e-3, 0, 0]]}
    run = simulate(system, steps=100_000, record_every=10_000, initial=start)
    assert run.last["free"][1, 0] == pytest.approx(100_000, rel=1e-3)


def test_a_large_rate_is_no_explosion_where_it_only_scales() -> None:
    run = simulate(particles.sphere(50, 1000.0), steps=300, record_every=100)
    assert np.abs(run.last["points"]).max() > 1000
