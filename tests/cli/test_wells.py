"""`eigenwell wells`: what it measures on small cases, what it draws, and the mistakes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eigenwell import wells

for module in ("matplotlib", "mpltern", "scipy"):
    pytest.importorskip(module, reason=f"{module} is not installed")

PNG = b"\x89PNG\r\n\x1a\n"


def measured(here: Any, *arguments: object) -> dict[str, Any]:
    ran = here("wells", *arguments, "--json", "--quiet")
    assert ran.status == 0, ran.err
    assert ran.err == ""
    return json.loads(ran.out)


def test_a_map_holds_the_escape_times_and_bounds_below_them(here: Any, tmp_path: Path) -> None:
    picture, data = tmp_path / "map.png", tmp_path / "map.json"
    options = ("--resolution", 12, "--steps", 600, "--save-json", data)
    document = measured(here, "map", "-o", picture, *options)
    assert picture.read_bytes().startswith(PNG)
    found = json.loads(data.read_text())
    policies, times = np.array(found["policies"]), np.array(found["times"])
    assert document["starts"] == len(times) == 144
    run = wells.softmax_pg(
        wells.Bandit([1, 0.9, 0.1]), policies, learning_rate=0.4, steps=600, record=600
    )
    assert np.array_equal(times, wells.escape_time(run))
    assert 0 < document["not_escaped"] == (times < 0).sum() < 144
    escaped = times > 0
    bounds = np.array(found["certificates"])
    assert (bounds[escaped] <= times[escaped]).all()
    assert document["largest_ratio"] == pytest.approx((bounds[escaped] / times[escaped]).max())
    assert (bounds[~escaped] > 1).any()


def test_pictures_are_the_same_every_time(here: Any, tmp_path: Path) -> None:
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    for picture in (first, second):
        measured(here, "map", "-o", picture, "--resolution", 4, "--steps", 50)
    assert first.read_bytes() == second.read_bytes()


def test_the_published_start_beside_every_certificate(here: Any, tmp_path: Path) -> None:
    document = measured(here, "escape", "-o", tmp_path / "run.png")
    assert document["escape_time"] == 7368
    assert document["lowest"]["time"] == 1954
    rows = {row["name"]: row for row in document["certificates"]}
    assert rows["escape certificate, sharp"]["time"] == 31
    assert rows["restarted just before"]["ratio"] > 0.999
    # What asks for another start or other rewards says so, and bounds nothing.
    assert rows["homogeneous, lower"]["time"] is None
    assert "same for all but the optimal" in rows["homogeneous, lower"]["reason"]
    assert "less than a ninth" in rows["first theorem, with its C"]["reason"]
    lower = [row["time"] for row in rows.values() if row["kind"] == "at least" and row["time"]]
    assert len(lower) == 7
    assert max(lower) <= 7368
    assert (tmp_path / "run.png").read_bytes().startswith(PNG)


def test_homogeneous_rewards_are_bracketed(here: Any, tmp_path: Path) -> None:
    start = (0.002, *4 * (0.2495,))
    options = ("--rewards", 0.8, 0.5, 0.5, 0.5, 0.5, "--policy", *start, "--learning-rate", 0.5)
    document = measured(here, "escape", *options, "--steps", 4000, "-o", tmp_path / "run.png")
    times = {row["name"]: row["time"] for row in document["certificates"]}
    assert document["escape_time"] == 2660
    assert (times["homogeneous, lower"], times["homogeneous, upper"]) == (2658, 2681)
    assert times["homogeneous, exact flow"] == pytest.approx(2657.5, abs=1)
    assert times["first theorem, with its C"] <= times["escape certificate, simple"]


def test_the_printed_theorems_are_of_their_fraction(here: Any) -> None:
    start = ("--policy", 0.01, 0.98, 0.01)
    for fraction, applies in ((0.5, True), (0.95, False)):
        document = measured(here, "escape", *start, "--fraction", fraction, "--steps", 9000)
        rows = {row["name"]: row for row in document["certificates"]}
        for name in ("first theorem, with its C", "second theorem, corrected"):
            assert (rows[name]["time"] is not None) == applies
            assert applies or "as printed" in rows[name]["reason"]


def test_the_table_of_remedies_has_the_known_figures(here: Any, tmp_path: Path) -> None:
    document = measured(here, "compare", "--steps", 1000, "-o", tmp_path / "all.png")
    reached = {row["method"]: row["reached"] for row in document["methods"]}
    assert len(reached) == len(wells.remedies())
    known = {"log-barrier": 785, "escort-4": 169, "normalised": 27, "escort-2": 10, "spma": 10}
    assert {name: reached[name] for name in known} == known
    assert (reached["npg"], reached["softmax"]) == (9, None)
    assert (tmp_path / "all.png").read_bytes().startswith(PNG)


def test_a_method_that_does_not_apply_is_named(here: Any) -> None:
    names = ("--methods", "npg", "frozen-rollout", "--steps", 50)
    ran = here("wells", "compare", "--rewards", 0.5, 0.4, -0.4, *names)
    assert ran.status == 0
    assert "frozen-rollout does not apply: `rewards` must be at least 0" in ran.err
    (line,) = (line for line in ran.out.splitlines() if line.startswith("frozen-rollout"))
    assert "does not apply" in line
    assert "arXiv" not in line


def test_exponents_are_those_of_the_theory(here: Any, tmp_path: Path) -> None:
    document = measured(here, "exponent", "-o", tmp_path / "fits.png")
    assert len(document["methods"]) == 6
    for row in document["methods"]:
        # The interval is of the scatter; what remains is the bend at finite pi(a*).
        assert row["omega"] == pytest.approx(row["theory"], abs=0.002)
        low, high = row["interval"]
        assert low <= row["omega"] <= high
    assert (tmp_path / "fits.png").read_bytes().startswith(PNG)


def test_more_than_three_actions_in_a_plane(here: Any, tmp_path: Path) -> None:
    options = ("--starts", 60, "--steps", 300, "--save-json", tmp_path / "a.json")
    document = measured(here, "plane", "-o", tmp_path / "plane.png", *options)
    assert document["violations"] == 0
    assert 0 < document["not_escaped"] < 60
    assert np.array(json.loads((tmp_path / "a.json").read_text())["policies"]).shape == (60, 5)
    assert (tmp_path / "plane.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("", "expected one of {map, explore, escape,"),
        ("map", "missing from eigenwell wells map: -o FILE"),
        ("map -o absent/a.png", "`--output` cannot be written"),
        (
            "map -o a.png --rewards 1 0.5 0.2 0.1",
            "must have shape (3,) for a ternary map, got (4,)",
        ),
        ("explore -o a.html --rewards 1 0.5", "must have shape (3,) for a ternary map, got (2,)"),
        ("map -o a.png --resolution 1", "`resolution` must be between 2 and"),
        ("map -o a.png --fraction 1.5", "`fraction` must be above 0"),
        ("map -o a.png --learning-rate 0", "`learning_rate` must be finite and above 0"),
        ("escape --rewards 1 --policy 1", "must have at least 2 actions, got K = 1"),
        ("escape --rewards 1 1 0.5", "gap 0"),
        ("escape --rewards 1 nan 0.5", "`rewards` must be finite"),
        ("escape --policy 0.5 0.5", "`policy` must have shape (..., 3)"),
        ("escape --policy 0.5 0.4 0.2", "`policy` must sum to 1"),
        ("escape --policy 0 0.06 0.94", "`policy` must give every action a probability above 0"),
        ("escape --policy -0.1 0.1 1", "`policy` must be probabilities"),
        ("escape --learning-rate -1", "`learning_rate` must be finite and above 0"),
        ("escape --fraction 1", "`fraction` must be above 0 and below 1"),
        ("escape --steps 1", "`steps` must be between 2 and"),
        ("escape --steps 1000000000", "`steps` must be between 2 and"),
        ("escape --save-json .", "`--save-json` must be a file"),
        ("compare --methods sofmax", "`methods` must be some of softmax, entropy"),
        ("compare --probability 2", "`probability` must be above 0 and below 1"),
        ("compare --policy 1 0 0", "`policy` must give every action"),
        ("exponent --quantity speed", "invalid choice 'speed'"),
        ("exponent --quantity escape --steps 50 --methods softmax", "`steps` = 50 must suffice"),
        ("exponent --probabilities 0.1 0.2", "`probabilities` must have shape (n,)"),
        ("plane -o a.png --starts 1", "`starts` must be between 2 and"),
        ("plane -o a.png --concentration 0", "`concentration` must be finite and above 0"),
    ],
)
def test_mistakes(
    here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = here("wells", *arguments.split(), *(["--quiet"] if arguments else []))
    assert ran.status == 2
    assert sentence in ran.sentence
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", ["mpltern", "matplotlib"])
def test_pictures_are_an_extra_and_asked_for_first(
    here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    for view in ("map", "escape"):
        ran = here("wells", view, "-o", tmp_path / "a.png")
        assert ran.status == 2
        assert ran.sentence.endswith('pip install "eigenwell[wells]"')
    assert list(tmp_path.iterdir()) == []
    # What draws nothing needs neither.
    assert here("wells", "escape", "--steps", 50).status == 0
