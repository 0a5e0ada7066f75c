"""What the latent space of agents is for: lines between them, samples, neighbours, repairs.

Functions take a fitted :class:`eigenwell.agents.torch.Embedding`, or anything that embeds and
decodes as it does, and weights as :func:`eigenwell.cartpole.rollout` takes them. Drawing agents and
predicting their survival are methods of the embedding; :func:`eigenwell.agents.torch.repair` fills
in deleted weights.
"""

from eigenwell.agents._symmetry import align, canonical, shuffled
from eigenwell.agents.latent._lines import Embeds, Line, interpolate, line
from eigenwell.agents.latent._neighbours import nearest
from eigenwell.agents.latent._patterns import Pattern, classify

__all__ = [
    "Embeds",
    "Line",
    "Pattern",
    "align",
    "canonical",
    "classify",
    "interpolate",
    "line",
    "nearest",
    "shuffled",
]
