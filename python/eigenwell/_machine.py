"""What this machine gives the process."""

from __future__ import annotations

import os


def cores() -> int:
    """Return how many processors the process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
