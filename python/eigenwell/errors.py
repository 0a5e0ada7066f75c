"""The errors that eigenwell raises on purpose.

Every one of them is an :class:`EigenwellError` and also the built-in exception that a caller would
expect, so both ``except EigenwellError`` and ``except ValueError`` work. The message is one
sentence: the argument in backticks, what was expected, what came, and the cure if there is one.
"""

from __future__ import annotations

__all__ = [
    "ArgumentError",
    "BackendUnavailableError",
    "DTypeError",
    "DeviceError",
    "EigenwellError",
    "FormatError",
    "SelfTestError",
    "ShapeError",
    "TrainingError",
]


class EigenwellError(Exception):
    """Base class of every error that eigenwell raises on purpose."""


class ArgumentError(EigenwellError, ValueError):
    """A value is outside of what the argument allows, such as a NaN observation."""


class ShapeError(EigenwellError, ValueError):
    """An array has the wrong rank or the wrong length along an axis."""


class DTypeError(EigenwellError, TypeError):
    """An array has an element type that the operation does not take."""


class DeviceError(EigenwellError, RuntimeError):
    """Arrays are on the wrong device, or on different ones."""


class FormatError(EigenwellError, ValueError):
    """A file or buffer is not what its format says it must be."""


class SelfTestError(EigenwellError, RuntimeError):
    """A policy does not reproduce the outputs that it carries as test vectors."""


class TrainingError(EigenwellError, RuntimeError):
    """An environment failed in training, or the numbers diverged; the last checkpoint is there."""


class BackendUnavailableError(EigenwellError, ImportError):
    """An instruction set, a device or an optional package is not available here."""
