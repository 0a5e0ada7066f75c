"""Figures and tables of agents' embeddings: drawn, to scale, of what was asked for."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from eigenwell import cartpole
from eigenwell.agents import Population
from eigenwell.agents.latent import Line
from eigenwell.agents.latent import line as line_between
from eigenwell.agents.measures import (
    Barriers,
    Estimate,
    Frequencies,
    Generation,
    Novelty,
    Prediction,
    Prompts,
    Reconstruction,
    Repairs,
    Report,
)
from eigenwell.errors import ArgumentError, BackendUnavailableError, EigenwellError, ShapeError
from eigenwell.report._agents_examples import (
    check_agent_pictures,
    telling_pairs,
    write_agent_pictures,
)
from eigenwell.report._agents_figures import (
    draw_agent_map,
    draw_generated,
    draw_patterns,
    draw_prompts,
)
from eigenwell.report._agents_page import POINTS
from eigenwell.report._agents_tables import measures_table, patterns_table, repairs_table

pytest.importorskip("matplotlib", reason="matplotlib is not installed")

T = np.linspace(-1, 2, 31)
ORANGE, GREEN, BLUE = (224, 123, 26), (47, 158, 91), (51, 102, 170)
NETWORK, STARTS = cartpole.MLP((4, 3, 2)), cartpole.starts(20, seed=2)
NAMES = ("1-50", "51-100", "101-150", "151-200")


def line(up: float, down: float, spread: float = 20.0) -> Line:
    """Survival with a hump on the latent line and another one on the weight line."""
    noise = np.random.default_rng(0).normal(0, spread, 50)
    shape = np.exp(-8 * (T - 0.5) ** 2)[:, None]
    latent, weights = (
        np.clip(60 + height * shape + noise, 1, 200).astype(np.int32) for height in (up, down)
    )
    return Line(t=T, latent=latent, weights=weights, cap=200)


def about(value: float) -> Estimate:
    return Estimate(value, value - 0.01, value + 0.01)


def share(path: Path, colour: tuple[int, int, int], box: Any = (0, 0, 1, 1)) -> float:
    """Share of pixels of nearly that colour in a part of a picture."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    height, width = pixels.shape[:2]
    left, top, right, bottom = box
    pixels = pixels[
        int(top * height) : int(bottom * height), int(left * width) : int(right * width)
    ]
    return float((np.abs(pixels - colour).max(axis=-1) < 12).mean())


def generations() -> dict[str, tuple[Generation, Generation]]:
    rng = np.random.default_rng(0)

    def of(middle: float, spread: float, distance: float) -> Generation:
        held_out, generated = (
            np.clip(rng.normal(middle, width, 300), 1, 200) for width in (12, spread)
        )
        return Generation(
            generated=generated,
            held_out=held_out,
            mean_ratio=about(generated.mean() / held_out.mean()),
            wasserstein=about(distance),
        )

    middles = dict(zip(NAMES, (25, 75, 125, 180), strict=True))
    return {name: (of(middle, 12, 2.0), of(middle, 40, 20.0)) for name, middle in middles.items()}


def prompts(error: float) -> Prompts:
    rng = np.random.default_rng(0)
    requested = rng.uniform(10, 200, 400)
    obtained = np.clip(requested + rng.normal(0, error, 400), 1, 200)
    return Prompts(requested=requested, obtained=obtained, r2=about(0.97), error=about(3))


@pytest.mark.parametrize("d", [1, 2, 16])
def test_the_map(tmp_path: Path, d: int) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(400, d))
    draw_agent_map(z, 200 / (1 + np.exp(-2 * z[:, 0])), tmp_path / "map.png")
    with Image.open(tmp_path / "map.png") as image:
        saturation = np.asarray(image.convert("HSV"))[..., 1]
    # Dots in both panels, and the colour bar between them.
    middle = saturation.shape[1] // 2
    assert (saturation[:, :middle] > 100).mean() > 0.02
    assert (saturation[:, middle:] > 100).mean() > 0.01


def test_a_panel_for_each_pattern(tmp_path: Path) -> None:
    path = tmp_path / "patterns.png"
    draw_patterns({name: line(90, -40) for name in ("slope", "valley", "hill")}, path)
    for left in (0, 1 / 3, 2 / 3):
        for colour in (ORANGE, GREEN):
            assert share(path, colour, (left, 0, left + 1 / 3, 0.9)) > 1e-3
    # What bulges upwards is the latent line.
    upper = (0.05, 0.1, 0.6, 0.45)
    assert share(path, ORANGE, upper) > 1e-3
    assert share(path, GREEN, upper) < share(path, ORANGE, upper) / 5


def test_bands_are_as_wide_as_the_intervals(tmp_path: Path) -> None:
    areas = []
    for spread in (5.0, 60.0):
        draw_patterns({"hill": line(90, -40, spread)}, tmp_path / "a.png")
        # A quarter of the orange, on white.
        areas.append(share(tmp_path / "a.png", (247, 222, 198)))
    assert areas[1] > 3 * areas[0]


