"""The part of PPO that differentiates: networks, losses, and the update."""

from __future__ import annotations

from eigenwell._checks import require

require("torch", extra="learn")

from eigenwell.ppo.torch._learner import Learner, Losses  # noqa: E402
from eigenwell.ppo.torch._losses import (  # noqa: E402
    approximate_kl,
    clipped_objective,
    normalised,
)
from eigenwell.ppo.torch._networks import ActorCritic  # noqa: E402

__all__ = [
    "ActorCritic",
    "Learner",
    "Losses",
    "approximate_kl",
    "clipped_objective",
    "normalised",
]
