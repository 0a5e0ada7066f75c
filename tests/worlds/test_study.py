"""The study: cells that can be killed, share what they can, and become a table."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("zarr")
pytest.importorskip("safetensors")
pytest.importorskip("joblib")

from eigenwell import worlds  # noqa: E402
from eigenwell.report._worlds_tables import mirror_table, worlds_page, worst  # noqa: E402
from eigenwell.studies import Experiment, Result, Store, run_study  # noqa: E402
from eigenwell.worlds import torch as models  # noqa: E402
from eigenwell.worlds.torch import study  # noqa: E402

TINY = {
    "widths": [2, 2, 2, 2],
    "latent": 3,
    "vision_steps": 2,
    "blur_steps": 2,
    "encoded": 300,
    "timeline_steps": 2,
    "reach": 4,
    "starts": 1,
    "start_steps": 2,
    "align_steps": 2,
    "hidden": 4,
    "memory_steps": 2,
}


def result(name: str, **values: float) -> Result:
    bars = dict.fromkeys(("retrieval", "decoding", "paddles", "ball"), 1.0)
    numbers = dict.fromkeys(study.MEASURES, 1.0) | bars
    pairs = {f"{pair} {key}": value for pair in ("o>m", "m>o") for key, value in numbers.items()}
    changed = {key.replace("__", ">").replace("_in_", " "): v for key, v in values.items()}
    return Result(name, 0, {}, pairs | changed | {"seconds": 60.0}, 60.0)


def test_a_cell_is_trained_tested_and_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("o", "m"):
        worlds.collect(tmp_path / f"{name}.zarr", variant=name, episodes=4, length=300)
    few = functools.partial(models.mirror_test, frames=30)
    measure = functools.partial(
        study.measure_staged,
        data=str(tmp_path),
        folder=str(tmp_path / "models"),
        name="o-m tiny",
        worlds=["o", "m"],
        settings=TINY,
    )
    cell = Experiment("o-m tiny", "", measure)
    store = Store(tmp_path / "worlds.jsonl")
    judgements = []

    def judged(*arguments: Any) -> models.Judgement:
        judgements.append(few(*arguments))
        return judgements[-1]

    monkeypatch.setattr(study, "mirror_test", judged)
    first = run_study([cell], store, seeds=1)
    values = first[0].values
    for pair in judgements[0].pairs:
        of = f"{pair.source}>{pair.target}"
        for name in study.MEASURES:
            assert values[f"{of} {name}"] == pytest.approx(getattr(pair, name), nan_ok=True)
        for name, met in pair.bars.items():
            assert values[f"{of} {name}"] == met
    assert values["score"] == judgements[0].score
    assert (tmp_path / "models" / "o-m-tiny" / "0" / "last.safetensors").exists()
    monkeypatch.setattr(study, "train", None)
    assert run_study([cell], store, seeds=1) == first
    (row,) = mirror_table("Ours", [cell], first).rows
    assert row[:2] == ("o-m tiny", "1")


def test_what_is_of_one_world_is_shared_by_cells_that_agree_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worlds.collect(tmp_path / "o.zarr", variant="o", episodes=2, length=300)
    folder = tmp_path / "models"
    base = folder / f"shared-{tmp_path.name}" / "3"
    base.mkdir(parents=True)
    for stage in ("vision-o", "timeline-o", "blur-o", "translator-o-m"):
        (base / f"{stage}.safetensors").write_text(stage)

    def shared(**settings: Any) -> tuple[Path, set[str]]:
        seen: list[Path] = []

        def stopped(*_: Any, shared: Path, **__: Any) -> None:
            seen.append(shared)
            raise InterruptedError

        monkeypatch.setattr(study, "train", stopped)
        with pytest.raises(InterruptedError):
            study.measure_staged(
                3, data=str(tmp_path), folder=str(folder), name="x", worlds=["o"], settings=settings
            )
        return seen[0], {path.stem for path in seen[0].glob("*")}

    alone = {"vision-o", "timeline-o", "blur-o"}
    assert shared() == (base, alone | {"translator-o-m"})
    folder_of_other, files = shared(timeline=0.0)
    assert files == alone
    assert folder_of_other != base
    for later in ({"units": 7}, {"surest": 3.0, "memory_steps": 5}, {"separate_memory": True}):
        assert shared(**later)[1] == alone | {"translator-o-m"}
    assert shared(units=7, timeline=0.0)[1] == alone
    assert shared(blur=0.0)[1] == {"vision-o", "timeline-o", "translator-o-m"}
    for changes in ({"kl_weight": 0.05}, {"rarity": 0.0}, {"timeline_batch": 8}, {"reach": 9}):
        assert shared(**changes)[1] == set()


@pytest.mark.parametrize(("recipe", "paired"), [("", True), ("-unpaired", False)])
def test_the_articles_recipe_takes_a_cells_settings_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str, paired: bool
) -> None:
    for name in ("o", "m"):
        path = tmp_path / f"{name}.zarr"
        worlds.collect(path, variant=name, episodes=4, length=300, paired=paired)
    few = functools.partial(models.mirror_test, frames=30)
    monkeypatch.setattr(study, "mirror_test", few)
    measure = functools.partial(
        study.measure_other,
        data=str(tmp_path),
        folder=str(tmp_path / "models"),
        worlds=["o", "m"],
        recipe=f"article-slim{recipe}",
        settings={"widths": (2, 2, 2, 2), "sequences": 2, "length": 4, "vision_rate": 1e-2},
    )
    values = measure(5, iterations=1)
    assert {f"o>m {name}" for name in study.MEASURES} <= values.keys()
    (folder,) = (tmp_path / "models").glob("*/5")
    trained = models.load(folder)
    assert trained.config.recipe == "alternating"
    assert trained.config.paired is paired
    assert (trained.config.sequences, trained.config.vision_rate) == (2, 1e-2)
    assert (trained.config.units, trained.config.seed) == (32, 5)
    measure(5, iterations=2)
    assert models.load(folder).iteration == 2


def test_every_cell_has_a_table_and_a_name_of_its_own() -> None:
    names = [cell.name for cell in study.experiments("data", "models")]
    assert len(set(names)) == len(names)
    once = [cell.name for cell in study.experiments("data", "models") if cell.seeds == 1]
    assert once == ["all"]
    shown = {name for cells in study.TABLES.values() for name in cells}
    assert shown == {name for name in names if not name.startswith("eyes")}


def test_the_worse_direction_counts() -> None:
    values = result("o-m", o__m_in_ball_found=0.4, m__o_in_top_1=0.7).values
    assert worst(values, ("ball_found",), min) == 0.4
    assert worst(values, ("top_1",), min) == 0.7
    assert worst(values, ("player_pixels", "opponent_pixels"), max) == 1.0


def test_a_seed_passes_if_all_directions_do() -> None:
    cell = Experiment("o-m", "", functools.partial(study.measure_eyes))
    results = [result("o-m"), result("o-m", m__o_in_ball=0.0)]
    (row,) = mirror_table("Ours", [cell], results).rows
    assert row[-3] == "2, 2, 2, 1"
    assert row[-2].startswith("1 of 2 (")
    empty = mirror_table("Ours", [], [])
    page = worlds_page(
        [empty, empty, empty, mirror_table("", [cell], results)], "some.png", "the command"
    )
    assert "the command" in page
    assert "](some.png)" in page
    assert "| o-m |" in page