def test_generated_beside_held_out(tmp_path: Path) -> None:
    path = tmp_path / "generated.png"
    draw_generated(generations(), path)
    with Image.open(path) as image:
        assert image.width / image.height > 1.8
        pixels = np.asarray(image.convert("HSV"))
    for row in np.array_split(pixels, 2, axis=0):
        for part in np.array_split(row, 4, axis=1):
            coloured = part[part[..., 1] > 60][:, 0]
            # Hues of 255: orange and blue.
            assert ((coloured > 10) & (coloured < 30)).mean() > 0.05
            assert ((coloured > 140) & (coloured < 165)).mean() > 0.05


def test_prompts_lie_along_the_diagonal(tmp_path: Path) -> None:
    corners = []
    for error in (5.0, 60.0):
        draw_prompts({"ours": prompts(error), "alone": prompts(error)}, tmp_path / "a.png")
        # Below the diagonal of the first panel.
        corners.append(share(tmp_path / "a.png", (236, 176, 118), (0.33, 0.5, 0.48, 0.8)))
    assert corners[1] > 5 * corners[0]


def report(good: float, bad: float) -> Report:
    def kept(value: float) -> Reconstruction:
        parts = ("survival_ratio", "survival_error", "survival_r2", "agreement")
        return Reconstruction(**dict.fromkeys(parts, about(value)))

    def new(value: float) -> Novelty:
        ratio = about(value)
        return Novelty(generated=0.1, held_out=0.1, ratio=ratio, copies=0, held_out_copies=0)

    predicted = {"r2": good, "tau": good, "statistics_r2": bad, "statistics_tau": bad}
    predicted |= {"ceiling_r2": 0.999, "ceiling_tau": 0.998}
    return Report(
        reconstruction=kept(good),
        reconstruction_by_group={3: (kept(good), kept(bad))},
        generation={3: generations()["101-150"]},
        novelty={3: (new(good + 0.1), new(bad), new(good))},
        prediction=Prediction(**{name: about(value) for name, value in predicted.items()}),
        prompts=prompts(5),
        prompts_alone=prompts(5),
        invariance=3e-7,
        barriers=Barriers(
            weights=about(80), canonical=about(60), aligned=about(40), latent=about(10)
        ),
        frequencies=shares(),
        repairs=(),
    )


def shares() -> Frequencies:
    found = {"slope": about(0.5), "valley": about(0.3), "hill": about(0.2), "neither": about(0)}
    labels = np.array(["slope"] * 7)
    return Frequencies(
        pairs=np.zeros((7, 2), np.intp),
        latent=labels,
        weights=labels,
        latent_shares=found,
        weight_shares=found,
        gains=np.zeros(7),
        helped={"slope": 0.25},
    )


def test_measures_beside_what_was_wanted() -> None:
    rows = measures_table(report(0.985, 0.4), NAMES).split("\n")
    assert rows[0] == "| measure | wanted | baseline | ours | met |"
    row = "| reconstruction, group 101-150: survival ratio | 0.98 to 1.02 |"
    assert f"{row} 0.400 (0.390 to 0.410) | 0.985 (0.975 to 0.995) | yes |" in rows
    # A tenth of the plain VAE's distance.
    row = "| generation, group 101-150: Wasserstein-1 distance (steps) | at most 5.00 |"
    assert f"{row} 20.00 (19.99 to 20.01) | 2.00 (1.99 to 2.01) | yes |" in rows
    assert all(row.endswith(("| yes |", "|  |")) for row in rows[2:])
    # Living longer than the agent it was to copy is no reconstruction either.
    longer = measures_table(report(1.05, 0.4), NAMES).split("\n")
    row = "| reconstruction, group 101-150: survival ratio | 0.98 to 1.02 |"
    assert f"{row} 0.400 (0.390 to 0.410) | 1.050 (1.040 to 1.060) | no |" in longer
    missed = measures_table(report(0.8, 0.9), NAMES).split("\n")
    # Two of reconstruction, of all and of the group; novelty; R^2 and tau.
    assert sum(row.endswith("| no |") for row in missed) == 7
    assert len(missed) == len(rows) == 2 + 4 + 4 + 4 + 3


def test_tables_of_patterns_and_repairs() -> None:
    assert patterns_table(shares()).split("\n") == [
        "| 7 pairs | slope | valley | hill | neither |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {kind} line | 50.0 % (49.0 to 51.0) | 30.0 % (29.0 to 31.0) | 20.0 % (19.0 to 21.0)"
            " | 0.0 % (-1.0 to 1.0) |"
            for kind in ("latent", "weight")
        ),
        "| latent line: extrapolating helps | 25 % |  |  |  |",
    ]
    ways = {"mean": about(0.3), "ours": about(0.9)}
    found = Repairs(share=0.25, survival_ratio=ways, survival_error=ways, agreement=ways)
    assert repairs_table([found]).split("\n")[3:] == [
        "| 25 % | ours | 0.900 (0.890 to 0.910) | 0.9 (0.9 to 0.9) | 0.900 (0.890 to 0.910) |"
    ]


