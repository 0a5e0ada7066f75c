"""What the packaging files say agrees: one version, one list of extras, one hard dependency."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import metadata, version

from tests.helpers.repository import ROOT

import eigenwell

VERSION_HPP = ROOT / "cpp" / "include" / "eigenwell" / "version.hpp"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = set(PROJECT["optional-dependencies"])


def _only(pattern: str, text: str) -> str:
    found = re.findall(pattern, text, flags=re.MULTILINE)
    assert len(found) == 1, f"{pattern!r} matches {len(found)} times"
    return found[0]


def test_the_header_the_metadata_and_the_module_carry_one_version() -> None:
    written = _only(r'^#define EIGENWELL_VERSION "([^"]+)"$', VERSION_HPP.read_text("utf-8"))
    assert version("eigenwell") == written
    assert eigenwell.__version__ == written


def test_the_changelog_has_an_entry_for_the_version() -> None:
    entries = re.findall(
        r"^## \[([^]]+)\](?: - \d{4}-\d{2}-\d{2})?$",
        (ROOT / "CHANGELOG.md").read_text("utf-8"),
        re.MULTILINE,
    )
    assert entries[0] == "Unreleased"
    assert version("eigenwell") == entries[1]


def test_the_documented_extras_are_those_there_are() -> None:
    page = (ROOT / "docs" / "index.md").read_text("utf-8")
    table = page.partition("| extra |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|", table, re.MULTILINE)) == EXTRAS


def test_the_installed_package_has_the_extras_of_this_tree() -> None:
    assert set(metadata("eigenwell").get_all("Provides-Extra") or ()) == EXTRAS


def test_numpy_is_the_only_hard_dependency() -> None:
    assert [re.split(r"[<>=~! ]", name)[0] for name in PROJECT["dependencies"]] == ["numpy"]


def test_torch_is_pinned_exactly() -> None:
    _only(r"^torch==\d+\.\d+\.\d+$", (ROOT / "constraints.txt").read_text("utf-8"))
