"""Meta-world models: the networks, all recipes, the mirror test, and play of what they learned."""

from __future__ import annotations

from eigenwell._checks import require

require("torch", extra="worlds")

from eigenwell.worlds.torch._evaluate import Judgement, grid, mirror_test  # noqa: E402
from eigenwell.worlds.torch._model import Memory, MetaModel, Trained, Vision  # noqa: E402
from eigenwell.worlds.torch._networks import networks  # noqa: E402
from eigenwell.worlds.torch._play import Played, play  # noqa: E402
from eigenwell.worlds.torch._policy import Policy, load_policy, train_policy  # noqa: E402
from eigenwell.worlds.torch._shrink import Shown, demo, shrink  # noqa: E402
from eigenwell.worlds.torch._train import config_of, load, train  # noqa: E402

__all__ = [
    "Judgement",
    "Memory",
    "MetaModel",
    "Played",
    "Policy",
    "Shown",
    "Trained",
    "Vision",
    "config_of",
    "demo",
    "grid",
    "load",
    "load_policy",
    "mirror_test",
    "networks",
    "play",
    "shrink",
    "train",
    "train_policy",
]
