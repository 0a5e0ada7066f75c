"""The study: its cells, the numbers read off a curve, and the rule for the verdict."""

from __future__ import annotations

import json
import tomllib
from functools import partial
from typing import Any

import pytest
from tests.helpers.repository import ROOT

from eigenwell.errors import ArgumentError, ShapeError
from eigenwell.studies import Result
from eigenwell.wells import asr

SEEDS = {"high": 10, "low": 10, "high-frozen": 10, "low-frozen": 10, "high-random": 10}


@pytest.mark.parametrize(
    ("curve", "prominence", "epoch", "depth", "recovery"),
    [
        ([0.0, 0.5, 1.0], 0.0, 0, 0.0, None),  # only rises
        ([1.0, 0.5, 0.0], 0.0, 0, 0.0, None),  # only falls
        ([0.5, 0.75, 0.25, 0.5], 0.25, 2, 0.5, None),  # comes back half of the way
        ([0.5, 0.75, 0.25, 0.5, 0.75, 1.0], 0.5, 2, 0.5, 4),
        ([0.5, 0.25, 0.5, 1.0, 0.25, 0.875], 0.625, 4, 0.75, None),  # the larger of two
        ([0.5], 0.0, 0, 0.0, None),
    ],
)
def test_dips(
    curve: list[float], prominence: float, epoch: int, depth: float, recovery: int | None
) -> None:
    assert asr.dip(curve) == asr.Dip(prominence, epoch, depth, recovery)


def test_what_stays_down_is_deep_and_not_prominent() -> None:
    assert asr.deepest([0.5, 0.75, 0.25, 0.25]) == 0.5
    assert asr.dip([0.5, 0.75, 0.25, 0.25]).prominence == 0


def test_the_summary_of_a_run() -> None:
    curves = {
        "recall_1": [0.5, 0.75, 0.25, 0.5, 0.75, 1.0],
        "nmi": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5],
        "distance": [0.5, 1.0, 0.25, 1.0, 1.0, 1.0],
    }
    found = asr.summary(curves)
    assert found["final"] == pytest.approx(0.65)
    assert (found["dip_epoch"], found["recovery_epoch"], found["recovered"]) == (2, 4, 1)
    assert found["contraction"] == found["contraction_most"] == 0.25
    assert found["prominence_nmi"] == found["recovered_nmi"] == 0
    assert "dip_epoch_nmi" not in found
    assert "contraction" not in asr.summary(curves | {"recall_1": curves["nmi"]})


@pytest.mark.parametrize(
    ("curve", "error"),
    [([], ShapeError), ([[0.1]], ShapeError), ([0.1, float("nan")], ArgumentError)],
)
def test_no_curve(curve: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="`curve`"):
        asr.dip(curve)


def test_the_cells_are_the_registered_ones() -> None:
    experiments = {experiment.name: experiment for experiment in asr.experiments()}
    assert set(experiments) == set(asr.CELLS) | set(asr.EXPLORED)
    assert (len(asr.CELLS), len(asr.EXPLORED)) == (28, 4)
    for name, experiment in experiments.items():
        assert experiment.seeds == SEEDS.get(name, 5)
        settings = experiment.parameters["settings"]
        assert asr.ASRConfig.from_mapping(settings | {"seed": 3}).epochs == 60
    page = (ROOT / "docs/findings/adaptive_sampling.md").read_text("utf-8")
    table = page.partition("## Cells")[2].partition("## ")[0]
    for name in asr.CELLS:
        # "high, low", "avg, uniform-low, ..." stand in one row; the grid's are one pattern.
        assert name.startswith("grid-") or name in table.replace("|", ",").replace(" ", "").split(
            ","
        )
    # What was added later begins with an encoder that has learnt, and says so.
    assert [e.name for e in experiments.values() if "warm_epochs" in e.parameters] == [
        *asr.EXPLORED
    ]


def test_the_settings_beside_the_page_are_those_of_the_study() -> None:
    path = ROOT / "docs/findings/asr/study.toml"
    stored = tomllib.loads(path.read_text("utf-8"))
    assert stored == tomllib.loads(asr.study_toml())
    for name in asr.CELLS:
        read = asr.ASRConfig.from_mapping(stored["common"] | stored[name] | {"seed": 7})
        assert read == asr.cell_config(name, seed=7)


