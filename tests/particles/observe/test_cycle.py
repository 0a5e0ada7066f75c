"""Radii of the two configurations, return after two steps, drift."""

from __future__ import annotations

import numpy as np
import pytest
from tests.helpers.clouds import cloud
from tests.particles.observe.synthetic import about, rotation, sphere

from eigenwell.particles import observe

AXIS = np.array([1.0, -2.0, 0.5])


def test_radii_of_both_states_about_their_own_centres() -> None:
    shell = np.concatenate([sphere(100), -sphere(100)])
    found = observe.alternation(3 * shell + 7, -2 * shell - 5)
    assert found.mean == pytest.approx((3, 2))
    assert found.median == pytest.approx((3, 2))
    assert found.maximum == pytest.approx((3, 2))
    assert found.spread == pytest.approx((0, 0), abs=1e-12)
    assert found.radius == pytest.approx(2.5)
    assert found.imbalance == pytest.approx(0.2)


def test_an_interior_point_moves_the_mean_but_not_the_median() -> None:
    shell = np.concatenate([sphere(100), -sphere(100), np.zeros((1, 3))])
    found = observe.alternation(shell, shell)
    assert found.mean[0] == pytest.approx(200 / 201)
    assert found.median[0] == pytest.approx(1)


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_a_rigid_motion_is_no_residual(d: int) -> None:
    x = cloud((50, d))
    shift = np.arange(1.0, d + 1)
    found = observe.period_two(x, x @ rotation(d).T + shift)
    assert found.residual > 0.1
    assert found.residual_rigid == pytest.approx(0, abs=1e-14)
    assert found.translation == pytest.approx(
        float(np.linalg.norm(x.mean(axis=0) @ rotation(d).T + shift - x.mean(axis=0)))
    )


def test_the_angle_of_the_rotation() -> None:
    x = cloud((50, 3))
    assert observe.period_two(x, x @ about(AXIS, 0.3).T).rotation == pytest.approx(0.3)


def test_a_reflection_is_no_rigid_motion() -> None:
    x = cloud((50, 3))
    assert observe.period_two(x, -x).residual_rigid > 0.5


def test_the_residual_is_relative_to_the_radius() -> None:
    x = sphere(200)
    x = np.concatenate([x, -x])
    for scale in (1e-6, 1.0, 1e6):
        found = observe.period_two(scale * x, scale * 1.5 * x)
        assert found.residual == pytest.approx(0.5)
        assert found.residual_rigid == pytest.approx(0.5)


def test_points_in_one_place_come_back() -> None:
    found = observe.period_two(np.ones((3, 3)), np.ones((3, 3)))
    assert (found.residual, found.residual_rigid) == (0, 0)


@pytest.mark.parametrize("every", [2, 3])
def test_drift_is_per_step_whatever_the_records(every: int) -> None:
    steps = every * np.arange(8)
    x = cloud((40, 3))
    x -= x.mean(axis=0)
    states = [
        (-1.0) ** k * x @ about(AXIS, 0.01 * k).T + k * np.array([0.3, 0.0, 0.4]) for k in steps
    ]
    found = observe.drift(steps, np.array(states))
    assert found.centre == pytest.approx(0.5)
    assert found.rotation == pytest.approx(0.01)
