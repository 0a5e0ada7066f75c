"""``eigenwell bench pairwise``: energies against torch, KeOps, SciPy and JAX, in one run."""

from __future__ import annotations

import contextlib
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


@dataclass(frozen=True, kw_only=True)
class PairwiseBench:
    """What to time; the fields are the options of the verb."""

    points: Sequence[int]
    dimensions: Sequence[int]
    rounds: int
    threads: int
    plot: Path | None
    results: dict[tuple[int, int, bool], list[_Row]] = field(default_factory=dict)

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
                    for n in self.points:
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

    def _rows(self, n: int, d: int, gradient: bool) -> list[_Row]:
        task = bench.Task(bench.cloud(n, d), gradient)
        # From here on contenders are built, and those that are not installed leave themselves out.
        contenders = list(bench.contenders(task))
        errors = [bench.error_of(task, contender) for contender in contenders]
        for contender, found in zip(contenders, errors, strict=True):
            worst = max(found[0], found[1] or 0.0)
            if contender.name.startswith("eigenwell") and not worst <= bench.TOLERANCE:
                raise EigenwellError(f"{contender.name} is wrong by {worst:.1e}: not timed")
        peaks = [bench.peak_bytes(contender) for contender in contenders]
        timings = time_all(contenders, rounds=self._rounds(contenders))
        return [
            _Row(timing, *found, peak)
            for timing, found, peak in zip(timings, errors, peaks, strict=True)
        ]

    def _rounds(self, contenders: Sequence[Contender]) -> int:
        """Fewer samples of what takes seconds."""
        pairs = max(contender.items for contender in contenders)
        return self.rounds if pairs <= 10**7 else max(3, self.rounds // 7)

    def _document(self, n: int, d: int, gradient: bool) -> dict[str, Any]:
        return {
            "points": n,
            "dimensions": d,
            "gradient": gradient,
            "contenders": {
                row.timing.name: {
                    "median": row.timing.median,
                    "quartiles": row.timing.quartiles,
                    "energy_error": row.energy_error,
                    "gradient_error": row.gradient_error,
                    "peak_bytes": row.peak_bytes,
                }
                for row in self.results[n, d, gradient]
            },
        }

    def _table(self, n: int, d: int, gradient: bool) -> Table:
        rows = self.results[n, d, gradient]
        ours = rows[-1].timing.median
        cells = tuple(
            (
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
            f"{_name(n, d, gradient)}; median of {len(rows[0].timing.samples)} rounds, "
            f"{self.threads} threads, {platform.machine()}"
        )
        return Table(title, columns, cells, ("left", *numbers))

    def _draw(self, path: Path) -> None:
        d = self.dimensions[0]
        series: dict[str, list[tuple[float, float]]] = {}
        for (n, dimension, gradient), rows in self.results.items():
            for row in rows:
                if dimension == d and gradient:
                    seconds = row.timing.median * n * n * 1e-9
                    series.setdefault(row.timing.name, []).append((n, seconds))
        draw_scaling(
            series,
            path,
            title=f"Energy and gradient, d = {d}, float32, {self.threads} threads",
            x_label="points",
            y_label="seconds",
        )


def _name(n: int, d: int, gradient: bool) -> str:
    return f"{'energy and gradient' if gradient else 'energy'} of {n:,} points, d = {d}"
