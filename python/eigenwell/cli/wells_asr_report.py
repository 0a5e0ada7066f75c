"""``eigenwell wells asr miners | report``: the comparison of miners, and the page of findings."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import tyro

from eigenwell._checks import require
from eigenwell._files import read_bytes, write_atomic
from eigenwell._native import __version__
from eigenwell.cli import _status
from eigenwell.cli._options import Options
from eigenwell.errors import ArgumentError
from eigenwell.report import Table
from eigenwell.report._asr_figures import draw_asr_figures
from eigenwell.report._asr_page import MiningResult, asr_results, with_results
from eigenwell.report._asr_viewer import write_asr_viewer

if TYPE_CHECKING:
    from eigenwell.cli._output import Output
    from eigenwell.studies import Result

_PAGE = "adaptive_sampling.md"
_TITLE = "# Adaptive sampling with reward: results\n"


@dataclass(frozen=True, kw_only=True)
class AsrMiners(Options):
    """Compare the adaptive sampler with random, semi-hard and distance-weighted mining."""

    output: Annotated[Path, tyro.conf.arg(metavar="FOLDER", aliases=("-o",))]
    """Folder for adaptive_sampling_miners.jsonl, the results so far."""

    seeds: int = 5
    """Seeds of each miner, at most five."""

    jobs: int = 2
    """Processes, of one thread each."""

    epochs: int = 60
    """Of every run; another number is another study."""

    def run(self, output: Output) -> int:
        """Run what is missing; 130 if Ctrl-C ended it."""
        from eigenwell import studies
        from eigenwell.wells.asr import _mining

        for module, extra in (
            ("torch", "learn"),
            ("sklearn", "wells"),
            ("pytorch_metric_learning", "metric-learning"),
            ("joblib", "report"),
        ):
            require(module, extra=extra)
        chosen = _mining.mining_experiments(epochs=self.epochs)
        store = studies.Store(self.output / _mining.MINING_STORE)
        began = time.perf_counter()
        first: int | None = None

        def show(done: int, of: int, result: Result) -> None:
            nonlocal first
            first = done - 1 if first is None else first
            left = round((time.perf_counter() - began) / (done - first) * (of - done))
            output.note(
                f"{done} of {of}: {result.experiment}, seed {result.seed}, {result.seconds:.0f} s, "
                f"final Recall@1 {result.values['final']:.3f}; {left // 60}:{left % 60:02} left"
            )

        try:
            results = studies.run_study(
                chosen, store, seeds=self.seeds, jobs=self.jobs, progress=show
            )
        except KeyboardInterrupt:
            output.note(f"interrupted: {store.path} holds what was measured; run it again to go on")
            return _status.INTERRUPTED
        found = _mining.mining_verdict(results)
        rows = []
        miners: dict[str, Any] = {}
        for experiment in chosen:
            finals = [r.values["final"] for r in results if r.experiment == experiment.name]
            interval = studies.Interval.of([float(value) for value in finals])  # type: ignore[arg-type]
            miners[experiment.name] = [interval.mean, interval.low, interval.high]
            words = f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
            rows.append((experiment.about, str(interval.count), words))
        columns = ("negatives", "seeds", "final Recall@1")
        difference = found.difference
        output.result(
            {
                "command": "wells asr miners",
                "results": len(results),
                "miners": miners,
                "best": found.best,
                "difference": [difference.mean, difference.low, difference.high],
                "verdict": found.verdict,
            },
            Table("95 % intervals", columns, tuple(rows), ("left", "right", "right")),
            f"adaptive minus {found.best}: {difference.mean:+.3f} [{difference.low:+.3f}, "
            f"{difference.high:+.3f}]: {found.verdict}",
        )
        return _status.DONE


@dataclass(frozen=True, kw_only=True)
class AsrReport(Options):
    """Draw the study's figures and write its tables and verdicts into the page of findings."""

    study: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]
    """Folder of `eigenwell wells asr study` and `miners`."""

    output: Annotated[Path, tyro.conf.arg(metavar="FOLDER", aliases=("-o",))]
    """Folder with adaptive_sampling.md, the registered page, of which only the part that this
    command wrote is replaced; a page of results alone is written where there is none."""

    epochs: int = 60
    """Of the study's runs."""

    def run(self, output: Output) -> int:
        """Draw and write."""
        from eigenwell import studies
        from eigenwell.wells import asr
        from eigenwell.wells.asr import _mining

        for module in ("matplotlib", "scipy"):
            require(module, extra="report")
        every = asr.experiments(epochs=self.epochs)
        results = studies.kept(every, studies.Store(self.study / asr.STORE))
        if not results:
            raise ArgumentError(
                f"`study` must hold results of {self.epochs} epochs in {asr.STORE}, "
                f"got none in {self.study}"
            )
        mined = _mining.mining_experiments(epochs=self.epochs)
        miners = studies.kept(mined, studies.Store(self.study / _mining.MINING_STORE))
        judged = [
            (
                claim,
                [studies.judge(check, [*results, *asr.paired(results)]) for check in claim.checks],
            )
            for claim in asr.claims()
        ]
        self.output.mkdir(parents=True, exist_ok=True)
        figures = draw_asr_figures(results, miners, self.output)
        pictures = write_asr_viewer([*every, *mined], [*results, *miners], self.output)
        comparison = _mining.mining_verdict(miners)
        verdicts = asr.verdicts(results)
        conclusion = asr.conclusion(verdicts)
        text = asr_results(
            judged,
            results,
            every,
            verdicts=verdicts,
            conclusion=conclusion,
            figures=figures,
            viewer=pictures,
            miners=MiningResult(
                mined, miners, comparison.best, comparison.difference, comparison.verdict
            ),
            machine=_machine([*results, *miners]),
        )
        page = self.output / _PAGE
        before = read_bytes(page).decode() if page.exists() else _TITLE
        write_atomic(page, with_results(before, text).encode())
        rows = tuple((claim.name, claim.says, verdicts[claim.name]) for claim in asr.claims())
        output.result(
            {
                "command": "wells asr report",
                "results": len(results),
                "verdicts": verdicts,
                "conclusion": conclusion,
                "miners": comparison.verdict,
            },
            Table("findings", ("", "statement", "verdict"), rows, ("left", "left", "left")),
            f"{conclusion}; the adaptive sampler beside fixed miners: {comparison.verdict}",
            f"look at {page}",
        )
        return _status.DONE


def _machine(results: list[Result]) -> str:
    minutes = sum(result.seconds for result in results) / 60
    return (
        f"{len(results)} runs took {minutes:.0f} minutes of one core in all, other work beside "
        f"them. Written by eigenwell {__version__} with torch {version('torch')}, scikit-learn "
        f"{version('scikit-learn')} and NumPy {np.__version__} on {platform.machine()}, Python "
        f"{platform.python_version()}."
    )


#: What ``eigenwell wells asr`` does here; the rest is :mod:`eigenwell.cli.wells_asr`'s.
ASR_REPORT_VERBS = {"miners": AsrMiners, "report": AsrReport}