def test_a_cell_is_measured_and_kept_as_json() -> None:
    for module in ("torch", "sklearn"):
        pytest.importorskip(module)
    (chosen,) = (
        experiment
        for experiment in asr.experiments(
            dataset="digits", epochs=2, batches=2, classes=4, update_every=1
        )
        if experiment.name == "high"
    )
    assert isinstance(chosen.measure, partial)
    values = json.loads(json.dumps(chosen.measure(seed=0)))
    assert len(values["recall_1"]) == len(values["sampler_mean"]) == 3
    assert len(values["histogram"]) == 3 * 29
    assert {"prominence", "final", "depth", "prominence_nmi", "seconds_encoder"} <= set(values)
    again = chosen.measure(seed=0)
    assert again["recall_1"] == values["recall_1"]


def results(cell: str, seeds: int, **values: float) -> list[Result]:
    """Results whose numbers differ a little from seed to seed."""
    return [
        Result(cell, seed, {}, {k: v + 0.001 * (seed % 3) for k, v in values.items()}, 1.0)
        for seed in range(seeds)
    ]


def made(**changes: dict[str, float]) -> list[Result]:
    """A study in which the frozen run falls into the same dip as the one that learns."""
    cells: dict[str, dict[str, float]] = {
        "high": {"prominence": 0.2, "final": 0.7, "contraction": 0.3},
        "low": {"prominence": 0.0, "final": 0.6, "contraction": 1.0},
        "high-frozen": {"prominence": 0.2, "final": 0.7},
        "high-random": {"prominence": 0.2, "final": 0.7},
        "high-frozen-floor-0": {"prominence": 0.0, "final": 0.3},
        "grid-1.6-0.04": {"prominence": 0.2, "final": 0.7},
        "grid-0.5-0.3": {"prominence": 0.05, "final": 0.6},
    }
    for cell, values in changes.items():
        cells[cell.replace("_", "-")] |= values
    return [result for cell, values in cells.items() for result in results(cell, 5, **values)]


def test_differences_are_paired_by_seed() -> None:
    first = [
        Result("high", seed, {}, {"final": 0.5 + seed, "curve": [1.0]}, 1.0) for seed in (0, 1, 2)
    ]
    second = [Result("low", seed, {}, {"final": float(seed)}, 1.0) for seed in (2, 1, 5)]
    found = asr.paired([*first, *second])
    assert [(r.experiment, r.seed, r.values) for r in found] == [
        ("high - low", 1, {"final": 0.5}),
        ("high - low", 2, {"final": 0.5}),
    ]


def test_verdicts_of_a_made_study() -> None:
    found = asr.verdicts(made())
    # Learnt and frozen differ by nothing in every seed, so learning adds nothing: D5 fails.
    assert found == dict.fromkeys(("D1", "D2", "D3", "D4", "D6", "D7", "D8", "D9"), "holds") | {
        "D5": "fails"
    }
    assert asr.conclusion(found).startswith("it is not a softmax well")


@pytest.mark.parametrize(
    ("changes", "fails", "conclusion"),
    [
        ({"high": {"prominence": 0.001}}, {"D1", "D5", "D8"}, "we do not see the dip"),
        ({"high_frozen": {"prominence": 0.001}}, {"D4"}, "a well of the policy"),
        ({"high": {"contraction": 0.9}}, {"D5", "D6"}, "it is not a softmax well"),
        ({"high_random": {"final": 0.5}}, {"D5", "D9"}, "it is not a softmax well"),
        ({"high_frozen_floor_0": {"final": 0.69}}, {"D5", "D7"}, "it is not a softmax well"),
        ({"low": {"final": 0.8}}, {"D3", "D5"}, "it is not a softmax well"),
    ],
)
def test_verdicts_follow_the_numbers(
    changes: dict[str, dict[str, float]], fails: set[str], conclusion: str
) -> None:
    found = asr.verdicts(made(**changes))
    assert fails >= {name for name, verdict in found.items() if verdict == "fails"}
    assert found.items() >= dict.fromkeys(fails - {"D8"}, "fails").items()
    assert asr.conclusion(found).startswith(conclusion)


def test_without_results_everything_is_undecided() -> None:
    found = asr.verdicts([])
    assert set(found.values()) == {"undecided"}
    assert len(found) == 9
    assert asr.conclusion(found) == "undecided"


@pytest.mark.parametrize(
    ("d1", "d4", "d5", "conclusion"),
    [
        ("fails", "holds", "holds", "we do not see the dip"),
        ("holds", "holds", "holds", "it is not a softmax well"),
        ("holds", "fails", "holds", "a well of the policy"),
        ("holds", "fails", "fails", "undecided"),
        ("holds", "undecided", "holds", "undecided"),
        ("undecided", "holds", "fails", "undecided"),
    ],
)
def test_the_conclusion_is_the_registered_one(d1: str, d4: str, d5: str, conclusion: str) -> None:
    assert asr.conclusion({"D1": d1, "D4": d4, "D5": d5}).startswith(conclusion)
