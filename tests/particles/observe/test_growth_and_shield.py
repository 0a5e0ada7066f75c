"""Where particles join a chain, and what surrounds it."""

from __future__ import annotations

import numpy as np
import pytest
from tests.particles.observe.synthetic import Array, helix, rotation

from eigenwell.errors import ArgumentError
from eigenwell.particles import observe

LINE = np.linspace(0, 10, 101)[:, None] * [1.0, 0.0, 0.0]


def appended(*, last: bool) -> Array:
    """A chain of 100 to which 10 particles are added at each of 5 records, at one end."""
    chain = helix(100, noise=0.02)
    states = np.array([chain] * 6)
    far = 100 * np.arange(1, 101)[:, None] * [1.0, 1.0, 1.0]
    for k in range(6):
        missing = np.arange(50 + 10 * k, 100) if last else np.arange(50 - 10 * k)
        states[k, missing] = far[missing]
    return states


@pytest.mark.parametrize("last", [True, False])
def test_particles_that_join_at_an_end(last: bool) -> None:
    steps = np.array([0, 10, 20, 40, 80, 160])
    found = observe.growth(steps, appended(last=last))
    assert found.counts.tolist() == [50, 60, 70, 80, 90, 100]
    assert (np.diff(found.lengths) > 0).all()
    assert sorted(found.joined) == list(range(50, 100) if last else range(50))
    assert np.repeat(steps[1:], 10).tolist() == found.joined_steps.tolist()
    assert found.end_shares == ((0, pytest.approx(1)) if last else (pytest.approx(1), 0))


def test_growth_knows_no_place_or_scale() -> None:
    states = appended(last=True)
    before = observe.growth(np.arange(6), states)
    after = observe.growth(np.arange(6), 1e6 * (states @ rotation().T + 3))
    assert after.places == pytest.approx(before.places)
    assert after.lengths == pytest.approx(1e6 * before.lengths)


def test_who_leaves_again_has_not_joined() -> None:
    states = appended(last=True)
    states[2, 55] = 1e6
    found = observe.growth(np.arange(6), states)
    assert found.joined_steps[found.joined == 55].tolist() == [3]


def test_a_loose_cloud_is_no_chain_yet() -> None:
    states = np.array([1e6 * appended(last=True)[0], appended(last=True)[-1]])
    found = observe.growth([0, 1], states)
    assert found.counts.tolist() == [0, 100]
    assert np.isnan(found.lengths[0])
    assert len(found.joined) == 0
    assert np.isnan(found.end_shares).all()


def around(counts: tuple[int, ...], distance: float) -> Array:
    """Particles beside the quarters of the line."""
    x = np.concatenate([np.full(c, 1.25 + 2.5 * k) for k, c in enumerate(counts)])
    angle = np.arange(len(x))
    return np.stack([x, distance * np.cos(angle), distance * np.sin(angle)], axis=1)


def test_densities_along_a_chain() -> None:
    curve = observe.principal_curve(LINE, indices=np.arange(101))
    ends = [[-1.0, 0, 0], [11.0, 0, 0], [-1.3, 0, 0], [11.3, 0, 0]]  # within 10 / 8 or not
    x = np.concatenate([around((40, 30, 20, 10), 0.5), around((99,), 2.0), ends])
    found = observe.shield(curve, x)
    assert found.radius == pytest.approx(1.25)
    assert found.counts.tolist() == [41, 30, 20, 11]
    assert found.densities == pytest.approx(found.counts / 2.5)
    assert found.ratio == pytest.approx(41.5 / 11.5)
    assert found.interval[0] > 1
    assert found.interval[0] < found.ratio < found.interval[1]
    assert observe.shield(curve, x).interval == found.interval
    back = observe.shield(observe.principal_curve(LINE, indices=-np.arange(101)), x)
    assert back.counts.tolist() == [11, 20, 30, 41]


def test_an_even_cloud_has_no_shield() -> None:
    curve = observe.principal_curve(LINE, indices=np.arange(101))
    inside = 0
    for seed in range(40):
        x = np.random.default_rng(seed).uniform([-3, -3, -3], [13, 3, 3], size=(1000, 3))
        low, high = observe.shield(curve, x, seed=seed, resamples=500).interval
        inside += low <= 1 <= high
    # Exact coverage gives 38, and fewer than 34 once in 70 times; this is one fixed draw.
    assert inside >= 34


def test_no_particle_near() -> None:
    curve = observe.principal_curve(LINE)
    found = observe.shield(curve, [[0.0, 99.0, 0.0]], parts=2)
    assert found.counts.tolist() == [0, 0]
    assert (found.ratio, found.interval) == (1, (1, 1))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"radius": 0}, "`radius`"),
        ({"parts": 1}, "`parts`"),
        ({"confidence": 1}, "`confidence`"),
        ({"resamples": 0}, "`resamples`"),
    ],
)
def test_options_of_the_shield(options, match) -> None:
    with pytest.raises(ArgumentError, match=match):
        observe.shield(observe.principal_curve(LINE), LINE, **options)
