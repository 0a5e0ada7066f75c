"""Eigenvalues of the two-cycle against the closed form, dense matrices and perturbed runs."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from tests.helpers.clouds import cloud

from eigenwell import pairwise
from eigenwell.errors import ArgumentError, BackendUnavailableError, DTypeError
from eigenwell.particles import theory
from eigenwell.particles.theory._lanczos import largest_eigenvalues

pytest.importorskip("scipy")

RATE = 0.01


def step(x: Any, steps: int, momentum: float = 0.0, velocity: Any = None) -> Any:
    return pairwise.descend(
        x,
        steps=steps,
        learning_rate=RATE,
        pairs="upper",
        momentum=momentum,
        velocity=velocity,
    )


def cycle_of(x: Any) -> Any:
    return RATE / 2 * pairwise.energy_and_gradient(x, pairs="upper")[1]


def rms(x: Any) -> float:
    return float(np.sqrt(((x - x.mean(axis=0)) ** 2).sum(axis=1).mean()))


@pytest.fixture(scope="module")
def shell() -> Any:
    """The two-cycle of 200 points in 3-D."""
    x = np.random.default_rng(0).normal(size=(200, 3)) * 0.5
    return cycle_of(step(x, 20_000).x)


def imbalance(x: Any, momentum: float = 0.0, velocity: Any = None) -> float:
    here, there = rms(x), rms(step(x, 1, momentum, velocity).x)
    return abs(here - there) / (here + there)


@pytest.mark.parametrize("pairs", ["upper", "all"])
def test_lanczos_is_the_dense_matrix(pairs: str) -> None:
    x = cloud((8, 3))
    rows = [
        pairwise.hessian_vector_product(x, row.reshape(8, 3), pairs=pairs).ravel()
        for row in np.eye(24)
    ]
    dense = np.linalg.eigvalsh(np.stack(rows)) * 0.1 / 1.5
    options: Any = {"pairs": pairs, "momentum": 0.5, "tolerance": 0.0}
    largest = theory.stability_eigenvalues(x, 0.1, 5, **options)
    smallest = theory.stability_eigenvalues(x, 0.1, 5, which="smallest", **options)
    np.testing.assert_allclose(largest, dense[-5:], atol=1e-12)
    np.testing.assert_allclose(smallest, dense[:5], atol=1e-12)


def test_every_copy_of_a_multiple_eigenvalue_is_found() -> None:
    diagonal = np.concatenate([np.full(6, 5.0), np.linspace(0, 4.9, 300)])
    values = largest_eigenvalues(lambda v: diagonal * v, 306, 4, tolerance=1e-9, seed=0)
    np.testing.assert_allclose(values, 5, rtol=1e-9)


@pytest.mark.parametrize("which", ["largest", "smallest"])
def test_points_on_a_line_or_in_one_place_have_no_curvature(which: str) -> None:
    for x in (np.arange(5.0)[:, None], np.ones((4, 3))):
        np.testing.assert_array_equal(theory.stability_eigenvalues(x, 0.1, 2, which=which), [0, 0])


def test_the_shell_has_the_eigenvalues_of_the_closed_form(shell: Any) -> None:
    """Degrees 0 to 2; each of them 4 L + 4 times."""
    values = theory.stability_eigenvalues(shell, RATE, 24, which="smallest")
    expected = np.repeat([theory.shell_eigenvalue(degree) for degree in range(3)], [4, 8, 12])
    np.testing.assert_allclose(values, expected, atol=2e-3)  # measured 1.2e-3
    np.testing.assert_allclose(values[:4], 0, atol=1e-7)


def test_rotations_are_at_the_edge_and_nothing_is_above(shell: Any) -> None:
    values = theory.stability_eigenvalues(shell, RATE, 4)
    np.testing.assert_allclose(values[1:], 2, atol=1e-6)
    assert 1.99 < values[0] < 2  # flows along the shell crowd below the edge


def test_a_perturbation_dies_as_its_eigenvalue_says(shell: Any) -> None:
    """3 (n.e) n - e is a mode of s = 6/5: each step multiplies it by 1 - s, on top of x -> -x."""
    normal = shell / np.linalg.norm(shell, axis=1, keepdims=True)
    mode = 3 * normal[:, :1] * normal - [1.0, 0.0, 0.0]
    run = pairwise.descend(
        shell + 1e-5 * mode, steps=3, learning_rate=RATE, pairs="upper", record_every=1
    )
    mirrored = run.records * (-1.0) ** np.arange(4)[:, None, None]
    sizes = np.einsum("kid,id->k", mirrored - shell, mode) / (1e-5 * np.vdot(mode, mode))
    # The mirror turns the sign of 1 - s; 5e-3 is what 200 points are not a uniform shell.
    np.testing.assert_allclose(sizes, 0.2 ** np.arange(4), atol=5e-3)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_the_difference_of_the_radii_has_a_limit(shell: Any, momentum: float) -> None:
    """Neutral below, and above it falls to somewhere below, as soon as the shape is disturbed."""
    limit = theory.asymmetry_limit(momentum)
    cycle = shell / (1 + momentum)
    for factor in (0.97, 1.03):
        larger, smaller = cycle * (1 + factor * limit), cycle * (1 - factor * limit)
        x = larger + 1e-6 * cloud(shell.shape) * rms(cycle)
        run = step(x, 3000, momentum, -(larger + smaller) / RATE)
        kept = imbalance(run.x, momentum, run.velocity) / limit
        if factor < 1:
            assert kept == pytest.approx(factor, rel=1e-3)
        else:
            assert kept != pytest.approx(factor, rel=2e-2)
        if momentum == 0:  # the energy falls, so the shell returns
            assert kept < 1


def test_the_limit_of_the_difference() -> None:
    assert theory.asymmetry_limit() == pytest.approx(np.sqrt(0.52))
    assert theory.asymmetry_limit(1 - 1e-12) == pytest.approx(0.2)


def test_an_interior_point_is_unstable_and_leaves(shell: Any) -> None:
    """The closed form is for a smooth shell: measured 1.53 / n to 1.54 / n of 1.5 / n."""
    n = 201
    half = shell[:100] / np.linalg.norm(shell[:100], axis=1, keepdims=True)
    x = np.concatenate([half, -half, np.zeros((1, 3))])
    for _ in range(2000):  # towards a two-cycle that is its own mirror image, the centre held
        x = cycle_of(x)
        x[100:200], x[200] = -x[:100], 0
    values = theory.stability_eigenvalues(x, RATE, 4)
    np.testing.assert_allclose(values[1:] - 2, theory.interior_escape_rate(n), rtol=0.05)

    x = np.concatenate([shell, [[0.02, 0.0, 0.0]]])
    states = pairwise.descend(
        x, steps=6 * n, learning_rate=RATE, pairs="upper", record_every=n // 3
    ).records
    radius = np.array([np.linalg.norm(cycle_of(state)[-1]) for state in states])
    growth = np.diff(np.log(radius[1:5])) / (n // 3)
    np.testing.assert_allclose(growth, theory.interior_escape_rate(n), rtol=0.05)
    assert radius[-1] == pytest.approx(theory.shell_radius(n, RATE, 3), rel=1e-2)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"count": 0}, ArgumentError, "`count` must be between 1 and 23, got 0"),
        ({"count": 24}, ArgumentError, "`count` must be between 1 and 23, got 24"),
        ({"which": "middle"}, ArgumentError, "`which` must be largest or smallest, got 'middle'"),
        ({"pairs": "lower"}, ArgumentError, "`pairs` must be one of"),
        ({"tolerance": -1.0}, ArgumentError, "`tolerance` must be finite and at least 0"),
        ({"momentum": "much"}, DTypeError, "`momentum` must be a number"),
    ],
)
def test_mistakes(options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        theory.stability_eigenvalues(cloud((8, 3)), 0.1, **options)


def test_mistakes_of_the_closed_forms() -> None:
    with pytest.raises(ArgumentError, match="`degree` must be between 0"):
        theory.shell_eigenvalue(-1)
    with pytest.raises(ArgumentError, match="`momentum` must be at least 0 and below 1"):
        theory.asymmetry_limit(1)
    with pytest.raises(ArgumentError, match="`n` must be between 1"):
        theory.interior_escape_rate(0)


def test_without_scipy_it_says_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.sparse.linalg", None)
    with pytest.raises(BackendUnavailableError, match=r'pip install "eigenwell\[particles\]"'):
        theory.stability_eigenvalues(cloud((8, 3)), 0.1)
