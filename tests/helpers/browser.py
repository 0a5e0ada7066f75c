"""A headless Chromium, and pages whose complaints are collected."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@contextlib.contextmanager
def chromium(*flags: str) -> Iterator[Any]:
    """Yield the browser; where there is none the test is skipped."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    with playwright.sync_playwright() as driver:
        if found is None and not Path(driver.chromium.executable_path).exists():
            pytest.skip("there is no Chromium on PATH, and playwright has installed none")
        # In a container there is no room for Chromium's sandbox.
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox", *flags])
        yield browser
        browser.close()


def opened(context: Any, path: Path, complaints: list[str], *, chatty: bool = False) -> Any:
    """Return a page that was opened as a file.

    Args:
        context: Of the browser.
        path: Of the page.
        complaints: Takes errors, what the page prints, and addresses that it asks a network for.
        chatty: It may print what is no error.
    """

    def listen(line: Any) -> None:
        if line.type == "error" or not chatty:
            complaints.append(line.text)

    def watch(request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            complaints.append(request.url)

    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", listen)
    page.on("request", watch)
    page.goto(path.as_uri())
    return page
