"""What ends a training run before its time."""

from __future__ import annotations

from eigenwell.errors import EigenwellError


class TrainingError(EigenwellError, RuntimeError):
    """The environment failed or the numbers diverged; the last checkpoint is still there."""
