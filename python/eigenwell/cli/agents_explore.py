"""``eigenwell agents explore``: a map of agents, as one page that works offline."""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from eigenwell._checks import integer, require
from eigenwell.cli import _status
from eigenwell.cli._options import Options
from eigenwell.cli._output import check_writable
from eigenwell.cli.agents_fit import File, population_of
from eigenwell.errors import ArgumentError
from eigenwell.report import Table

if TYPE_CHECKING:
    from eigenwell.agents import Population
    from eigenwell.cli._output import Output


@dataclass(frozen=True, kw_only=True)
class Explore(Options):
    """Write a page with a map of agents, lines between two of them, and carts that move (HTML)."""

    population: File = None
    """Parquet file of `agents collect`; by default the sample that comes with eigenwell."""

    embedding: File = None
    """File of `agents fit`; by default the one that comes with eigenwell."""

    output: Annotated[Path, tyro.conf.arg(metavar="FILE", aliases=("-o",))] = Path("agents.html")
    """Where the page goes."""

    agents: int = 1000
    """Shown, at most; chosen evenly over the groups of survival."""

    episodes: int = 100
    """From paired starts, that lines are measured by."""

    pairs: int = 600
    """Random pairs of agents, of which the page shows those with the clearest patterns."""

    seed: int = 0
    """Of the choice of agents and of pairs."""

    def run(self, output: Output) -> int:
        """Embed the agents, find a line of each pattern, and write the page."""
        from eigenwell import agents, cartpole, report

        check_writable(self.output, "--output")
        count = integer(self.agents, "agents", low=4, high=100_000)
        integer(self.pairs, "pairs", low=1, high=10**6)
        population = population_of(self.population)
        model = _model(self.embedding, population)
        per_group = -(-count // len(population.group_names))
        shown = agents.balanced(population, per_group=per_group, seed=self.seed)
        starts = cartpole.starts(integer(self.episodes, "episodes", low=2, high=10_000), seed=0)
        pairs = report.telling_pairs(model, shown, starts=starts, count=self.pairs, seed=self.seed)
        source = "the sample of eigenwell" if self.population is None else self.population.name
        decoder = [
            report.DenseLayer(weight=weight, bias=bias, activation=activation)
            for weight, bias, activation in model.decoder_layers()
        ]
        parts = report.AgentsPage(
            embeddings=model.embed(shown.weights),
            survival=shown.survival,
            group=shown.group,
            group_names=shown.group_names,
            weights=shown.weights,
            decoder=decoder,
            scale=model.spread.numpy(),
            shift=model.mean.numpy(),
            architecture=model.architecture,
            starts=starts,
            cap=shown.cap,
            pairs=pairs,
            caption=f"{len(shown):,} of {len(population):,} agents of {source}",
        )
        report.agents_page(self.output, parts, max_agents=len(shown))
        size = self.output.stat().st_size
        document = {
            "command": "agents explore",
            "file": str(self.output),
            "bytes": size,
            "agents": len(shown),
            "pairs": pairs,
        }
        rows = [(name, f"agents {a} and {b}") for name, (a, b) in pairs.items()]
        title = f"{len(shown):,} agents on a page of {size / 1e6:.1f} MB: {self.output}"
        output.result(document, Table.of_facts(title, rows))
        return _status.DONE


def _model(path: Path | None, population: Population) -> Any:
    """Load an embedding of the population's architecture."""
    require("torch", extra="agents")
    require("safetensors", extra="agents")
    from eigenwell.agents.torch import Embedding

    if path is None:
        file = importlib.resources.files("eigenwell.agents") / "sample.safetensors"
        with importlib.resources.as_file(file) as shipped:
            model = Embedding.load(shipped)
    else:
        model = Embedding.load(path)
    if model.architecture != population.architecture:
        raise ArgumentError(
            f"`--embedding` must be of the population's {population.architecture}, got "
            f"{model.architecture}: fit one with eigenwell agents fit"
        )
    return model
