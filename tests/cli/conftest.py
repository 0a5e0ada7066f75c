"""Runs the command line, in this process where that is enough and in one of its own where not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from eigenwell import dc
from eigenwell.cli.main import run

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Result:
    """What a command printed and its exit status."""

    status: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The only line on stderr, of a command that failed with nothing on stdout."""
        assert self.out == ""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("eigenwell: ")
        return lines[0]


Command = Callable[..., Result]


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `eigenwell ARGUMENTS` in this process."""
    monkeypatch.syspath_prepend(str(HERE))

    def command(*arguments: object) -> Result:
        capsys.readouterr()
        status = run([str(argument) for argument in arguments])
        return Result(status, *capsys.readouterr())

    return command


@pytest.fixture
def apart() -> Command:
    """Run `python -m eigenwell ARGUMENTS` in a process of its own."""

    path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))

    def command(*arguments: object, **environment: str) -> Result:
        ran = subprocess.run(
            [sys.executable, "-m", "eigenwell", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": path, **environment},
        )
        return Result(ran.returncode, ran.stdout, ran.stderr)

    return command


@pytest.fixture
def toy_policy(tmp_path: Path) -> Path:
    """A policy for the toy environments that says so in its metadata."""
    policy = dc.PackedPolicy.from_arrays(
        np.zeros((2, 2), int),
        [0.5],
        [0.0, 0.0],
        eigenvalues=2,
        metadata={"environment": "toy_environments:Toy-v0", "note": "[red]\x1b[31mhm"},
    )
    path = tmp_path / "toy.dcp"
    policy.save(path)
    return path
