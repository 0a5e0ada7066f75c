"""The page of gravity wells, in a headless Chromium: its numbers are Python's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.helpers.browser import chromium, opened

from eigenwell import wells
from eigenwell.report._wells_explorer import write_well_explorer
from eigenwell.wells._map import best_certificate, escape_map

RATE, STEPS = 0.4, 300
# Of the best action, the second best and the worst.
STARTS = np.array(
    [
        (0.01, 0.05, 0.94),
        (0.05, 0.01, 0.94),
        (0.09, 0.455, 0.455),
        (0.02, 0.9, 0.08),
        (0.9, 0.05, 0.05),
    ]
)


@pytest.fixture(scope="module")
def context() -> Iterator[Any]:
    with chromium() as browser:
        yield browser.new_context(offline=True, viewport={"width": 900, "height": 700})


@pytest.fixture(scope="module")
def pages(context: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    complaints: list[str] = []
    known: dict[tuple[float, ...], Any] = {}

    def of(*rewards: float) -> Any:
        if rewards not in known:
            path = tmp_path_factory.mktemp("page") / "wells.html"
            bandit = wells.Bandit(rewards)
            write_well_explorer(
                escape_map(bandit, learning_rate=RATE, steps=STEPS, resolution=8), path
            )
            known[rewards] = opened(context, path, complaints)
        return known[rewards]

    yield of
    assert complaints == []


def table(page: Any) -> list[float]:
    """Return escape time, certificate, lowest probability and its time as the page prints them."""
    cells = [page.locator(f"#{name}").inner_text() for name in ("escape", "certificate", "lowest")]
    lowest = re.fullmatch(r"(\S+) at t = (\S+)", cells[2])
    assert lowest is not None
    return [float(text.replace(",", "")) for text in (*cells[:2], *lowest.groups())]


def expected(rewards: tuple[float, ...], starts: Any) -> Any:
    bandit = wells.Bandit(rewards)
    run = wells.softmax_pg(bandit, starts, learning_rate=RATE, steps=7500, record=7500)
    sunk = wells.sinking(run)
    bounds = best_certificate(bandit, starts, learning_rate=RATE)
    return np.stack([wells.escape_time(run), bounds, sunk.probability, sunk.time], axis=1)


def close_to(numbers: Any) -> Any:
    # Exponentials and logarithms of a browser may differ in the last bit: a time of a run by one.
    # The lowest probability is printed to three digits: half of the last one.
    escape, bound, lowest, when = (float(number) for number in numbers)
    return [
        pytest.approx(escape, abs=1),
        bound,
        pytest.approx(lowest, rel=5e-3),
        pytest.approx(when, abs=1),
    ]


def type_start(page: Any, text: str) -> None:
    page.fill("#start", text)
    page.press("#start", "Enter")


@pytest.mark.parametrize("rewards", [(1.0, 0.9, 0.1), (0.1, 1.0, 0.9), (0.5, 0.5, 1.0)])
def test_the_numbers_are_those_of_python(pages: Any, rewards: tuple[float, ...]) -> None:
    page = pages(*rewards)
    starts = np.empty_like(STARTS)
    starts[:, np.argsort(-np.array(rewards), kind="stable")] = STARTS
    for start, numbers in zip(starts, expected(rewards, starts), strict=True):
        type_start(page, " ".join(map(str, start)))
        assert page.locator("#mistake").inner_text() == ""
        assert table(page) == close_to(numbers)


def test_the_trail_is_the_trajectory(pages: Any) -> None:
    page = pages(1.0, 0.9, 0.1)
    type_start(page, "0.05, 0.01, 0.94")
    trail = np.array(page.evaluate("shown.trail"))
    run = wells.softmax_pg(
        wells.Bandit([1, 0.9, 0.1]), [0.05, 0.01, 0.94], learning_rate=RATE, steps=2000
    )
    apart = np.abs(trail[:, None] - run.policies[None]).max(axis=-1)
    assert apart.min(axis=1).max() < 1e-9
    # And nothing of it is left out: neither a leap of the trail nor its end in the optimum.
    assert np.abs(np.diff(trail, axis=0)).max() < 0.05
    assert trail[-1, 0] > 0.99


def test_a_click_runs_from_there(pages: Any) -> None:
    page = pages(1.0, 0.9, 0.1)
    before = page.evaluate("at('simplex').toDataURL()")
    x, y = page.evaluate("place([0.2, 0.3, 0.5])")
    page.locator("#simplex").click(position={"x": x, "y": y})
    start = [float(word) for word in page.input_value("#start").split()]
    # A pixel is some 0.002 of an edge.
    assert start == pytest.approx([0.2, 0.3, 0.5], abs=0.01)
    shown = np.array(page.evaluate("shown.start"))
    assert table(page) == close_to(expected((1.0, 0.9, 0.1), shown[None])[0])
    assert page.evaluate("at('simplex').toDataURL()") != before
    # Outside of the simplex there is nothing to start from.
    page.locator("#simplex").click(position={"x": 3, "y": 3})
    assert [float(word) for word in page.input_value("#start").split()] == start


def test_the_colours_follow_the_choice(pages: Any) -> None:
    page = pages(1.0, 0.9, 0.1)
    pictures = set()
    for what in ("times", "certificates", "ratio"):
        page.select_option("#what", what)
        pictures.add(page.evaluate("at('simplex').toDataURL()"))
    assert len(pictures) == 3
    page.select_option("#what", "times")
    # The colour of the triangle under the middle of the bottom edge: no escape in so few steps.
    x, y = page.evaluate(
        "place(well.cells.map((c, i) => i).filter((i) => well.times[i] < 0)"
        ".map((i) => [0, 1, 2].map((a) => well.cells[i].reduce((s, v) => s + "
        "well.vertices[v][a] / 3, 0)))[0])"
    )
    pixel = page.evaluate(
        "([x, y]) => { const c = at('simplex'), k = c.width / c.getBoundingClientRect().width;"
        " return Array.from(c.getContext('2d').getImageData(x * k, y * k, 1, 1).data); }",
        [x, y],
    )
    assert pixel == [0xD1, 0x49, 0x5B, 255]


@pytest.mark.parametrize("text", ["", "0.5 0.5", "0.5 0.4 0.2", "0 0.5 0.5", "a b c"])
def test_a_start_off_the_simplex(pages: Any, text: str) -> None:
    page = pages(1.0, 0.9, 0.1)
    before = page.evaluate("shown.start")
    type_start(page, text)
    assert "must be 3 probabilities above 0" in page.locator("#mistake").inner_text()
    assert page.evaluate("shown.start") == before


def test_the_page_is_small(tmp_path: Path) -> None:
    bandit = wells.Bandit([1, 0.9, 0.1])
    path = tmp_path / "wells.html"
    write_well_explorer(escape_map(bandit, learning_rate=RATE, steps=2, resolution=40), path)
    assert path.stat().st_size < 100_000
    assert "@DATA@" not in path.read_text("utf-8")
