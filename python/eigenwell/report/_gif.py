"""Turns frames of an episode into an animated GIF that is small enough for a README."""

from __future__ import annotations

import io
import os
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell._checks import require
from eigenwell._files import write_atomic
from eigenwell.errors import ArgumentError, ShapeError

# 32 colours and 360 pixels hold 20 s of BipedalWalker at 25 frames/s in 1.3 MB.
_WIDTH = 360
_COLOURS = 32
_PALETTE_FRAMES = 16
# GIF counts in hundredths of a second, and viewers slow delays below two of them down to ten.
_TICK_MS = 10
_SHORTEST_MS = 20


class GifRecorder:
    """Collects frames and writes them as one animated GIF.

    Frames are shrunk when they arrive and kept compressed: a minute of pictures stays in a few
    megabytes of memory. All frames share one palette, so that flat areas do not flicker.

    Args:
        width: Pixels across; smaller frames keep their size. The aspect ratio is kept.

    Raises:
        BackendUnavailableError: Pillow is missing.
    """

    def __init__(self, *, width: int = _WIDTH) -> None:
        self._pillow = require("PIL.Image", extra="walk")
        self._width = width
        self._size = (0, 0)
        self._frames: list[bytes] = []
        self._durations: list[int] = []

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, frame: npt.NDArray[np.uint8], seconds: float) -> None:
        """Append a frame.

        Args:
            frame: ``(height, width, 3)``, uint8, RGB.
            seconds: How long it is shown; rounded to hundredths, at least two.

        Raises:
            ShapeError: The frame is not a picture, or not of the size of the first one.
        """
        if frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
            raise ShapeError(f"`frame` must have shape (height, width, 3), got {frame.shape}")
        height, width = frame.shape[:2]
        shrink = min(1.0, self._width / width)
        size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        if self._frames and size != self._size:
            raise ShapeError(f"`frame` must be as large as the first one, got {frame.shape}")
        self._size = size
        image = self._pillow.fromarray(frame)
        if size != (width, height):
            image = image.resize(size, self._pillow.Resampling.LANCZOS)
        self._frames.append(zlib.compress(image.tobytes(), 1))
        ticks = round(1000 * seconds / _TICK_MS)
        self._durations.append(max(_SHORTEST_MS, ticks * _TICK_MS))

    def encode(self) -> bytes:
        """Return the GIF, which repeats for ever.

        Raises:
            ArgumentError: No frame was added.
        """
        if not self._frames:
            raise ArgumentError("a GIF needs at least one frame, got none")
        palette = self._palette()
        images = [self._quantized(self._image(i), palette) for i in range(len(self._frames))]
        stream = io.BytesIO()
        images[0].save(
            stream,
            format="GIF",
            save_all=True,
            append_images=images[1:],
            duration=self._durations,
            loop=0,
            optimize=False,
        )
        return stream.getvalue()

    def save(self, path: str | os.PathLike[str]) -> int:
        """Write the GIF, all of it or nothing.

        Returns:
            Its size in bytes.

        Raises:
            ArgumentError: No frame was added, or the file cannot be written.
        """
        data = self.encode()
        write_atomic(path, data)
        return len(data)

    def _image(self, index: int) -> Any:
        return self._pillow.frombytes("RGB", self._size, zlib.decompress(self._frames[index]))

    def _palette(self) -> Any:
        """Return one palette image for frames spread over the whole recording."""
        count = min(_PALETTE_FRAMES, len(self._frames))
        chosen = np.linspace(0, len(self._frames) - 1, count).astype(int)
        stack = np.concatenate([np.asarray(self._image(int(i))) for i in chosen])
        return self._pillow.fromarray(stack).quantize(
            _COLOURS, method=self._pillow.Quantize.MEDIANCUT
        )

    def _quantized(self, image: Any, palette: Any) -> Any:
        # Dithering would turn flat areas into noise, which neither compresses nor looks like them.
        return image.quantize(palette=palette, dither=self._pillow.Dither.NONE)
