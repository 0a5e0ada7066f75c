"""The map behind `eigenwell wells map`: its triangles, its times, its certificates."""

from __future__ import annotations

import numpy as np
import pytest

from eigenwell import wells
from eigenwell.errors import ArgumentError, ShapeError
from eigenwell.wells import _map

BAD, GOOD = (0.01, 0.05, 0.94), (0.05, 0.01, 0.94)
THREE = wells.Bandit([1.0, 0.9, 0.1])


@pytest.mark.parametrize("resolution", [2, 5, 30])
def test_the_triangles_fill_the_simplex_once(resolution: int) -> None:
    vertices, cells = _map.simplex_cells(resolution)
    assert vertices.sum(axis=1) == pytest.approx(1)
    assert len(cells) == resolution**2 == len({tuple(sorted(cell)) for cell in cells.tolist()})
    # The determinant of three points is their triangle's share of the simplex.
    assert np.abs(np.linalg.det(vertices[cells])) == pytest.approx(1 / resolution**2)
    assert vertices[cells].mean(axis=1).min() > 0


def test_the_golden_starts_and_the_last_time_that_counts() -> None:
    times = wells.escape_times(THREE, [BAD, GOOD], learning_rate=0.4, steps=7368)
    assert times.tolist() == [7368, 54]
    times = wells.escape_times(THREE, [BAD, GOOD], learning_rate=0.4, steps=7367)
    assert times.tolist() == [-1, 54]


def test_the_order_of_the_actions_does_not_matter() -> None:
    order = [2, 0, 1]
    shuffled = wells.Bandit(np.array([1.0, 0.9, 0.1])[order])
    vertices, cells = _map.simplex_cells(6)
    policies = vertices[cells].mean(axis=1)
    for measure in (_map.best_certificate, lambda *a, **k: wells.escape_times(*a, **k, steps=200)):
        assert np.array_equal(
            measure(THREE, policies, learning_rate=0.4),
            measure(shuffled, policies[:, order], learning_rate=0.4),
        )


def test_homogeneous_rewards_have_the_sharper_certificate() -> None:
    bandit = wells.Bandit([0.5, 1.0, 0.5])
    starts = np.array([[0.495, 0.01, 0.495], [0.2, 0.6, 0.2]])
    bounds = _map.best_certificate(bandit, starts, learning_rate=0.4)
    alone = wells.bounds.escape_certificate(
        starts, [0.5, 1.0, 0.5], learning_rate=0.4, strict=False
    ).time
    times = wells.escape_times(bandit, starts, learning_rate=0.4, steps=1000)
    assert alone[0] < 0.95 * times[0]
    assert 0.98 * times[0] < bounds[0] <= times[0]
    assert bounds[1] == times[1] == 1
    # Where the theorem does not hold, the other one stands.
    fast = _map.best_certificate(bandit, starts, learning_rate=40)
    assert np.isfinite(fast).all()


def test_the_drift_is_the_flow_of_the_update() -> None:
    starts = np.array([BAD, GOOD])
    rate = 1e-6
    run = wells.softmax_pg(THREE, starts, learning_rate=rate, steps=2)
    # Terms of order rate, and the rounding of a difference of two policies over it: 2e-16 / 1e-6.
    assert (run.policies[1] - run.policies[0]) / rate == pytest.approx(
        _map.drift(THREE, starts), abs=1e-6
    )


def test_mistakes() -> None:
    options = {"learning_rate": 0.4, "steps": 10}
    with pytest.raises(ShapeError, match=r"\(3,\) for a ternary map, got \(2, 3\)"):
        _map.escape_map(wells.Bandit([[1, 0.5, 0], [1, 0, 0.5]]), **options)
    with pytest.raises(ArgumentError, match="must be constant for a map"):
        _map.escape_map(wells.Bandit(lambda t: [1, 0.5, 1 / (t + 1)]), **options)
