"""Contact sheets and movies of particles: as many as asked for, none of them empty, to scale."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eigenwell import particles
from eigenwell.errors import ArgumentError, BackendUnavailableError, EigenwellError
from eigenwell.report import (
    check_particle_pictures,
    write_particle_movie,
    write_particle_sheet,
)
from eigenwell.report._particle_movie import _records
from eigenwell.report._particle_views import View, evenly_spaced

pytest.importorskip("matplotlib", reason="matplotlib is not installed")


def run_of(dimension: int = 3, records: int = 9, points: int = 30) -> Any:
    states = np.random.default_rng(0).standard_normal((records, points, dimension))
    system = particles.sphere(points, dimension=dimension)
    return particles.Trajectory(system, 5 * np.arange(records), {"points": states})


def polymer_run() -> Any:
    cloud = np.random.default_rng(1).standard_normal((3, 4, 10, 3)).astype(np.float32)
    system = particles.polymer(10)
    positions = dict(zip(system.names, cloud, strict=True))
    return particles.Trajectory(system, 10 * np.arange(4), positions)


def coloured(picture: Image.Image) -> float:
    """Share of strongly coloured pixels: points, as axes and text are grey."""
    saturation = np.asarray(picture.convert("HSV"))[..., 1]
    return float((saturation > 100).mean())


@pytest.mark.parametrize("dimension", [1, 2, 3, 4])
def test_the_sheet(tmp_path: Path, dimension: int) -> None:
    write_particle_sheet(run_of(dimension), tmp_path / "sheet.png", title="A title")
    with Image.open(tmp_path / "sheet.png") as sheet:
        width, height = sheet.size
        # Two rows of three, and the colour bar to the right of them.
        assert 1.1 < width / height < 1.7
        for row in range(2):
            for column in range(3):
                cell = (
                    column * 0.29,
                    0.1 + row * 0.45,
                    (column + 1) * 0.29,
                    0.1 + (row + 1) * 0.45,
                )
                box = tuple(round(c * s) for c, s in zip(cell, sheet.size * 2, strict=True))
                assert coloured(sheet.crop(box)) > 5e-4


def test_the_sheet_of_several_species(tmp_path: Path) -> None:
    write_particle_sheet(polymer_run(), tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert coloured(sheet) > 1e-3


@pytest.mark.parametrize("records", [1, 2, 7])
def test_the_sheet_of_short_runs(tmp_path: Path, records: int) -> None:
    write_particle_sheet(run_of(records=records), tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert coloured(sheet) > 1e-3


@pytest.mark.parametrize("dimension", [1, 2, 3, 4])
def test_a_gif(tmp_path: Path, dimension: int) -> None:
    run = run_of(dimension)
    write_particle_movie(run, tmp_path / "a.gif", frames=5, seconds=1.0, pixels=200)
    with Image.open(tmp_path / "a.gif") as movie:
        assert (movie.n_frames, movie.size) == (5, (200, 200))
        pictures = []
        for frame in range(5):
            movie.seek(frame)
            assert movie.info["duration"] == 200
            pictures.append(np.asarray(movie.convert("RGB")).astype(int))
            assert coloured(movie.convert("RGB")) > 1e-3
    assert all(np.abs(a - b).max() > 100 for a, b in pairwise(pictures))


def test_a_gif_of_one_species(tmp_path: Path) -> None:
    write_particle_movie(polymer_run(), tmp_path / "a.gif", species=("neutrons",), pixels=100)
    with Image.open(tmp_path / "a.gif") as movie:
        assert movie.n_frames == 4
    with pytest.raises(ArgumentError, match="`species` must be some of electrons, protons"):
        write_particle_movie(polymer_run(), tmp_path / "b.gif", species=("quarks",))


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="there is no ffprobe on PATH")
def test_an_mp4(tmp_path: Path) -> None:
    write_particle_movie(run_of(), tmp_path / "a.mp4", frames=6, seconds=1.0, pixels=101)
    probe = subprocess.run(
        ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", "a.mp4"],
        capture_output=True,
        check=True,
        cwd=tmp_path,
    )
    (stream,) = json.loads(probe.stdout)["streams"]
    assert (stream["codec_name"], stream["pix_fmt"]) == ("h264", "yuv420p")
    assert (stream["width"], stream["height"], stream["nb_read_frames"]) == (100, 100, "6")
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]


def test_an_mp4_without_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(BackendUnavailableError, match=r"an MP4 needs ffmpeg.*or write a \.gif"):
        write_particle_movie(run_of(), tmp_path / "a.mp4", frames=2, pixels=64)
    with pytest.raises(BackendUnavailableError, match="pip install imageio-ffmpeg"):
        check_particle_pictures("mp4")
    check_particle_pictures("gif")


def test_an_ffmpeg_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\ncat >/dev/null\necho no such codec >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(broken))
    with pytest.raises(EigenwellError, match="ffmpeg failed: no such codec"):
        write_particle_movie(run_of(), tmp_path / "a.mp4", frames=2, pixels=64)
    assert not (tmp_path / "a.mp4").exists()


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("a.avi", {}, "`path` must end in .gif or .mp4"),
        ("a.gif", {"frames": 1}, "`frames` must be between 2 and"),
        ("a.gif", {"pixels": 3}, "`pixels` must be between 64 and"),
        ("a.gif", {"seconds": 0}, "`seconds` must be finite and above 0"),
        ("a.gif", {"box": "black"}, "`box` must be one of still, moving, fitting, got 'black'"),
        ("absent/a.gif", {"frames": 2, "pixels": 64}, "cannot be written"),
    ],
)
def test_mistakes(tmp_path: Path, name: str, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(sentence)):
        write_particle_movie(run_of(), tmp_path / name, **options)
    assert list(tmp_path.iterdir()) == []


def test_no_records(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="`trajectory` must have at least one record"):
        write_particle_sheet(run_of(records=0), tmp_path / "a.png")
    with pytest.raises(ArgumentError, match="`trajectory` must have at least one record"):
        write_particle_movie(run_of(records=0), tmp_path / "a.gif")


@pytest.mark.parametrize("module", ["matplotlib.figure", "plotly.offline", "PIL.Image"])
def test_they_are_extras(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BackendUnavailableError, match=r'pip install "eigenwell\[report\]"'):
        check_particle_pictures("none")


@pytest.mark.parametrize("count", [1, 2, 3, 5, 50, 101, 400])
@pytest.mark.parametrize("frames", [2, 5, 60])
def test_frames_alternate_as_records_do(count: int, frames: int) -> None:
    records = _records(count, frames)
    assert len(records) == min(count, frames)
    assert records[0] == 0
    assert count - 2 <= records[-1] <= count - 1
    gaps = np.diff(records)
    assert (gaps > 0).all()
    assert (gaps % 2 == 1).all()


@pytest.mark.parametrize("count", [1, 2, 3, 10, 99, 100, 101])
@pytest.mark.parametrize("most", [2, 3, 10, 100])
def test_evenly_spaced_records(count: int, most: int) -> None:
    records = evenly_spaced(count, most)
    assert (records[0], records[-1]) == (0, count - 1)
    assert len(records) <= max(most, 1)
    gaps = np.diff(records)[1:]
    assert len(set(gaps)) <= 1
    assert (gaps % 2 == 1).all()


def test_boxes() -> None:
    """What flew off does not shrink the rest, what alternates does not shake the box."""
    run = run_of(records=10)
    states = run.positions["points"]
    states[:] = states[0] * (-1.0) ** np.arange(10)[:, None, None]
    view = View.of(run, records=range(10))
    middles, halves = view.calm_boxes()
    assert middles == pytest.approx(np.zeros((10, 3)), abs=1e-12)
    assert halves == pytest.approx(np.full(10, halves[0]))
    inside = (np.abs(states[-1]) <= halves[-1]).all(axis=1).mean()
    assert inside > 0.9
    states[:, :5] *= 1e6
    assert View.of(run, records=range(10)).calm_boxes()[1].max() < 2 * halves[0]
    middle, half = view.whole_box()
    assert np.abs(states[..., :] - middle).max() > half  # the view took copies before they flew


def test_more_than_three_coordinates_are_turned_not_stretched() -> None:
    run = run_of(dimension=6)
    flat = run.positions["points"]
    flat[..., 3:] = 0  # so that three axes hold all of it
    view = View.of(run, records=range(9))
    shown = view.positions["points"][-1]
    before = np.linalg.norm(flat[-1][:, None] - flat[-1], axis=2)
    assert np.linalg.norm(shown[:, None] - shown, axis=2) == pytest.approx(before)
    assert "(100% of its variance)" in view.projected
