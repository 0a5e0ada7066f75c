"""`inspect`, `export`, `info`, and the questions of build systems."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eigenwell import __version__, backend, dc
from eigenwell.dc.export import export

# SWIG's types in Box2D warn while they are made, and an error at that point ends the interpreter.
pytestmark = pytest.mark.filterwarnings(
    "ignore:builtin type .* has no __module__:DeprecationWarning"
)


def test_inspect_shows_the_walker(here: Any) -> None:
    result = here("inspect")
    assert result.status == 0
    assert "576 of 5 bits, 15.6% of them zero" in result.out
    assert "4 of 6 eigenvalues" in result.out
    assert "passed, " in result.out


def test_inspect_for_machines(here: Any) -> None:
    document, walker = json.loads(here("inspect", "--json").out), dc.walker()
    assert document["metadata"] == walker.metadata
    assert document["bytes"] == len(walker.dumps())
    assert np.array_equal(np.float32(document["codebook"]), walker.codebook)
    assert np.shape(document["lipschitz_bound"]["bound"]) == (4, 24)
    assert np.isfinite(document["lipschitz_bound"]["bound"]).all()
    # JSON has no infinity.
    assert document["input_clip"] is None


def test_inspect_without_the_environment(here: Any, tmp_path: Path) -> None:
    policy = dc.PackedPolicy.from_arrays(
        [[0, 0]],
        [0.5],
        [0.0, 0.0],
        eigenvalues=2,
        metadata={"environment": "EwNone-v0", "environment_fingerprint": "0" * 64},
    )
    policy.save(tmp_path / "p.dcp")
    result = here("inspect", tmp_path / "p.dcp")
    assert result.status == 0
    assert "not checked: environment `EwNone-v0` cannot be created" in result.out
    assert "at most 1 (everywhere)" in result.out


def test_inspect_does_not_let_a_file_drive_the_terminal(here: Any, toy_policy: Path) -> None:
    assert "[red]\ufffd[31mhm" in here("inspect", toy_policy).out


@pytest.mark.parametrize("to", ["c", "cpp", "python", "onnx"])
def test_export(here: Any, tmp_path: Path, to: str) -> None:
    file = tmp_path / "exported"
    result = here("export", "walker", "--to", to, "-o", file, "--json")
    content = export(dc.walker(), to, name="exported")
    expected = content.encode() if isinstance(content, str) else content
    assert result.status == 0
    assert file.read_bytes() == expected
    assert json.loads(result.out)["bytes"] == len(expected)


def test_export_of_a_file_under_a_name(here: Any, toy_policy: Path, tmp_path: Path) -> None:
    result = here("export", toy_policy, "--to", "c", "-o", tmp_path / "a.h", "--name", "hopper")
    assert result.status == 0
    assert "hopper_act(" in (tmp_path / "a.h").read_text()


def test_info(here: Any) -> None:
    document = json.loads(here("info", "--json").out)
    assert document["eigenwell"] == __version__
    assert document["python"] == platform.python_version()
    assert document["packages"]["numpy"] == np.__version__
    assert document["isas"] == list(backend.available_isas())
    assert document["active_isa"] == backend.active_isa()
    assert document["threads"] >= 1
    text = here("info").out
    assert backend.active_isa() in text
    assert "CUDA" in text


def test_info_does_not_import_what_it_names(apart: Any) -> None:
    loaded = apart("info", PYTHONPROFILEIMPORTTIME="1").err
    assert " rich" in loaded
    assert not {"torch", "onnx", "gymnasium"} & {
        line.split("|")[-1].strip() for line in loaded.splitlines()
    }


def test_questions_of_build_systems(apart: Any) -> None:
    assert apart("--version").out == f"{importlib.metadata.version('eigenwell')}\n"
    cmake = apart("--cmake-dir").out.strip()
    assert (Path(cmake) / "eigenwellConfig.cmake").is_file()
    include = apart("--include-dir").out.strip()
    assert (Path(include) / "eigenwell" / "version.hpp").is_file()


def test_help_names_the_verbs(here: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        here("--help")
    assert stop.value.code in (None, 0)
    out = capsys.readouterr().out
    assert all(verb in out for verb in ("walk", "eval", "inspect", "export", "info"))
