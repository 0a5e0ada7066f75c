"""The two walkers that come with the package, by name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eigenwell import dc


@pytest.mark.parametrize(("word", "name"), [("walker", "article"), ("trained", "trained")])
def test_a_word_names_a_bundled_walker(here: Any, word: str, name: str) -> None:
    shown = json.loads(here("inspect", word, "--json").out)
    assert shown["metadata"] == dc.walker(name).metadata
    assert shown["policy"] == {"article": "the article's walker"}.get(name, "the trained walker")


def test_a_file_of_that_name_comes_first(here: Any, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trained").write_bytes(dc.walker("article").dumps())
    shown = json.loads(here("inspect", "trained", "--json").out)
    assert shown["metadata"] == dc.walker("article").metadata
