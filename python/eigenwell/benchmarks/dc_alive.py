"""How many pieces of DC neurons ever win, before training and after, by initialisation and rule.

``python -m eigenwell.benchmarks.dc_alive`` prints the table of ``docs/dc_torch.md``; under a minute
on one core. A piece is alive if it is the largest or the smallest of its neuron for any of 4096
standard normal inputs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from eigenwell._checks import require
from eigenwell.report import Alignment, Table

if TYPE_CHECKING:
    from eigenwell.dc.torch import DCLayer

STEPS, BATCH, LEARNING_RATE = 1000, 256, 0.01
RULES = ("softmax", "sparsemax", "hard")


def _walker(x: Any) -> Any:
    """What the article's walker does before it is clipped."""
    from eigenwell.dc import walker
    from eigenwell.dc.torch import DCPolicy

    return DCPolicy.from_packed(walker()).unclipped(x)


# Name: inputs, neurons, eigenvalues, target.
TASKS: dict[str, tuple[int, int, int, Callable[[Any], Any]]] = {
    "sin 2x, 16 neurons": (1, 16, 12, lambda x: (2 * x).sin().expand(-1, 16)),
    "x y, 16 neurons": (2, 16, 12, lambda x: x.prod(-1, keepdim=True).expand(-1, 16)),
    "the walker's outputs": (24, 4, 6, _walker),
}


def run(task: str, *, rule: str, tangents: bool) -> tuple[float, float, float]:
    """Train one layer; return the fractions alive before and after, and the squared error."""
    torch = require("torch", extra="learn")
    from eigenwell.dc.torch import DCLayer

    n, k, m, target = TASKS[task]
    generator = torch.Generator().manual_seed(0)
    layer: DCLayer = DCLayer(n, k, m, backward=rule, generator=generator)  # type: ignore[arg-type]
    if not tangents:
        with torch.no_grad():
            layer.weights.copy_(0.1 * torch.randn(layer.weights.shape, generator=generator))
            layer.biases.zero_()
    test = torch.randn((4096, n), generator=generator)
    before = float(layer.alive(test).double().mean())
    optimiser = torch.optim.Adam(layer.parameters(), lr=LEARNING_RATE)
    for _ in range(STEPS):
        x = torch.randn((BATCH, n), generator=generator)
        with torch.no_grad():
            y = target(x)
        optimiser.zero_grad()
        torch.autograd.backward((layer(x) - y).square().mean())
        optimiser.step()
    with torch.no_grad():
        error = float((layer(test) - target(test)).square().mean())
    return before, float(layer.alive(test).double().mean()), error


def main() -> int:
    """Run from the command line."""
    torch = require("torch", extra="learn")
    torch.set_num_threads(1)
    rows = []
    for task in TASKS:
        for start, tangents in (("tangent planes", True), ("B normal, std 0.1; A = 0", False)):
            results = [run(task, rule=rule, tangents=tangents) for rule in RULES]
            cells = [f"{after:.0%} ({error:.2g})" for _, after, error in results]
            rows.append((task, start, f"{results[0][0]:.0%}", *cells))
    columns = ("target", "start", "before", *RULES)
    alignments: tuple[Alignment, ...] = ("left", "left", "right", "right", "right", "right")
    title = f"pieces alive before and after {STEPS} steps of Adam (mean squared error)"
    print(Table(title, columns, tuple(rows), alignments).as_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
