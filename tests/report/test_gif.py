"""Animated pictures: what was put in comes out, small, whole or not at all."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eigenwell.errors import ArgumentError, BackendUnavailableError, ShapeError
from eigenwell.report import GifRecorder

RED, BLUE = (255, 0, 0), (0, 0, 255)


def picture(colour: tuple[int, int, int], height: int = 40, width: int = 60) -> Any:
    return np.full((height, width, 3), colour, dtype=np.uint8)


def decoded(recorder: GifRecorder) -> tuple[list[Any], list[int]]:
    image = Image.open(io.BytesIO(recorder.encode()))
    frames, durations = [], []
    for index in range(getattr(image, "n_frames", 1)):
        image.seek(index)
        frames.append(np.asarray(image.convert("RGB")))
        durations.append(image.info["duration"])
    return frames, durations


def test_colours_order_and_durations() -> None:
    recorder = GifRecorder()
    for colour, seconds in ((RED, 0.04), (BLUE, 0.066), (RED, 0.001)):
        recorder.add(picture(colour), seconds)
    frames, durations = decoded(recorder)
    assert len(recorder) == 3
    assert [tuple(frame[20, 30]) for frame in frames] == [RED, BLUE, RED]
    assert durations == [40, 70, 20]
    assert frames[0].shape == (40, 60, 3)


def test_large_frames_shrink_and_keep_their_aspect() -> None:
    recorder = GifRecorder(width=30)
    recorder.add(picture(RED, 40, 60), 0.04)
    recorder.add(picture(BLUE, 40, 60), 0.04)
    assert decoded(recorder)[0][0].shape == (20, 30, 3)


def test_it_repeats_for_ever() -> None:
    recorder = GifRecorder()
    recorder.add(picture(RED), 0.04)
    recorder.add(picture(BLUE), 0.04)
    assert Image.open(io.BytesIO(recorder.encode())).info["loop"] == 0


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 4), (0, 6, 3)])
def test_frames_that_are_no_pictures(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"`frame` must have shape \(height, width, 3\)"):
        GifRecorder().add(np.zeros(shape, np.uint8), 0.04)


def test_frames_of_different_sizes() -> None:
    recorder = GifRecorder()
    recorder.add(picture(RED), 0.04)
    with pytest.raises(ShapeError, match="as large as the first one"):
        recorder.add(picture(RED, 41), 0.04)


def test_saving(tmp_path: Path) -> None:
    recorder = GifRecorder()
    with pytest.raises(ArgumentError, match="at least one frame"):
        recorder.save(tmp_path / "none.gif")
    recorder.add(picture(RED), 0.04)
    assert recorder.save(tmp_path / "one.gif") == (tmp_path / "one.gif").stat().st_size
    with pytest.raises(ArgumentError, match="cannot be written"):
        recorder.save(tmp_path / "absent" / "one.gif")
    assert [file.name for file in tmp_path.iterdir()] == ["one.gif"]


def test_pillow_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(BackendUnavailableError, match=r'pip install "eigenwell\[walk\]"'):
        GifRecorder()
