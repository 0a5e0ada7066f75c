"""Worlds that look different and obey one dynamics, and models that find that out.

The article "meta-world models": every world has a vision model of its own, all share one memory
model, and the mirror test asks whether what one world's encoder says can be read by another's
decoder. The worlds are variants of Pong: of our own (:mod:`eigenwell.worlds.pong`) and of Atari's
(:mod:`eigenwell.worlds.atari`), seen through :mod:`eigenwell.worlds.variants`.

References:
    Wu, Li and Wang 2018, "Meta-world models", arXiv 1811.01741.
"""

from eigenwell.worlds import atari, mirror, pong, variants
from eigenwell.worlds._collect import collect
from eigenwell.worlds._config import MetaConfig
from eigenwell.worlds._staged_config import StagedConfig
from eigenwell.worlds._storage import Origin, World, load

__all__ = [
    "MetaConfig",
    "Origin",
    "StagedConfig",
    "World",
    "atari",
    "collect",
    "load",
    "mirror",
    "pong",
    "variants",
]
