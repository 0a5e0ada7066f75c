"""Checkpoints: what is written is read again, and what is something else is said to be so."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eigenwell._checkpoint import Format, check_same
from eigenwell.errors import ArgumentError, BackendUnavailableError, FormatError

pytest.importorskip("safetensors", reason="safetensors is not installed")

FORMAT = Format(key="eigenwell.test", extra="learn")
ARRAYS: dict[str, Any] = {
    "transposed": np.arange(6.0).reshape(2, 3).T,
    "every_second": np.arange(9, dtype=np.int64)[::2],
    "a_number": np.array(0.5, np.float32),
    "half": np.ones((2, 2), np.float16),
    "none": np.empty((0, 4)),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.safetensors"
    FORMAT.write(path, ARRAYS, {"steps": 3, "name": "ä", "best": None})
    return path


def test_what_is_written_is_read(file: Path) -> None:
    arrays, about = FORMAT.read(file)
    assert about == {"steps": 3, "name": "ä", "best": None}
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array, strict=True)
    again = file.with_name("b.safetensors")
    FORMAT.write(again, arrays, about)
    assert again.read_bytes() == file.read_bytes()


def test_the_header_says_what_a_file_is(file: Path) -> None:
    data = file.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert json.loads(header["__metadata__"]["eigenwell.test"])["version"] == 1


@pytest.mark.parametrize(
    "change",
    [
        *(pytest.param(lambda data, n=n: data[:n], id=f"{n} bytes") for n in (0, 5, 100, -1)),
        pytest.param(lambda data: data[: 8 + int.from_bytes(data[:8], "little")], id="no arrays"),
        pytest.param(lambda data: data + b"x", id="one byte more"),
        pytest.param(lambda data: b"\xff" * 64, id="noise"),
        pytest.param(lambda data: data.replace(b"ll.test", b"ll.text"), id="another family"),
        pytest.param(lambda data: data.replace(b"__metadata__", b"__metadatum_"), id="plain"),
        pytest.param(lambda data: data.replace(b"version", b"virsion"), id="no version"),
    ],
)
def test_damage_is_said_to_be_such(file: Path, change: Any) -> None:
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(
        FormatError, match=r"a\.safetensors` is not a checkpoint of eigenwell\.test"
    ):
        FORMAT.read(file)


@pytest.mark.parametrize("document", ["[1]", "3", "null", '"version"', "[", "{}"])
def test_a_description_that_is_none(tmp_path: Path, document: str) -> None:
    from safetensors.numpy import save

    path = tmp_path / "a"
    path.write_bytes(save({"x": np.zeros(2)}, metadata={"eigenwell.test": document}))
    with pytest.raises(FormatError, match="is not a model of"):
        Format(key="eigenwell.test", extra="learn", noun="model").read(path)


def test_another_version(file: Path) -> None:
    later = Format(key="eigenwell.test", extra="learn", version=2)
    with pytest.raises(FormatError, match="must have version 2 to be read here, got 1"):
        later.read(file)
    later.write(file, ARRAYS, {})
    assert later.read(file)[1] == {}
    with pytest.raises(FormatError, match="must have version 1 to be read here, got 2"):
        FORMAT.read(file)


def test_files_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="cannot be read"):
        FORMAT.read(tmp_path / "absent")
    with pytest.raises(ArgumentError, match="cannot be written"):
        FORMAT.write(tmp_path / "absent" / "a", ARRAYS, {})


def test_the_extra_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    worlds = Format(key="eigenwell.test", extra="worlds")
    for use in (lambda: worlds.read(file), lambda: worlds.write(file, {}, {})):
        with pytest.raises(BackendUnavailableError, match=r'pip install "eigenwell\[worlds\]"'):
            use()


def test_settings_of_another_run(tmp_path: Path) -> None:
    ours = {"seed": 1, "steps": 20, "widths": [64, 64]}
    check_same({"seed": 1, "steps": 10, "gone": 1}, ours, tmp_path, free={"steps"})
    with pytest.raises(ArgumentError, match=r"`seed` must be 0 to resume the run in .*, got 1"):
        check_same({"seed": 0}, ours, tmp_path, free={"steps"})
