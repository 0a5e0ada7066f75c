"""MAP-Elites by pyribs on top of the rollouts: the archive, its population, and the mistakes."""

from __future__ import annotations

import itertools
import os
from typing import Any

import numpy as np
import pytest

from eigenwell import agents, cartpole
from eigenwell.errors import ArgumentError

# Numba would compile for longer than all of these tests run, and reads this on its first import.
os.environ.setdefault("NUMBA_DISABLE_JIT", "1")
pytest.importorskip("ribs", reason="pyribs is not installed")

QUICK: dict[str, Any] = {
    "iterations": 6,
    "batch": 8,
    "cells": (8, 8),
    "episodes": 8,
    "cap": 60,
    "seed": 0,
}


@pytest.mark.parametrize("emitter", ["gaussian", "evolution"])
def test_elites_are_what_the_archive_says(emitter: Any) -> None:
    said: list[tuple[int, float, float]] = []
    found = agents.map_elites(**QUICK, emitter=emitter, progress=lambda *now: said.append(now))
    elites = found.population
    assert [iteration for iteration, _, _ in said] == [1, 2, 3, 4, 5, 6]
    assert said[-1] == (6, found.coverage, found.qd_score)
    # What an archive keeps never gets worse.
    assert all(a[1] <= b[1] and a[2] <= b[2] for a, b in itertools.pairwise(said))
    assert found.coverage == len(elites) / 64
    # Sums of survivals in float32, which the archive keeps.
    assert found.qd_score == pytest.approx(elites.survival.sum(), rel=1e-5)
    steps = cartpole.rollout(elites.weights, starts=cartpole.starts(8, seed=0), cap=60, mode="fast")
    assert np.array_equal(elites.survival, steps.mean(axis=1).astype(np.float32))
    # Each elite behaves as its cell says.
    cells = found.archive.index_of(elites.behaviour[:, :2])
    assert np.array_equal(cells, elites.run)
    assert np.unique(cells).size == len(elites)


def test_elites_have_embeddings() -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    from eigenwell.agents.torch import EmbeddingConfig, fit

    elites = agents.map_elites(**QUICK).population
    small = {"encoder": (16,), "decoder": (16,), "prior_hidden": 8}
    config = EmbeddingConfig(latent=2, probes=32, epochs=2, prior_epochs=1, episodes=2, **small)
    model = fit(elites, config=config)
    found = model.decode(model.embed(elites.weights))
    assert found.shape == elites.weights.shape
    assert np.isfinite(found).all()


def test_the_seed_decides() -> None:
    first, second, other = (
        agents.map_elites(**QUICK | {"seed": seed, "iterations": 2}).population.weights
        for seed in (0, 0, 1)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first[:1], other[:1])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"emitter": "random"}, '`emitter` must be "gaussian" or "evolution"'),
        ({"episodes": 4}, "`episodes` must be between 8"),
        ({"iterations": 0}, "`iterations` must be between 1"),
        ({"sigma": -1.0}, "`sigma` must be finite and above 0"),
        ({"cells": (8,)}, "`cells` must be two numbers"),
    ],
)
def test_arguments_that_make_no_sense(changed: Any, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        agents.map_elites(**QUICK | changed)
