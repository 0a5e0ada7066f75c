"""What the walker article did not measure: experiments, claims, and runs of training.

:func:`walker_experiments` measures one walker over 100 episodes: without K, in 2 to 8 bits, and
how its legs keep time, also where each leg's neurons do not see the other leg.
:func:`training_experiments` trains, for hours. :func:`run_experiments` scores what was trained
elsewhere. :func:`eigenwell.studies.run_study` runs them.
"""

from eigenwell.ppo.findings._statements import claims
from eigenwell.ppo.findings._synchrony import Locking, dominant_frequency, locking, phase
from eigenwell.ppo.findings._training import CELLS, run_experiments, training_experiments
from eigenwell.ppo.findings._walkers import CUTS, EPISODES, WIDTHS, walker_experiments
from eigenwell.ppo.findings._walks import ARTICLE, FIRST_SEED, HIPS, KNEES, Walk, actor, walk

__all__ = [
    "ARTICLE",
    "CELLS",
    "CUTS",
    "EPISODES",
    "FIRST_SEED",
    "HIPS",
    "KNEES",
    "WIDTHS",
    "Locking",
    "Walk",
    "actor",
    "claims",
    "dominant_frequency",
    "locking",
    "phase",
    "run_experiments",
    "training_experiments",
    "walk",
    "walker_experiments",
]
