"""The page of findings from a made study: verdicts, tables, figures, and the page of curves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.helpers.browser import chromium, opened

from eigenwell import studies
from eigenwell.errors import ArgumentError
from eigenwell.report._asr_data import band
from eigenwell.report._asr_figures import MEASURES
from eigenwell.report._asr_page import with_results
from eigenwell.wells import asr
from eigenwell.wells.asr import _mining

pytest.importorskip("tyro")
pytest.importorskip("rich")
pytest.importorskip("matplotlib")
pytest.importorskip("scipy")

from eigenwell.cli._output import Output
from eigenwell.cli.wells_asr_report import AsrReport

PAGE = "# Question\n\nRegistered.\n\n## Results\n\nNot run yet.\n"
EPOCHS = 12


def made(name: str, seed: int) -> studies.Measured:
    """Curves that dip where the start is high, whatever the policy does."""
    generator = np.random.default_rng([seed, len(name)])
    epochs = np.arange(EPOCHS + 1)
    well = 0.3 * np.exp(-((epochs - 5) ** 2) / 3)
    recall = 0.4 + 0.02 * epochs - well * name.startswith("high")
    recall += 0.001 * generator.standard_normal(len(epochs))
    curves = {measure: recall.tolist() for measure in MEASURES}
    curves["distance"] = (1 - 2.5 * well).tolist()
    curves["loss"][0] = float("nan")
    return {**curves, **asr.summary(curves)}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    for experiments, store in (
        (asr.experiments(epochs=EPOCHS), asr.STORE),
        (_mining.mining_experiments(epochs=EPOCHS), _mining.MINING_STORE),
    ):
        for each in experiments:
            for seed in range(3):
                studies.Store(folder / store).append(
                    studies.Result(each.name, seed, each.parameters, made(each.name, seed), 1.0)
                )
    return folder


@pytest.fixture(scope="module")
def written(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    (folder / "adaptive_sampling.md").write_text(PAGE)
    assert report(study, folder) == 0
    return folder


def report(study: Path, folder: Path) -> int:
    return AsrReport(study=study, output=folder, epochs=EPOCHS).run(Output(quiet=True))


def test_the_page_has_verdicts_numbers_and_figures(written: Path) -> None:
    page = (written / "adaptive_sampling.md").read_text("utf-8")
    assert page.startswith("# Question\n\nRegistered.\n\n## Results\n")
    assert "Not run yet" not in page
    assert "it is not a softmax well: a run without a policy falls into it.**" in page
    lines = page.splitlines()
    (first,) = (line for line in lines if line.startswith("| D1 |"))
    assert first.endswith("| 3 | **holds** |")
    (third,) = (line for line in lines if line.startswith("| D3 |"))
    assert "**holds**" not in third
    row = re.compile(r"\| high-frozen \| 3 \| 0\.2\d\d ± 0\.\d{3} \| 5 \| 3 of 3 \| \d+ \|")
    assert len([line for line in lines if row.match(line)]) == 1
    (mean,) = (line for line in lines if re.match(r"\| high-frozen \| 3 \| [.\d]+ \|", line))
    assert re.fullmatch(r".* \| 0\.2\d\d \| 5 to 5 \| 0\.2\d\d \| 5 \|", mean)
    assert "By the rule the adaptive sampler is **" in page
    figures = re.findall(r"\]\((\w+\.png)\)", page)
    assert len(figures) == 9
    for name in figures:
        assert (written / name).read_bytes().startswith(b"\x89PNG")


def test_does_with_what_there_is(study: Path, tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.mkdir()
    lines = (study / asr.STORE).read_text().splitlines(keepends=True)
    (part / asr.STORE).write_text("".join(line for line in lines if '"low"' in line[:30]))
    assert report(part, tmp_path / "out") == 0
    page = (tmp_path / "out" / "adaptive_sampling.md").read_text("utf-8")
    assert page.startswith("# Adaptive sampling with reward: results")
    assert "\n3 of 185 runs are in" in page
    assert "| D1 | normal_high dips | at least 0.02 | nothing | 0 | **undecided** |" in page
    assert "Not run yet." in page
    assert not (tmp_path / "out" / "adaptive_sampling_grid.png").exists()


def test_a_folder_without_a_study(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="`study` must hold results of 12 epochs"):
        report(tmp_path, tmp_path)


def test_where_the_results_go() -> None:
    first = with_results("# A\n\n## Results\n\nNot run yet.\n\n## B\n", "one")
    assert first.index("## Results") < first.index("one") < first.index("## B")
    assert "Not run yet." not in first
    ours = first.replace("## Results\n", "## Results\n\nOurs.\n")
    assert with_results(ours, "two") == ours.replace("one", "two")
    assert with_results("# A\n", "one").startswith("# A\n\n## Results\n")


def test_bands() -> None:
    mean, half = band(np.array([[1.0, 2.0], [3.0, 2.0]]))
    assert mean.tolist() == [2, 2]
    # t(0.975, 1) s / sqrt(2) = 12.7062 * sqrt(2) / sqrt(2)
    assert half.tolist() == pytest.approx([12.7062, 0], abs=1e-4)
    assert band(np.array([[1.0, 2.0]]))[1].tolist() == [0, 0]


@pytest.fixture(scope="module")
def context() -> Iterator[Any]:
    with chromium() as browser:
        yield browser.new_context(offline=True, viewport={"width": 1100, "height": 800})


def test_the_page_of_curves(written: Path, context: Any) -> None:
    path = written / "adaptive_sampling_curves.html"
    (text,) = re.findall(r'<script id="data"[^>]*>(.*?)</script>', path.read_text("utf-8"))
    data = json.loads(text)
    assert len(data["cells"]) == len(asr.CELLS) + len(asr.EXPLORED) + 6
    mean, half = data["cells"]["high"]["curves"]["loss"]
    assert mean[0] is None
    assert len(mean) == len(half) == EPOCHS + 1

    complaints: list[str] = []
    page = opened(context, path, complaints)
    curves = page.locator("polyline")
    assert curves.count() == 4
    page.locator('input[value="low-frozen"]').uncheck()
    assert curves.count() == 3
    before = curves.first.get_attribute("points")
    page.locator("#measure").select_option("distance")
    assert curves.first.get_attribute("points") != before
    page.locator("#measure").select_option("loss")
    assert len(curves.first.get_attribute("points").split()) == EPOCHS
    box = page.locator("#plot").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    assert "epoch 6: high 0.30" in page.locator("#about").text_content()
    assert complaints == []
