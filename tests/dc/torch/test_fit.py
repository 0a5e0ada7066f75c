"""Fitting functions: the article's double well, other networks, what a function must be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from eigenwell.benchmarks import dc_alive, dc_functions
from eigenwell.dc.torch import SymmetricLayer, fit_function
from eigenwell.errors import ArgumentError, DTypeError, EigenwellError, ShapeError


def well(x: torch.Tensor) -> torch.Tensor:
    return (x.abs() - 1) ** 2


def test_the_articles_double_well_with_four_eigenvalues() -> None:
    fit = fit_function(well, [(-2, 2)], eigenvalues=4, starts=24, steps=150, polish=120)
    assert fit.parameters == 12
    assert fit.max_error < 1e-9  # exact but for rounding: measured 7e-15 to 1e-9
    assert fit.max_error == fit.max_errors[fit.best] == min(fit.max_errors)
    x = torch.linspace(-2, 2, 999, dtype=torch.float64)
    with torch.no_grad():
        error = (fit.model(x[:, None]) - well(x)).abs().max().item()
    assert error <= fit.max_error * 1.01 + 1e-12
    assert all(rms <= largest for rms, largest in zip(fit.rms_errors, fit.max_errors, strict=True))


def test_a_neuron_of_two_variables_and_units() -> None:
    """Neither the intervals nor the values are near what the network sees."""
    fit = fit_function(
        lambda x, y: 1e3 + 50 * torch.maximum(x - 100, 3 * y),
        [(99, 101), (-0.5, 0.5)],
        eigenvalues=3,
        quadratic=False,
        starts=4,
        steps=100,
        polish=50,
    )
    assert fit.max_error < 1e-6
    with torch.no_grad():
        assert fit.model(torch.tensor([100.5, 0.0]).double()).item() == pytest.approx(1025)


def test_any_network_can_be_fitted_and_its_rule_comes_back() -> None:
    made = []

    def network(generator: torch.Generator) -> torch.nn.Module:
        made.append(SymmetricLayer(1, 1, 3, generator=generator, dtype=torch.float64))
        return made[-1]

    fit = fit_function(well, [(-2, 2)], starts=2, steps=5, polish=5, network=network)
    assert len(made) == 2
    assert fit.model.network is made[fit.best]
    assert {(layer.backward, layer.temperature) for layer in made} == {("softmax", 1.0)}


def test_the_same_seed_gives_the_same_fit() -> None:
    options: Any = {"starts": 2, "steps": 20, "polish": 5}
    state = torch.get_rng_state()
    fits = [fit_function(well, [(-2, 2)], seed=s, **options).max_errors for s in (3, 3, 4)]
    assert fits[0] == fits[1] != fits[2]
    assert torch.equal(torch.get_rng_state(), state)


def test_a_constant() -> None:
    fit = fit_function(lambda x: 0 * x + 7, [(0, 1)], starts=1, steps=20, polish=20)
    assert fit.max_error < 1e-6


def test_the_benchmarks_models_are_of_one_size() -> None:
    """And its table says who is best, whoever that is."""
    results: dict[str, Any] = {}
    for name in ("sharp double well", "saddle x y"):
        task = dc_functions.TASKS[name]
        sizes = set()
        for model in dc_functions.MODELS:
            found = dc_functions.fit(task, model, starts=2, steps=2, polish=2)
            sizes.add(found.parameters)
            results.setdefault(name, {})[model.name] = dc_functions.span_of(task, found)
        assert max(sizes) - min(sizes) == 1
    table = dc_functions.table_of(results, 2)
    assert [row[0] for row in table.rows] == list(results)
    assert all(sum(cell.startswith("*") for cell in row) == 1 for row in table.rows)


def test_the_fractions_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dc_alive, "STEPS", 3)
    before, after, error = dc_alive.run("the walker's outputs", rule="softmax", tangents=True)
    assert before > 0.97
    assert 0 < after <= 1
    assert error > 0
    assert dc_alive.run("sin 2x, 16 neurons", rule="hard", tangents=False)[0] < 0.5


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: fit_function(well, [(2, -2)]), ArgumentError, "`box` must hold finite intervals"),
        (lambda: fit_function(well, [-2, 2]), ShapeError, r"`box` must hold \(low, high\) of one"),  # type: ignore[list-item]
        (lambda: fit_function(well, [(0, 1)] * 3), ShapeError, "`box` must hold"),
        (lambda: fit_function(well, [("a", 1)]), DTypeError, "`box` must hold real numbers"),  # type: ignore[list-item]
        (lambda: fit_function(well, [(0, 1)], starts=0), ArgumentError, "`starts` must be between"),
        (lambda: fit_function(well, [(0, 1)], steps=1.5), DTypeError, "`steps` must be an integer"),  # type: ignore[arg-type]
        (lambda: fit_function(lambda _: 1.0, [(0, 1)]), DTypeError, "`function` must return a tor"),  # type: ignore[arg-type, return-value]
        (
            lambda: fit_function(lambda x: x.sum(), [(0, 1)]),
            ShapeError,
            r"`function` must return shape \(201,\), got \(\)",
        ),
        (
            lambda: fit_function(lambda x: 1 / x, [(0, 1)]),
            ArgumentError,
            "`function` must be finite in the whole of `box`",
        ),
    ],
)
def test_errors(call: Callable[[], Any], error: type[EigenwellError], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
