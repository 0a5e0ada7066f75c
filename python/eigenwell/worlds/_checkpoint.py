"""Checkpoints of all that is trained on worlds."""

from __future__ import annotations

from eigenwell._checkpoint import Format

_FORMAT = Format(key="eigenwell.worlds", extra="worlds")
write, read = _FORMAT.write, _FORMAT.read
