"""Small games of three worlds, and one thread for those who learn from them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from eigenwell import worlds


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Give torch one thread: these networks are too small to share."""
    try:
        import torch
    except ImportError:
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> list[worlds.World]:
    """Four games of each of the worlds o, m and c."""
    folder = tmp_path_factory.mktemp("data")
    return [
        worlds.load(worlds.collect(folder / name, variant=name, episodes=4, length=300))
        for name in ("o", "m", "c")
    ]


@pytest.fixture(scope="module")
def pair(three: list[worlds.World]) -> list[worlds.World]:
    """The first two of them."""
    return three[:2]
