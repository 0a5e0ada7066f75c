"""The wheel check tells a good wheel from a bad one."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from tests.helpers import wheels

GOOD = [name.replace("*", "x") for name in wheels.REQUIRED]


def _write_wheel(path: Path, names: list[str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return path


def test_a_good_wheel_passes(tmp_path: Path) -> None:
    assert wheels.main([str(_write_wheel(tmp_path / "good.whl", GOOD))]) == 0


@pytest.mark.parametrize("missing", GOOD)
def test_each_required_file_is_missed(missing: str) -> None:
    assert len(wheels.problems_of_names([name for name in GOOD if name != missing])) == 1


@pytest.mark.parametrize(
    "stray",
    ["lib/cmake/x.cmake", "tests/test_x.py", "eigenwell/src/dc.cpp", "eigenwell/x/tests/a.py"],
)
def test_a_stray_file_is_named(stray: str) -> None:
    assert wheels.problems_of_names([*GOOD, stray]) == [f"{stray} is in it"]


def test_size_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = _write_wheel(tmp_path / "good.whl", GOOD)
    monkeypatch.setattr(wheels, "MAX_BYTES", wheel.stat().st_size - 1)
    assert len(wheels.problems_of_wheel(wheel)) == 1


def test_problems_are_printed_and_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = _write_wheel(tmp_path / "bad.whl", GOOD[1:])
    assert wheels.main([str(bad)]) == 1
    assert capsys.readouterr().out == f"{bad}: {GOOD[0]} is missing\n"


def test_no_wheel_at_all_is_no_success() -> None:
    assert wheels.main([]) == 2
