"""Worlds that show the same game differently: permutations of pixels, and inverted colours.

=======  =========================================================================
``o``    as the game draws it
``t``    transposed
``h``    left and right halves swapped
``v``    upper and lower halves swapped: a paddle on the cut comes apart
``c``    colours inverted
``m``    mirrored, left for right
``r``    turned by 90 degrees, anticlockwise
``rD``   turned by D degrees by three shears of whole pixels, which wrap around the edges
``pS``   pixels in a fixed random order, of seed S
``a+b``  first a, then b
=======  =========================================================================

Every one is a bijection of frames; ``variant.inverse`` undoes it to the bit.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from eigenwell.errors import ArgumentError, DTypeError, ShapeError

_Index: TypeAlias = npt.NDArray[np.intp]

#: The article's worlds.
ARTICLE = ("o", "t", "h", "v", "c", "m")
_PATTERN = re.compile(r"[othvcm]|r\d*|p\d+")


@dataclass(frozen=True)
class _Step:
    """One letter: which old pixel each new one shows, and whether light and dark are swapped."""

    name: str
    backwards: bool = False

    @property
    def inverts_colours(self) -> bool:
        return self.name == "c"

    def pixels(self, size: int) -> _Index:
        order = _order(self.name, size)
        return np.argsort(order) if self.backwards else order

    def points(self, points: npt.NDArray[np.float32], size: int) -> npt.NDArray[np.float32]:
        row, column = points[..., 0], points[..., 1]
        last = np.float32(size - 1)
        if self.name in {"o", "c"}:
            return points
        if self.name == "t":
            return np.asarray(points[..., ::-1])
        if self.name == "m":
            return np.stack([row, last - column], axis=-1)
        if self.name == "r":
            turned = [column, last - row] if self.backwards else [last - column, row]
            return np.stack(turned, axis=-1)
        # The pixel under the point goes where it goes, and the point keeps its place in there.
        whole = np.floor(np.nan_to_num(points)).astype(np.intp)
        flat = np.ravel_multi_index((whole[..., 0], whole[..., 1]), (size, size), mode="clip")
        goes = np.argsort(self.pixels(size))[flat]
        moved = np.stack(np.divmod(goes, size), axis=-1)
        return np.asarray(moved + (points - whole), np.float32)


@dataclass(frozen=True)
class Variant:
    """A world's appearance.

    Attributes:
        name: As :func:`parse` takes it; that of an inverse ends with ``^-1``.
    """

    name: str
    steps: tuple[_Step, ...]

    @property
    def inverse(self) -> Variant:
        """The variant that undoes this one."""
        steps = tuple(_Step(step.name, not step.backwards) for step in reversed(self.steps))
        undone = self.name.endswith("^-1")
        return Variant(self.name.removesuffix("^-1") if undone else f"{self.name}^-1", steps)

    def frames(self, frames: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Show frames in this world.

        Args:
            frames: Pixels ``(..., size, size)`` with an even size; 0 to 1, or bool.

        Returns:
            Frames of the same shape and dtype, in memory of their own.

        Raises:
            ShapeError: They are not square, or their size is odd.
            DTypeError: They are no numbers.
        """
        if frames.dtype.kind not in "bfiu":
            raise DTypeError(f"`frames` must hold numbers, got dtype {frames.dtype}")
        if frames.ndim < 2 or frames.shape[-1] != frames.shape[-2] or frames.shape[-1] % 2:
            raise ShapeError(
                f"`frames` must have shape (..., size, size) of an even size, got {frames.shape}"
            )
        order, inverts = self._whole(frames.shape[-1])
        shown = frames.reshape(*frames.shape[:-2], -1)[..., order].reshape(frames.shape)
        if not inverts:
            return shown
        return ~shown if shown.dtype == np.bool_ else (1 - shown).astype(frames.dtype)

    def labels(self, points: npt.NDArray[np.float32], size: int = 64) -> npt.NDArray[np.float32]:
        """Return where points (row, column) ``(..., 2)`` of the game are in this world.

        The upper left pixel's centre is (0, 0). NaN stays NaN. Where the world tears an object
        apart, its centre goes with the pixel under it.

        Raises:
            ShapeError: The last axis does not have two entries.
        """
        moved = np.array(points, np.float32)
        if moved.ndim == 0 or moved.shape[-1] != 2:
            raise ShapeError(f"`points` must have shape (..., 2), got {moved.shape}")
        for step in self.steps:
            moved = step.points(moved, size)
        return np.ascontiguousarray(moved)

    def _whole(self, size: int) -> tuple[_Index, bool]:
        return _composed(self.steps, size)


def parse(name: str) -> Variant:
    """Return the world of a name such as ``"m"``, ``"r30"`` or ``"t+c"``.

    Raises:
        ArgumentError: There is no such world.
        DTypeError: The name is no string.

    Example:
        >>> import numpy as np
        >>> world = parse("m")
        >>> frame = np.eye(4, dtype=np.uint8)
        >>> world.frames(frame)[0].tolist()
        [0, 0, 0, 1]
        >>> bool((world.inverse.frames(world.frames(frame)) == frame).all())
        True
    """
    if not isinstance(name, str):
        raise DTypeError(f"`variant` must be a name, got {type(name).__name__}")
    letters = name.split("+")
    for letter in letters:
        if not _PATTERN.fullmatch(letter):
            raise ArgumentError(
                f"`variant` must be one of o, t, h, v, c, m, r, r<degrees>, p<seed>, or several "
                f"joined by +, got {name!r}"
            )
    return Variant(name, tuple(_Step(letter) for letter in letters))


@functools.lru_cache(maxsize=64)
def _composed(steps: tuple[_Step, ...], size: int) -> tuple[_Index, bool]:
    order = np.arange(size * size)
    for step in steps:
        order = order[step.pixels(size)]
    return order, sum(step.inverts_colours for step in steps) % 2 == 1


def _order(name: str, size: int) -> _Index:
    """Return which pixel of the game each pixel of the world shows, ``(size * size,)``."""
    grid = np.arange(size * size).reshape(size, size)
    half = size // 2
    plain: dict[str, Callable[[], _Index]] = {
        "o": lambda: grid,
        "c": lambda: grid,
        "t": lambda: grid.T,
        "h": lambda: np.roll(grid, half, axis=1),
        "v": lambda: np.roll(grid, half, axis=0),
        "m": lambda: grid[:, ::-1],
        "r": lambda: np.rot90(grid),
    }
    if name in plain:
        return plain[name]().reshape(-1)
    number = int(name[1:])
    if name[0] == "p":
        return np.random.default_rng(number).permutation(size * size)
    return _sheared(grid, math.radians(number % 360))


def _sheared(grid: _Index, angle: float) -> _Index:
    """Turn by three shears, each a bijection because every line is rolled by whole pixels.

    References:
        Paeth 1986, "A fast algorithm for general raster rotation".
    """
    # A shear is small up to a quarter turn; the rest is whole quarters.
    quarters = round(angle / (math.pi / 2))
    grid = np.rot90(grid, quarters)
    rest = angle - quarters * math.pi / 2
    from_centre = np.arange(len(grid)) - (len(grid) - 1) / 2
    for axis, slope in ((0, math.tan(rest / 2)), (1, -math.sin(rest)), (0, math.tan(rest / 2))):
        lines = np.moveaxis(grid, axis, 0)
        shifts = np.rint(slope * from_centre).astype(int)
        rolled = np.stack([np.roll(line, by) for line, by in zip(lines, shifts, strict=True)])
        grid = np.moveaxis(rolled, 0, axis)
    return grid.reshape(-1)
