"""The cross-decoding grid for a terminal: a Braille character shows two by four pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from eigenwell.errors import ShapeError

# Bits of the dots of a Braille character, by row and column.
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_GAP = 2
# Frames side by side, at most, and as many as a narrow terminal should still have room for.
_MOST, _FEWEST = 4, 3


def cross_decoding_lines(
    rows: Sequence[tuple[str, npt.NDArray[np.float32]]], width: int
) -> list[str]:
    """Return lines that show one moment of the grid, without colours.

    For every world its true frame, its own reconstruction, and what it decodes from the others'
    latents. Pixels are light or dark, as the mirror test takes them. Where three frames do not fit,
    two by two pixels become one.

    Args:
        rows: Title and frames, as of :func:`eigenwell.worlds.torch.grid`.
        width: Characters of a line.

    Raises:
        ShapeError: Rows are no frames ``(columns, 64, 64)``.
    """
    if not all(frames.ndim == 3 and frames.shape[1:] == (64, 64) for _, frames in rows):
        raise ShapeError("`rows` must hold (columns, 64, 64) frames")
    light = {title: frames >= 0.5 for title, frames in rows}
    # The moment with most to see: the ball is in play, and whole.
    moment = int(np.argmax([_shown(frame).sum() for frame in next(iter(light.values()))]))
    halved = width < _FEWEST * (32 + _GAP) - _GAP
    edge = 16 if halved else 32
    lines = list[str]()
    for name in dict.fromkeys(title.partition(":")[0] for title in light if ": true" in title):
        titles = [f"{name}: true", f"{name}: own"]
        titles += [title for title in light if title.startswith(f"{name} from ")]
        across = max(1, min(_MOST, (width + _GAP) // (edge + _GAP)))
        for first in range(0, len(titles), across):
            chosen = titles[first : first + across]
            blocks = [_braille(light[title][moment], halved) for title in chosen]
            lines.append((" " * _GAP).join(f"{title:{edge}.{edge}}" for title in chosen).rstrip())
            lines += [(" " * _GAP).join(parts) for parts in zip(*blocks, strict=True)]
    return lines


def _shown(light: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return what is not background."""
    return np.asarray(light != (light.mean() > 0.5))


def _braille(light: npt.NDArray[np.bool_], halved: bool) -> list[str]:
    if halved:  # an object of one pixel should stay
        rest = light.mean() > 0.5
        size = len(light) // 2
        light = _shown(light).reshape(size, 2, size, 2).any(axis=(1, 3)) != rest
    cells = light.reshape(len(light) // 4, 4, -1, 2).transpose(0, 2, 1, 3)
    codes = 0x2800 + (cells * _DOTS).sum(axis=(2, 3))
    return ["".join(map(chr, line)) for line in codes.tolist()]
