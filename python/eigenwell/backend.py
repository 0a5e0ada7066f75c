"""Which instruction set the native kernels use: list, ask, force.

The fastest one that the processor runs is in use from the start. The environment variable
``EIGENWELL_ISA`` names another, and :func:`force_isa` changes it while the program runs.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from eigenwell import _native
from eigenwell.errors import BackendUnavailableError

__all__ = ["active_isa", "available_isas", "force_isa", "forced_isa"]


def available_isas() -> tuple[str, ...]:
    """Names of the instruction sets that run here, slowest first.

    Returns:
        Some of ``"portable"`` (``"neon"`` on AArch64), ``"avx2"``, ``"avx512"``, ``"avx512vbmi"``.
    """
    return _native.available_isas()


def active_isa() -> str:
    """Name of the instruction set in use.

    Raises:
        BackendUnavailableError: ``EIGENWELL_ISA`` names one that is not available here.
    """
    active = _native.active_isa()
    if active is None:
        raise _unavailable("EIGENWELL_ISA", os.environ.get("EIGENWELL_ISA", ""))
    return active


def force_isa(name: str | None) -> None:
    """Use the named instruction set from now on, in every thread.

    Args:
        name: One of :func:`available_isas`; None goes back to the default.

    Raises:
        BackendUnavailableError: It is unknown or does not run on this processor.
    """
    if not _native.force_isa(name):
        if name is None:
            raise _unavailable("EIGENWELL_ISA", os.environ.get("EIGENWELL_ISA", ""))
        raise _unavailable("name", name)


@contextlib.contextmanager
def forced_isa(name: str) -> Iterator[None]:
    """Use the named instruction set inside of a ``with`` block.

    Raises:
        BackendUnavailableError: It is unknown or does not run on this processor.
    """
    before = active_isa()
    force_isa(name)
    try:
        yield
    finally:
        force_isa(before)


def _unavailable(argument: str, value: str) -> BackendUnavailableError:
    names = ", ".join(available_isas())
    return BackendUnavailableError(f"`{argument}` must be one of {names} here, got {value!r}")
