"""``eigenwell particles findings``: the study behind the page of findings."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import tyro

from eigenwell._checks import require
from eigenwell._files import write_atomic
from eigenwell._native import __version__
from eigenwell.cli import _status
from eigenwell.cli._options import Options
from eigenwell.errors import ArgumentError
from eigenwell.report import (
    Portrait,
    Table,
    draw_polymer_findings,
    draw_portraits,
    draw_sphere_findings,
    findings_page,
)

if TYPE_CHECKING:
    from eigenwell.cli._output import Output
    from eigenwell.studies import Experiment, Result

_RULE = (
    "The bands were set before the study was run, after trial runs of a seed or two; a claim of "
    "the disc was then split in two, and the run on the line went from float32 to float64."
)


@dataclass(frozen=True, kw_only=True)
class Findings(Options):
    """Run every experiment over seeds and write the page: claim, measurement, verdict."""

    output: Annotated[Path, tyro.conf.arg(metavar="FOLDER", aliases=("-o",))]
    """Folder for particles.md, its pictures and particles.jsonl, the results so far."""

    seeds: int = 10
    """Seeds of each experiment; a few large ones take less."""

    jobs: int = 2
    """Processes, of one thread each."""

    only: tuple[str, ...] = ()
    """Names of experiments; all by default. The page is written when none is missing."""

    def run(self, output: Output) -> int:
        """Run the study and write the page; 130 if Ctrl-C ended it."""
        from eigenwell import studies
        from eigenwell.particles import findings

        every = (*findings.sphere_experiments(), *findings.polymer_experiments())
        chosen = self._chosen(every)
        require("joblib", extra="report")
        require("scipy", extra="report")
        if len(chosen) == len(every):  # all that the page needs, before the study takes its time
            require("torch", extra="learn")
        store = studies.Store(self.output / "particles.jsonl")
        began = time.perf_counter()

        def show(done: int, of: int, result: Result) -> None:
            output.note(
                f"{done} of {of}: {result.experiment}, seed {result.seed}, {result.seconds:.1f} s "
                f"({time.perf_counter() - began:.0f} s)"
            )

        try:
            results = studies.run_study(
                chosen, store, seeds=self.seeds, jobs=self.jobs, progress=show
            )
        except KeyboardInterrupt:
            output.note(f"interrupted: {store.path} holds what was measured; run it again to go on")
            return _status.INTERRUPTED
        document: dict[str, Any] = {"command": "particles findings", "results": len(results)}
        if len(chosen) < len(every):
            output.result(document, f"{len(results)} results in {store.path}")
            return _status.DONE
        output.note("drawing …")
        self._draw(results)
        judged = [
            (claim, studies.verdict([studies.judge(check, results) for check in claim.checks]))
            for claim in findings.claims()
        ]
        document["verdicts"] = {claim.name: verdict for claim, verdict in judged}
        self._write(every, results)
        rows = tuple((claim.says, verdict) for claim, verdict in judged)
        output.result(
            document,
            Table("findings", ("claim", "verdict"), rows, ("left", "left")),
            f"look at {self.output / 'particles.md'}",
        )
        return _status.DONE

    def _chosen(self, every: tuple[Experiment, ...]) -> list[Experiment]:
        names = {experiment.name: experiment for experiment in every}
        for name in self.only:
            if name not in names:
                raise ArgumentError(f"`--only` must name experiments, {', '.join(names)}: {name!r}")
        return [names[name] for name in self.only or names]

    def _draw(self, results: list[Result]) -> None:
        draw_sphere_findings(results, self.output / "particles_sphere.png")
        draw_polymer_findings(results, self.output / "particles_polymer.png")
        draw_portraits(_spheres(), self.output / "particles_flicker.png")
        draw_portraits(_polymers(), self.output / "particles_chain.png")

    def _write(self, every: tuple[Experiment, ...], results: list[Result]) -> None:
        from eigenwell.particles import findings

        seconds = sum(result.seconds for result in results)
        page = findings_page(
            "particles",
            findings.claims(),
            every,
            results,
            figures={
                "sphere": ("particles_flicker.png", "Two successive states of 3,000 points"),
                "shells": (
                    "particles_sphere.png",
                    "Radius against size, interior points over time, size in every dimension",
                ),
                "chain": (
                    "particles_chain.png",
                    "Bound neutrons coloured by index: chain, shell, chain of other indices",
                ),
                "one-mask": (
                    "particles_polymer.png",
                    "Order by mask, growth, and who is where along the chain",
                ),
            },
            rule=_RULE,
            command="eigenwell particles findings -o docs/findings",
            machine=(
                f"The results took {seconds / 60:.0f} minutes of one core in all. Written by "
                f"eigenwell {__version__} with NumPy {np.__version__} on {platform.machine()}, "
                f"Python {platform.python_version()}."
            ),
        )
        write_atomic(self.output / "particles.md", page.encode())


def _spheres() -> list[Portrait]:
    """Two successive states, one of them followed a step further, of the flickering sphere."""
    from eigenwell import particles

    system = particles.sphere(3000)
    early = particles.simulate(system, steps=3000, record_every=3000)
    states = particles.simulate(system, steps=1, initial=early.last).positions["points"]
    half = 1.05 * float(np.abs(states - states.mean(axis=1, keepdims=True)).max())
    numbers = np.arange(3000)
    return [
        Portrait(f"N = 3,000, step {3000 + i:,}", state - state.mean(axis=0), numbers, half)
        for i, state in enumerate(states)
    ]


def _polymers() -> list[Portrait]:
    """The bound neutrons with the mask, without it, and with the indices permuted."""
    from eigenwell import particles
    from eigenwell.particles import observe

    n, steps = 1000, 10_000
    masked, every = particles.polymer(n), particles.polymer(n, pairs="all")
    plain = particles.simulate(masked, steps=steps, record_every=steps)
    order = np.random.default_rng(0).permutation(n)
    start = {name: states[0][order] for name, states in plain.positions.items()}
    runs = {
        "mask i < j": plain,
        "every pair, half the weight": particles.simulate(every, steps=steps, record_every=steps),
        "mask, same start, other indices": particles.simulate(
            masked, steps=steps, record_every=steps, initial=start
        ),
    }
    portraits = []
    for title, run in runs.items():
        neutrons = run.last["neutrons"]
        mask = observe.bound(neutrons).mask
        portraits.append(Portrait(title, neutrons[mask], np.flatnonzero(mask)))
    return portraits
