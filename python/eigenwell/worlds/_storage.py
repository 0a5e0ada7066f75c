"""Episodes of one world on disk: a Zarr v3 group that grows while it is collected.

.. code-block:: text

    zarr.json   attributes: format, format_version, what was collected
    frames      uint8 (episodes, length, bytes), the game's own frames, one bit per pixel
    actions     uint8 (episodes, length), the action that leads to the next frame
    rewards     int8 (episodes, length), what it earned
    labels      float16 (episodes, length, 3, 2), centres in a frame of 64 pixels, NaN without ball
    lengths     int32 (episodes,), frames of an episode, 0 where it is not complete

An episode counts once its length is written, and that is written last. Frames are stored as the
game draws them; the world's appearance is applied when they are read. Chunks are compressed and
carry a checksum.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError, FormatError
from eigenwell.worlds import atari, pong, variants

FORMAT = "eigenwell world"
FORMAT_VERSION = 1

UInt8: TypeAlias = npt.NDArray[np.uint8]

#: Pixels along an edge of a stored frame, by game.
SIZES = {"pong": pong.SIZE, "atari": atari.SIZE}
_OBJECTS = 3
# Bounds on what a file may claim, before anything of it is allocated.
_MOST_FRAMES = 2**31


@dataclass(frozen=True)
class Origin:
    """What decides the frames of a store, bit for bit.

    Attributes:
        game: ``"pong"``, ours, or ``"atari"``.
        variant: Name of the world.
        policy: Who played.
        seed: Of everything.
        stream: Which games of that seed; two worlds of one stream hold the same games.
        episodes: How many there will be.
        length: Most frames of one.
        actions: How many there are to choose from.
    """

    game: str
    variant: str
    policy: str
    seed: int
    stream: int
    episodes: int
    length: int
    actions: int = len(pong.ACTIONS)

    @property
    def size(self) -> int:
        """Pixels along an edge of a stored frame."""
        return SIZES[self.game]


@dataclass(frozen=True)
class Block:
    """Some episodes: the arrays of a store, ``(episodes, length, ...)``."""

    frames: UInt8
    actions: UInt8
    rewards: npt.NDArray[np.int8]
    labels: npt.NDArray[np.float16]
    lengths: npt.NDArray[np.int32]


_ARRAYS = ("frames", "actions", "rewards", "labels")


class Store:
    """A world's group on disk, open for more episodes."""

    def __init__(self, path: Path, group: Any, origin: Origin) -> None:
        self.path, self.origin, self._group = path, origin, group

    @classmethod
    def create(cls, path: str | os.PathLike[str], origin: Origin, per_block: int) -> Store:
        """Make an empty store, whole or not at all.

        Raises:
            ArgumentError: Something is there already, or nothing can be written there.
            BackendUnavailableError: Zarr is not installed.
        """
        zarr = _checks.require("zarr", extra="worlds")
        codecs = _checks.require("zarr.codecs", extra="worlds")
        target = Path(path)
        if os.path.lexists(target):
            raise ArgumentError(f"`{target}` exists: remove it, name another one or resume it")
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        squeezed = (codecs.ZstdCodec(level=1), codecs.Crc32cCodec())
        try:
            with _sentences(target):
                about = {"format": FORMAT, "format_version": FORMAT_VERSION, **vars(origin)}
                group = zarr.create_group(temporary, zarr_format=3, attributes=about)
                for name, (shape, dtype) in _layout(origin).items():
                    # A checksum alone for lengths, which are written a block at a time.
                    whole = name == "lengths"
                    group.create_array(
                        name,
                        shape=shape,
                        dtype=dtype,
                        chunks=(per_block,) if whole else (1, *shape[1:]),
                        compressors=codecs.Crc32cCodec() if whole else squeezed,
                        fill_value=0,
                    )
                temporary.rename(target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        return cls.open(target)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Store:
        """Open a store for more episodes.

        Raises:
            ArgumentError: There is nothing at the path.
            FormatError: It is no world, of another version, or damaged.
        """
        group, origin = _opened(path, "r+")
        return cls(Path(path), group, origin)

    @property
    def complete(self) -> int:
        """How many episodes are complete, from the first on."""
        with _readable(self.path):
            return _complete(self._group["lengths"][...])

    @property
    def frames(self) -> int:
        """How many frames the complete episodes have."""
        with _readable(self.path):
            lengths = self._group["lengths"][...]
            return int(lengths[: _complete(lengths)].sum())

    def write(self, first: int, block: Block) -> None:
        """Write episodes from number ``first`` on.

        Raises:
            ArgumentError: They cannot be written; those before stay readable.
        """
        after = first + len(block.lengths)
        zarr = _checks.require("zarr", extra="worlds")
        # Zeros are written too: what has no file is missing.
        written = zarr.config.set({"array.write_empty_chunks": True})
        with _sentences(self.path), written:
            for name in (*_ARRAYS, "lengths"):
                self._group[name][first:after] = getattr(block, name)


@dataclass(frozen=True)
class World:
    """Episodes in memory.

    Attributes:
        origin: How they were collected.
        block: The episodes as stored.
    """

    origin: Origin
    block: Block

    @property
    def variant(self) -> variants.Variant:
        """The world's appearance."""
        return variants.parse(self.origin.variant)

    def frames(
        self, episodes: npt.NDArray[np.intp], times: npt.NDArray[np.intp]
    ) -> npt.NDArray[np.float32]:
        """Return frames of the world, float32 ``(..., 64, 64)`` from 0 to 1, by their indices."""
        return self.shown(episodes, times, self.variant)

    def shown(
        self,
        episodes: npt.NDArray[np.intp],
        times: npt.NDArray[np.intp],
        variant: variants.Variant,
    ) -> npt.NDArray[np.float32]:
        """Return the same games' frames as another world shows them."""
        pixels = pong.unpack(self.block.frames[episodes, times], self.origin.size)
        if self.origin.game == "atari":
            return variant.frames(atari.resize(pixels))
        return variant.frames(pixels).astype(np.float32)


def load(path: str | os.PathLike[str]) -> World:
    """Read the complete episodes of a world into memory.

    Raises:
        ArgumentError: There is nothing at the path.
        FormatError: It is no world, of another version, damaged, or black.
        BackendUnavailableError: Zarr is not installed.
    """
    group, origin = _opened(path, "r")
    with _readable(path):
        lengths = group["lengths"][...]
        complete = _complete(lengths)
        if complete == 0:
            raise FormatError(f"`{path}` must hold a complete episode, got none: resume it")
        for name in _ARRAYS:
            if group[name].nchunks_initialized < complete:
                raise FormatError(f"`{path}` is damaged: files of `{name}` are missing")
        arrays = {name: group[name][:complete] for name in _ARRAYS}
    block = Block(**arrays, lengths=lengths[:complete])
    if block.actions.max() >= origin.actions:
        raise FormatError(f"`{path}` must hold actions below {origin.actions}")
    black = np.flatnonzero(~block.frames.any(axis=(1, 2)))
    if len(black):
        raise FormatError(f"`{path}` has only black frames in episode {black[0]}: collect it again")
    return World(origin, block)


def _layout(origin: Origin) -> dict[str, tuple[tuple[int, ...], Any]]:
    shape = (origin.episodes, origin.length)
    return {
        "frames": ((*shape, origin.size**2 // 8), np.uint8),
        "actions": (shape, np.uint8),
        "rewards": (shape, np.int8),
        "labels": ((*shape, _OBJECTS, 2), np.float16),
        "lengths": ((origin.episodes,), np.int32),
    }


def _opened(path: str | os.PathLike[str], mode: str) -> tuple[Any, Origin]:
    zarr = _checks.require("zarr", extra="worlds")
    if not Path(path).exists():
        raise ArgumentError(f"`{path}` does not exist")
    with _readable(path):
        group = zarr.open_group(path, mode=mode, zarr_format=3)
        about = dict(group.attrs)
        if about.pop("format", None) != FORMAT:
            raise FormatError(f"`{path}` is Zarr, but no world")
        version = about.pop("format_version", None)
        if version != FORMAT_VERSION:
            raise FormatError(
                f"`{path}` must have format version {FORMAT_VERSION}, got {version}: collect it "
                f"again"
            )
        origin = Origin(**about)
        variants.parse(origin.variant)
        if not 0 < origin.episodes * origin.length < _MOST_FRAMES:
            raise FormatError(f"`{path}` must hold fewer than {_MOST_FRAMES} frames")
        for name, (shape, dtype) in _layout(origin).items():
            array = group[name]
            if array.shape != shape or array.dtype != dtype:
                raise FormatError(
                    f"`{path}` must hold `{name}` of shape {shape} and dtype {np.dtype(dtype)}, "
                    f"got {array.shape} and {array.dtype}"
                )
        return group, origin


def _complete(lengths: npt.NDArray[np.int32]) -> int:
    missing = lengths <= 0
    return int(missing.argmax()) if missing.any() else len(lengths)


@contextlib.contextmanager
def _sentences(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ArgumentError(f"`{path}` cannot be written: {reason}") from error


@contextlib.contextmanager
def _readable(path: str | os.PathLike[str]) -> Iterator[None]:
    """Whatever a damaged or foreign store makes Zarr raise is a FormatError."""
    try:
        yield
    except FormatError:
        raise
    except Exception as error:  # Zarr and its codecs have errors of many kinds for this
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise FormatError(f"`{path}` is no readable world: {reason}") from error
