"""``eigenwell bench``: native operations against what one would use otherwise, in one run.

``dc``: a packed policy against NumPy, torch and ONNX Runtime. ``pairwise``: energies of clouds
against torch, KeOps, SciPy and JAX, in :mod:`eigenwell.cli._bench_pairwise`. ``ppo``: training
beside Stable-Baselines3's, in :mod:`eigenwell.cli._bench_ppo`.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from eigenwell import backend
from eigenwell.benchmarks import Contender, Timing, time_all
from eigenwell.benchmarks import dc as dc_bench
from eigenwell.cli import _status
from eigenwell.cli._options import Options
from eigenwell.cli._policies import load_policy
from eigenwell.errors import EigenwellError
from eigenwell.report import Alignment, Table

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from eigenwell.cli._output import Output
    from eigenwell.dc import PackedPolicy

# Rows of the C++ loops: one call of the loop is long against what it costs to make it.
_LOOP_ROWS = 4096


@dataclass(frozen=True, kw_only=True)
class Bench(Options):
    """Time the native operations against what one would use otherwise, on equal threads."""

    family: Annotated[Literal["dc", "pairwise", "ppo"], tyro.conf.Positional] = "dc"
    """What to time: dc, packed policies; pairwise, energies of clouds of points; ppo, training."""

    policy: Path | None = None
    """A .dcp file; the article's walker by default."""

    batches: tuple[int, ...] = (1, 16, 256, 4096, 65536)
    """Batch sizes."""

    rounds: int | None = None
    """Samples of each contender, taken in turns: 21 by default; for ppo, trainings: 5."""

    points: tuple[int, ...] = (100, 1000, 10_000)
    """Numbers of points (pairwise)."""

    dimensions: tuple[int, ...] = (3,)
    """Numbers of coordinates (pairwise)."""

    threads: int = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    """Threads of every contender (pairwise), or of torch in Stable-Baselines3 (ppo, which also
    times it with one); dc takes one."""

    longest: float = 60.0
    """Seconds: calls that will take longer are left out (pairwise)."""

    plot: Path | None = None
    """Write time against points as a PNG file (pairwise)."""

    rollout_steps: int = 256
    """Steps of each of 32 environments between two updates (ppo)."""

    curves: Path | None = None
    """Compare learning curves on CartPole-v1 instead (ppo), with the runs in this file of JSON
    lines: a command that was stopped goes on there."""

    seeds: int = 10
    """Runs of each (ppo, curves)."""

    jobs: int = 1
    """Processes (ppo, curves)."""

    def run(self, output: Output) -> int:
        """Time the family."""
        if self.family == "dc":
            return self._run_dc(output, 21 if self.rounds is None else self.rounds)
        if self.family == "ppo":
            from eigenwell.cli._bench_ppo import PPOBench

            return PPOBench(
                rounds=5 if self.rounds is None else self.rounds,
                threads=self.threads,
                rollout_steps=self.rollout_steps,
                curves=self.curves,
                seeds=self.seeds,
                jobs=self.jobs,
            ).run(output)
        from eigenwell.cli._bench_pairwise import PairwiseBench

        return PairwiseBench(
            points=self.points,
            dimensions=self.dimensions,
            rounds=21 if self.rounds is None else self.rounds,
            threads=self.threads,
            longest=self.longest,
            plot=self.plot,
        ).run(output)

    def _run_dc(self, output: Output, rounds: int) -> int:
        """Check every contender, time it, print the table; after Ctrl-C, what there is of it."""
        policy = load_policy(self.policy)
        results = _Results()
        before = backend.active_isa()
        status = _status.DONE
        try:
            with dc_bench.one_thread():
                for single, rows in [(True, 1), *((False, rows) for rows in self.batches)]:
                    output.note(f"timing {'one observation' if single else f'batches of {rows}'} …")
                    x = dc_bench.observations(rows, policy.inputs)
                    contenders = list(dc_bench.contenders(policy, x, single=single))
                    results.add(policy, contenders, x, _column(single, rows), rounds)
                output.note("timing the C++ loops …")
                x = dc_bench.observations(_LOOP_ROWS, policy.inputs)
                loops = [contender for _, contender in dc_bench.native_loops(policy, x)]
                results.add(policy, loops, x, _column(single=True, rows=1), rounds)
        except KeyboardInterrupt:
            status = _status.INTERRUPTED
        finally:
            backend.force_isa(before)
        document = {
            "command": "bench",
            "family": self.family,
            "unit": "ns per action",
            "isa": before,
            "rounds": rounds,
            "interrupted": status == _status.INTERRUPTED,
            "contenders": results.document(),
        }
        title = (
            f"ns per action, median of {rounds} rounds; one thread, {before}, {platform.machine()}"
        )
        output.result(document, results.table(title))
        return status


@dataclass(frozen=True)
class _Results:
    """Timings by contender and column, and each contender's largest error."""

    timings: dict[str, dict[str, Timing]] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)

    def add(
        self,
        policy: PackedPolicy,
        contenders: Sequence[Contender],
        x: npt.NDArray[np.float32],
        column: str,
        rounds: int,
    ) -> None:
        """Check the contenders against the oracle, then time them."""
        for contender in contenders:
            error = dc_bench.error_of(policy, contender, x)
            if not error <= dc_bench.TOLERANCE:
                raise EigenwellError(f"{contender.name} is wrong by {error:.1e}: not timed")
            self.errors[contender.name] = max(self.errors.get(contender.name, 0.0), error)
        for timing in time_all(contenders, rounds=rounds):
            self.timings.setdefault(timing.name, {})[column] = timing

    def document(self) -> dict[str, Any]:
        """Return everything for machines."""
        return {
            name: {
                "largest_error": self.errors[name],
                "timings": {
                    column: {"median": timing.median, "quartiles": timing.quartiles}
                    for column, timing in timings.items()
                },
            }
            for name, timings in self.timings.items()
        }

    def table(self, title: str) -> Table:
        """Return the medians for people, a row for each contender."""
        columns = list(dict.fromkeys(c for timings in self.timings.values() for c in timings))
        rows = tuple(
            (name, *(_cell(timings.get(c)) for c in columns), f"{self.errors[name]:.1e}")
            for name, timings in self.timings.items()
        )
        numbers: list[Alignment] = ["right" for _ in (*columns, "error")]
        return Table(title, ("", *columns, "largest error"), rows, ("left", *numbers))


def _column(single: bool, rows: int) -> str:
    return "one" if single else f"batch {rows}"


def _cell(timing: Timing | None) -> str:
    if timing is None:
        return ""
    return f"{timing.median:,.0f}" if timing.median >= 100 else f"{timing.median:.1f}"
