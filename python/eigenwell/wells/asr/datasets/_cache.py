"""Arrays of bytes kept between runs: written atomically, checked when they are read."""

from __future__ import annotations

import hashlib
import os
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from eigenwell._files import write_atomic
from eigenwell.errors import ArgumentError

_DIGEST = 32


def folder(cache: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of the cache: as given, ``$EIGENWELL_CACHE``, or the platform's."""
    if cache is not None:
        return Path(cache)
    if named := os.environ.get("EIGENWELL_CACHE"):
        return Path(named)
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "eigenwell"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "eigenwell"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "eigenwell"


def kept(
    name: str,
    shape: tuple[int, ...],
    make: Callable[[], npt.NDArray[np.uint8]],
    *,
    cache: str | os.PathLike[str] | None,
) -> npt.NDArray[np.uint8]:
    """Return an array from the cache, or make it and keep it.

    Args:
        name: Of the file; it must say all that the content depends on.
        shape: Of the array.
        make: Makes it. A file that is damaged is made again.
        cache: Folder, see :func:`folder`. Where nothing can be written the array is only made.
    """
    path = folder(cache) / name
    size = int(np.prod(shape))
    try:
        found = path.read_bytes()
        unpack = zlib.decompressobj()
        data = unpack.decompress(found[_DIGEST:], size)
        whole = len(data) == size and hashlib.sha256(data).digest() == found[:_DIGEST]
    except (OSError, zlib.error):
        whole = False
    if whole:
        return np.frombuffer(data, np.uint8).reshape(shape)
    made = np.ascontiguousarray(make())
    data = made.tobytes()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, hashlib.sha256(data).digest() + zlib.compress(data, 3))
    except (OSError, ArgumentError):
        if cache is not None:
            raise ArgumentError(f"`cache` cannot be written: {path.parent}") from None
    made.flags.writeable = False
    return made
