"""A movie of a trajectory, GIF or MP4: to scale, turning slowly."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from eigenwell._checks import integer, positive, require
from eigenwell._files import write_atomic
from eigenwell.errors import ArgumentError, BackendUnavailableError, EigenwellError
from eigenwell.report._gif import GifRecorder
from eigenwell.report._particle_axes import Panel, clouds_of
from eigenwell.report._particle_views import View, describe

if TYPE_CHECKING:
    from eigenwell.particles import Trajectory

Frame = npt.NDArray[np.uint8]

_MAX_POINTS = 6000
_DPI = 100
# Degrees from the first frame to the last, which sees what is long from the side.
_TURN = 100.0


def check_particle_pictures(movie: Literal["gif", "mp4", "none"]) -> None:
    """Find out before a long run that its pictures cannot be drawn.

    Raises:
        BackendUnavailableError: A package or an ffmpeg is missing.
    """
    for module in ("matplotlib.figure", "plotly.offline", "PIL.Image"):
        require(module, extra="report")
    if movie == "mp4":
        _ffmpeg()


def write_particle_movie(
    trajectory: Trajectory,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    species: Sequence[str] | None = None,
    box: Literal["still", "moving", "fitting"] = "fitting",
    frames: int = 100,
    seconds: float = 10.0,
    pixels: int = 480,
) -> None:
    """Write a movie, coloured by index.

    The clock speeds up on the way: the n-th frame is at about n squared, as most happens early. The
    step stands in every frame. Successive frames are an odd number of records apart.

    Args:
        trajectory: Where the points went; of any dimension.
        path: A ``.gif`` or ``.mp4`` file, written all of it or nothing.
        title: One line above it.
        species: Which of them; None is all.
        box: The axes: around most points of the last record, standing still or moving with the
            points' median; or around most points of each frame, so that the scale changes.
        frames: At most so many.
        seconds: How long it takes, above 0.
        pixels: Width and height.

    Raises:
        BackendUnavailableError: matplotlib, Pillow (GIF) or an ffmpeg (MP4) is missing.
        ArgumentError: There is no record, an option is not allowed, or the file cannot be written.
    """
    if box not in {"still", "moving", "fitting"}:
        raise ArgumentError(f"`box` must be one of still, moving, fitting, got {box!r}")
    suffix = Path(path).suffix.lower()
    if suffix not in {".gif", ".mp4"}:
        raise ArgumentError(f"`path` must end in .gif or .mp4, got {path}")
    integer(frames, "frames", low=2, high=100_000)
    integer(pixels, "pixels", low=64, high=8192)
    positive(seconds, "seconds")
    records = _records(len(trajectory), frames)
    view = View.of(trajectory, records=records, species=species, max_points=_MAX_POINTS)
    pictures = _pictures(trajectory, view, title, box, pixels)
    each = seconds / len(view.records)
    if suffix == ".mp4":
        write_atomic(path, _mp4(pictures, each, _ffmpeg()))
        return
    recorder = _ManyColours(width=pixels)
    for picture in pictures:
        recorder.add(picture, each)
    recorder.save(path)


class _ManyColours(GifRecorder):
    """With the colours of the points, which are few among the pixels, instead of their mean."""

    def _palette(self) -> Any:
        shades = require("matplotlib", extra="report").colormaps["turbo"](np.linspace(0, 1, 48))
        # On white, and as faint as matplotlib draws what is far away or a point's rim.
        faint = [1 - opacity * (1 - shades[:, :3]) for opacity in (1, 0.8, 0.55, 0.3)]
        greys = np.repeat(np.linspace(0, 1, 64)[:, None], 3, axis=1)
        colours = np.concatenate([*faint, greys])
        palette = self._pillow.new("P", (1, 1))
        palette.putpalette((255 * colours).round().astype(np.uint8).tobytes())
        return palette


def _records(count: int, frames: int) -> npt.NDArray[np.int64]:
    """Return the records of the frames, their gaps growing, each an odd number.

    No gap is below 1, so frames are never more than records.
    """
    if count < 1:
        raise ArgumentError("`trajectory` must have at least one record, got none")
    i = np.arange(min(frames, count))
    wanted = np.round((i / max(1, len(i) - 1)) ** 2 * (count - 1)).astype(np.int64)
    wanted = np.maximum(i, wanted)
    # Odd frames show odd records; a wish above its number has room below.
    return wanted - (wanted - i) % 2


def _pictures(
    trajectory: Trajectory, view: View, title: str | None, box: str, pixels: int
) -> Iterator[Frame]:
    figures = require("matplotlib.figure", extra="report")
    agg = require("matplotlib.backends.backend_agg", extra="report")
    figure = figures.Figure(figsize=(pixels / _DPI, pixels / _DPI), dpi=_DPI)
    canvas = agg.FigureCanvasAgg(figure)
    shown = sum(map(len, view.indices.values()))
    size = min(24.0, max(4.0, 14_000 / shown))
    azimuth = view.azimuth()
    panel = Panel(figure, 111, view.axes, size=size, azimuth=azimuth)
    flat = len(view.axes) < 3
    figure.subplots_adjust(*((0.16, 0.12, 0.96, 0.86) if flat else (0.0, 0.02, 0.95, 0.9)))
    figure.text(0.5, 0.985, title or describe(trajectory), ha="center", va="top", size=10)
    clock = figure.text(0.5, 0.935, "", ha="center", va="top", size=10, family="monospace")
    middles, halves = view.calm_boxes()
    for frame, step in enumerate(view.steps):
        middle = middles[-1 if box == "still" else frame]
        half = halves[frame if box == "fitting" else -1]
        clouds = clouds_of(trajectory, view, frame, view.names, by_species=False)
        panel.show(clouds, middle, half)
        clock.set_text(f"step {step:>{len(f'{view.steps[-1]:,}')},}")
        panel.turn_to(azimuth + _TURN * (frame / max(1, len(view.steps) - 1) - 1))
        canvas.draw()
        yield np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _ffmpeg() -> str:
    """Return the path of an ffmpeg: the one on PATH, or that of the package imageio-ffmpeg."""
    found = shutil.which("ffmpeg")
    if found is not None:
        return found
    try:
        package: Any = require("imageio_ffmpeg", extra="report")
        return str(package.get_ffmpeg_exe())
    except (BackendUnavailableError, RuntimeError) as error:
        raise BackendUnavailableError(
            "an MP4 needs ffmpeg, which is not on PATH: pip install imageio-ffmpeg, or write a .gif"
        ) from error


def _mp4(pictures: Iterator[Frame], each: float, ffmpeg: str) -> bytes:
    """Return the pictures as H.264, which browsers and players show."""
    first = next(pictures)
    height, width = first.shape[:2]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "movie.mp4"
        command = [
            *(ffmpeg, "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"),
            *("-s", f"{width}x{height}", "-r", f"{1 / each:.6g}", "-i", "-"),
            # H.264 in this format wants even sizes.
            *("-vf", "crop=trunc(iw/2)*2:trunc(ih/2)*2", "-c:v", "libx264", "-pix_fmt", "yuv420p"),
            *("-crf", "20", "-movflags", "+faststart", str(target)),
        ]
        raw = b"".join(picture.tobytes() for picture in (first, *pictures))
        ran = subprocess.run(command, input=raw, capture_output=True, check=False)
        if ran.returncode:
            words = ran.stderr.decode(errors="replace").strip().splitlines()
            raise EigenwellError(f"ffmpeg failed: {words[-1] if words else ran.returncode}")
        return target.read_bytes()
