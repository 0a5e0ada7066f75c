"""``eigenwell info``: versions, instruction sets, threads; what a bug report needs."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eigenwell import backend
from eigenwell._machine import cores
from eigenwell._native import __version__
from eigenwell.cli import _status
from eigenwell.cli._options import Options
from eigenwell.report import Table

if TYPE_CHECKING:
    from eigenwell.cli._output import Output

# Distributions whose versions change results or speed; Box2D is published under several names.
_PACKAGES = {
    "numpy": ("numpy",),
    "gymnasium": ("gymnasium",),
    "box2d": ("box2d", "box2d-py"),
    "torch": ("torch",),
    "onnx": ("onnx",),
    "onnxruntime": ("onnxruntime",),
}


@dataclass(frozen=True)
class Info(Options):
    """Show versions, the instruction sets found and active, CPU threads and CUDA."""

    def run(self, output: Output) -> int:
        """Print the table."""
        versions = {package: _version(names) for package, names in _PACKAGES.items()}
        cuda = "built" if importlib.util.find_spec("eigenwell._cuda") else "not built"
        document = {
            "command": "info",
            "eigenwell": __version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "packages": versions,
            "isas": list(backend.available_isas()),
            "active_isa": backend.active_isa(),
            "threads": cores(),
            "cuda": cuda,
        }
        facts = [
            ("eigenwell", __version__),
            ("python", platform.python_version()),
            ("platform", platform.platform()),
            *((package, version or "not installed") for package, version in versions.items()),
            ("instruction sets", ", ".join(backend.available_isas())),
            ("in use", f"{backend.active_isa()} (EIGENWELL_ISA chooses another)"),
            ("CPU threads", str(cores())),
            ("CUDA", cuda),
        ]
        output.result(document, Table.of_facts("eigenwell", facts))
        return _status.DONE


def _version(names: tuple[str, ...]) -> str | None:
    """Return the version of the first distribution that is installed, without importing it."""
    for name in names:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None
