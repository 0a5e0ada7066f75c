"""`eigenwell findings walker`: what it keeps, what it writes, and the mistakes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _no_extras_missing() -> None:
    for module in ("gymnasium", "joblib", "matplotlib", "scipy", "torch"):
        pytest.importorskip(module)


def test_it_keeps_what_it_measured_and_writes_the_page(here: Any, tmp_path: Path) -> None:
    options = ("findings", "walker", "-o", tmp_path, "--seeds", 1, "--json")
    ran = here(*options, "--only", "quadratic", "synchrony")
    assert ran.status == 0, ran.err
    document = json.loads(ran.out)
    assert document["results"] == 3  # synchrony of the trained walker too
    # Of a single episode there is no interval.
    assert document["verdicts"] == dict.fromkeys(
        ["quadratic", "article-synchrony", "trained-synchrony"], "undecided"
    )
    lines = [json.loads(line) for line in (tmp_path / "walker.jsonl").read_text().splitlines()]
    values = {line["experiment"]: line["values"] for line in lines}
    assert values["article-quadratic"]["return_without"] == pytest.approx(311.6, abs=0.1)
    page = (tmp_path / "walker.md").read_text("utf-8")
    assert "| loses at most 1 point | the article's walker" in page
    assert "with K and without | 1 of 1 |" in page
    assert "| `training-6-hard` | 6 eigenvalues, hard, 3,000,000 steps | 0 of 1 |" in page
    assert "None was scored yet." in page
    assert "$" not in page
    assert (tmp_path / "walker_synchrony.png").exists()
    assert not (tmp_path / "walker_bits.png").exists()
    before = (tmp_path / "walker.jsonl").read_bytes()
    assert json.loads(here(*options, "--page").out) == document  # runs nothing
    assert (tmp_path / "walker.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("walkers",), "walker"),
        (("walker", "--only", "bit"), "bits"),
        (("walker", "--jobs", 0), "`jobs` must be between 1"),
        (("walker", "--seeds", 0), "`seeds` must be between 1"),
        (("walker", "--trained", "no.dcp"), "no.dcp"),
        (("walker", "--score", "no"), "no"),
    ],
)
def test_mistakes_are_one_sentence(
    here: Any, tmp_path: Path, arguments: tuple[Any, ...], words: str
) -> None:
    ran = here("findings", *arguments, "-o", tmp_path / "page")
    assert ran.status == 2
    assert words in ran.sentence
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize("module", ["joblib", "matplotlib", "torch"])
def test_a_missing_extra_is_named_before_anything_runs(
    here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    ran = here("findings", "walker", "-o", tmp_path / "page")
    assert ran.status == 2
    assert ran.sentence.endswith(f'eigenwell[{"learn" if module == "torch" else "report"}]"')
    assert not (tmp_path / "page").exists()


def test_ctrl_c_keeps_what_was_measured(
    here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eigenwell.ppo.findings import _walkers

    whole = _walkers.walk

    def walk(policy: Any, seed: int) -> Any:
        if seed == _walkers.FIRST_SEED + 1:
            raise KeyboardInterrupt
        return whole(policy, seed)

    monkeypatch.setattr(_walkers, "walk", walk)
    ran = here("findings", "walker", "-o", tmp_path, "--seeds", 2, "--only", "quadratic")
    assert ran.status == 130
    assert "run it again to go on" in ran.err
    assert len((tmp_path / "walker.jsonl").read_text().splitlines()) == 1
    assert not (tmp_path / "walker.md").exists()
