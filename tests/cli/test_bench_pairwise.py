"""`eigenwell bench pairwise` on the smallest clouds: what it shows, not how fast it is."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from eigenwell.benchmarks import Contender, time_all
from eigenwell.benchmarks import pairwise as bench
from eigenwell.benchmarks._elsewhere import Elsewhere

# SWIG's types in Box2D warn while they are made, and an error at that point ends the interpreter.
pytestmark = pytest.mark.filterwarnings(
    "ignore:builtin type .* has no __module__:DeprecationWarning"
)

SMALL = ("bench", "pairwise", "--points", "5", "--dimensions", "2", "--rounds", "1")


@pytest.fixture(autouse=True)
def _ours_and_two_others(monkeypatch: pytest.MonkeyPatch) -> None:
    everyone = bench._builders

    def some(task: bench.Task) -> Any:
        yield "huge", bench._here(bench._scipy), 1e15
        yield "broken", bench._here(lambda task: _raise), 0
        yield from (
            found for found in everyone(task) if found[0].startswith(("eigenwell", "SciPy"))
        )

    monkeypatch.setattr(bench, "_builders", some)
    monkeypatch.setattr(bench, "_free_bytes", lambda: 1e12)


def _raise() -> Any:
    raise ValueError


def test_for_machines(here: Any) -> None:
    result = here(*SMALL, "--threads", "1", "--json")
    assert result.status == 0
    document = json.loads(result.out)
    assert [(task["points"], task["gradient"]) for task in document["tasks"]] == [
        (5, False),
        (5, True),
    ]
    for task in document["tasks"]:
        assert task["contenders"]["huge"]["absent"].endswith(" GB")
        assert task["contenders"]["broken"] == {"absent": "ValueError"}
        for isa in bench.isas():
            found = task["contenders"][f"eigenwell {isa}"]
            assert found["median"] > 0
            assert found["samples"] == 1
            assert found["energy_error"] <= bench.TOLERANCE
            assert (found["gradient_error"] is not None) == task["gradient"]


def test_for_people(here: Any) -> None:
    out = here(*SMALL).out
    assert "energy of 5 points, d = 2" in out
    assert "energy and gradient of 5 points" in out
    assert f"eigenwell {bench.isas()[-1]}" in out
    assert "needs 100,000,000 GB" in out


def test_a_wrong_result_is_not_timed(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "TOLERANCE", -1.0)
    result = here(*SMALL)
    assert result.status == 2
    assert "not timed" in result.err


def test_the_plot(here: Any, tmp_path: Path) -> None:
    if importlib.util.find_spec("matplotlib") is None:
        result = here(*SMALL, "--plot", tmp_path / "p.png")
        assert result.status == 2
        assert "eigenwell[bench]" in result.err
        return
    assert here(*SMALL, "--plot", tmp_path / "p.png").status == 0
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_what_would_take_too_long_is_left_out() -> None:
    task = bench.Task(bench.cloud(5, 2), gradient=False)
    name = f"eigenwell {bench.isas()[0]}"
    found = list(bench.contenders(task, expected={name: 1234.0}, longest=60.0))
    assert bench.Absence(name, "takes some 1,234 s") in found
    assert all(isinstance(one, bench.Absence) == (one.name in {name, "huge"}) for one in found[2:])


def _echo(task: str) -> Any:
    return lambda: os.environ.get(task)


def test_a_process_of_its_own() -> None:
    child = Elsewhere({"EIGENWELL_OF_THE_CHILD": "here"})
    contender = child.contender("echo", _echo, "EIGENWELL_OF_THE_CHILD", 1)
    assert contender.call() == "here"
    assert "EIGENWELL_OF_THE_CHILD" not in os.environ
    assert contender.seconds(3) > 0
    assert contender.peak is not None
    assert (contender.peak() is None) == (sys.platform != "linux")
    assert child.contender("echo", _echo, "EIGENWELL_NOT_SET", 1).call() is None


@pytest.mark.parametrize(("budget", "samples"), [(1e9, 5), (4.0, 4), (1.5, 3), (0.5, 1)])
def test_rounds_fit_the_budget(budget: float, samples: int) -> None:
    contender = Contender("one second a call", lambda: None, 2, sample=lambda number: 1.0 * number)
    (timing,) = time_all([contender], rounds=5, budget=budget)
    assert timing.samples.tolist() == [5e8] * samples
