"""The cross-decoding grid: what each world's decoder makes of every world's latents."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from eigenwell._checks import require
from eigenwell._files import write_atomic
from eigenwell.errors import ShapeError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# Inches of a frame and of the titles beside it.
_FRAME, _TITLE = 0.75, 1.3


def draw_cross_decoding(
    rows: Sequence[tuple[str, npt.NDArray[np.float32]]], path: str | os.PathLike[str]
) -> None:
    """Draw rows of frames with a title each, one column for each moment.

    Args:
        rows: Title, and frames ``(columns, 64, 64)`` from 0 to 1, as of
            :func:`eigenwell.worlds.torch.grid`.
        path: The PNG file, written all of it or nothing.

    Raises:
        ShapeError: There is nothing to draw, or rows differ in their number of frames.
        BackendUnavailableError: matplotlib is not installed.
        ArgumentError: The file cannot be written.
    """
    counts = {frames.shape[0] for _, frames in rows}
    if len(counts) != 1 or not all(frames.ndim == 3 for _, frames in rows):
        raise ShapeError("`rows` must hold (columns, size, size) frames, as many in each row")
    columns = counts.pop()
    figures = require("matplotlib.figure", extra="report")
    size = (_TITLE + _FRAME * columns, _FRAME * len(rows))
    figure = figures.Figure(figsize=size)
    gaps = {"wspace": 0.05, "hspace": 0.05, "left": _TITLE / size[0]}
    grid = figure.subplots(
        len(rows),
        columns,
        squeeze=False,
        gridspec_kw=gaps | {"right": 0.99, "top": 0.99, "bottom": 0.01},
    )
    for (title, frames), line in zip(rows, grid, strict=True):
        line[0].set_ylabel(title, rotation=0, ha="right", va="center", fontsize="small")
        for frame, axes in zip(frames, line, strict=True):
            axes.imshow(frame, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set(xticks=[], yticks=[])
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=100)
    write_atomic(path, picture.getvalue())
