"""`eigenwell agents`: what it writes and says, going on after a stop, and the mistakes."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eigenwell import agents

for module in ("pyarrow", "joblib", "tyro", "rich"):
    pytest.importorskip(module, reason=f"{module} is not installed")

QUICK = (
    *("--shards", 2, "--runs", 4, "--updates", 3, "--cap", 40),
    *("--long-cap", 60, "--episodes", 9, "--jobs", 1),
)


def test_a_population_and_a_sample_of_it(here: Any, tmp_path: Path) -> None:
    sample = tmp_path / "sample.parquet"
    options = ("--sample", sample, "--sample-per-group", 2)
    ran = here("agents", "collect", "-o", tmp_path / "a", *QUICK, *options, "--json")
    assert ran.status == 0, ran.err
    document = json.loads(ran.out)
    assert ran.err.splitlines()[-1].startswith("shard 2 of 2: ")
    whole = agents.Population.load(document["file"])
    assert document["networks"] == len(whole)
    assert document["runs"] == 8
    assert [group["networks"] for group in document["groups"]] == [
        (whole.group == group).sum() for group in (1, 2, 3, 4)
    ]
    small = agents.Population.load(sample)
    assert document["sample"]["networks"] == np.bincount(small.group, minlength=5)[1:].tolist()
    assert document["sample"]["bytes"] == sample.stat().st_size
    assert len(small) == sum(min(2, group["networks"]) for group in document["groups"])


def test_the_options_are_the_settings_of_a_collection(
    here: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        here("agents", "collect", "--help")
    said = " ".join(re.sub("[^ -~]", " ", capsys.readouterr().out).split())
    assert "architecture" not in said
    for field in dataclasses.fields(agents.Collection):
        if field.name != "architecture":
            option = f"--{field.name.replace('_', '-')} INT"
            assert re.search(rf"{option} [^(]+\(default: {field.default}\)", said), option


def test_people_see_a_table(here: Any, tmp_path: Path) -> None:
    ran = here("agents", "collect", "-o", tmp_path, *QUICK, "--quiet")
    assert (ran.status, ran.err) == (0, "")
    assert "population, 9 episodes each, cap 40" in ran.out
    assert "1-10" in ran.out
    assert "evolution" in ran.out
    assert str(tmp_path / "population.parquet") in ran.out.replace("\n", "")


def test_a_second_call_trains_what_is_missing(here: Any, tmp_path: Path) -> None:
    first = here("agents", "collect", "-o", tmp_path, *QUICK, "--json")
    (tmp_path / "shard-00001.parquet").unlink()
    second = here("agents", "collect", "-o", tmp_path, *QUICK, "--json")
    assert "shard 2 of 2" in second.err
    assert "shard 1 of 2" not in second.err
    assert json.loads(first.out)["groups"] == json.loads(second.out)["groups"]


def test_ctrl_c_leaves_what_was_finished(
    here: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from eigenwell.agents import _collect

    whole = _collect.collect_shard

    def interrupted(settings: Any, index: int) -> Any:
        if index == 1:
            raise KeyboardInterrupt
        return whole(settings, index)

    monkeypatch.setattr(_collect, "collect_shard", interrupted)
    ran = here("agents", "collect", "-o", tmp_path, *QUICK)
    assert (ran.status, ran.out) == (130, "")
    assert ran.err.splitlines()[-1].endswith("the same command goes on")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "collection.json",
        "shard-00000.parquet",
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--shards", 0), "`shards` must be between 1"),
        (("--cap", "ten"), "invalid choice|invalid literal|expected|could not"),
        (("--sample", "."), "`--sample` must be a file"),
        (("--jobs", 0), "`jobs` must be between 1"),
    ],
)
def test_mistakes_are_one_sentence(
    here: Any,
    tmp_path: Path,
    options: tuple[object, ...],
    words: str,
) -> None:
    ran = here("agents", "collect", "-o", tmp_path / "a", *QUICK, *options)
    assert ran.status == 2
    assert re.search(words, ran.sentence), ran.sentence


def test_a_folder_of_another_collection_is_refused(here: Any, tmp_path: Path) -> None:
    assert here("agents", "collect", "-o", tmp_path, *QUICK, "--quiet").status == 0
    ran = here("agents", "collect", "-o", tmp_path, *QUICK, "--seed", 1)
    assert ran.status == 2
    assert "holds a collection with seed = 0, got 1" in ran.sentence


@pytest.fixture
def fitted(here: Any, tmp_path: Path) -> tuple[Path, Path]:
    """A population and the folder of what was fitted to it."""
    for module in ("torch", "safetensors", "scipy", "sklearn"):
        pytest.importorskip(module, reason=f"{module} is not installed")
    options = ("--shards", 2, "--runs", 12, "--updates", 6, "--cap", 40, "--long-cap", 0)
    assert here("agents", "collect", "-o", tmp_path, *options, "--jobs", 1, "--quiet").status == 0
    return tmp_path / "population.parquet", tmp_path / "models"


def fit(here: Any, population: Path, folder: Path, *options: object) -> Any:
    quick = ("--latent", 2, "--epochs", 1, "--jobs", 1, "--only-fit", "--json", *options)
    return here("agents", "fit", "--population", population, "-o", folder, *quick)


def test_what_was_fitted_is_kept_and_explored(
    here: Any, fitted: tuple[Path, Path], tmp_path: Path
) -> None:
    population, folder = fitted
    ran = fit(here, population, folder)
    assert ran.status == 0, ran.err
    document = json.loads(ran.out)
    whole = agents.Population.load(population)
    assert document["networks"] + document["held_out"] == len(whole)
    assert sorted(path.name for path in folder.iterdir()) == [
        "embedding.safetensors",
        *(f"plain-{group}.safetensors" for group in (1, 2, 3, 4)),
    ]
    assert "of 5: embedding" in ran.err
    again = fit(here, population, folder)
    assert "of 5" not in again.err

    page = tmp_path / "page.html"
    files = ("--population", population, "--embedding", folder / "embedding.safetensors")
    ran = here("agents", "explore", *files, "-o", page, "--agents", 20, "--pairs", 20, "--json")
    assert ran.status == 0, ran.err
    document = json.loads(ran.out)
    assert document["bytes"] == page.stat().st_size
    assert 4 <= document["agents"] <= 20
    assert set(document["pairs"]) <= {"slope", "valley", "hill"}
    assert f"of {len(whole):,} agents of population.parquet" in page.read_text("utf-8")


def test_what_cannot_be_fitted_or_explored(
    here: Any, fitted: tuple[Path, Path], tmp_path: Path
) -> None:
    population, folder = fitted
    ran = fit(here, population, folder, "--held-out", 1.5)
    assert (ran.status, ran.sentence.count("`held_out`")) == (2, 1)
    ran = fit(here, population, folder, "--latent", 5000, "--quiet")
    assert (ran.status, ran.sentence.count("`latent` must be at most")) == (2, 1)
    ran = fit(here, tmp_path / "none.parquet", folder)
    assert (ran.status, ran.sentence.count("none.parquet")) == (2, 1)
    wrong = ("--population", population, "--embedding", population)
    ran = here("agents", "explore", *wrong, "-o", tmp_path / "page.html")
    assert (ran.status, ran.sentence.count("population.parquet")) == (2, 1)
    ran = here("agents", "explore", "-o", tmp_path, *wrong)
    assert ran.status == 2
    assert "`--output` must be a file" in ran.sentence
    assert not (tmp_path / "page.html").exists()
