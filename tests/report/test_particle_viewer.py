"""The page about particles, in a headless Chromium: it plays, slides, colours and hides."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.helpers import browser as browsers

from eigenwell import particles
from eigenwell.errors import ArgumentError, BackendUnavailableError
from eigenwell.report import write_particle_viewer

pytest.importorskip("plotly", reason="plotly is not installed")

# WebGL without a graphics card.
FLAGS = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")
RECORDS, POINTS = 60, 40


def flickering(dimension: int = 3, records: int = RECORDS, points: int = POINTS) -> Any:
    """Points that shrink to a fixed cloud and flip through the origin in every record."""
    cloud = np.random.default_rng(0).standard_normal((points, dimension))
    scale = 1 + 3 * np.exp(-np.arange(records))
    states = (scale * (-1.0) ** np.arange(records))[:, None, None] * cloud
    steps = 3 * np.arange(records)
    return particles.Trajectory(
        particles.sphere(points, dimension=dimension), steps, {"points": states}
    )


def three_species() -> Any:
    cloud = np.random.default_rng(1).standard_normal((3, 4, 10, 3)).astype(np.float32)
    names = ("electrons", "protons", "neutrons")
    system = particles.polymer(10)
    return particles.Trajectory(system, 10 * np.arange(4), dict(zip(names, cloud, strict=True)))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsers.chromium(*FLAGS) as chromium:
        yield chromium


class Book:
    """Pages opened as files, without a network; what they complain about is collected."""

    def __init__(self, browser: Any, folder: Path) -> None:
        self.complaints: list[str] = []
        self._context = browser.new_context(offline=True, viewport={"width": 700, "height": 600})
        self._folder = folder
        # Each draws by the processor alone: the ones that are not looked at are closed.
        self._open: dict[str, Any] = {}

    def open(self, name: str, trajectory: Any, **options: Any) -> Any:
        """Return the page of that name, at its first use that of this trajectory."""
        if name not in self._open:
            path = self._folder / f"{name}.html"
            write_particle_viewer(trajectory, path, **options)
            page = browsers.opened(self._context, path, self.complaints, chatty=True)
            page.wait_for_function("plot.data?.length > 0")
            self._open[name] = page
        return self._open[name]


@pytest.fixture(scope="module")
def book(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Book:
    return Book(browser, tmp_path_factory.mktemp("pages"))


@pytest.fixture
def opened(book: Book) -> Iterator[Any]:
    yield book.open
    assert book.complaints == []


@pytest.fixture
def page(opened: Any) -> Any:
    """The page of points that flicker, at its end."""
    page = opened("flickering", flickering())
    page.evaluate("pause()")
    for control, value in (("#box", "still"), ("#colour", "index"), ("#stride", "1")):
        page.select_option(control, value)
    slide(page, RECORDS - 1)
    return page


def drawn(page: Any, trace: int = 0) -> Any:
    """What stands in the plot: the points ``(n, 3)`` that Plotly has been given."""
    return np.array(
        page.evaluate("(k) => ['x', 'y', 'z'].map((axis) => Array.from(plot.data[k][axis]))", trace)
    ).T


def slide(page: Any, record: int) -> None:
    page.locator("#record").evaluate(
        "(slider, to) => { slider.value = to; slider.dispatchEvent(new Event('input')); }", record
    )


def test_the_slider_moves_the_points(page: Any) -> None:
    states = flickering().positions["points"]
    # It opens at the end; float32 is what the page holds.
    assert drawn(page) == pytest.approx(states[-1], rel=1e-6)
    for record in (0, 4, 5):
        slide(page, record)
        assert drawn(page) == pytest.approx(states[record], rel=1e-6)
        assert (
            page.locator("#step").inner_text() == f"step {3 * record} · record {record + 1} of 60"
        )


def test_the_axes_stand_still_and_are_to_scale(page: Any) -> None:
    ranges = "['xaxis', 'yaxis', 'zaxis'].map((axis) => plot._fullLayout.scene[axis].range)"
    end = np.array(page.evaluate(ranges))
    slide(page, 0)
    assert np.array_equal(page.evaluate(ranges), end)
    assert np.ptp(end, axis=1) == pytest.approx(np.ptp(end[0]))
    assert page.evaluate("plot._fullLayout.scene.aspectmode") == "cube"
    page.select_option("#box", "whole")
    everything = np.abs(page.evaluate(ranges)).max()
    assert everything >= np.abs(drawn(page)).max()


def test_the_moving_box_takes_the_drift_out(opened: Any) -> None:
    trajectory = flickering()
    drift = np.linspace(0, 90, RECORDS)[:, None, None]
    states = np.abs(trajectory.positions["points"][:1]) + drift
    moving = particles.Trajectory(trajectory.system, trajectory.steps, {"points": states})
    page = opened("moving", moving, box="moving")
    slide(page, 5)
    assert np.abs(np.median(drawn(page), axis=0)).max() < 1


def test_playing(page: Any) -> None:
    slide(page, 0)
    page.select_option("#rate", "6")  # slow: sixty records last longer than a busy machine takes
    page.click("#play")
    page.wait_for_function("record > 2 && timer !== null")
    assert "pause" in page.locator("#play").inner_text()
    page.click("#play")
    stopped = page.evaluate("record")
    page.wait_for_timeout(150)
    assert page.evaluate("record") == stopped < RECORDS - 1
    slide(page, RECORDS - 8)
    page.select_option("#rate", "30")
    page.select_option("#stride", "2")
    page.click("#play")
    page.wait_for_function("timer === null")
    # Every second record, so that the flicker stands still.
    assert page.evaluate("record") == RECORDS - 2


def test_arrow_keys(page: Any) -> None:
    page.locator("#play").focus()
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("record") == RECORDS - 2
    slide(page, 0)
    # Once, by the button itself, and once by the page.
    page.keyboard.press(" ")
    assert page.evaluate("timer !== null")
    page.locator("#play").blur()
    page.keyboard.press(" ")
    assert page.evaluate("timer === null")


def test_colours_and_species(opened: Any) -> None:
    page = opened("species", three_species(), hidden=("electrons",))
    colour = "typeof plot.data[2].marker.color === 'string' ? plot.data[2].marker.color"
    colour += " : Array.from(plot.data[2].marker.color)"
    assert page.evaluate(colour) == list(range(10))
    page.select_option("#colour", "species")
    assert re.fullmatch("#[0-9a-f]{6}", page.evaluate(colour))
    page.select_option("#colour", "speed")
    slide(page, 3)
    states = three_species().positions["neutrons"]
    speeds = np.linalg.norm(states[3] - states[2], axis=1) / 10
    assert page.evaluate(colour) == pytest.approx(np.log10(speeds), abs=1e-5)

    visible = "plot._fullData.map((trace) => trace.visible)"
    assert page.evaluate(visible) == [False, True, True]
    toggles = page.locator("#species input")
    toggles.nth(2).uncheck()
    toggles.nth(0).check()
    assert page.evaluate(visible) == [True, True, False]
    slide(page, 1)
    assert page.evaluate(visible) == [True, True, False]


@pytest.mark.parametrize("dimension", [1, 2, 3, 5])
def test_there_is_something_to_see(opened: Any, dimension: int) -> None:
    page = opened("flickering" if dimension == 3 else f"{dimension}", flickering(dimension))
    box = page.locator("#plot").bounding_box()
    # The middle of the plot, without titles, tick labels and the colour bar.
    middle = {
        "x": box["x"] + box["width"] * 0.25,
        "y": box["y"] + box["height"] * 0.2,
        "width": box["width"] * 0.45,
        "height": box["height"] * 0.5,
    }
    for scheme, ground in (("light", 255), ("dark", 20)):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(200)
        image = Image.open(io.BytesIO(page.screenshot(clip=middle))).convert("HSV")
        hue, saturation, value = np.moveaxis(np.asarray(image), 2, 0).astype(int)
        assert np.median(value) == pytest.approx(ground, abs=15)
        # Forty dots of some pixels each, of many colours; all the rest is grey or nearly so.
        dots = (saturation > 120) & (value > 60)
        assert 0.001 < dots.mean() < 0.5
        assert len(np.unique(hue[dots] // 32)) >= 4
    note = page.locator("header").inner_text()
    assert ("principal axes of the last record" in note) == (dimension == 5)
    assert "3 steps apart, an odd number" in note


def test_what_is_left_out_is_said_and_a_title_is_text(opened: Any) -> None:
    title = "<img src=x onerror=alert(1)> @DATA@ </script>"
    trajectory = flickering(records=101, points=50)
    page = opened("part", trajectory, title=title, max_points=20, max_records=10)
    assert page.locator("h1").inner_text() == title
    header = page.locator("header").inner_text()
    assert "20 of 50 points" in header
    shown = page.evaluate("run.steps")
    assert len(shown) <= 10
    assert f"{len(shown)} of 101 records" in header
    # From the start to the end, an odd number of records apart: what flickers still does.
    assert (shown[0], shown[-1]) == (0, 300)
    assert set(np.diff(shown[1:])) == {39}
    indices = page.evaluate("run.species[0].indices")
    assert indices[0] == 0
    assert indices[-1] == 49
    assert set(np.diff(indices)) == {2, 3}


def test_a_lone_record_and_points_that_are_not_finite(opened: Any) -> None:
    trajectory = flickering(records=1)
    trajectory.positions["points"][0, 0, 0] = np.nan
    trajectory.positions["points"][0, 1, 0] = np.inf
    page = opened("lone", trajectory)
    assert page.evaluate("run.steps") == [0]
    outside = page.locator("#outside").inner_text()
    assert int(outside.split()[0]) >= 2


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"max_points": 0}, "`max_points` must be between 1 and"),
        ({"max_records": 1}, "`max_records` must be between 2 and"),
        ({"colour": "taste"}, "`colour` must be one of index, species, speed, got 'taste'"),
        ({"box": "black"}, "`box` must be one of still, moving, fitting, whole, got 'black'"),
        ({"hidden": ("quarks",)}, "`hidden` must be some of points, got 'quarks'"),
    ],
)
def test_mistakes(tmp_path: Path, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(sentence)):
        write_particle_viewer(flickering(), tmp_path / "a.html", **options)
    assert list(tmp_path.iterdir()) == []


def test_files_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="cannot be written"):
        write_particle_viewer(flickering(), tmp_path / "absent" / "a.html")


def test_no_records(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="`trajectory` must have at least one record"):
        write_particle_viewer(flickering(records=0), tmp_path / "a.html")


def test_plotly_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(BackendUnavailableError, match=r'pip install "eigenwell\[report\]"'):
        write_particle_viewer(flickering(), tmp_path / "a.html")
