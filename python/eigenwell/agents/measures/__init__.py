"""How good an embedding of agents is, on networks of training runs that it has not seen.

Every figure stands beside that of the plain VAE, or of the baseline that its function names, with a
95 % bootstrap interval over training runs: snapshots of one run are not independent.
"""

from eigenwell.agents.measures._generation import (
    Generation,
    Novelty,
    Prompts,
    generation,
    novelty,
    prompts,
)
from eigenwell.agents.measures._intervals import Estimate, bootstrap
from eigenwell.agents.measures._lines import Barriers, Frequencies, barriers, frequencies
from eigenwell.agents.measures._reconstruction import (
    Prediction,
    Reconstruction,
    invariance,
    prediction,
    reconstruction,
)
from eigenwell.agents.measures._repair import Repairs, repairs
from eigenwell.agents.measures._report import Report, report

__all__ = [
    "Barriers",
    "Estimate",
    "Frequencies",
    "Generation",
    "Novelty",
    "Prediction",
    "Prompts",
    "Reconstruction",
    "Repairs",
    "Report",
    "barriers",
    "bootstrap",
    "frequencies",
    "generation",
    "invariance",
    "novelty",
    "prediction",
    "prompts",
    "reconstruction",
    "repairs",
    "report",
]
