"""``eigenwell wells compare | exponent``: the remedies side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import tyro

from eigenwell.cli import _status
from eigenwell.cli.wells_options import MaybePicture, WellOptions, numbers
from eigenwell.errors import ArgumentError, EigenwellError
from eigenwell.report import Alignment, Table, draw_exponents, draw_remedies

if TYPE_CHECKING:
    from eigenwell.cli._output import Output
    from eigenwell.wells import Remedy, Run, WellExponent

Methods = Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME...")]


def chosen(names: tuple[str, ...]) -> list[Remedy]:
    """Return the rows of the table of remedies with these names, all for none.

    Raises:
        ArgumentError: There is no such row.
    """
    from eigenwell import wells

    table = {row.name: row for row in wells.remedies()}
    for name in names:
        if name not in table:
            raise ArgumentError(f"`methods` must be some of {', '.join(table)}, got {name!r}")
    return [table[name] for name in names or table]


@dataclass(frozen=True, kw_only=True)
class Compare(WellOptions):
    """Run every remedy from one start: steps to a probability, escape time, sinking."""

    policy: tuple[float, ...] = (0.01, 0.05, 0.94)
    """Start: a probability above 0 for each action."""

    probability: float = 0.1
    """Count the steps until pi(a*) is above this."""

    methods: Methods = ()
    """Names of methods; all by default."""

    output: MaybePicture = None
    """Draw log pi(a*) of each over time (PNG)."""

    def run(self, output: Output) -> int:
        """Run the methods and print the table."""
        from eigenwell import wells

        self.prepare(self.output, *(("matplotlib",) if self.output else ()))
        bandit, rows, runs = self.bandit(), chosen(self.methods), dict[str, "Run"]()
        wells.softmax_pg(bandit, self.policy, learning_rate=self.learning_rate, steps=1)  # checks
        measured: list[dict[str, Any]] = []
        for row in rows:
            about = {"method": row.name, "omega": row.omega, "source": row.source}
            about |= {"update": row.formula, "options": dict(row.options)}
            try:
                run = row.run(
                    bandit,
                    self.policy,
                    learning_rate=self.learning_rate,
                    steps=self.steps,
                    record=self.steps,
                )
            except EigenwellError as error:
                output.note(f"{row.name} does not apply: {error}")
                measured.append(about | {"reason": str(error)})
                continue
            runs[row.name] = run
            reached = int(wells.time_above(run, self.probability))
            escape = int(wells.escape_time(run, self.fraction))
            sunk = wells.sinking(run)
            measured.append(
                about
                | {
                    "reached": reached if reached > 0 else None,
                    "escape_time": escape if escape > 0 else None,
                    "lowest": float(sunk.probability),
                    "lowest_time": int(sunk.time),
                }
            )
        document = {
            "command": "wells compare",
            **self.settings(),
            "policy": self.policy,
            "probability": self.probability,
            "methods": measured,
        }
        output.result(document, self._table(measured))
        if self.output is not None:
            draw_remedies(runs, self.output, probability=self.probability)
        self.keep(document, output, self.output)
        return _status.DONE

    def _table(self, measured: list[dict[str, Any]]) -> Table:
        late = f"> {self.steps:,}"
        rows = []
        for each in measured:
            if "reason" in each:
                rows.append((each["method"], "", "does not apply", "", each["source"]))
                continue
            times = [f"{each[k]:,}" if each[k] else late for k in ("reached", "escape_time")]
            sinks = each["lowest_time"] > 1
            lowest = (
                f"{each['lowest']:.3g} at {each['lowest_time']:,}" if sinks else "does not sink"
            )
            rows.append((each["method"], *times, lowest, each["source"]))
        title = (
            f"start {numbers(self.policy)}, rewards {numbers(self.rewards)}, "
            f"learning rate {self.learning_rate:g}"
        )
        columns = ("method", f"π(a*) > {self.probability:g}", "escape", "lowest π(a*)", "source")
        sides: tuple[Alignment, ...] = ("left", "right", "right", "right", "left")
        return Table(title, columns, tuple(rows), sides)


@dataclass(frozen=True, kw_only=True)
class Exponent(WellOptions):
    """Fit omega: log pi(a*) grows at a rate proportional to pi(a*)^omega near a corner."""

    rewards: Annotated[tuple[float, ...], tyro.conf.arg(metavar="R R...")] = (1.0, 0.0, 0.0)
    """Reward of each action; by default homogeneous, so that pi(a*) never sinks."""

    steps: int = 100_000
    """Limit of a run (--quantity escape)."""

    quantity: Literal["rate", "escape"] = "rate"
    """rate: growth of log pi(a*) in the first step; escape: escape times, to their end."""

    probabilities: Annotated[tuple[float, ...], tyro.conf.arg(metavar="P P P...")] = ()
    """pi(a*) of the starts; the last action has the rest, and is the corner."""

    methods: Methods = ("softmax", "escort-4", "tsallis-1.25", "log-barrier", "escort-2", "npg")
    """Names of methods, as ``eigenwell wells compare`` lists them."""

    output: MaybePicture = None
    """Draw the fits on log-log axes (PNG)."""

    def run(self, output: Output) -> int:
        """Fit, print and draw."""
        from eigenwell import wells

        modules = ("scipy", "matplotlib") if self.output else ("scipy",)
        self.prepare(self.output, *modules)
        self.bandit()
        fits: dict[str, WellExponent] = {}
        rows = chosen(self.methods)
        for row in rows:
            fits[row.name] = wells.well_exponent(
                row.method,
                quantity=self.quantity,
                rewards=self.rewards,
                probabilities=self.probabilities or None,
                learning_rate=self.learning_rate,
                steps=self.steps,
                options=row.options,
            )
        document = {
            "command": "wells exponent",
            **self.settings(),
            "quantity": self.quantity,
            "methods": [
                {
                    "method": row.name,
                    "omega": fits[row.name].omega,
                    "interval": (fits[row.name].low, fits[row.name].high),
                    "theory": row.omega,
                    "probabilities": fits[row.name].probabilities,
                    "values": fits[row.name].values,
                }
                for row in rows
            ],
        }
        output.result(document, self._table(rows, fits))
        if self.output is not None:
            draw_exponents(fits, self.output)
        self.keep(document, output, self.output)
        return _status.DONE

    def _table(self, rows: list[Remedy], fits: dict[str, WellExponent]) -> Table:
        cells = tuple(
            (
                row.name,
                _four(fit.omega),
                f"{_four(fit.low)} to {_four(fit.high)}",
                f"{row.omega:g}",
                f"{np.ptp(np.log10(fit.probabilities)):.1f}",
            )
            for row in rows
            for fit in (fits[row.name],)
        )
        what = "growth of log π(a*)" if self.quantity == "rate" else "escape time"
        title = (
            f"exponent of the {what}, rewards {numbers(self.rewards)}, rate {self.learning_rate:g}"
        )
        columns = ("method", "omega", "95 % interval", "theory", "decades")
        return Table(title, columns, cells, ("left", "right", "right", "right", "right"))


def _four(value: float) -> str:
    """Return four decimals, of 0 without a sign."""
    return f"{round(value, 4) + 0.0:.4f}"
