"""Where a run comes from: versions, the revision of the sources, the machine."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from eigenwell._machine import cores

# Those that decide a run's bits, where they are installed; Box2D goes by two names.
_PACKAGES = ("eigenwell", "numpy", "torch", "gymnasium", "envpool", "box2d", "box2d-py")


def provenance() -> dict[str, Any]:
    """Return what a run's config.json says beside its settings.

    Returns:
        ``versions`` by package; ``git``, the revision of the working directory and whether tracked
        files differ from it, None outside of a repository; ``machine``, one line.
    """
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {"versions": versions, "git": _revision(), "machine": _machine()}


def _revision() -> dict[str, Any] | None:
    try:
        revision = _git("rev-parse", "HEAD").strip()
        dirty = bool(_git("status", "--porcelain", "--untracked-files=no").strip())
    except (OSError, subprocess.SubprocessError):  # no git, no repository, no commit yet
        return None
    return {"revision": revision, "dirty": dirty}


def _git(*arguments: str) -> str:
    # Without optional locks: to ask must not stand in the way of somebody's commit.
    ran = subprocess.run(
        ["git", "--no-optional-locks", *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
        stdin=subprocess.DEVNULL,
    )
    return ran.stdout


def _machine() -> str:
    processor = platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        processor = models[0] if models else processor
    except OSError:  # not Linux
        pass
    system = f"{platform.system()} {platform.machine()}"
    return f"{processor or platform.machine()}, {cores()} cores, {system}"
