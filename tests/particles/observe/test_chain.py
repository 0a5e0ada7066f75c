"""Bound particles, principal curves and the order along them: chains, balls and shells."""

from __future__ import annotations

import numpy as np
import pytest
from tests.helpers.clouds import cloud
from tests.particles.observe.synthetic import Array, helix, rotation, sphere

from eigenwell.errors import ShapeError
from eigenwell.particles import observe

# Noise of a tenth of the radius: as thick a chain as the polymer's, its bends 10 times wider.
CHAIN = helix(noise=0.1)
LENGTH = 3 * np.hypot(2 * np.pi, 2.0)


def ball(n: int, *, seed: int = 0) -> Array:
    depth = np.random.default_rng(seed).uniform(size=(n, 1)) ** (1 / 3)
    return depth * sphere(n, seed=seed + 1000)


def test_bound_are_those_that_hold_together() -> None:
    core, gone = cloud((100, 3)), 1000 * sphere(80)
    x = np.concatenate([gone, core])
    found = observe.bound(x, link=2.5)
    assert found.mask.tolist() == [False] * 80 + [True] * 100
    assert (found.count, found.fraction, found.link) == (100, 100 / 180, 2.5)


def test_the_default_link_finds_the_dense_part() -> None:
    x = np.concatenate([CHAIN, 50 * sphere(300)])
    found = observe.bound(x)
    assert found.mask[:400].all()
    assert not found.mask[400:].any()


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_bound_knows_no_scale_place_or_order(scale: float) -> None:
    x = np.concatenate([CHAIN, 50 * sphere(300)])
    order = np.random.default_rng(0).permutation(len(x))
    before = observe.bound(x)
    after = observe.bound(scale * (x @ rotation().T + 3)[order])
    assert after.link == pytest.approx(scale * before.link)
    assert (after.mask == before.mask[order]).all()


@pytest.mark.parametrize("n", [1, 2, 5])
def test_particles_in_one_place_are_bound(n: int) -> None:
    assert observe.bound(np.ones((n, 3))).count == n


def test_two_far_apart_are_two_clusters_and_the_first_wins() -> None:
    assert observe.bound([[0.0], [1.0]], link=0.5).mask.tolist() == [True, False]


def test_the_curve_of_a_noisy_helix() -> None:
    curve = observe.principal_curve(CHAIN, indices=np.arange(400), smooth=0.03)
    true = LENGTH * np.linspace(0, 1, 400)
    assert curve.length == pytest.approx(LENGTH, rel=0.05)
    # Two of the three directions of the noise stand off the curve.
    assert curve.thickness == pytest.approx(0.1 * np.sqrt(2), rel=0.1)
    assert np.abs(curve.arc - true).max() < 0.05 * LENGTH
    middle = curve.nodes[10:-10]
    assert np.hypot(middle[:, 0], middle[:, 1]) == pytest.approx(np.ones(80), abs=0.1)


def test_the_curve_does_not_use_the_order_of_the_points() -> None:
    order = np.random.default_rng(0).permutation(400)
    before, after = observe.principal_curve(CHAIN), observe.principal_curve(CHAIN[order])
    aligned = np.sign(np.corrcoef(before.arc[order], after.arc)[0, 1])
    assert np.ptp(before.arc[order] - aligned * after.arc) < 1e-6 * LENGTH


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_the_curve_moves_with_the_points(scale: float) -> None:
    turn = rotation()
    before = observe.principal_curve(CHAIN, indices=np.arange(400))
    moved = observe.principal_curve(scale * (CHAIN @ turn.T + 5), indices=np.arange(400))
    assert moved.length == pytest.approx(scale * before.length)
    assert moved.nodes / scale == pytest.approx(before.nodes @ turn.T + 5, abs=1e-6)
    assert moved.writhe == pytest.approx(before.writhe, rel=1e-6)


def test_indices_only_turn_the_curve_around() -> None:
    forth = observe.principal_curve(CHAIN, indices=np.arange(400))
    back = observe.principal_curve(CHAIN, indices=-np.arange(400))
    assert back.nodes == pytest.approx(forth.nodes[::-1])
    assert back.arc == pytest.approx(forth.length - forth.arc)


def test_places_on_the_curve() -> None:
    line = np.linspace(0, 10, 50)[:, None] * [1.0, 0.0]
    curve = observe.principal_curve(line, indices=np.arange(50))
    arc, distance = curve.locate([[3.0, 2.0], [11.0, 0.0], [-2.0, 1.0]])
    assert arc == pytest.approx([3, 11, -2])
    assert distance == pytest.approx([2, 0, 1], abs=1e-9)
    assert curve.thickness == pytest.approx(0, abs=1e-9)


def test_two_points_and_repeated_points_have_a_curve() -> None:
    assert observe.principal_curve([[0.0, 0.0], [3.0, 4.0]]).length == pytest.approx(5)
    copies = np.repeat(helix(60), 12, axis=0)  # more copies than neighbours: parts to be joined
    assert observe.principal_curve(copies, smooth=0.03).length == pytest.approx(LENGTH, rel=0.05)


def test_writhe_has_the_sign_of_the_hand() -> None:
    curve = observe.principal_curve(helix(), smooth=0.02)
    mirrored = observe.principal_curve(helix(hand=-1), smooth=0.02)
    # Gauss's integral of the true curve: chords of 1 degree, each pair from middle to middle.
    fine = helix(1081)
    chords, middles = np.diff(fine, axis=0), (fine[1:] + fine[:-1]) / 2
    expected = 0.0
    for chord, middle in zip(chords, middles, strict=True):
        apart = middle - middles
        cubes = np.linalg.norm(apart, axis=1) ** 3
        triple = (np.cross(chord, chords) * apart).sum(axis=1)
        expected += float((triple[cubes > 0] / cubes[cubes > 0]).sum() / (4 * np.pi))
    assert curve.writhe == pytest.approx(expected, rel=0.05)
    assert mirrored.writhe == pytest.approx(-curve.writhe, rel=1e-6)
    flat = observe.principal_curve(helix() * [1, 0, 1], smooth=0.02)
    assert flat.writhe == pytest.approx(0, abs=1e-9)
    with pytest.raises(ShapeError, match="`writhe`"):
        _ = observe.principal_curve(cloud((20, 2))).writhe


@pytest.mark.parametrize("seed", range(3))
def test_a_chain_is_in_order_and_a_shuffled_one_is_not(seed: int) -> None:
    generator = np.random.default_rng(seed)
    order = generator.permutation(400)
    x = helix(noise=0.1, seed=seed)[order] @ rotation(seed=seed).T
    found = observe.chain_order(x, indices=order)
    assert found.order > 0.999
    assert found.repeatability > 0.99
    shuffled = observe.chain_order(x)
    assert shuffled.order < 2 * shuffled.by_chance
    assert shuffled.repeatability == found.repeatability
    assert observe.chain_order(x, indices=-order).order == pytest.approx(found.order)


def test_a_ball_has_no_order_and_no_curve_of_its_own() -> None:
    shapes = [make(150, seed=seed) for make in (ball, sphere) for seed in range(5)]
    found = [observe.chain_order(x) for x in shapes]
    assert max(one.repeatability for one in found) < 0.9
    # Indices without meaning are below with 95%: 4 or more of 10 above have 0.1%.
    assert sum(one.order > one.by_chance for one in found) < 4


def test_order_of_tied_indices_is_none() -> None:
    assert observe.chain_order(CHAIN, indices=np.zeros(400)).order == 0
