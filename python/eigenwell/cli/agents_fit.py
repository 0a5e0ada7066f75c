"""``eigenwell agents fit``: an embedding, the plain VAEs beside it, and how good they are."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from eigenwell._checks import require
from eigenwell._files import write_atomic
from eigenwell.cli import _status
from eigenwell.cli._options import Options

if TYPE_CHECKING:
    from eigenwell.agents import Population
    from eigenwell.cli._output import Output

File = Annotated[Path | None, tyro.conf.arg(metavar="FILE")]


@dataclass(frozen=True, kw_only=True)
class Fit(Options):
    """Embed a population, and measure the embedding on training runs that it has not seen."""

    population: File = None
    """Parquet file of `agents collect`; by default the sample that comes with eigenwell."""

    output: Annotated[Path, tyro.conf.arg(metavar="FOLDER", aliases=("-o",))] = Path(
        "runs/embedding"
    )
    """Folder of the models; finished ones are kept, so that the same command goes on."""

    latent: int = 16
    """Numbers of an embedding, of ours and of the plain VAEs."""

    epochs: int = 150
    """Of our encoder and decoder."""

    held_out: float = 0.2
    """Share of the runs to measure on."""

    seed: int = 0
    """Of the split and of everything random in the fits."""

    pairs: int = 300
    """Of random agents, whose lines are classified as slope, valley or hill."""

    jobs: int = 2
    """Processes, of one thread each."""

    only_fit: bool = False
    """Measure nothing."""

    pictures: bool = False
    """Draw the map, the patterns, what is generated and what was requested (PNG), too."""

    def run(self, output: Output) -> int:
        """Fit, measure and store; 130 if Ctrl-C ended it."""
        modules = ("torch", "safetensors", "joblib", "pyarrow", "scipy", "sklearn")
        for module in modules:  # all of them before anything takes time
            require(module, extra="agents")
        if self.pictures:
            from eigenwell.report import check_agent_pictures

            check_agent_pictures()
        from eigenwell.agents import measures
        from eigenwell.agents.torch import EmbeddingConfig, PlainConfig, fit_all

        config = EmbeddingConfig(latent=self.latent, epochs=self.epochs, seed=self.seed)
        plain = PlainConfig(latent=self.latent, seed=self.seed)
        population = population_of(self.population)
        train, held_out = population.split(held_out=self.held_out, seed=self.seed)
        document: dict[str, Any] = {
            "command": "agents fit",
            "output": str(self.output),
            "networks": len(train),
            "held_out": len(held_out),
        }
        began = time.perf_counter()

        def fitted(done: int, of: int, name: str) -> None:
            output.note(f"{done} of {of}: {name}, {time.perf_counter() - began:.0f} s")

        output.note(f"fitting {len(train):,} networks, {len(held_out):,} of other runs held out")
        try:
            models = fit_all(
                train, self.output, config=config, plain=plain, jobs=self.jobs, progress=fitted
            )
            document["fit_seconds"] = time.perf_counter() - began
            words = f"fitted in {document['fit_seconds']:.0f} s: {self.output}"
            if self.only_fit:
                output.result(document, words)
                return _status.DONE
            report = measures.report(
                models,
                train,
                held_out,
                pairs=self.pairs,
                progress=lambda what: output.note(f"measuring: {what}"),
            )
        except KeyboardInterrupt:
            output.note(
                f"interrupted: {self.output} holds what was fitted; the same command goes on"
            )
            return _status.INTERRUPTED
        write_atomic(self.output / "measures.json", report.to_json().encode())
        tables = _tables(report, population)
        write_atomic(self.output / "measures.md", tables.encode())
        if self.pictures:
            output.note("drawing")
            from eigenwell.report import write_agent_pictures

            write_agent_pictures(self.output, models.embedding, held_out, report)
        document |= {
            "seconds": time.perf_counter() - began,
            "measures": json.loads(report.to_json()),
        }
        output.result(document, *tables.splitlines(), words)
        return _status.DONE


def population_of(path: Path | None) -> Population:
    """Load a population, or the sample where none is named."""
    from eigenwell import agents

    return agents.sample() if path is None else agents.Population.load(path)


def _tables(report: Any, population: Population) -> str:
    from eigenwell.report import measures_table, patterns_table, repairs_table

    parts = (
        measures_table(report, population.group_names),
        patterns_table(report.frequencies),
        repairs_table(report.repairs),
    )
    return "\n\n".join(part.strip() for part in parts) + "\n"
