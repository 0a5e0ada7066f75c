"""Adaptive sampling with reward: is the metric-learning gravity well a softmax well?

The second half of the article "gravity wells": an encoder learns from triplets whose negatives are
drawn from a distribution over distances, and a policy, rewarded by validation scores, moves that
distribution. ``docs/findings/adaptive_sampling.md`` has the question, the rule and the answer.
"""

from eigenwell.wells.asr import datasets, metrics
from eigenwell.wells.asr._claims import claims, conclusion, paired, verdicts
from eigenwell.wells.asr._config import ASRConfig, read_settings
from eigenwell.wells.asr._curves import Dip, deepest, dip, final, summary
from eigenwell.wells.asr._distribution import MULTIPLIERS, PRESETS, DistanceDistribution
from eigenwell.wells.asr._run import ASRRun, Epoch, run, warmed
from eigenwell.wells.asr._study import CELLS, EXPLORED, STORE, cell_config, experiments, study_toml

__all__ = [
    "CELLS",
    "EXPLORED",
    "MULTIPLIERS",
    "PRESETS",
    "STORE",
    "ASRConfig",
    "ASRRun",
    "Dip",
    "DistanceDistribution",
    "Epoch",
    "cell_config",
    "claims",
    "conclusion",
    "datasets",
    "deepest",
    "dip",
    "experiments",
    "final",
    "metrics",
    "paired",
    "read_settings",
    "run",
    "study_toml",
    "summary",
    "verdicts",
    "warmed",
]