class Itself:
    """Embeds agents as their own weights, so that latent and weight line are the same."""

    architecture = NETWORK

    def embed(self, weights: npt.ArrayLike) -> npt.NDArray[np.float32]:
        return np.asarray(weights, np.float32)

    def decode(self, z: npt.ArrayLike) -> npt.NDArray[np.float32]:
        return np.asarray(z, np.float32)


def population(count: int = 60) -> Population:
    """Agents around one that balances, half of them mirrored, with biases to one side."""
    rng = np.random.default_rng(1)
    good = np.zeros(NETWORK.parameters)
    good[[0, 3, 6, 9]] = 0.5, 0.8, 4.0, 2.0  # the first hidden unit reads the state
    good[[15, 16]] = -2.0, 2.0  # and drives the logits
    mirrored = good * rng.choice([-1, 1], (count, 1))
    weights = mirrored + rng.normal(0, 0.2, (count, NETWORK.parameters))
    weights[:, -1] += rng.normal(0, 3, count)
    steps = cartpole.rollout(weights, architecture=NETWORK, starts=STARTS, cap=200)
    survival = steps.mean(axis=1)
    whole: dict[str, Any] = dict.fromkeys(("run", "step", "seed"), np.arange(count))
    real = dict.fromkeys(("survival", "survival_low", "survival_high", "survival_long"), survival)
    return Population(
        weights=weights.astype(np.float32),
        behaviour=np.zeros((count, 3), np.float32),
        algorithm=np.array(["random"] * count),
        architecture=NETWORK,
        **whole,
        **real,
    )


def test_the_pairs_show_what_they_are_named_after() -> None:
    agents = population()
    found = telling_pairs(Itself(), agents, starts=STARTS)
    assert list(found) == ["slope", "valley", "hill"]
    for name, (first, second) in found.items():
        ends = agents.weights[first], agents.weights[second]
        pattern = line_between(Itself(), *ends, t=POINTS, starts=STARTS).pattern()
        assert pattern.name == name
        # The most telling of 150, and the better agent second.
        shown = {"slope": pattern.rise, "valley": pattern.dip, "hill": pattern.bump}[name]
        assert shown > {"slope": 20, "valley": 10, "hill": 60}[name]
    assert telling_pairs(Itself(), agents, starts=STARTS) == found
    other = [telling_pairs(Itself(), agents, starts=STARTS, count=40, seed=k) for k in range(1, 5)]
    assert found not in other
    for first, second in (pairs["slope"] for pairs in other if "slope" in pairs):
        assert agents.survival[second] > agents.survival[first]


def test_all_pictures(tmp_path: Path) -> None:
    files = write_agent_pictures(tmp_path, Itself(), population(), report(0.985, 0.4), episodes=20)
    names = ["map", "patterns", "generated", "prompts"]
    assert [file.name for file in files] == [f"{name}.png" for name in names]
    assert sorted(tmp_path.iterdir()) == sorted(files)
    for file in files:
        with Image.open(file) as image:
            saturation = np.asarray(image.convert("HSV"))[..., 1]
        assert (saturation > 60).mean() > 0.01


def _alone(path: Path) -> None:
    telling_pairs(Itself(), population(1), starts=STARTS)


def _no_folder(path: Path) -> None:
    write_agent_pictures(path, Itself(), population(), report(0.9, 0.4))


def test_matplotlib_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(BackendUnavailableError, match=r'pip install "eigenwell\[report\]"'):
        check_agent_pictures()
    with pytest.raises(BackendUnavailableError, match="`matplotlib` is needed"):
        draw_agent_map(np.zeros((3, 2)), np.zeros(3), tmp_path / "a.png")


def _mismatched(path: Path) -> None:
    draw_agent_map(np.zeros((3, 2)), np.zeros(4), path)


def _no_pairs(path: Path) -> None:
    draw_patterns({}, path)


def _no_groups(path: Path) -> None:
    draw_generated({}, path)


def _no_prompts(path: Path) -> None:
    draw_prompts({}, path)


@pytest.mark.parametrize(
    ("mistake", "error", "sentence"),
    [
        (_mismatched, ShapeError, "(n,) must fit, got (3, 2) and (4,)"),
        (_no_pairs, ArgumentError, "`lines` must have at least one pair"),
        (_no_groups, ArgumentError, "`groups` must have at least one group"),
        (_alone, ArgumentError, "`population` must have at least 2 agents, got 1"),
        (_no_folder, ArgumentError, "`folder` must be a folder that exists"),
        (_no_prompts, ArgumentError, "`prompts` must have at least one panel"),
    ],
)
def test_mistakes(tmp_path: Path, mistake: Any, error: type[EigenwellError], sentence: str) -> None:
    with pytest.raises(error, match=re.escape(sentence)):
        mistake(tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []
