"""Listing, asking for and forcing an instruction set."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from eigenwell import backend
from eigenwell.errors import BackendUnavailableError


def test_list_and_default() -> None:
    names = backend.available_isas()
    assert names[0] in {"portable", "neon"}
    if "EIGENWELL_ISA" not in os.environ:
        assert backend.active_isa() == names[-1]


@pytest.mark.parametrize("name", backend.available_isas())
def test_force(name: str) -> None:
    before = backend.active_isa()
    with backend.forced_isa(name):
        assert backend.active_isa() == name
    assert backend.active_isa() == before
    backend.force_isa(name)
    assert backend.active_isa() == name
    backend.force_isa(None)
    assert backend.active_isa() == before


@pytest.mark.parametrize("name", ["6502", "", "AVX2"])
def test_unknown_name(name: str) -> None:
    before = backend.active_isa()
    with pytest.raises(BackendUnavailableError, match=r"`name` must be one of (portable|neon)"):
        backend.force_isa(name)
    assert backend.active_isa() == before


def run(code: str, isa: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "EIGENWELL_ISA": isa},
        capture_output=True,
        text=True,
        check=False,
    )


def test_environment_variable() -> None:
    first = backend.available_isas()[0]
    code = (
        "from eigenwell import backend, dc\n"
        "print(backend.active_isa(), dc.walker().self_test() < 1)"
    )
    assert run(code, first).stdout == f"{first} True\n"


def test_environment_variable_with_an_unknown_name_is_one_clear_error() -> None:
    code = (
        "from eigenwell import backend, dc, errors\n"
        "for call in (backend.active_isa, dc.walker):\n"
        "    try:\n"
        "        call()\n"
        "    except errors.BackendUnavailableError as error:\n"
        "        print(error)\n"
    )
    lines = run(code, "6502").stdout.splitlines()
    assert len(lines) == 2
    assert all("EIGENWELL_ISA" in line for line in lines)
