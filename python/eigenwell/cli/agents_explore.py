"""``eigenwell agents explore``: a map of agents, as one page that works offline."""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
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

# Points of a line between its ends, as on the page; lines whose agents play together.
_POINTS, _BATCH = 21, 50


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
        embeddings = model.embed(shown.weights)
        pairs = _telling_pairs(model, embeddings, shown, starts, count=self.pairs, seed=self.seed)
        source = "the sample of eigenwell" if self.population is None else self.population.name
        decoder = [
            report.DenseLayer(weight=weight, bias=bias, activation=activation)
            for weight, bias, activation in model.decoder_layers()
        ]
        parts = report.AgentsPage(
            embeddings=embeddings,
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


def _telling_pairs(
    model: Any, embeddings: Any, shown: Population, starts: Any, *, count: int, seed: int
) -> dict[str, tuple[int, int]]:
    """Return for each pattern the pair that shows it most, among random ones.

    Of slopes it is the one that rises most, what extrapolating adds counted twice, as in
    :func:`eigenwell.report.telling_pairs`, which looks at weights, too. This lets the agents of
    many lines play together and takes seconds for hundreds of them.
    """
    from eigenwell import cartpole
    from eigenwell.agents.latent import classify

    rng = np.random.default_rng(seed)
    t = np.concatenate([np.linspace(0, 1, _POINTS), [-0.5, -0.25, 1.25, 1.5]])
    best: dict[str, tuple[float, tuple[int, int]]] = {}
    for begin in range(0, count, _BATCH):
        pairs = rng.integers(0, len(shown), (min(_BATCH, count - begin), 2))
        first, second = embeddings[pairs[:, 0], None], embeddings[pairs[:, 1], None]
        line = first + t[:, None] * (second - first)
        weights = model.decode(line.reshape(-1, line.shape[-1]))
        steps = cartpole.rollout(
            weights, architecture=shown.architecture, starts=starts, cap=shown.cap, mode="fast"
        )
        for (a, b), survived in zip(pairs, steps.reshape(len(pairs), len(t), -1), strict=True):
            found = classify(survived, t, cap=shown.cap)
            mean = survived.mean(axis=1)
            better = slice(_POINTS + 2, None) if found.rise > 0 else slice(_POINTS, _POINTS + 2)
            gain = max(mean[better].max() - max(mean[0], mean[_POINTS - 1]), 0.0)
            slope = abs(found.rise) + 2 * gain
            strength = {"slope": slope, "valley": found.dip, "hill": found.bump}
            if strength.get(found.name, 0.0) > best.get(found.name, (0.0,))[0]:
                ends = (b, a) if found.name == "slope" and found.rise < 0 else (a, b)
                best[found.name] = strength[found.name], (int(ends[0]), int(ends[1]))
    return {name: best[name][1] for name in ("slope", "valley", "hill") if name in best}
