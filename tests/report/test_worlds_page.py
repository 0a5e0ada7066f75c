"""The page of two worlds, in a headless Chromium: what it shows and what its reader does."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.helpers.worlds_page import (
    NAMES,
    ask,
    begun,
    chromium,
    decoded,
    encoded,
    light,
    made,
    of_page,
    opened_in,
    predicted,
)

from eigenwell.errors import ArgumentError
from eigenwell.report._worlds_page import write_worlds_page
from eigenwell.worlds import variants
from eigenwell.worlds.torch._networks import networks

context = pytest.fixture(scope="module")(chromium)
pages = pytest.fixture(scope="module")(opened_in)
page = pytest.fixture(begun)


def test_what_is_shown_is_what_the_model_makes(page: Any) -> None:
    trained, actions = made(), np.random.default_rng(1).integers(6, size=12).tolist()
    pictures = ask(
        page,
        """(actions) => actions.map((action) => {
          advance(action);
          return Array.from(game.draw());
        })""",
        actions,
    )
    page.evaluate("show()")
    frames = np.array(pictures, np.float32).reshape(-1, 64, 64)
    for side in (0, 1):
        shown = variants.parse(NAMES[side]).frames(frames)
        latents = encoded(trained, side, shown)
        # The memory read the eight frames before the last one, each with what was done then.
        said = predicted(trained, latents[-9:-1], actions[-8:])
        expected = {
            "drawn": shown[-1].ravel(),
            "own": light(decoded(trained, side, latents[-1:])[0]),
            "crossed": light(decoded(trained, 1 - side, latents[-1:])[0]),
            "predicted": light(decoded(trained, side, said[None])[0]),
        }
        for name, picture in expected.items():
            grey = of_page(page, f"sides[{side}].{name}.pen.getImageData(0, 0, 64, 64).data")
            assert grey.reshape(-1, 4)[:, 0] / 255 == pytest.approx(picture, abs=0.005)


def test_keys_and_buttons_move_the_paddle(page: Any) -> None:
    def moved() -> float:
        before = page.evaluate("game.player = 30")
        page.evaluate("advance(act())")
        return float(page.evaluate("game.player") - before)

    for key, by in (("ArrowUp", -2.5), ("w", -2.5), ("ArrowDown", 2.5), ("S", 2.5)):
        page.keyboard.down(key)
        assert moved() == by
        page.keyboard.up(key)
        assert moved() == 0
    for name, by in (("up", -2.5), ("down", 2.5)):
        page.locator(f"#{name}").hover()
        page.mouse.down()
        assert moved() == by
        page.mouse.up()
        assert moved() == 0
        page.locator(f"#{name}").focus()
        page.keyboard.down("Enter")
        assert moved() == by
        page.keyboard.up("Enter")
        assert moved() == 0
    page.evaluate("game.pause = 8; show()")
    assert "(you)" in page.locator("#score").inner_text()
    page.keyboard.press("f")
    page.evaluate("advance(act())")
    assert page.evaluate("game.inPlay")
    # In a list of choices keys choose.
    page.locator("#speed").focus()
    page.keyboard.press("ArrowUp")
    assert page.input_value("#speed") == "8"
    assert page.evaluate("held.size") == 0


def test_who_rests_is_relieved(page: Any) -> None:
    page.keyboard.press("ArrowUp")
    page.evaluate("for (let k = 0; k < PATIENCE; k++) act()")
    assert page.evaluate("mine") is True
    page.evaluate("act()")
    assert page.evaluate("mine") is False
    page.keyboard.press("ArrowUp")
    page.click("#release")
    assert page.evaluate("mine") is False
    assert page.locator("#release").is_disabled()


def test_playing_pausing_and_stepping(page: Any) -> None:
    page.evaluate(
        """window.steps = 0;
        game.step = (action) => { steps++; return Pong.prototype.step.call(game, action); };"""
    )
    page.select_option("#speed", "30")
    page.locator("h1").click()
    page.keyboard.press(" ")
    page.wait_for_function("steps > 3")
    assert "pause" in page.locator("#play").inner_text()
    page.click("#play")
    stopped = page.evaluate("steps")
    page.wait_for_timeout(100)
    assert page.evaluate("steps") == stopped
    page.click("#step")
    page.keyboard.press(".")
    assert page.evaluate("steps") == stopped + 2
    assert re.fullmatch(r"\d+\.\d ms a frame for .*", page.locator("#pace").inner_text())


def test_through_the_other_worlds_eyes_alone(page: Any) -> None:
    visible = """PICTURES.flatMap((name) => sides.map((side) =>
        side[name].canvas.offsetParent ? name : ""))"""
    assert page.evaluate(f"{visible}.filter(Boolean).length") == 8
    for side in ("0", "1"):
        page.select_option("#eyes", side)
        assert page.evaluate(visible).count("crossed") == 1
        assert set(page.evaluate(visible)) == {"crossed", ""}
        assert page.evaluate(f"sides[{side}].crossed.canvas.clientWidth") > 400
        # Arrows go to the game at once.
        page.keyboard.down("ArrowDown")
        assert page.evaluate("[...held]") == ["down"]
        page.keyboard.up("ArrowDown")
        assert page.input_value("#eyes") == side
    labels = page.locator("#eyes option").all_inner_texts()
    assert labels == ["both worlds", "only o through t+c's eyes", "only t+c through o's eyes"]


def test_other_worlds_are_chosen(page: Any) -> None:
    page.evaluate("for (let k = 0; k < 30; k++) advance(0)")
    assert page.evaluate("sides[0].balls") > 0
    page.get_by_label("world on the right").select_option(label="r30")
    assert page.evaluate("sides.map((side) => side.world.name)") == ["o", "r30"]
    assert page.evaluate("sides[0].balls") == 0
    assert "o → r30" in page.locator("#left").inner_text()
    page.get_by_label("world on the left").select_option(label="r30")
    assert page.evaluate("sides.map((side) => side.world.name)") == ["r30", "o"]
    assert page.evaluate("document.activeElement.ariaLabel") == "world on the left"


def test_what_is_said(page: Any) -> None:
    assert page.locator("h1").inner_text() == "<img src=x onerror=alert(1)> @DATA@ </script>"
    assert page.locator("#model").inner_text() == "Made <b>for</b> this."
    page.evaluate("document.querySelector('details').open = true")
    said = page.locator("#mirror tr").nth(1).locator("td").all_inner_texts()
    expected = ["o, <b>", "90.0%", "99.0%", "1.10", "3.00", "0.50", "0.25", "40.0%", "97.0%"]
    assert said == [*expected, "decoding, ball"]
    page.evaluate("game.pause = 0; game.row = 30; game.column = 31; look(); show()")
    assert re.search("ball .* px off|ball not seen", page.locator("#left").inner_text())
    page.evaluate("game.pause = 5; look(); show()")
    assert "no ball in the field" in page.locator("#left").inner_text()


def test_mistakes(tmp_path: Path) -> None:
    whole = networks(made())
    one = dataclasses.replace(whole, variants=("o",))
    with pytest.raises(ArgumentError, match="`networks` must be of at least two worlds"):
        write_worlds_page(tmp_path / "a.html", one)
    large = dataclasses.replace(whole.encoders[0][0], bias=np.array([1e5]))
    broken = dataclasses.replace(whole, encoders=((large,), *whole.encoders[1:]))
    with pytest.raises(ArgumentError, match="finite weights up to 65504"):
        write_worlds_page(tmp_path / "a.html", broken)
    with pytest.raises(ArgumentError, match="cannot be written"):
        write_worlds_page(tmp_path / "absent" / "a.html", whole)
    assert list(tmp_path.iterdir()) == []
