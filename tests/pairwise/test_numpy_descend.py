"""The native descent loop against the same loop in NumPy, and the article's sphere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.clouds import cloud, relative_error

from eigenwell import backend, pairwise, reference
from eigenwell.errors import ArgumentError, DTypeError, ShapeError
from eigenwell.pairwise import Term


@pytest.fixture(params=backend.available_isas())
def isa(request: Any) -> Any:
    with backend.forced_isa(request.param):
        yield request.param


def slowly(species: Any, terms: Any, *, steps: int, rates: Any, momentum: float) -> Any:
    states = [[np.float64(x)] for x in species]
    velocities = [np.zeros_like(x[0]) for x in states]
    for _ in range(steps):
        gradients = [np.zeros_like(x[0]) for x in states]
        for term in terms:
            options = {
                "exponent": term.exponent,
                "pairs": term.pairs,
                "softening": term.softening,
            }
            second = term.first if term.second is None else term.second
            x = states[term.first][-1]
            y = None if second == term.first else states[second][-1]
            gx, gy = reference.riesz_gradient(x, y, **options)
            gradients[term.first] += term.strength * gx
            if y is not None:
                gradients[second] += term.strength * gy
        for i, gradient in enumerate(gradients):
            velocities[i] = momentum * velocities[i] + gradient
            states[i].append(states[i][-1] - rates[i] * velocities[i])
    return [np.stack(x) for x in states]


TERMS = (
    Term(first=0, exponent=-1.0, softening=0.1),
    Term(first=1, second=1, exponent=-2.0, strength=0.5, pairs="upper", softening=0.2),
    Term(first=0, second=1, exponent=1.0, strength=-0.25, pairs="upper"),
    Term(first=1, second=0, exponent=2.0, pairs="different"),
)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-6), ("float64", 1e-13)])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("d", [1, 3, 4])
def test_species_move_as_in_numpy(
    isa: str, dtype: str, tolerance: float, momentum: float, d: int
) -> None:
    species = [cloud((40, d), dtype), cloud((25, d), dtype, seed=1)]
    before = [x.copy() for x in species]
    rates = [1e-4, 2e-4]
    run = pairwise.descend(
        species, steps=7, learning_rate=rates, terms=TERMS, momentum=momentum, record_every=2
    )
    states = slowly(species, TERMS, steps=7, rates=rates, momentum=momentum)
    for i in range(2):
        assert run.records[i].shape == (4, *species[i].shape)
        assert relative_error(run.records[i], states[i][::2]) <= tolerance
        assert relative_error(run.x[i], states[i][-1]) <= tolerance
        np.testing.assert_array_equal(species[i], before[i])


def test_one_species_and_nothing_recorded() -> None:
    x = cloud((20, 3))
    run = pairwise.descend(x, steps=3, learning_rate=1e-2)
    states = slowly([x], [Term()], steps=3, rates=[1e-2], momentum=0.0)
    assert run.records is None
    assert relative_error(run.x, states[0][-1]) < 1e-13


@pytest.mark.parametrize(
    ("steps", "every", "kept"), [(0, 1, 1), (5, 7, 1), (6, 3, 3), (0, None, 0)]
)
def test_what_is_recorded(steps: int, every: int | None, kept: int) -> None:
    run = pairwise.descend(cloud((4, 2)), steps=steps, learning_rate=0.1, record_every=every)
    assert (0 if run.records is None else len(run.records)) == kept


def test_the_same_bits_for_every_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    x = cloud((900, 3), "float32")
    runs = []
    for threads in ("1", "2", "3", "7"):
        monkeypatch.setenv("EIGENWELL_NUM_THREADS", threads)
        runs.append(pairwise.descend(x, steps=4, learning_rate=1e-3).x.tobytes())
    assert len(set(runs)) == 1


def test_the_articles_sphere_flickers_between_two_radii() -> None:
    # On the sum of distances i < j plain descent ends in a two-cycle of a shell, whose radii add up
    # to 2/3 learning_rate n.
    n, rate = 200, 0.01
    x = np.random.default_rng(0).uniform(-1, 1, (n, 3))
    run = pairwise.descend(x, steps=1501, learning_rate=rate, pairs="upper", record_every=1500)
    radii = [np.linalg.norm(state - state.mean(0), axis=1) for state in (run.records[-1], run.x)]
    assert sum(r.mean() for r in radii) == pytest.approx(2 / 3 * rate * n, rel=0.01)
    assert all(r.std() < 0.02 * r.mean() for r in radii)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"steps": -1}, ArgumentError, "`steps` must be between 0"),
        ({"steps": 1.5}, DTypeError, "`steps` must be an integer"),
        ({"learning_rate": np.nan}, ArgumentError, "`learning_rate` must be finite"),
        ({"learning_rate": [1.0, 2.0]}, ShapeError, "`learning_rate` must be one number or 1"),
        ({"momentum": np.inf}, ArgumentError, "`momentum`"),
        ({"record_every": 0}, ArgumentError, "`record_every` must be between 1"),
        (
            {"terms": [Term(second=1)]},
            ArgumentError,
            r"`terms\[0\].second` must be between 0 and 0",
        ),
        ({"terms": [Term(exponent=0)]}, ArgumentError, r"`terms\[0\].exponent`"),
        ({"terms": [Term(pairs="some")]}, ArgumentError, r"`terms\[0\].pairs`"),
        ({"terms": ["x"]}, DTypeError, r"`terms\[0\]` must be a Term"),
        ({"x": [np.zeros((2, 2)), np.zeros((2, 3))]}, ShapeError, r"`x\[1\]`"),
        ({"x": [np.zeros((2, 2)), np.zeros((2, 2))]}, ArgumentError, "`terms` must say"),
        ({"x": np.zeros((2, 2, 2))}, ShapeError, r"`x` must have shape \(n, d\)"),
        ({"x": np.zeros((2, 2), "float16")}, DTypeError, "float32 or float64"),
    ],
)
def test_mistakes(change: dict[str, Any], error: type[Exception], message: str) -> None:
    arguments: dict[str, Any] = {"x": np.zeros((3, 2)), "steps": 1, "learning_rate": 0.1, **change}
    with pytest.raises(error, match=message):
        pairwise.descend(arguments.pop("x"), **arguments)


def test_a_descent_goes_on_where_it_stopped() -> None:
    species = [cloud((40, 3), "float64"), cloud((25, 3), "float64", seed=1)]
    options = {"learning_rate": [1e-3, 2e-3], "terms": TERMS, "momentum": 0.9}
    whole = pairwise.descend(species, steps=7, **options)
    half = pairwise.descend(species, steps=3, **options)
    rest = pairwise.descend(half.x, steps=4, velocity=half.velocity, **options)
    for name in ("x", "velocity"):
        for expected, got in zip(getattr(whole, name), getattr(rest, name), strict=True):
            np.testing.assert_array_equal(got, expected)
    cold = pairwise.descend(half.x, steps=4, **options)
    assert not np.array_equal(cold.x[0], whole.x[0])


@pytest.mark.parametrize("velocity", [np.zeros((3, 2)), np.zeros((4, 3), np.float32)])
def test_a_velocity_is_as_its_points_are(velocity: Any) -> None:
    with pytest.raises(ShapeError, match=r"`velocity` must be \(4, 3\) and float64"):
        pairwise.descend(cloud((4, 3), "float64"), steps=1, learning_rate=0.1, velocity=velocity)
