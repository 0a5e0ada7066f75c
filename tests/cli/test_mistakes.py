"""Mistakes: one clear sentence on stderr, exit status 2, nothing half-written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from eigenwell import dc
from eigenwell.cli.main import run

# SWIG's types in Box2D warn while they are made, and an error at that point ends the interpreter.
pytestmark = pytest.mark.filterwarnings(
    "ignore:builtin type .* has no __module__:DeprecationWarning"
)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("hop", "unknown verb `hop`: expected one of walk, train, eval, distil"),
        ("--hop", "unrecognized options: --hop (see eigenwell --help)"),
        ("walk --hop", "unrecognized options: --hop (see eigenwell walk --help)"),
        ("walk a b", "unrecognized options: b"),
        ("walk --episodes many", "error parsing --episodes: invalid literal"),
        ("walk --episodes", "missing value for argument '--episodes'"),
        ("walk --episodes -3", "`episodes` must be between 1 and"),
        ("walk --episodes 0", "`episodes` must be between 1 and"),
        ("eval --seed -1", "`seed` must be between 0 and"),
        ("walk --render mind", "invalid choice 'mind' for argument '--render'"),
        ("walk --render human --gif a.gif", "`--render` and `--gif` exclude each other"),
        ("walk absent.dcp", "`absent.dcp` cannot be read: No such file"),
        ("inspect .", "`.` cannot be read: Is a directory"),
        ("walk --env EwNone-v0", "`EwNone-v0` cannot be created"),
        ("walk --env CartPole-v1", "does not fit the policy: observations must be a Box"),
        ("eval --env ew_none:X-v0", "`ew_none:X-v0` cannot be created: No module"),
        ("export walker --to rust -o a", "invalid choice 'rust' for argument '--to'"),
        ("export walker --to c", "--output"),
        ("export walker --to c -o absent/a.h", "`--output` cannot be written: absent/a.h"),
        ("export walker --to c -o a.h --name 3", "`name` must be"),
        ("walk --gif absent/a.gif", "`--gif` cannot be written: absent/a.gif"),
        ("walk --gif .", "`--gif` must be a file"),
        ("eval --save-json absent/a.json", "`--save-json` cannot be written"),
    ],
)
def test_mistakes(
    here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = here(*arguments.split())
    assert result.status == 2
    assert sentence in result.sentence
    assert list(tmp_path.iterdir()) == []
    # Stdout stays a JSON document or empty, never half of one.
    assert here(*arguments.split(), "--json").out == ""


def test_usage_errors_of_a_process_that_writes_utf8(apart: Any) -> None:
    result = apart("walk", "--episodes", "many", PYTHONIOENCODING="utf-8")
    assert "error parsing --episodes: invalid literal" in result.sentence
    assert "\u2500" not in result.sentence


def test_output_is_checked_before_the_episodes_run(here: Any, toy_policy: Path) -> None:
    # Were an episode run, this environment would end the command with 130.
    ctrl_c = ("--env", "toy_environments:CtrlC-v0", "--seed", "2")
    assert here("walk", toy_policy, *ctrl_c).status == 130
    assert here("walk", toy_policy, *ctrl_c, "--gif", "absent/a.gif").status == 2
    assert here("eval", toy_policy, *ctrl_c, "--save-json", "absent/a.json").status == 2


def test_a_damaged_policy(here: Any, tmp_path: Path) -> None:
    data = bytearray(dc.walker().dumps())
    data[100] ^= 1
    (tmp_path / "bad.dcp").write_bytes(data)
    result = here("walk", tmp_path / "bad.dcp")
    assert result.status == 2
    assert f"`{tmp_path / 'bad.dcp'}` is not a valid .dcp policy" in result.sentence


def test_a_policy_without_an_environment(here: Any, tmp_path: Path) -> None:
    policy = dc.PackedPolicy.from_arrays([[0, 0]], [0.5], [0.0, 0.0], eigenvalues=2)
    policy.save(tmp_path / "p.dcp")
    assert "say one with --env ID" in here("eval", tmp_path / "p.dcp").sentence


def test_an_observation_that_is_not_a_number(here: Any, toy_policy: Path) -> None:
    result = here("walk", toy_policy, "--env", "toy_environments:Hollow-v0", "--quiet")
    assert result.status == 2
    assert "`obs`" in result.sentence


def test_debug_shows_the_traceback(here: Any) -> None:
    result = here("walk", "absent.dcp", "--debug")
    assert result.status == 2
    assert result.err.startswith("Traceback")
    assert "`absent.dcp` cannot be read" in result.err


def test_a_defect_is_told_from_a_mistake(here: Any, toy_policy: Path) -> None:
    broken = ("walk", toy_policy, "--env", "toy_environments:Broken-v0")
    result = here(*broken)
    assert result.status == 1
    assert "unexpected ZeroDivisionError: the ground is missing" in result.sentence
    assert "Traceback" in here(*broken, "--debug").err


def test_an_instruction_set_that_is_not_here(apart: Any) -> None:
    result = apart("info", EIGENWELL_ISA="abacus")
    assert result.status == 2
    assert "EIGENWELL_ISA" in result.sentence


@pytest.mark.parametrize("module", ["tyro", "rich", "gymnasium"])
def test_a_missing_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert run(["walk", "--episodes", "1"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert f"`{module}`" in line
    assert line.endswith('pip install "eigenwell[walk]"')


def test_a_core_without_extras_starts() -> None:
    """What stands at the top of the modules must not need the extras before they are asked for."""
    hidden = "import sys; sys.modules.update(dict.fromkeys(('tyro', 'rich', 'gymnasium', 'PIL')))"
    script = f"{hidden}; from eigenwell.__main__ import main; sys.exit(main(sys.argv[1:]))"
    walk = subprocess.run(
        [sys.executable, "-c", script, "walk"], capture_output=True, text=True, check=False
    )
    assert walk.returncode == 2
    assert walk.stderr.count("\n") == 1
    assert 'pip install "eigenwell[walk]"' in walk.stderr
    version = subprocess.run(
        [sys.executable, "-c", script, "--version"], capture_output=True, text=True, check=False
    )
    assert version.returncode == 0


def test_a_reader_that_goes_away(toy_policy: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "eigenwell", "inspect", str(toy_policy), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=60) == 141
