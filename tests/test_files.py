"""Folders and files: what cannot be made or read is said in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from eigenwell import _files
from eigenwell.errors import ArgumentError


def test_a_folder_is_made_once(tmp_path: Path) -> None:
    for _ in range(2):
        made = _files.make_folder(str(tmp_path / "a" / "b"))
        assert made == tmp_path / "a" / "b"
        assert made.is_dir()


@pytest.mark.parametrize("inside", ["file", "file/a"])
def test_a_file_is_no_folder(tmp_path: Path, inside: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArgumentError, match=rf"`--out` must be a folder .*: .*{inside}: \w+"):
        _files.make_folder(tmp_path / inside, "--out")
