"""From a trained run to a packed policy: fit a codebook, quantise, fine-tune, score, pack.

:func:`distil` turns a run of :func:`eigenwell.ppo.train` with an actor of DC neurons into a
:class:`eigenwell.dc.PackedPolicy`. Weights are quantised in the space of normalised observations:
the scales stay beside them, because folding them in widens the range that one codebook has to
cover. Fine-tuning runs the quantised policy in environments, so that it learns where it goes.

References:
    Ross, Gordon and Bagnell 2011, "A reduction of imitation learning and structured prediction to
    no-regret online learning": imitate in the states that the student visits.
    Bengio, Leonard and Courville 2013, "Estimating or propagating gradients through stochastic
    neurons": the straight-through gradient of the rounding.
    Esser et al. 2020, "Learned step size quantization": the codebook as a parameter.

Example:
    >>> from eigenwell.ppo.distil import DistilConfig, distil
    >>> result = distil("runs/walker", DistilConfig(bits=5))  # doctest: +SKIP
    >>> result.policy.save("walker.dcp")  # doctest: +SKIP
"""

from eigenwell.ppo.distil._config import DistilConfig
from eigenwell.ppo.distil._distil import WIDTHS, DistilResult, Progress, distil, sweep
from eigenwell.ppo.distil._kmeans import kmeans_codebook
from eigenwell.ppo.distil._teacher import Teacher

__all__ = [
    "WIDTHS",
    "DistilConfig",
    "DistilResult",
    "Progress",
    "Teacher",
    "distil",
    "kmeans_codebook",
    "sweep",
]
