"""One DC neuron against an MLP of as many parameters, on ten functions of one or two variables.

``python -m eigenwell.benchmarks.dc_functions --images docs/images`` prints the table and writes the
pictures of ``docs/dc_torch.md``; a minute or two on one core. Every model gets the same grid,
starts, steps of Adam and steps of Levenberg-Marquardt (:func:`eigenwell.dc.torch.fit_function`).
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eigenwell._checks import require
from eigenwell.report import Alignment, Curve, Span, Table, draw_curves, draw_spans

if TYPE_CHECKING:
    from eigenwell.dc.torch import FunctionFit

STEPS, POLISH = 500, 200
DOUBLE_WELL = "sharp double well"


@dataclass(frozen=True)
class Task:
    """A function and where it is fitted."""

    function: Callable[..., Any]
    box: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Model:
    """A family of networks; the size is chosen so that none has more parameters than the MLP."""

    name: str
    sizes: Mapping[int, int]  # for each number of variables
    options: Callable[[int, int], dict[str, Any]]  # variables, size


def _himmelblau(x: Any, y: Any) -> Any:
    return (x * x + y - 11) ** 2 + (x + y * y - 7) ** 2


def _franke(x: Any, y: Any) -> Any:
    """R. Franke 1979, the usual test of scattered-data interpolation."""
    x, y = 9 * x, 9 * y
    return (
        0.75 * (-((x - 2) ** 2 + (y - 2) ** 2) / 4).exp()
        + 0.75 * (-((x + 1) ** 2) / 49 - (y + 1) / 10).exp()
        + 0.5 * (-((x - 7) ** 2 + (y - 3) ** 2) / 4).exp()
        - 0.2 * (-((x - 4) ** 2) - (y - 7) ** 2).exp()
    )


def _sombrero(x: Any, y: Any) -> Any:
    r = (x * x + y * y).sqrt() + 1e-12
    return r.sin() / r


TASKS: dict[str, Task] = {
    DOUBLE_WELL: Task(lambda x: (x.abs() - 1) ** 2, ((-2, 2),)),
    "smooth double well": Task(lambda x: (x * x - 1) ** 2, ((-1.5, 1.5),)),
    "sine": Task(lambda x: (math.pi * x).sin(), ((-1, 1),)),
    "Runge": Task(lambda x: 1 / (1 + 25 * x * x), ((-1, 1),)),
    "steep tanh": Task(lambda x: (10 * x).tanh(), ((-1, 1),)),
    "saddle x y": Task(lambda x, y: x * y, ((-1, 1), (-1, 1))),
    "Rosenbrock": Task(lambda x, y: (1 - x) ** 2 + 100 * (y - x * x) ** 2, ((-2, 2), (-1, 3))),
    "Himmelblau": Task(_himmelblau, ((-5, 5), (-5, 5))),
    "Franke": Task(_franke, ((0, 1), (0, 1))),
    "sombrero sin r / r": Task(_sombrero, ((-8, 8), (-8, 8))),
}


def _mlp(variables: int, hidden: int, activation: str) -> dict[str, Any]:
    torch = require("torch", extra="learn")

    def network(generator: Any) -> Any:
        seed = int(torch.randint(2**31, (), generator=generator))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            layers = torch.nn.Sequential(
                torch.nn.Linear(variables, hidden),
                getattr(torch.nn, activation)(),
                torch.nn.Linear(hidden, 1),
            )
        return layers.double()

    return {"network": network}


# Parameters with d variables: 25 and 49 (MLP), 24 and 48 (DC).
MODELS = (
    Model("DC, with K", {1: 8, 2: 12}, lambda _, m: {"eigenvalues": m, "quadratic": True}),
    Model("DC, without K", {1: 12, 2: 16}, lambda _, m: {"eigenvalues": m, "quadratic": False}),
    Model("MLP, tanh", {1: 8, 2: 12}, lambda d, h: _mlp(d, h, "Tanh")),
    Model("MLP, ReLU", {1: 8, 2: 12}, lambda d, h: _mlp(d, h, "ReLU")),
)


def fit(task: Task, model: Model, *, starts: int, steps: int, polish: int) -> FunctionFit:
    """Fit one model to one function from several starts."""
    from eigenwell.dc.torch import fit_function

    d = len(task.box)
    options = model.options(d, model.sizes[d])
    return fit_function(
        task.function, task.box, starts=starts, steps=steps, polish=polish, **options
    )


def span_of(task: Task, found: FunctionFit) -> Span:
    """Return the starts' largest errors, in percent of the function's range."""
    torch = require("torch", extra="learn")
    axes = [torch.linspace(*ends, 201, dtype=torch.float64) for ends in task.box]
    values = task.function(*torch.meshgrid(*axes, indexing="ij"))
    percent = 100 / float(values.max() - values.min())
    errors = [percent * error for error in found.max_errors]
    return Span(min(errors), statistics.median(errors), max(errors))


def table_of(results: Mapping[str, Mapping[str, Span]], starts: int) -> Table:
    """Return a row for each function: median, best and worst start of each model."""
    names = [model.name for model in MODELS]
    rows = []
    for task, spans in results.items():
        least = min(span.middle for span in spans.values())
        cells = [_cell(spans[name], best=spans[name].middle == least) for name in names]
        rows.append((task, *cells))
    title = (
        f"largest error in % of the range: median of {starts} starts (best to worst), * lowest; "
        f"{STEPS} steps of Adam, {POLISH} of Levenberg-Marquardt"
    )
    numbers: list[Alignment] = ["right" for _ in names]
    return Table(title, ("", *names), tuple(rows), ("left", *numbers))


def _cell(span: Span, *, best: bool) -> str:
    mark = "*" if best else ""
    return f"{mark}{span.middle:.2g} ({span.low:.2g} to {span.high:.2g})"


def draw_double_well(path: Path) -> float:
    """Fit the article's double well with four eigenvalues, draw it, return the largest error."""
    torch = require("torch", extra="learn")
    from eigenwell.dc.torch import fit_function

    task = TASKS[DOUBLE_WELL]
    found = fit_function(task.function, task.box, eigenvalues=4)
    x = torch.linspace(*task.box[0], 801, dtype=torch.float64)
    model: Any = found.model
    with torch.no_grad():
        spectrum = model.network.spectrum((x[:, None] - model.shift) * model.scale)[:, 0, 0]
        pieces = model.mean / 2 + model.spread * spectrum
        fitted = model(x[:, None])
    eigenvalues = [Curve(f"{e + 1}", pieces[:, e].tolist(), "thin") for e in range(4)]
    both = [
        Curve("(|x| - 1)²", task.function(x).tolist(), "wide"),
        Curve("largest + smallest", fitted.tolist(), "dashed"),
    ]
    draw_curves(
        {"four eigenvalues": eigenvalues, f"largest error {found.max_error:.0e}": both},
        x.tolist(),
        path,
        x_label="x",
    )
    return found.max_error


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, help="directory for the two pictures")
    parser.add_argument("--starts", type=int, default=10, help="of every model on every function")
    options = parser.parse_args(argv)
    torch = require("torch", extra="learn")
    torch.set_num_threads(1)
    results: dict[str, dict[str, Span]] = {}
    for name, task in TASKS.items():
        for model in MODELS:
            print(f"{name}: {model.name} ...", file=sys.stderr)
            found = fit(task, model, starts=options.starts, steps=STEPS, polish=POLISH)
            results.setdefault(name, {})[model.name] = span_of(task, found)
    print(table_of(results, options.starts).as_text())
    if options.images is not None:
        error = draw_double_well(options.images / "dc_double_well.png")
        print(f"double well, four eigenvalues: largest error {error:.1e}")
        draw_spans(
            results,
            options.images / "dc_functions.png",
            title="Largest error, median and range of the starts",
            x_label="% of the function's range",
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
