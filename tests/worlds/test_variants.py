"""Worlds are bijections: their inverses undo them, and labels go where the pixels go."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eigenwell.errors import ArgumentError, DTypeError, EigenwellError, ShapeError
from eigenwell.worlds import variants

NAMES = (*variants.ARTICLE, "r", "r30", "r200", "p7", "t+c", "r+h+c", "m+p3")
RNG = np.random.default_rng(0)
FRAMES = RNG.integers(0, 2, (3, 64, 64), dtype=np.uint8)
POINTS = RNG.uniform(0, 63, (50, 2)).astype(np.float32)


@pytest.mark.parametrize("name", NAMES)
def test_the_inverse_undoes_frames_to_the_bit(name: str) -> None:
    world = variants.parse(name)
    shown = world.frames(FRAMES)
    assert shown.dtype == FRAMES.dtype
    assert np.array_equal(world.inverse.frames(shown), FRAMES)
    assert np.array_equal(world.frames(world.inverse.frames(FRAMES)), FRAMES)
    assert (name == "o") == np.array_equal(shown, FRAMES)
    grey = RNG.random((2, 64, 64), np.float32)
    # Inverting colours twice rounds 1 - (1 - x) in float32.
    assert np.abs(world.inverse.frames(world.frames(grey)) - grey).max() <= 6e-8
    assert np.array_equal(world.frames(FRAMES > 0), world.frames(FRAMES) > 0)


@pytest.mark.parametrize("name", NAMES)
def test_labels_go_where_the_pixel_goes(name: str) -> None:
    world = variants.parse(name)
    pixels = np.stack(np.divmod(RNG.permutation(4096)[:40], 64), axis=1)
    frames = np.zeros((40, 64, 64), np.uint8)
    frames[np.arange(40), pixels[:, 0], pixels[:, 1]] = 1
    shown = world.frames(frames)
    dark = shown.sum(axis=(1, 2)) == 4095
    lit = np.where(dark[:, None, None], 1 - shown, shown)
    found = np.argwhere(lit)[:, 1:]
    assert np.array_equal(world.labels(pixels.astype(np.float32)), found)


@pytest.mark.parametrize("name", NAMES)
def test_the_inverse_undoes_labels(name: str) -> None:
    world = variants.parse(name)
    # Coordinates of 64 are rounded to 4e-6 in float32, a few times over.
    assert np.abs(world.inverse.labels(world.labels(POINTS)) - POINTS).max() < 5e-5
    missing = world.labels(np.full((2, 3, 2), np.nan, np.float32))
    assert np.isnan(missing).all()


def test_worlds_look_as_the_article_says() -> None:
    frame = FRAMES[0]
    halves = {
        "t": frame.T,
        "h": np.hstack([frame[:, 32:], frame[:, :32]]),
        "v": np.vstack([frame[32:], frame[:32]]),
        "c": 1 - frame,
        "m": frame[:, ::-1],
        "r": np.rot90(frame),
        "t+m": np.rot90(frame, -1),
    }
    for name, expected in halves.items():
        assert np.array_equal(variants.parse(name).frames(frame), expected), name


def test_three_shears_turn() -> None:
    rows, columns = np.mgrid[:64, :64] - 31.5
    disc = (np.hypot(rows, columns) < 28).astype(np.uint8)
    bar = disc * (np.abs(rows) < 3)
    for degrees in (30, 45, 100, 271):
        angle = np.deg2rad(degrees)
        # Rows go down, so anticlockwise as one looks at it.
        turned = disc * (np.abs(np.cos(angle) * rows + np.sin(angle) * columns) < 3)
        shown = variants.parse(f"r{degrees}").frames(bar)
        overlap = (shown & turned).sum() / (shown | turned).sum()
        assert overlap > 0.75, degrees


def test_other_sizes_turn_too() -> None:
    frame = RNG.integers(0, 2, (80, 80), dtype=np.uint8)
    for name in NAMES:
        world = variants.parse(name)
        assert np.array_equal(world.inverse.frames(world.frames(frame)), frame)


def test_the_inverse_has_a_name() -> None:
    world = variants.parse("t+c")
    assert world.inverse.name == "t+c^-1"
    assert world.inverse.inverse == world


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: variants.parse("x"), ArgumentError, "`variant` must be one of o, t, h, v, c, m"),
        (lambda: variants.parse(""), ArgumentError, "`variant` must be one of"),
        (lambda: variants.parse("m+"), ArgumentError, "`variant` must be one of"),
        (lambda: variants.parse("p"), ArgumentError, "`variant` must be one of"),
        (lambda: variants.parse(3), DTypeError, "`variant` must be a name, got int"),
        (
            lambda: variants.parse("m").frames(np.zeros((4, 6))),
            ShapeError,
            "`frames` must have shape",
        ),
        (lambda: variants.parse("h").frames(np.zeros((5, 5))), ShapeError, "even size"),
        (lambda: variants.parse("h").frames(np.array("a")), DTypeError, "must hold numbers"),
        (lambda: variants.parse("h").labels(np.zeros(3)), ShapeError, "`points` must have shape"),
    ],
)
def test_mistakes(call: Any, error: type[EigenwellError], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        call()
