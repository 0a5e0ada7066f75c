"""The import reader sees every form of import and where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.helpers.imports import Import, imports_of, module_files


@pytest.mark.parametrize(
    ("line", "imported"),
    [
        ("import json", "json"),
        ("import json as j", "json"),
        ("import os.path", "os.path"),
        ("from pkg.low import thing", "pkg.low.thing"),
        ("from . import sibling", "pkg.mid.sibling"),
        ("from .sibling import thing", "pkg.mid.sibling.thing"),
        ("from .. import low", "pkg.low"),
        ("from ..low import thing", "pkg.low.thing"),
        ("torch = require('torch', extra='learn')", "torch"),
        ("torch = _checks.require('torch', extra='learn')", "torch"),
        ("torch = importlib.import_module('torch')", "torch"),
    ],
)
def test_each_form_of_import_is_seen_and_resolved(line: str, imported: str) -> None:
    assert imports_of("pkg.mid.module", line) == [Import("pkg.mid.module", imported, 1)]


def test_relative_imports_of_a_package_resolve_against_itself() -> None:
    found = imports_of("pkg.mid", "from .part import thing", is_package=True)
    assert [entry.imported for entry in found] == ["pkg.mid.part.thing"]


def test_one_statement_gives_one_entry_per_name() -> None:
    assert [entry.imported for entry in imports_of("m", "from a import b, c")] == ["a.b", "a.c"]


def test_laziness_and_type_checking_are_told_apart() -> None:
    source = (
        "import eager\n"
        "if TYPE_CHECKING:\n    import for_types\nelse:\n    import otherwise\n"
        "def f():\n    import lazy\n"
        "class C:\n    import in_class\n"
    )
    found = {entry.imported: (entry.lazy, entry.for_types) for entry in imports_of("m", source)}
    assert found == {
        "eager": (False, False),
        "for_types": (False, True),
        "otherwise": (False, False),
        "lazy": (True, False),
        "in_class": (False, False),
    }


def test_an_ordinary_call_with_a_string_is_no_import() -> None:
    assert imports_of("m", "print('torch')") == []


def test_modules_are_found_by_dotted_name_and_stubs_stand_for_extensions(tmp_path: Path) -> None:
    package = tmp_path / "pkg"
    for name in ("__init__.py", "both.py", "both.pyi", "native.pyi", "sub/__init__.py", "sub/m.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).touch()
    files = module_files(package)
    assert list(files) == ["pkg", "pkg.both", "pkg.native", "pkg.sub", "pkg.sub.m"]
    assert files["pkg.both"] == package / "both.py"
    assert files["pkg.native"] == package / "native.pyi"
