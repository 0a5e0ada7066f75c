"""Tables and figures of the walker's study say what was measured, and do without the rest."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eigenwell import report
from eigenwell.studies import Experiment, Measured, Result


def results(name: str, *values: dict[str, Any], **parameters: Any) -> list[Result]:
    return [Result(name, seed, parameters, each, 1.0) for seed, each in enumerate(values)]


def test_a_cut_shows_what_is_left_and_of_how_many() -> None:
    data = results(
        "cut",
        {"return": 10.0, "fell": 1.0},
        {"return": 12.0, "fell": 0.0, "hips": 0.5, "knees": 0.25, "hips_difference": 3.0},
        {"return": 14.0, "fell": 0.0, "hips": 0.7, "knees": 0.25, "hips_difference": -3.0},
    )
    table = report.cut_table(data, {"cut": "the hull", "other": "nothing"})
    # t(0.975, 2) 2 / sqrt(3) = 4.97, t(0.975, 1) 0.1414 / sqrt(2) = 1.27; the angles' mean is pi,
    # their resultant cos(pi - 3) = 0.98999 with the deviation sqrt(-2 ln R) = 0.142.
    row = "| the hull | 12.0 ± 5.0 | 33 % | 0.60 ± 1.27 | 0.25 ± 0.00 | 3.14, spread 0.14 | 3, 2 |"
    assert table.splitlines()[2].replace("-3.14", "3.14") == row
    assert len(table.splitlines()) == 3


def test_a_cell_that_was_not_run_says_so() -> None:
    data = results("training-2", {"return": 100.0, "fell": 0.5}, {"return": 102.0, "fell": 0.0})
    table = report.training_table(data, {"training-2": "2, softmax", "training-4": "4, softmax"})
    assert "| 2, softmax | 101.0 ± 12.7 | 100.0 (50 % falls); 102.0 (0 % falls) |" in table
    assert "| 4, softmax | nothing | not measured yet |" in table


def test_runs_made_elsewhere_show_their_settings() -> None:
    about = {"environment": "CartPole-v1", "actor": "mlp", "training_steps": 100_352}
    data = results("run", {"return": 499.0}, {"return": 500.0}, training_seed=3, **about)
    table = report.run_table(data)
    assert "| CartPole-v1 | mlp | 100,352 | 3 | 499.5 ± 6.4 | 499.0 to 500.0 | 2 |" in table
    assert report.run_table([]) == "None was scored yet."


def _nothing(seed: int) -> Measured:
    return {}


def test_progress_counts_what_an_experiment_takes() -> None:
    every = [
        Experiment("one", "a run", partial(_nothing), 3),
        Experiment("two", "", partial(_nothing)),
    ]
    table = report.progress_table(results("one", {}, {}), every, 10)
    assert "| `one` | a run | 2 of 3 |" in table
    assert "| `two` |  | 0 of 10 |" in table


BITS = results(
    "article-bits",
    *(
        {
            "return": r,
            **{f"{what}_{b}": r / b for what in ("return", "loss", "fell") for b in (2, 3)},
        }
        for r in (1.0, 2.0)
    ),
)
PHASES = {"hips": 0.8, "knees": 0.7, "hips_by_chance": 0.1, "knees_by_chance": 0.2}
SYNCHRONY = results("article-synchrony", {"return": 1.0, **PHASES})
TRAINING = results("training-2", {"return": 1.0, "curve": [0.0, 1.0], "curve_steps": [10.0, 20.0]})
GAIT = report.Gait(np.arange(9) / 50, np.arange(9.0), -np.arange(9.0))


@pytest.mark.parametrize(
    "draw",
    [
        lambda path: report.draw_bits(BITS, {"article": "a walker"}, (2, 3), path),
        lambda path: report.draw_bits([], {"article": "a walker"}, (2, 3), path),
        lambda path: report.draw_synchrony(SYNCHRONY, GAIT, path),
        lambda path: report.draw_synchrony([], GAIT, path),
        lambda path: report.draw_cuts(SYNCHRONY, {"article-synchrony": "nothing", "x": "y"}, path),
        lambda path: report.draw_training(TRAINING, {"training-2": "2", "training-4": "4"}, path),
    ],
)
def test_figures_do_without_what_is_missing(draw: Any, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
