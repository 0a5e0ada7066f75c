"""``eigenwell findings walker``: what the walker's article did not measure, and its page."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import tyro

from eigenwell._checks import require
from eigenwell._files import write_atomic
from eigenwell._native import __version__
from eigenwell.cli import _status
from eigenwell.cli._options import Options
from eigenwell.report import (
    Gait,
    Table,
    cut_table,
    draw_bits,
    draw_cuts,
    draw_synchrony,
    draw_training,
    findings_page,
    progress_table,
    run_table,
    training_table,
)

if TYPE_CHECKING:
    from eigenwell.cli._output import Output
    from eigenwell.studies import Claim, Experiment, Result

Part = Literal["quadratic", "bits", "synchrony", "cuts", "training", "runs"]

_TRAINED = "trained"
_LINE_SECONDS = 5.0
_GAIT_STEPS = (300, 450)
_RATE = 50.0
_RULE = (
    "The bands were set before the study was run, after a look at a few episodes, and three were "
    "changed after trial walks; the largest change: after 30 walks each, the claim about the body "
    "was split into its two checks, of which one holds."
)


@dataclass(frozen=True, kw_only=True)
class Findings(Options):
    """Measure what the walker's article did not: K, bits, synchrony, eigenvalues, gradients."""

    study: tyro.conf.Positional[Literal["walker"]]
    """What is studied."""

    output: Annotated[Path, tyro.conf.arg(metavar="FOLDER", aliases=("-o",))]
    """Folder for walker.md, its pictures and walker.jsonl, the results so far."""

    jobs: int = 1
    """Processes, of one thread each where nothing is trained."""

    only: tuple[Part, ...] = ()
    """Parts to run; all by default, of which training takes hours. The page has what there is."""

    page: bool = False
    """Run nothing: write the page of what there is."""

    seeds: int = 100
    """Most seeds of each experiment: episodes, or runs of training; a few for a first look."""

    trained: Annotated[str, tyro.conf.arg(metavar="FILE")] = _TRAINED
    """A walker to study beside the article's: a .dcp file, or a run's folder; by default the one
    that comes with the package."""

    runs: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("runs/findings")
    """Folder for the training runs, which go on where they were killed."""

    score: Annotated[tuple[str, ...], tyro.conf.arg(metavar="FOLDER...")] = ()
    """Folders of other runs, whose best policies are scored for the page."""

    def run(self, output: Output) -> int:
        """Run what is missing and write the page; 130 if Ctrl-C ended it."""
        from eigenwell import studies

        for module in ("joblib", "scipy", "matplotlib"):  # all of them before anything takes time
            require(module, extra="report")
        for module in ("torch", "gymnasium"):
            require(module, extra="learn")
        parts, walkers = self._parts()
        every = [experiment for experiments in parts.values() for experiment in experiments]
        chosen = [each for part in self.only or parts for each in parts[part] if not self.page]
        store = studies.Store(self.output / "walker.jsonl")
        began = said = time.perf_counter()

        def show(done: int, of: int, result: Result) -> None:
            nonlocal said
            now = time.perf_counter()
            if done == of or now - said > _LINE_SECONDS:
                said = now
                output.note(f"{done} of {of}: {result.experiment} ({now - began:.0f} s)")

        try:
            studies.run_study(chosen, store, seeds=self.seeds, jobs=self.jobs, progress=show)
        except KeyboardInterrupt:
            output.note(f"interrupted: {store.path} holds what was measured; run it again to go on")
            return _status.INTERRUPTED
        results = studies.kept(every, store)
        judged = self._write(every, results, walkers)
        rows = tuple((claim.says, verdict) for claim, verdict in judged)
        output.result(
            {
                "command": "findings walker",
                "results": len(results),
                "verdicts": {claim.name: verdict for claim, verdict in judged},
            },
            Table("findings", ("claim", "verdict"), rows, ("left", "left")),
            f"look at {self.output / 'walker.md'}",
        )
        return _status.DONE

    def _parts(self) -> tuple[dict[Part, list[Experiment]], dict[str, str]]:
        """Return all experiments, and the walkers they are about."""
        from eigenwell.ppo import findings

        parts: dict[Part, list[Experiment]] = {
            "quadratic": [],
            "bits": [],
            "synchrony": [],
            "cuts": [],
            "training": findings.training_experiments(str(self.runs)),
            "runs": findings.run_experiments(self.score),
        }
        walkers = {findings.ARTICLE: "the article's", _TRAINED: "trained"}
        sources = {findings.ARTICLE: findings.ARTICLE, _TRAINED: self.trained}
        for name, source in sources.items():
            for part, experiments in findings.walker_experiments(name, source).items():
                parts[part] += experiments  # type: ignore[index]
        return parts, walkers

    def _write(
        self, every: list[Experiment], results: list[Result], walkers: dict[str, str]
    ) -> list[tuple[Claim, str]]:
        """Draw the figures and write the page; return the claims with their verdicts."""
        from eigenwell import studies
        from eigenwell.ppo import findings

        measured = {result.experiment for result in results}
        claims = [
            claim
            for name in walkers
            for claim in findings.claims(name)
            if any(check.experiment in measured for check in claim.checks)
        ]
        cells = {
            f"training-{eigenvalues}-{rule}": f"{eigenvalues}, {rule}"
            for eigenvalues, rule in findings.CELLS
        }
        cuts = {"article-synchrony": "nothing"}
        cuts |= {f"article-cut-{cut}": words for cut, (words, _) in findings.CUTS.items()}
        cuts["article-cut-replayed"] = "the other leg, shown another walk's"
        tables = {
            "cuts": cut_table(results, cuts),
            "training": training_table(results, cells),
            "runs": run_table([r for r in results if r.experiment.startswith("run-")]),
            "progress": progress_table(results, every, self.seeds),
        }
        figures: dict[str, tuple[str, str]] = {}
        if any(f"{name}-bits" in measured for name in walkers):
            figures["article-bits-2"] = ("walker_bits.png", "Score, loss and falls against bits")
            labels = {name: f"{whose} walker" for name, whose in walkers.items()}
            draw_bits(results, labels, findings.WIDTHS, self.output / "walker_bits.png")
        if "article-synchrony" in measured:
            figures["article-synchrony"] = ("walker_synchrony.png", "How the legs keep time")
            draw_synchrony(results, _gait(), self.output / "walker_synchrony.png")
        if measured.intersection(cuts):
            draw_cuts(results, cuts, self.output / "walker_cuts.png")
            tables["cuts"] += "\n\n![Score and phase-locking by what is hidden](walker_cuts.png)"
        if measured.intersection(cells):
            draw_training(results, cells, self.output / "walker_training.png")
            tables["training"] += "\n\n![Scores and learning curves](walker_training.png)"
        page = findings_page(
            "walker",
            claims,
            every,
            results,
            figures=figures,
            rule=_RULE,
            unit="episode",
            command=self._command(),
            machine=_machine(sum(result.seconds for result in results)),
            **tables,
        )
        write_atomic(self.output / "walker.md", page.encode())
        return [
            (claim, studies.verdict([studies.judge(check, results) for check in claim.checks]))
            for claim in claims
        ]

    def _command(self) -> str:
        """Return the command line that makes the page."""
        words = ["eigenwell findings walker -o docs/findings --jobs 2"]
        if self.trained != _TRAINED:
            words.append(f"--trained {Path(self.trained).name}")
        if self.score:
            words.append(f"--score {' '.join(Path(folder).name for folder in self.score)}")
        return " ".join(words)


def _gait() -> Gait:
    """Return three seconds of the article's walker once it walks."""
    from eigenwell.ppo import findings

    actor = findings.actor(findings.ARTICLE, findings.ARTICLE)
    steps = slice(*_GAIT_STEPS)
    hips = findings.walk(actor, findings.FIRST_SEED).observations[steps, findings.HIPS]
    return Gait(np.arange(*_GAIT_STEPS) / _RATE, hips[:, 0], hips[:, 1])


def _machine(seconds: float) -> str:
    return (
        f"The results took {seconds / 60:.0f} minutes in all. Written by eigenwell {__version__} "
        f"with Gymnasium {version('gymnasium')}, NumPy {np.__version__} and torch "
        f"{version('torch')} on {platform.machine()}, Python {platform.python_version()}."
    )
