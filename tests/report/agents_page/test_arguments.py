"""What is given to the page of agents: mistakes, and its size on disk."""

from __future__ import annotations

import dataclasses
import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.helpers.agents_page import parts

from eigenwell import cartpole
from eigenwell.errors import ArgumentError, EigenwellError, ShapeError
from eigenwell.report import DenseLayer, agents_page


def test_a_full_page_is_small(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    network = cartpole.MLP()
    n, d, p = 3000, 16, network.parameters
    widths = (d, 128, 160, p)  # 57 thousand numbers
    made: dict[str, Any] = {
        "embeddings": rng.normal(size=(n, d)),
        "survival": rng.uniform(1, 200, n),
        "group": rng.integers(1, 5, n),
        "weights": rng.normal(size=(n, p)),
        "decoder": [
            DenseLayer(rng.normal(size=(i, o)), rng.normal(size=o), "silu")
            for i, o in itertools.pairwise(widths)
        ],
        "scale": np.ones(p),
        "shift": np.zeros(p),
        "architecture": network,
        "pairs": {},
        "starts": cartpole.starts(100, seed=0),
    }
    agents_page(tmp_path / "a.html", dataclasses.replace(parts(), **made))
    assert (tmp_path / "a.html").stat().st_size < 1_500_000


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"embeddings": np.zeros(5)}, ShapeError, "`embeddings` must have two dimensions"),
        ({"embeddings": np.zeros((1, 3))}, ShapeError, "must hold at least 2 agents, got shape"),
        ({"survival": np.zeros(5)}, ShapeError, "`survival` must have shape (60,), got (5,)"),
        ({"survival": np.full(60, np.nan)}, ArgumentError, "`survival` must be finite"),
        ({"weights": np.zeros((60, 5))}, ShapeError, "`weights` must have shape (60, 44)"),
        ({"weights": np.full((60, 44), 7e4)}, ArgumentError, "`weights` must be at most 65504"),
        ({"group": np.zeros(60, int)}, ArgumentError, "`group` must hold 60 numbers from 1 to 4"),
        ({"starts": np.zeros((0, 4))}, ShapeError, "of shape (episodes, 4), got (0, 4)"),
        ({"starts": np.zeros((2, 3))}, ShapeError, "of shape (episodes, 4), got (2, 3)"),
        ({"decoder": []}, ShapeError, "`decoder` must lead from 3 to 44 numbers"),
        ({"cap": 0}, ArgumentError, "`cap` must be between 1 and"),
        ({"pairs": {"a": (0, 60)}}, ArgumentError, "`pairs['a']` must be between 0 and 59"),
        ({"architecture": cartpole.DC()}, ArgumentError, "must be a cartpole.MLP, got DC"),
        (
            {"physics": cartpole.Physics(observation_noise=0.1)},
            ArgumentError,
            "`physics` must be without observation noise",
        ),
    ],
)
def test_mistakes(changes: dict[str, Any], error: type[EigenwellError], sentence: str) -> None:
    with pytest.raises(error, match=re.escape(sentence)):
        dataclasses.replace(parts(), **changes)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((np.zeros(3), np.zeros(3), "relu"), "`weight` must have shape (in, out), got (3,)"),
        ((np.zeros((2, 3)), np.zeros(2), "relu"), "`bias` must have shape (3,), got (2,)"),
        ((np.zeros((2, 3)), np.full(3, np.inf), "relu"), "`bias` must be finite in float32"),
        ((np.zeros((2, 3)), np.zeros(3), "sine"), "`activation` must be one of identity, tanh,"),
    ],
)
def test_layers_that_are_none(arguments: Any, sentence: str) -> None:
    with pytest.raises(EigenwellError, match=re.escape(sentence)):
        DenseLayer(*arguments)


def test_files_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="cannot be written"):
        agents_page(tmp_path / "absent" / "a.html", parts())
    with pytest.raises(ArgumentError, match="`max_agents` must be between 2 and"):
        agents_page(tmp_path / "a.html", parts(), max_agents=1)
    assert list(tmp_path.iterdir()) == []
