"""Bad input: each function names the argument in one sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.clouds import cloud

from eigenwell import _checks
from eigenwell.errors import ArgumentError, BackendUnavailableError, DTypeError, ShapeError
from eigenwell.particles import observe

POINTS = cloud((30, 3))


def same(radius: Any) -> Any:
    return np.zeros_like(radius)


# Function of positions, the argument's name, the fewest points, and the dimension it needs.
FUNCTIONS: dict[str, tuple[Any, str, int, int | None]] = {
    "alternation": (lambda x: observe.alternation(x, x), "a", 1, None),
    "period_two": (lambda x: observe.period_two(x, x), "before", 1, None),
    "gyration": (observe.gyration, "positions", 1, None),
    "interior": (observe.interior, "positions", 1, None),
    "radial_profile": (lambda x: observe.radial_profile(x, same), "positions", 1, None),
    "spacing": (observe.spacing, "positions", 2, 1),
    "shell_order": (observe.shell_order, "positions", 7, 3),
    "bond_order": (observe.bond_order, "positions", 7, 2),
    "bound": (observe.bound, "positions", 1, None),
    "principal_curve": (observe.principal_curve, "positions", 2, None),
    "chain_order": (observe.chain_order, "positions", 4, None),
    "helix_fit": (lambda x: observe.helix_fit(x, np.arange(len(x))), "positions", 10, 3),
    "shield": (
        lambda x: observe.shield(observe.principal_curve(POINTS), x),
        "positions",
        1,
        3,
    ),
}


@pytest.fixture(params=FUNCTIONS.values(), ids=FUNCTIONS.keys())
def function(request: Any) -> Any:
    return request.param


def test_too_few_points(function: Any) -> None:
    measure, name, least, dimension = function
    for n in range(least):
        with pytest.raises(ArgumentError, match=f"^`{name}` must hold at least {least} point"):
            measure(np.zeros((n, dimension or 3)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite(function: Any, bad: float) -> None:
    measure, name, _, dimension = function
    x = cloud((30, dimension or 3))
    x[4, 0] = bad
    with pytest.raises(ArgumentError, match=f"^`{name}` must be finite, got NaN or infinity"):
        measure(x)


def test_shapes(function: Any) -> None:
    measure, name, _, dimension = function
    wrong = [(30,), (2, 30, 3), (30, 0)]
    for shape in wrong if dimension is None else [*wrong, (30, dimension + 1)]:
        with pytest.raises(ShapeError, match=f"^`{name}` must have shape \\(n, "):
            measure(np.zeros(shape))


def test_types(function: Any) -> None:
    measure, name, _, dimension = function
    with pytest.raises(DTypeError, match=f"^`{name}` must hold real numbers"):
        measure(np.zeros((30, dimension or 3), dtype=complex))


def test_float32_and_lists_and_odd_strides_are_measured_in_float64(function: Any) -> None:
    measure, _, _, dimension = function
    x = cloud((30, dimension or 3), np.float32)
    wanted = repr(measure(x.astype(np.float64)))
    assert repr(measure(x)) == wanted
    assert repr(measure(x.tolist())) == wanted
    assert repr(measure(x[::-1].copy()[::-1])) == wanted


def test_states_of_different_shapes() -> None:
    with pytest.raises(ShapeError, match=r"^`b` must be \(30, 3\) as `a` is, got \(29, 3\)"):
        observe.alternation(POINTS, POINTS[1:])
    with pytest.raises(ShapeError, match=r"^`after` must be"):
        observe.period_two(POINTS, POINTS[:, :2])


@pytest.mark.parametrize("measure", [observe.drift, observe.growth])
def test_records(measure: Any) -> None:
    states = np.array([POINTS, POINTS])
    with pytest.raises(ShapeError, match=r"^`positions` must have shape \(r, n, d\)"):
        measure([0], POINTS)
    with pytest.raises(ShapeError, match=r"^`steps` must be \(2,\)"):
        measure([0, 1, 2], states)
    with pytest.raises(ArgumentError, match=r"^`positions` must hold at least 2 records"):
        measure([0], states[:1])
    for steps in ([1, 0], [0, 0], [0, 0.5], [0, np.nan]):
        with pytest.raises(ArgumentError, match=r"^`steps` must be ascending whole numbers"):
            measure(steps, states)
    states[1, 3] = np.nan
    with pytest.raises(ArgumentError, match=r"^`positions` must be finite"):
        measure([0, 1], states)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: observe.interior(POINTS, tolerance=0), "^`tolerance` must be between 0 and 1"),
        (lambda: observe.interior(POINTS, tolerance=1), "^`tolerance`"),
        (lambda: observe.radial_profile(POINTS, lambda r: r[1:]), r"^`cdf\(radii\)` must have"),
        (lambda: observe.radial_profile(POINTS, lambda r: r + 1), r"^`cdf\(radii\)` must be b"),
        (lambda: observe.shell_order(np.ones((30, 3))), "^`positions` must have at least 7"),
        (lambda: observe.bound(POINTS, link=-1), "^`link`"),
        (lambda: observe.principal_curve(POINTS, smooth=0), "^`smooth`"),
        (lambda: observe.principal_curve(POINTS, smooth=1.5), "^`smooth`"),
        (lambda: observe.principal_curve(np.full((9, 3), 0.1)), "^`positions` must not all be in"),
        (lambda: observe.principal_curve(POINTS, indices=[1, 2]), r"^`indices` must be \(30,\)"),
        (lambda: observe.chain_order(POINTS, indices=[np.nan] * 30), "^`indices` must be finite"),
    ],
)
def test_options(call: Any, match: str) -> None:
    with pytest.raises((ArgumentError, ShapeError), match=match):
        call()


def test_without_scipy_the_sentence_names_the_extra(monkeypatch: Any) -> None:
    def gone(module: str) -> Any:
        raise ImportError(module)

    monkeypatch.setattr(_checks.importlib, "import_module", gone)
    with pytest.raises(BackendUnavailableError, match=r"eigenwell\[particles\]"):
        observe.bound(POINTS)
    assert observe.gyration(POINTS).radius > 0
