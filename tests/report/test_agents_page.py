"""The page of agents, in a headless Chromium: its survival, lines and patterns are Python's."""

from __future__ import annotations

import base64
import dataclasses
import functools
import io
import itertools
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image

from eigenwell import cartpole
from eigenwell.agents.latent import classify
from eigenwell.agents.latent._patterns import Name
from eigenwell.errors import ArgumentError, EigenwellError, ShapeError
from eigenwell.report import _agents_page
from eigenwell.report._agents_page import AgentsPage, DenseLayer, agents_page

NETWORK = cartpole.MLP((4, 6, 2))
AGENTS, CAP = 60, 120
STARTS = cartpole.starts(12, seed=3)
T = np.array(_agents_page.POINTS)


@functools.cache
def parts(d: int = 3) -> AgentsPage:
    """Agents around one that balances, of graded skill, and a decoder with every activation."""
    rng = np.random.default_rng(0)
    p = NETWORK.parameters
    good = np.zeros(p)
    good[[0, 6, 12, 18]] = 0.5, 0.8, 4.0, 2.0  # the first hidden unit reads the state
    good[[30, 31]] = -2.0, 2.0  # and drives the logits
    embeddings = rng.normal(0, 1, (AGENTS, d))
    directions = rng.normal(0, 1, (d, p))
    weights = good + embeddings @ directions + rng.normal(0, 0.1, (AGENTS, p))
    survival = rollout(weights).mean(axis=1)
    widths = (d, 9, 8, 7, 6)
    activations: tuple[Any, ...] = ("silu", "tanh", "elu", "relu")
    layers = [
        DenseLayer(rng.normal(0, 0.8, (i, o)), rng.normal(0, 0.3, o), activation)
        for (i, o), activation in zip(itertools.pairwise(widths), activations, strict=True)
    ]
    layers.append(DenseLayer(rng.normal(0, 1, (6, p)), rng.normal(0, 0.1, p), "identity"))
    return AgentsPage(
        embeddings=embeddings,
        survival=survival,
        group=1 + np.searchsorted([30, 60, 90], survival),
        group_names=("1-30", "31-60", "61-90", "91-120"),
        weights=weights,
        decoder=layers,
        scale=rng.uniform(0.2, 1, p),
        shift=good,
        architecture=NETWORK,
        starts=STARTS,
        cap=CAP,
        pairs={"slope: two agents": (3, 40), "valley": (7, 8)},
        caption="Made agents <b>&</b> a made decoder.",
    )


def rollout(weights: Any) -> Any:
    return cartpole.rollout(weights, architecture=NETWORK, starts=STARTS, cap=CAP)


