"""``eigenwell export``: a policy as source code or as a graph for other runtimes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from eigenwell._native import __version__
from eigenwell.cli import _status
from eigenwell.cli._options import Options
from eigenwell.cli._output import Output, check_writable
from eigenwell.cli._policies import load_policy, policy_label
from eigenwell.dc.export import export


@dataclass(frozen=True, kw_only=True)
class Export(Options):
    """Write a policy as C99, C++17, Python or ONNX, with the vectors to test itself."""

    policy: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="POLICY")]
    """A .dcp file, or the word walker for the article's."""

    to: Literal["c", "cpp", "python", "onnx"]
    """Language or format."""

    output: Annotated[Path, tyro.conf.arg(metavar="FILE", aliases=("-o",))]
    """The file to write."""

    name: str | None = None
    """Prefix of the names in the code; by default that of the file."""

    no_quadratic: bool = False
    """Leave the policy's quadratic term out (all K = 0)."""

    def run(self, output: Output) -> int:
        """Write the file."""
        check_writable(self.output, "--output")
        policy = load_policy(self.policy, no_quadratic=self.no_quadratic)
        export(policy, self.to, self.output, name=self.name)
        size = self.output.stat().st_size
        document = {
            "command": "export",
            "eigenwell": __version__,
            "policy": policy_label(self.policy),
            "to": self.to,
            "file": str(self.output),
            "bytes": size,
        }
        output.result(document, f"{self.output}: {self.to}, {size} bytes")
        return _status.DONE
