"""Meta-world models: the networks, both recipes, and the mirror test of what they learned."""

from __future__ import annotations

from eigenwell._checks import require

require("torch", extra="worlds")

from eigenwell.worlds.torch._evaluate import Judgement, grid, mirror_test  # noqa: E402
from eigenwell.worlds.torch._model import Memory, MetaModel, Trained, Vision  # noqa: E402
from eigenwell.worlds.torch._train import load, train  # noqa: E402

__all__ = [
    "Judgement",
    "Memory",
    "MetaModel",
    "Trained",
    "Vision",
    "grid",
    "load",
    "mirror_test",
    "train",
]
