"""Fit a population and measure the fit: ``python -m eigenwell.agents.measures POPULATION FOLDER``.

The folder keeps every model and ``report.json``. A call that was killed goes on where it was.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from eigenwell import _files
from eigenwell.agents import Population
from eigenwell.agents.measures._report import report


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, measure, write."""
    from eigenwell.agents.torch import EmbeddingConfig, PlainConfig, fit_all

    parser = argparse.ArgumentParser(prog="python -m eigenwell.agents.measures")
    parser.add_argument("population", type=Path, help="Parquet file of `eigenwell agents collect`")
    parser.add_argument("folder", type=Path, help="of the models and the report")
    parser.add_argument("--latent", type=int, default=16, help="numbers of an embedding")
    parser.add_argument("--epochs", type=int, default=150, help="of our embedding")
    parser.add_argument("--plain-epochs", type=int, default=200, help="of the plain VAEs")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--seed", type=int, default=0, help="of the split and of the fits")
    parser.add_argument("--drawn", type=int, default=1000, help="agents drawn of each group")
    parser.add_argument("--repaired", type=int, default=200, help="networks that are repaired")
    parser.add_argument("--pairs", type=int, default=300, help="of agents, for the patterns")
    given = parser.parse_args(arguments)
    train, held_out = Population.load(given.population).split(seed=given.seed)
    began = time.perf_counter()

    def say(words: str) -> None:
        print(f"{time.perf_counter() - began:6.0f} s  {words}", flush=True)

    say(f"{len(train):,} networks to fit, {len(held_out):,} of other runs held out")
    fitted = fit_all(
        train,
        given.folder,
        config=EmbeddingConfig(latent=given.latent, epochs=given.epochs, seed=given.seed),
        plain=PlainConfig(latent=given.latent, epochs=given.plain_epochs, seed=given.seed),
        jobs=given.jobs,
        progress=lambda done, of, name: say(f"fitted {name}, {done} of {of}"),
    )
    sizes = {name: getattr(given, name) for name in ("drawn", "repaired", "pairs")}
    found = report(fitted, train, held_out, **sizes, progress=say)
    _files.write_atomic(given.folder / "report.json", found.to_json().encode())
    say(f"written: {given.folder / 'report.json'}")
    print(found.table())


if __name__ == "__main__":
    main()
