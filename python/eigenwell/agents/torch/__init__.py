"""Embeddings of agents by torch: ours, and the plain VAE of the original recipe beside it."""

from __future__ import annotations

from eigenwell._checks import require

require("torch", extra="agents")

from eigenwell.agents.torch._config import EmbeddingConfig, PlainConfig  # noqa: E402
from eigenwell.agents.torch._embedding import Embedding  # noqa: E402
from eigenwell.agents.torch._fit import fit  # noqa: E402
from eigenwell.agents.torch._fit_all import Fitted, fit_all, load_all  # noqa: E402
from eigenwell.agents.torch._plain import PlainVAE, fit_plain  # noqa: E402
from eigenwell.agents.torch._policy import decision, imitation_loss  # noqa: E402
from eigenwell.agents.torch._repair import repair  # noqa: E402

__all__ = [
    "Embedding",
    "EmbeddingConfig",
    "Fitted",
    "PlainConfig",
    "PlainVAE",
    "decision",
    "fit",
    "fit_all",
    "fit_plain",
    "imitation_loss",
    "load_all",
    "repair",
]
