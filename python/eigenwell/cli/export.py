"""``eigenwell export``: a policy as source code or as a graph for other runtimes."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

import tyro

from eigenwell._checks import require
from eigenwell._native import __version__
from eigenwell.cli import _status
from eigenwell.cli._options import Options
from eigenwell.cli._output import Output, check_writable
from eigenwell.cli._policies import load_policy, policy_label
from eigenwell.dc.export import export
from eigenwell.errors import ArgumentError

Target = Literal["c", "cpp", "python", "onnx"]
_SUFFIXES: dict[str, Target] = {".h": "c", ".hpp": "cpp", ".py": "python", ".onnx": "onnx"}


@dataclass(frozen=True, kw_only=True)
class Export(Options):
    """Write a policy as C99, C++17, Python or ONNX, with the vectors to test itself.

    Of Stable-Baselines3, every MLP policy of PPO and A2C becomes C99; one of DC neurons, all four.
    """

    policy: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="POLICY")]
    """A .dcp file, the word walker for the article's, or a .zip of Stable-Baselines3 that you
    trust: reading it runs code that is in it."""

    to: Target | None = None
    """Language or format; by default as the file to write ends: .h, .hpp, .py or .onnx."""

    output: Annotated[Path, tyro.conf.arg(metavar="FILE", aliases=("-o",))]
    """The file to write."""

    name: str | None = None
    """Prefix of the names in the code; by default that of the file."""

    no_quadratic: bool = False
    """Leave the policy's quadratic term out (all K = 0)."""

    vecnormalize: Annotated[Path | None, tyro.conf.arg(metavar="PKL")] = None
    """What normalised the observations of a Stable-Baselines3 model, saved by VecNormalize.save: a
    pickle, to be trusted like a program."""

    bits: int = 8
    """Of a weight, when a Stable-Baselines3 model of DC neurons is packed on the way."""

    def run(self, output: Output) -> int:
        """Write the file."""
        check_writable(self.output, "--output")
        to = self.to or _SUFFIXES.get(self.output.suffix)
        if to is None:
            raise ArgumentError(
                f"`--to` must be one of {', '.join(get_args(Target))} for a file that ends in "
                f"{self.output.suffix!r}"
            )
        if _is_zip(self.policy):
            self._export_sb3(to)
        elif self.vecnormalize is not None:
            raise ArgumentError(
                "`--vecnormalize` must come with a .zip of Stable-Baselines3, got "
                f"{policy_label(self.policy)}: a packed policy has its own statistics"
            )
        else:
            policy = load_policy(self.policy, no_quadratic=self.no_quadratic)
            export(policy, to, self.output, name=self.name)
        size = self.output.stat().st_size
        document = {
            "command": "export",
            "eigenwell": __version__,
            "policy": policy_label(self.policy),
            "to": to,
            "file": str(self.output),
            "bytes": size,
        }
        output.result(document, f"{self.output}: {to}, {size} bytes")
        return _status.DONE

    def _export_sb3(self, to: Target) -> None:
        require("stable_baselines3", extra="sb3")
        from eigenwell.integrations import sb3

        model = sb3.load_policy(self.policy)
        pickled = self.vecnormalize
        statistics = None if pickled is None else sb3.load_vec_normalize(pickled)
        if isinstance(model, sb3.DCActorCriticPolicy):
            packed = sb3.to_packed(model, statistics, bits=self.bits)
            export(packed, to, self.output, name=self.name)
        elif to == "c":
            sb3.to_c(model, self.output, vec_normalize=statistics, name=self.name)
        else:
            raise ArgumentError(
                f"`--to` must be c for the MLP policies of Stable-Baselines3, got {to}"
            )


def _is_zip(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except OSError:  # load_policy says what is wrong with it
        return False
