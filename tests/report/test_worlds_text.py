"""Pictures of worlds for a terminal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eigenwell.errors import ShapeError
from eigenwell.report._worlds_text import cross_decoding_lines


def frame(*places: tuple[int, int], light: bool = True) -> Any:
    shown = np.full((1, 64, 64), 0.1 if light else 0.9, np.float32)
    for row, column in places:
        shown[0, row : row + 2, column : column + 2] = 0.8 if light else 0.2
    return shown


def rows(light: bool = True) -> list[tuple[str, Any]]:
    """Two moments, the second with a ball, in the upper left corner and in places of their own."""
    empty = frame(light=light)
    balls = {"o: true": (0, 0), "o: own": (5, 5), "o from m": (62, 62), "o: predicted": (9, 9)}
    return [(name, np.concatenate([empty, frame(at, light=light)])) for name, at in balls.items()]


def test_every_pixel_is_a_dot() -> None:
    lines = cross_decoding_lines(rows(), 120)
    assert lines[0] == f"{'o: true':34}{'o: own':34}o from m"
    assert len(lines) == 17
    assert {len(line) for line in lines[1:]} == {100}
    assert lines[1][0] == "⠛"
    assert lines[2][36:38] == "⠰⠆"
    assert lines[16][-1] == "⣤"
    assert sum(character not in " ⠀" for line in lines[1:] for character in line) == 4


def test_what_is_light_is_dark_in_an_inverted_world() -> None:
    lines = cross_decoding_lines(rows(light=False), 120)
    assert (lines[1][0], lines[1][1], lines[16][-1]) == ("⣤", "⣿", "⠛")


@pytest.mark.parametrize(("width", "across"), [(97, 3), (80, 3), (40, 2), (10, 1)])
def test_narrow_terminals(width: int, across: int) -> None:
    lines = cross_decoding_lines(rows(), width)
    assert len(lines) == 9 * -(-3 // across)
    assert max(map(len, lines)) <= max(width, 16)
    assert lines[1][0] == "⠁"  # two by two pixels are one dot
    if across > 1:
        assert lines[1][18:21] == "⠀⣤⠀"  # also where they are part of four


def test_mistakes() -> None:
    with pytest.raises(ShapeError, match=r"\(columns, 64, 64\)"):
        cross_decoding_lines([("o: true", np.zeros((64, 64), np.float32))], 80)
