"""Studies: what is run, kept, run again, and what an interruption leaves."""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path

import pytest

from eigenwell.errors import ArgumentError, FormatError
from eigenwell.studies import Experiment, Interval, Measured, Store, run_study

calls: list[tuple[int, int]] = []


def measure(seed: int, *, size: int) -> Measured:
    calls.append((seed, size))
    return {"value": float(10 * size + seed)}


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    calls.clear()


def experiment(size: int = 1, name: str = "one", seeds: int | None = None) -> Experiment:
    return Experiment(name, "a test", partial(measure, size=size), seeds)


def test_every_experiment_runs_with_every_seed(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    results = run_study(
        [experiment(), experiment(2, "two", seeds=1)],
        Store(tmp_path / "new" / "results.jsonl"),
        seeds=3,
        progress=lambda done, of, _: seen.append((done, of)),
    )
    assert [(r.experiment, r.seed, r.values["value"]) for r in results] == [
        ("one", 0, 10.0),
        ("one", 1, 11.0),
        ("one", 2, 12.0),
        ("two", 0, 20.0),
    ]
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_only_what_is_missing_runs(tmp_path: Path) -> None:
    store = Store(tmp_path / "results.jsonl")
    run_study([experiment()], store, seeds=2)
    calls.clear()
    results = run_study([experiment()], store, seeds=3)
    assert calls == [(2, 1)]
    assert [result.seed for result in results] == [0, 1, 2]


def test_other_parameters_run_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "results.jsonl")
    run_study([experiment(1)], store, seeds=1)
    assert run_study([experiment(5)], store, seeds=1)[0].values == {"value": 50.0}


def test_two_processes_measure_the_same(tmp_path: Path) -> None:
    one = run_study([experiment()], Store(tmp_path / "one"), seeds=4)
    two = run_study([experiment()], Store(tmp_path / "two"), seeds=4, jobs=2)
    assert [r.values for r in one] == [r.values for r in two]


def test_a_line_that_was_cut_off_is_run_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "results.jsonl")
    run_study([experiment()], store, seeds=3)
    whole = store.path.read_bytes()
    store.path.write_bytes(whole[:-10])
    calls.clear()
    run_study([experiment()], store, seeds=3)
    assert calls == [(2, 1)]
    assert [json.loads(line)["seed"] for line in store.path.read_text().splitlines()] == [0, 1, 2]


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "results.jsonl")
    store.path.write_text('{"experiment": "one"}\n{}\n')
    with pytest.raises(FormatError, match="line 1, is no result"):
        store.read()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArgumentError, match="cannot write"):
        run_study([experiment()], Store(tmp_path / "file" / "results.jsonl"), seeds=1)


@pytest.mark.parametrize("option", ["seeds", "jobs"])
@pytest.mark.parametrize("value", [0, -1])
def test_nothing_to_run_is_a_mistake(tmp_path: Path, option: str, value: int) -> None:
    with pytest.raises(ArgumentError, match=f"`{option}` must be between 1"):
        run_study([experiment()], Store(tmp_path / "results.jsonl"), **{option: value})
    assert not calls


def test_the_interval_is_students() -> None:
    interval = Interval.of([1.0, 2.0, 3.0])
    assert interval.mean == 2.0
    # t(0.975, 2) = 4.3027 of the table, s = 1.
    assert interval.high - 2.0 == pytest.approx(4.3027 / math.sqrt(3), rel=1e-4)
    assert (interval.least, interval.most, interval.count) == (1.0, 3.0, 3)
    assert Interval.of([1.0]).high == math.inf
