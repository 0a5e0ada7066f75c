"""Atari's Pong: the article's preprocessing to the pixel, and labels that fit the picture."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from eigenwell.errors import BackendUnavailableError, ShapeError
from eigenwell.worlds import _policies, atari, collect, load, mirror

RNG = np.random.default_rng(0)


def test_frames_are_resized_as_opencv_does_by_area() -> None:
    cv2 = pytest.importorskip("cv2")
    frames = RNG.random((20, 80, 80)) < 0.3
    for frame, ours in zip(frames, atari.resize(frames), strict=True):
        theirs = cv2.resize(frame.astype(np.uint8) * 255, (64, 64), interpolation=cv2.INTER_AREA)
        assert np.array_equal(ours, theirs / np.float32(255))


def test_grey_edges() -> None:
    frame = np.zeros((80, 80), bool)
    frame[:2, :5] = True  # 1.6 x 4 of the new pixels
    small = atari.resize(frame)
    assert np.array_equal(small[:3, :5], np.outer([1, 153 / 255, 0], [1, 1, 1, 1, 0]).astype("f4"))
    assert small[3:].max() == small[:, 5:].max() == 0


def test_the_grey_ball_is_found_wherever_it_is() -> None:
    rows, columns = (index.ravel() for index in np.mgrid[0:79, 13:66])
    balls = np.zeros((len(rows), 80, 80), bool)
    every = np.arange(len(rows))
    balls[every, rows, columns] = balls[every, rows + 1, columns] = True
    small = atari.resize(balls)
    labels = np.full((len(rows), 3, 2), 30, np.float32)
    labels[:, 2] = (np.stack([rows + 1, columns + 0.5], 1)) * 0.8 - 0.5
    errors = mirror.object_errors(small, labels, game="atari").ball
    assert np.nanmax(errors) < 0.5
    assert np.isnan(errors).sum() == 0
    assert small.max(axis=(1, 2)).min() == pytest.approx(0.32, abs=0.002)
    # Half white, which is what our own Pong is looked for by, would leave many out.
    assert np.isinf(mirror.object_errors(small, labels).ball).mean() > 0.2


def test_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ShapeError, match=r"`screen` must have shape \(210, 160, 3\)"):
        atari.binary(np.zeros((210, 160), np.uint8))
    with pytest.raises(ShapeError, match=r"`frames` must have shape \(..., 80, 80\)"):
        atari.resize(np.zeros((64, 64)))
    monkeypatch.setitem(sys.modules, "ale_py", None)
    with pytest.raises(BackendUnavailableError, match=r'eigenwell\[atari\]".*GPL-2.0'):
        atari.AtariPong(1)


def test_labels_are_where_the_screen_shows_the_objects() -> None:
    pytest.importorskip("ale_py")
    games = atari.AtariPong(1, seed=0)
    act = _policies.make("rally", 1, np.random.default_rng(0))
    errors = []
    for step in range(500):
        games.step(act(games.labels))
        if step < 70:  # before the first serve the paddles are not there yet
            continue
        frame = atari.resize(atari.binary(games._consoles[0].getScreenRGB()))
        labels = games.labels[0]
        if not (np.isnan(labels[2, 1]) or 12 < labels[2, 1] < 50):
            continue  # a ball in a paddle's columns
        mass = [frame[:, 55:58], frame[:, 6:9]]
        hidden = [part.sum() == 0 for part in mass]  # above the court, before a serve
        assert hidden == np.isnan(labels[:2, 0]).tolist()
        if any(hidden):
            continue
        rows = [(part.sum(axis=1) @ np.arange(64)) / part.sum() for part in mass]
        errors.append([rows[0] - labels[0, 0], rows[1] - labels[1, 0]])
        if not np.isnan(labels[2, 1]):
            field = frame[:, 10:54]
            assert field.any()
            ball = (field.sum(axis=1) @ np.arange(64)) / field.sum()
            assert abs(ball - labels[2, 0]) < 0.11  # areas move a centroid a little
            across = (field.sum(axis=0) @ np.arange(10, 54)) / field.sum()
            assert abs(across - labels[2, 1]) < 0.11
    assert len(errors) > 200
    # Memory is a frame ahead of the screen where a paddle leaves an edge.
    assert np.quantile(np.abs(errors), 0.9, axis=0).max() < 0.1
    assert np.abs(errors).max() < 1


def test_episodes_are_collected_and_read_back(tmp_path: Path) -> None:
    pytest.importorskip("ale_py")
    pytest.importorskip("zarr")
    path = collect(
        tmp_path / "c.zarr", variant="c", game="atari", episodes=2, length=60, policy="sticky"
    )
    world = load(path)
    assert world.block.frames.shape == (2, 60, 800)
    index = np.array([0, 1]), np.array([3, 40])
    shown, plain = world.frames(*index), world.shown(*index, world.variant.inverse)
    assert shown.shape == (2, 64, 64)
    assert np.array_equal(shown, plain)  # c is its own inverse
    assert 0.8 < shown.mean() < 1
