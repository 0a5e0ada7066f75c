"""The page of agents in a headless Chromium, opened once for a file of tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.helpers.agents_page import choose, parts
from tests.helpers.browser import chromium, opened

from eigenwell.report import agents_page


@pytest.fixture(scope="module")
def context() -> Iterator[Any]:
    with chromium() as browser:
        # Such readers start the animation themselves, as do the tests.
        yield browser.new_context(
            offline=True, viewport={"width": 1100, "height": 900}, reduced_motion="reduce"
        )


@pytest.fixture(scope="module")
def pages(context: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    complaints: list[str] = []
    known: dict[str, Any] = {}

    def of(name: str, d: int = 3, **options: Any) -> Any:
        if name not in known:
            path = tmp_path_factory.mktemp("page") / "agents.html"
            agents_page(path, parts(d), **options)
            known[name] = opened(context, path, complaints)
        return known[name]

    yield of
    assert complaints == []


@pytest.fixture
def page(pages: Any) -> Any:
    """The page of three-dimensional embeddings, with its first pair."""
    page = pages("three")
    page.evaluate("play(false); start = 0; view = structuredClone(home); drawMap()")
    choose(page, 3, 40)
    return page
