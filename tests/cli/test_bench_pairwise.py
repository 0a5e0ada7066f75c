"""`eigenwell bench pairwise` on the smallest clouds: what it shows, not how fast it is."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from eigenwell import backend
from eigenwell.benchmarks import pairwise as bench

# SWIG's types in Box2D warn while they are made, and an error at that point ends the interpreter.
pytestmark = pytest.mark.filterwarnings(
    "ignore:builtin type .* has no __module__:DeprecationWarning"
)

SMALL = ("bench", "pairwise", "--points", "5", "--dimensions", "2", "--rounds", "1")


@pytest.fixture(autouse=True)
def _ours_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    everyone = bench.contenders

    def ours(task: bench.Task) -> Any:
        names = {f"eigenwell {isa}" for isa in backend.available_isas()} | {"SciPy pdist"}
        return (contender for contender in everyone(task) if contender.name in names)

    monkeypatch.setattr(bench, "_keops_name", lambda: "KeOps")
    monkeypatch.setattr(bench, "_keops", lambda task: lambda: (0.0, None))
    monkeypatch.setattr(bench, "contenders", ours)


def test_for_machines(here: Any) -> None:
    result = here(*SMALL, "--threads", "1", "--json")
    assert result.status == 0
    document = json.loads(result.out)
    assert [(task["points"], task["gradient"]) for task in document["tasks"]] == [
        (5, False),
        (5, True),
    ]
    for task in document["tasks"]:
        for isa in backend.available_isas():
            found = task["contenders"][f"eigenwell {isa}"]
            assert found["median"] > 0
            assert found["energy_error"] <= bench.TOLERANCE
            assert (found["gradient_error"] is not None) == task["gradient"]


def test_for_people(here: Any) -> None:
    out = here(*SMALL).out
    assert "energy of 5 points, d = 2" in out
    assert "energy and gradient of 5 points" in out
    assert f"eigenwell {backend.available_isas()[-1]}" in out


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
