"""What a reader does on the page of agents: choosing, playing, zooming."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from tests.helpers.agents_page import (
    AGENTS,
    CAP,
    STARTS,
    agree,
    choose,
    colours,
    count_colour,
    decode,
    lines,
    parts,
    rollout,
    steps,
)


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
