"""Interior points, radial laws, and the order of neighbours between random and lattice."""

from __future__ import annotations

import numpy as np
import pytest
from tests.particles.observe.synthetic import rotation, sphere, triangular

from eigenwell.particles import observe
from eigenwell.particles.observe._shell import _fibonacci


def test_interior_points_are_those_within_the_shell() -> None:
    shell = np.concatenate([sphere(50), -sphere(50)])
    inside = np.concatenate([0.88 * sphere(20, seed=1), -0.88 * sphere(20, seed=1)])
    mask = observe.interior(np.concatenate([shell, inside]))
    assert mask.tolist() == [False] * 100 + [True] * 40
    assert not observe.interior(np.concatenate([shell, inside]), tolerance=0.2).any()


def test_the_radial_profile_knows_its_law() -> None:
    # The n midpoints of the law's quantiles are as near as points can be: 1 / 2n.
    r = (np.arange(500) + 0.5) / 500
    x = np.concatenate([r, -r])[:, None]
    found = observe.radial_profile(x, lambda radius: radius)
    assert found.distance == pytest.approx(1 / 1000)
    assert found.radii[[0, -1]] == pytest.approx([0.001, 0.999])
    # The largest step above the parabola: 500 of 1000 points at the radius 0.499.
    below = observe.radial_profile(x, lambda radius: radius**2).distance
    assert below == pytest.approx(0.5 - 0.499**2, abs=2e-6)


def test_spacing_on_a_line() -> None:
    lattice = np.random.default_rng(0).permutation(np.arange(100))[:, None] * 0.5
    assert observe.spacing(lattice) == observe.Spacing(0.5, 0.0)
    random = np.random.default_rng(0).uniform(size=(100_000, 1))
    # Gaps of independent points are exponential; 4 deviations of their relative spread.
    assert observe.spacing(random).variation == pytest.approx(1, abs=4 / np.sqrt(100_000))
    assert observe.spacing([[1.0], [1.0]]) == observe.Spacing(0.0, 0.0)


def test_random_points_on_a_sphere_have_no_order() -> None:
    found = observe.shell_order(sphere(20_000, radius=3, seed=5))
    # The mean of 20,000 weakly dependent distances of relative spread 0.52: 4 deviations and more.
    assert found.nearest.value == pytest.approx(found.nearest.random, rel=0.02)
    assert abs(found.nearest.score) < 0.03
    assert abs(found.hexatic.score) < 0.02


@pytest.mark.parametrize("n", [12, 100, 2000])
def test_the_fibonacci_lattice_is_far_from_random(n: int) -> None:
    found = observe.shell_order(5 * _fibonacci(n) @ rotation().T + 1)
    assert found.points == n
    assert found.nearest.score > 0.7
    assert found.nearest.value == pytest.approx(found.fibonacci[0], rel=1e-2)


def test_the_random_mean_is_that_of_many_draws() -> None:
    draws = [observe.shell_order(sphere(12, seed=seed), tolerance=0.9) for seed in range(400)]
    values = [found.nearest.value for found in draws]
    # The centre of 12 points is taken off, so shells differ a little: 5%.
    assert np.mean(values) == pytest.approx(draws[0].nearest.random, rel=0.05)


def test_interior_points_are_left_out_of_the_order() -> None:
    shell = _fibonacci(300)
    with_inside = np.concatenate([shell, 0.3 * shell[::10], -0.3 * shell[::10]])
    assert observe.shell_order(with_inside).points == 300


def test_hexatic_order_in_the_plane() -> None:
    lattice = triangular(60)
    assert observe.bond_order(lattice @ rotation(2).T) > 0.95  # the edge is not perfect
    random = np.random.default_rng(0).uniform(size=(20_000, 2))
    assert observe.bond_order(random) == pytest.approx(0.37, abs=0.01)
