"""``eigenwell bench pairwise``: energies against torch, KeOps, SciPy and JAX, in one run."""

from __future__ import annotations

import contextlib
import math
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eigenwell import backend
from eigenwell.benchmarks import Contender, Timing, time_all
from eigenwell.benchmarks import pairwise as bench
from eigenwell.cli import _status
from eigenwell.cli._output import Output, check_writable
from eigenwell.errors import EigenwellError
from eigenwell.report import Alignment, Table, draw_scaling


@dataclass(frozen=True)
class _Row:
    """One contender on one task."""

    timing: Timing
    energy_error: float
    gradient_error: float | None
    peak_bytes: int | None


# Seconds that the samples of one contender on one task take, and the pause before each: until the
# threads of OpenBLAS, the most persistent, have gone to sleep.
_BUDGET = 10.0
_REST = 0.03


@dataclass(frozen=True, kw_only=True)
class PairwiseBench:
    """What to time; the fields are the options of the verb.

    Attributes:
        longest: Seconds: a call that will take longer is left out, and the table says so.
    """

    points: Sequence[int]
    dimensions: Sequence[int]
    rounds: int
    threads: int
    plot: Path | None
    longest: float = 60.0
    results: dict[tuple[int, int, bool], list[_Row | bench.Absence]] = field(default_factory=dict)

    def run(self, output: Output) -> int:
        """Check and time all, print a table for each task; after Ctrl-C, what there is of it."""
        if self.plot is not None:
            check_writable(self.plot, "plot")
        before = backend.active_isa()
        status = _status.DONE
        try:
            # KeOps prints on stdout, which is for the result alone.
            with contextlib.redirect_stdout(sys.stderr), bench.threads(self.threads):
                for d in self.dimensions:
                    for n in sorted(self.points):  # a smaller cloud tells how long a larger takes
                        for gradient in (False, True):
                            output.note(f"timing {_name(n, d, gradient)} …")
                            self.results[n, d, gradient] = self._rows(n, d, gradient)
        except KeyboardInterrupt:
            status = _status.INTERRUPTED
        finally:
            backend.force_isa(before)
        document = {
            "command": "bench",
            "family": "pairwise",
            "unit": "ns per ordered pair",
            "threads": self.threads,
            "rounds": self.rounds,
            "interrupted": status == _status.INTERRUPTED,
            "tasks": [self._document(*key) for key in self.results],
        }
        output.result(document, *(self._table(*key) for key in self.results))
        if self.plot is not None:
            self._draw(self.plot)
            output.note(f"wrote {self.plot}")
        return status

    def _rows(self, n: int, d: int, gradient: bool) -> list[_Row | bench.Absence]:
        task = bench.Task(bench.cloud(n, d), gradient)
        rows: dict[str, _Row | bench.Absence] = {}
        checked: list[tuple[Contender, tuple[float, float | None], int | None]] = []
        expected = self._expected(n, d, gradient)
        for contender in bench.contenders(task, expected=expected, longest=self.longest):
            if isinstance(contender, bench.Absence):
                rows[contender.name] = contender
                continue
            ours = contender.name.startswith("eigenwell")
            try:
                errors = bench.error_of(task, contender)
                peak = bench.peak_bytes(contender)
            except Exception as error:
                if ours:
                    raise
                rows[contender.name] = bench.Absence(contender.name, type(error).__name__)
                continue
            worst = max(errors[0], errors[1] or 0.0)
            if ours and not worst <= bench.TOLERANCE:
                raise EigenwellError(f"{contender.name} is wrong by {worst:.1e}: not timed")
            rows[contender.name] = bench.Absence(contender.name, "not timed")  # keeps its place
            checked.append((contender, errors, peak))
        timings = time_all(
            [contender for contender, *_ in checked],
            rounds=self.rounds,
            budget=_BUDGET,
            rest=_REST,
        )
        for timing, (_, errors, peak) in zip(timings, checked, strict=True):
            rows[timing.name] = _Row(timing, *errors, peak)
        return list(rows.values())

    def _expected(self, n: int, d: int, gradient: bool) -> dict[str, float]:
        """Seconds of a call by name, after the largest of the smaller clouds."""
        return {
            row.timing.name: row.timing.median * n * n * 1e-9
            for (_, dimension, kind), rows in self.results.items()
            if (dimension, kind) == (d, gradient)
            for row in rows
            if isinstance(row, _Row)
        }

    def _document(self, n: int, d: int, gradient: bool) -> dict[str, Any]:
        return {
            "points": n,
            "dimensions": d,
            "gradient": gradient,
            "contenders": {_name_of(row): _facts(row) for row in self.results[n, d, gradient]},
        }

    def _table(self, n: int, d: int, gradient: bool) -> Table:
        rows = self.results[n, d, gradient]
        last = rows[-1]
        ours = last.timing.median if isinstance(last, _Row) else math.nan
        cells = tuple(
            (row.name, "-", "-", "-", "-", "-", row.reason)
            if isinstance(row, bench.Absence)
            else (
                row.timing.name,
                f"{row.timing.median * n * n * 1e-3:,.1f}",
                f"{1 / row.timing.median:.3g}",
                f"{row.timing.median / ours:.1f}",
                f"{row.energy_error:.0e}",
                "" if row.gradient_error is None else f"{row.gradient_error:.0e}",
                "" if row.peak_bytes is None else f"{row.peak_bytes / 1e6:,.1f}",
            )
            for row in rows
        )
        columns = ("", "us", "1e9 pairs/s", "x ours", "energy error", "gradient error", "peak MB")
        numbers: list[Alignment] = ["right"] * 6
        title = (
            f"{_name(n, d, gradient)}; median of {self.rounds} rounds "
            f"or of what {_BUDGET:.0f} s hold; {self.threads} threads, {platform.machine()}"
        )
        return Table(title, columns, cells, ("left", *numbers))

    def _draw(self, path: Path) -> None:
        d = self.dimensions[0]
        series: dict[str, list[tuple[float, float]]] = {}
        for (n, dimension, gradient), rows in self.results.items():
            for row in rows:
                if dimension == d and gradient and isinstance(row, _Row):
                    seconds = row.timing.median * n * n * 1e-9
                    series.setdefault(row.timing.name, []).append((n, seconds))
        draw_scaling(
            series,
            path,
            title=f"Energy and gradient, d = {d}, float32, {self.threads} threads",
            x_label="points",
            y_label="seconds",
        )


def _name_of(row: _Row | bench.Absence) -> str:
    return row.name if isinstance(row, bench.Absence) else row.timing.name


def _facts(row: _Row | bench.Absence) -> dict[str, Any]:
    if isinstance(row, bench.Absence):
        return {"absent": row.reason}
    return {
        "median": row.timing.median,
        "quartiles": row.timing.quartiles,
        "samples": len(row.timing.samples),
        "energy_error": row.energy_error,
        "gradient_error": row.gradient_error,
        "peak_bytes": row.peak_bytes,
    }


def _name(n: int, d: int, gradient: bool) -> str:
    return f"{'energy and gradient' if gradient else 'energy'} of {n:,} points, d = {d}"
