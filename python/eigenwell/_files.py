"""Writing files so that a reader sees the old content or the new one, never half of it."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from eigenwell.errors import ArgumentError


def write_atomic(path: str | os.PathLike[str], data: bytes) -> None:
    """Write ``data`` to ``path`` by way of a temporary file in the same folder, fsync and rename.

    Args:
        path: The file to create or replace.
        data: Its whole new content.

    Raises:
        ArgumentError: The folder does not exist or the file cannot be written there.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with temporary.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        reason = error.strerror or type(error).__name__
        raise ArgumentError(f"`{target}` cannot be written: {reason}") from error
    except BaseException:  # an interrupt: nothing half-written stays behind either
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def make_folder(path: str | os.PathLike[str], name: str = "output") -> Path:
    """Return a folder, made if need be, with those that it lies in.

    Raises:
        ArgumentError: It cannot be made; the sentence begins with the name.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ArgumentError(
            f"`{name}` must be a folder that can be made: {folder}: {reason}"
        ) from error
    return folder


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return the content of a file.

    Raises:
        ArgumentError: The file does not exist or cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ArgumentError(f"`{path}` cannot be read: {reason}") from error