def decode(page: AgentsPage, z: Any) -> Any:
    acts: dict[str, Any] = {
        "identity": lambda x: x,
        "tanh": np.tanh,
        "relu": lambda x: np.maximum(x, 0),
        "silu": lambda x: x / (1 + np.exp(-x)),
        "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    }
    for layer in page.decoder:
        z = acts[layer.activation](z @ layer.weight.astype(np.float64) + layer.bias)
    return page.shift + page.scale.astype(np.float64) * z


def lines(page: AgentsPage, a: int, b: int) -> dict[str, Any]:
    """Weights along the two lines, as the page has them: float32 embeddings, float16 weights."""
    t, kept = T[:, None], page.weights.astype(np.float16).astype(np.float64)
    z = page.embeddings.astype(np.float64)
    return {
        "latent": decode(page, (1 - t) * z[a] + t * z[b]),
        "weights": (1 - t) * kept[a] + t * kept[b],
    }


@pytest.fixture(scope="module")
def context() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    found = found or shutil.which("google-chrome")
    if found is None:
        pytest.skip("there is no Chromium on PATH")
    with playwright.sync_playwright() as driver:
        # In a container there is no room for Chromium's sandbox.
        chromium = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        # Such readers start the animation themselves, as do the tests.
        yield chromium.new_context(
            offline=True, viewport={"width": 1100, "height": 900}, reduced_motion="reduce"
        )
        chromium.close()


@pytest.fixture(scope="module")
def pages(context: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    complaints: list[str] = []
    opened: dict[str, Any] = {}

    def watch(request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            complaints.append(request.url)

    def of(name: str, d: int = 3, **options: Any) -> Any:
        if name not in opened:
            path = tmp_path_factory.mktemp("page") / "agents.html"
            agents_page(path, parts(d), **options)
            page = context.new_page()
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda line: complaints.append(line.text))
            page.on("request", watch)
            page.goto(path.as_uri())
            opened[name] = page
        return opened[name]

    yield of
    assert complaints == []


@pytest.fixture
def page(pages: Any) -> Any:
    """The page of three-dimensional embeddings, with its first pair."""
    page = pages("three")
    page.evaluate("play(false); start = 0; view = structuredClone(home); drawMap()")
    choose(page, 3, 40)
    return page


def choose(page: Any, a: int, b: int) -> None:
    page.fill("#first", str(a))
    page.fill("#second", str(b))
    page.press("#second", "Enter")
    page.wait_for_function("curves.done")


def steps(page: Any, kind: str) -> Any:
    return np.array(page.evaluate(f"curves.{kind}.map((steps) => Array.from(steps))"))


def colours(page: Any, canvas: str) -> Any:
    """A canvas's pixels, ``(height, width, 3)``."""
    url = page.evaluate("(id) => at(id).toDataURL()", canvas)
    image = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    return np.asarray(image.convert("RGB")).astype(int)


def count_colour(page: Any, hexadecimal: str) -> int:
    """Pixels of a colour in the picture of the curves."""
    wanted = [int(hexadecimal[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(colours(page, "curves") - wanted).max(axis=-1) < 3).sum())


def agree(found: Any, expected: Any) -> None:
    # Sines and hyperbolic tangents of a browser may differ in the last bit, which float32
    # observations hide from nearly all policies: one run in a thousand may be another one.
    assert found.shape == expected.shape
    assert (found != expected).mean() <= 1e-3


def test_survival_is_that_of_python(page: Any) -> None:
    found = page.evaluate("data.ids.map((_, i) => Array.from(survive(weightsOf(i))))")
    expected = rollout(parts().weights.astype(np.float16).astype(np.float64))
    agree(np.array(found), expected)
    # Runs of all lengths, so that this says something.
    assert expected.min() < 12
    assert (expected == CAP).any()
    assert len(np.unique(expected)) > 40


@pytest.mark.parametrize("network", [cartpole.MLP(), cartpole.MLP((4, 5, 7, 2), "relu")])
def test_other_networks_and_physics(context: Any, tmp_path: Path, network: Any) -> None:
    weights = np.random.default_rng(1).normal(0, 0.7, (30, network.parameters))
    physics = cartpole.Physics(half_length=0.8, force=7.0, pole_mass=0.2, x_limit=1.5)
    decoder = [DenseLayer(np.zeros((3, network.parameters)), weights[0] * 0, "identity")]
    made = {"architecture": network, "physics": physics, "decoder": decoder, "pairs": {}}
    made |= {name: getattr(parts(), name)[:30] for name in ("embeddings", "survival", "group")}
    made |= {"weights": weights, "scale": weights[0], "shift": weights[0]}
    agents_page(tmp_path / "a.html", dataclasses.replace(parts(), **made))
    page = context.new_page()
    page.goto((tmp_path / "a.html").as_uri())
    found = page.evaluate("data.ids.map((_, i) => Array.from(survive(weightsOf(i))))")
    kept = weights.astype(np.float16).astype(np.float64)
    expected = cartpole.rollout(kept, architecture=network, starts=STARTS, cap=CAP, physics=physics)
    agree(np.array(found), expected)
    page.close()


def test_the_lines(page: Any) -> None:
    for kind, along in (("latent", "onLatentLine"), ("weights", "onWeightLine")):
        found = page.evaluate(f"data.t.map((t) => Array.from({along}(3, 40, t)))")
        # Sums of some ten float64 in another order.
        assert np.array(found) == pytest.approx(lines(parts(), 3, 40)[kind], abs=1e-13)


def test_clicks_choose_two_agents_and_draw_both_curves(page: Any) -> None:
    before = page.evaluate("at('curves').toDataURL()")
    page.evaluate("curves = null; drawCurves()")
    marks = count_colour(page, "#e07b1a")  # of t, on the upper edge
    assert count_colour(page, "#2f9e5b") == 0
    for agent in (11, 25):
        x, y = page.evaluate(f"spot({agent})")
        page.locator("#map").click(position={"x": x, "y": y})
    page.wait_for_function("curves?.done")
    a, b = (int(page.input_value(name)) for name in ("#first", "#second"))
    assert (a, b) == (11, 25)
    assert count_colour(page, "#e07b1a") > marks + 300
    assert count_colour(page, "#2f9e5b") > 300
    assert page.evaluate("at('curves').toDataURL()") != before
    for kind, weights in lines(parts(), a, b).items():
        expected = rollout(weights)
        agree(steps(page, kind), expected)
        summary = page.evaluate(f"summary(curves.{kind}[7])")
        half = 1.959963984540054 * expected[7].std(ddof=1) / np.sqrt(len(STARTS))
        mean = float(expected[7].mean())
        assert summary == pytest.approx({"mean": mean, "low": mean - half, "high": mean + half})


def test_patterns_of_pairs(page: Any) -> None:
    names = set()
    for a, b in ((3, 40), (7, 8), (11, 25), (0, 59), (30, 31), (16, 2)):
        choose(page, a, b)
        said = page.locator("#verdict").inner_text()
        for kind, label in (("latent", "Latent"), ("weights", "Weight")):
            name = classify(steps(page, kind), T, cap=CAP).name
            assert f"{label} line: {name}." in said
            names.add(name)
    assert len(names) >= 3


def test_the_rule_is_that_of_python(page: Any) -> None:
    rng = np.random.default_rng(5)
    inside = np.clip(T, 0, 1)
    drawn = []
    for _ in range(200):
        ends = rng.uniform(10, 110, 2)
        curve = ends[0] + inside * (ends[1] - ends[0])
        curve += rng.normal(0, rng.choice([5, 25])) * np.sin(np.pi * rng.integers(1, 3) * inside)
        noise = rng.normal(0, rng.choice([1, 10]), (61, 12)) + rng.normal(0, 10, 12)
        drawn.append(np.clip(curve[:, None] + noise, 1, CAP).round(3))
    expected = [classify(line, T, cap=CAP).name for line in drawn]
    text = json.dumps(np.array(drawn).tolist())
    assert page.evaluate("(text) => JSON.parse(text).map(classify)", text) == expected
    assert min(expected.count(name) for name in get_args(Name)) > 5


def test_four_carts_run_from_the_same_start(page: Any) -> None:
    for k, (t_inner, t_outer) in enumerate(((0.5, 1.5), (0.25, -0.6))):
        page.evaluate(f"start = {k}")
        for name, t in (("inner", t_inner), ("outer", t_outer)):
            page.locator(f"#{name}").evaluate(
                "(slider, t) => { slider.value = t; slider.dispatchEvent(new Event('input')); }", t
            )
        begun = page.evaluate("carts.map((cart) => Array.from(cart.state))")
        assert begun == [STARTS[k].tolist()] * 4
        page.evaluate("while (carts.some((cart) => !cart.end)) advance(); drawCarts()")
        z = parts().embeddings.astype(np.float64)
        kept = parts().weights.astype(np.float16).astype(np.float64)
        between = [decode(parts(), (1 - t) * z[3] + t * z[40]) for t in (t_inner, t_outer)]
        expected = rollout(np.stack([kept[3], kept[40], *between]))[:, k]
        assert page.evaluate("carts.map((cart) => cart.steps)") == expected.tolist()
        for words, count in zip(page.locator("#carts output").all(), expected, strict=True):
            said = words.inner_text()
            assert f"step {count}, " in said
            assert re.search("stands at the cap" if count == CAP else "fell|left the track", said)


def test_playing(page: Any) -> None:
    assert "play" in page.locator("#play").inner_text()
    pictures = [page.evaluate("carts.map((cart) => cart.canvas.toDataURL())")]
    page.select_option("#speed", "0.25")
    page.click("#play")
    page.wait_for_function("carts.some((cart) => cart.steps > 3)")
    page.click("#play")
    pictures.append(page.evaluate("carts.map((cart) => cart.canvas.toDataURL())"))
    assert all(before != after for before, after in zip(*pictures, strict=True))
    stopped = page.evaluate("carts.map((cart) => cart.steps)")
    page.wait_for_timeout(100)
    assert page.evaluate("carts.map((cart) => cart.steps)") == stopped
    page.select_option("#speed", "3")
    page.click("#another")
    assert page.evaluate("start") == 1
    page.wait_for_function("carts.every((cart) => cart.end)")
    # Playing on from the end starts anew.
    steps = "carts.map((cart) => cart.steps)"
    assert page.evaluate(f"play(false), play(true), play(false), {steps}") == [0, 0, 0, 0]


def test_the_keyboard_chooses(page: Any) -> None:
    page.locator("#map").focus()
    page.mouse.move(0, 0)
    page.evaluate("hover(-1)")
    for key in ("ArrowRight", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    first = page.evaluate("cursor")
    assert f"agent {first}" in page.locator("#hover").inner_text()
    page.keyboard.press("ArrowLeft")
    second = page.evaluate("cursor")
    assert second != first
    page.keyboard.press("Enter")
    assert page.evaluate("[pair.a, pair.b]") == [first, second]


def test_swapping_pairs_from_the_list_and_random_ones(page: Any) -> None:
    page.click("#swap")
    assert page.evaluate("[pair.a, pair.b]") == [40, 3]
    page.select_option("#preset", label="valley")
    assert page.evaluate("[pair.a, pair.b]") == [7, 8]
    page.click("#random")
    a, b = page.evaluate("[pair.a, pair.b]")
    assert a != b
    page.wait_for_function("curves.done")


def test_another_agent_than_there_is(page: Any) -> None:
    page.fill("#first", "60")
    page.click("text=go")
    assert "60 numbers from 0 to 59" in page.locator("#mistake").inner_text()
    assert page.evaluate("[pair.a, pair.b]") == [3, 40]
    choose(page, 3, 4)
    assert page.locator("#mistake").inner_text() == ""


def test_zooming_and_moving_the_map(page: Any) -> None:
    whole = page.evaluate("view")
    page.click("#nearer")
    near = page.evaluate("view")
    assert np.ptp(near["x"]) == pytest.approx(0.7 * np.ptp(whole["x"]))
    x, y = page.evaluate("spot(11)")
    box = page.locator("#map").bounding_box()
    page.mouse.move(box["x"] + x, box["y"] + y)
    page.mouse.wheel(0, -200)
    page.wait_for_function(f"view.x[1] - view.x[0] < {0.99 * np.ptp(near['x'])}")
    # What is under the pointer stays there.
    assert page.evaluate("spot(11)") == pytest.approx([x, y], abs=0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + x + 50, box["y"] + y + 30, steps=3)
    page.mouse.up()
    assert page.evaluate("spot(11)") == pytest.approx([x + 50, y + 30], abs=0.5)
    assert page.evaluate("[pair.a, pair.b, choosing]") == [3, 40, "a"]
    page.click("#reset")
    assert page.evaluate("view") == whole


def test_groups_can_be_left_out(page: Any) -> None:
    shown = page.evaluate("[...data.ids.keys()].filter(isShown).length")
    boxes = page.locator("#groups input")
    assert (shown, boxes.count()) == (AGENTS, 4)
    boxes.nth(0).uncheck()
    hidden = int((parts().group == 1).sum())
    assert page.evaluate("[...data.ids.keys()].filter(isShown).length") == AGENTS - hidden
    agent = int(np.flatnonzero(parts().group == 1)[0])
    assert page.evaluate(f"nearest(...spot({agent}), 1)") != agent
    boxes.nth(0).check()


def test_colours_say_survival(page: Any) -> None:
    spread = page.evaluate("[0, 30, 60, 90, 120].map(shade)")
    assert len(set(spread)) == 5
    agent = int(parts().survival.argmax())
    x, y = page.evaluate(f"pair = null; drawMap(); spot({agent})")
    pixel = colours(page, "map")[round(y), round(x)]
    shade = page.evaluate(f"shade(survival[{agent}])")
    assert pixel.tolist() == [int(channel) for channel in re.findall(r"\d+", shade)]


@pytest.mark.parametrize("d", [1, 2, 16])
def test_embeddings_of_any_size(pages: Any, d: int) -> None:
    page = pages(f"{d}", d)
    page.wait_for_function("curves?.done")
    found = np.array(page.evaluate("Array.from(points)")).reshape(-1, 2)
    made = parts(d)
    if d < 16:
        expected = made.embeddings if d == 2 else np.c_[made.embeddings, made.survival]
        assert found == pytest.approx(expected, rel=1e-6)
    else:
        centred = made.embeddings - made.embeddings.mean(axis=0)
        sizes = np.linalg.svd(centred, compute_uv=False)
        assert np.linalg.norm(found, axis=0) == pytest.approx(sizes[:2], rel=1e-5)
        assert abs(found[:, 0] @ found[:, 1]) < 1e-3
        assert (np.corrcoef(found.T, made.survival)[2, :2] > 0).all()
        assert f"{100 * sizes[0] ** 2 / (sizes**2).sum():.0f} % of variance" in page.evaluate(
            "data.axes[0]"
        )


def test_fewer_agents_are_spread_over_survival(pages: Any) -> None:
    title = "<img src=x onerror=alert(1)> @DATA@ </script>"
    page = pages("few", max_agents=10, title=title)
    assert page.locator("h1").inner_text() == title
    assert page.locator("#about").inner_text() == parts().caption
    ids = page.evaluate("data.ids")
    order = parts().survival.argsort(kind="stable")
    # The worst, the best, and those of the pairs.
    assert {3, 40, 7, 8, int(order[0]), int(order[-1])} <= set(ids)
    assert len(ids) <= 14
    assert page.evaluate("[data.ids[pair.a], data.ids[pair.b]]") == [3, 40]


def test_a_full_page_is_small(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    network = cartpole.MLP()
    n, d, p = 3000, 16, network.parameters
    widths = (d, 128, 160, p)  # 57 thousand numbers
    made: dict[str, Any] = {
        "embeddings": rng.normal(size=(n, d)),
        "survival": rng.uniform(1, 200, n),
        "group": rng.integers(1, 5, n),
        "weights": rng.normal(size=(n, p)),
        "decoder": [
            DenseLayer(rng.normal(size=(i, o)), rng.normal(size=o), "silu")
            for i, o in itertools.pairwise(widths)
        ],
        "scale": np.ones(p),
        "shift": np.zeros(p),
        "architecture": network,
        "pairs": {},
        "starts": cartpole.starts(100, seed=0),
    }
    agents_page(tmp_path / "a.html", dataclasses.replace(parts(), **made))
    assert (tmp_path / "a.html").stat().st_size < 1_500_000


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"embeddings": np.zeros(5)}, ShapeError, "`embeddings` must have two dimensions"),
        ({"embeddings": np.zeros((1, 3))}, ShapeError, "must hold at least 2 agents, got shape"),
        ({"survival": np.zeros(5)}, ShapeError, "`survival` must have shape (60,), got (5,)"),
        ({"survival": np.full(60, np.nan)}, ArgumentError, "`survival` must be finite"),
        ({"weights": np.zeros((60, 5))}, ShapeError, "`weights` must have shape (60, 44)"),
        ({"weights": np.full((60, 44), 7e4)}, ArgumentError, "`weights` must be at most 65504"),
        ({"group": np.zeros(60, int)}, ArgumentError, "`group` must hold 60 numbers from 1 to 4"),
        ({"starts": np.zeros((0, 4))}, ShapeError, "of shape (episodes, 4), got (0, 4)"),
        ({"starts": np.zeros((2, 3))}, ShapeError, "of shape (episodes, 4), got (2, 3)"),
        ({"decoder": []}, ShapeError, "`decoder` must lead from 3 to 44 numbers"),
        ({"cap": 0}, ArgumentError, "`cap` must be between 1 and"),
        ({"pairs": {"a": (0, 60)}}, ArgumentError, "`pairs['a']` must be between 0 and 59"),
        ({"architecture": cartpole.DC()}, ArgumentError, "must be a cartpole.MLP, got DC"),
        (
            {"physics": cartpole.Physics(observation_noise=0.1)},
            ArgumentError,
            "`physics` must be without observation noise",
        ),
    ],
)
def test_mistakes(changes: dict[str, Any], error: type[EigenwellError], sentence: str) -> None:
    with pytest.raises(error, match=re.escape(sentence)):
        dataclasses.replace(parts(), **changes)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((np.zeros(3), np.zeros(3), "relu"), "`weight` must have shape (in, out), got (3,)"),
        ((np.zeros((2, 3)), np.zeros(2), "relu"), "`bias` must have shape (3,), got (2,)"),
        ((np.zeros((2, 3)), np.full(3, np.inf), "relu"), "`bias` must be finite in float32"),
        ((np.zeros((2, 3)), np.zeros(3), "sine"), "`activation` must be one of identity, tanh,"),
    ],
)
def test_layers_that_are_none(arguments: Any, sentence: str) -> None:
    with pytest.raises(EigenwellError, match=re.escape(sentence)):
        DenseLayer(*arguments)


def test_files_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="cannot be written"):
        agents_page(tmp_path / "absent" / "a.html", parts())
    with pytest.raises(ArgumentError, match="`max_agents` must be between 2 and"):
        agents_page(tmp_path / "a.html", parts(), max_agents=1)
    assert list(tmp_path.iterdir()) == []
