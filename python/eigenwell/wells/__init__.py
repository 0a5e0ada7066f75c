"""Gravity wells of the softmax: exact policy-gradient dynamics, escape times and remedies.

The article "gravity wells" (`design/wells.md` has the theory): softmax policy gradient from a bad
start is drawn to a sub-optimal corner of the simplex and stays there for thousands of steps.

Example:
    >>> from eigenwell import wells
    >>> bandit = wells.Bandit([1.0, 0.9, 0.1])
    >>> run = wells.softmax_pg(bandit, [0.01, 0.05, 0.94], learning_rate=0.4, steps=8000)
    >>> int(wells.escape_time(run))
    7368
    >>> sunk = wells.sinking(run)
    >>> int(sunk.time), round(float(sunk.probability), 5)
    (1954, 0.00383)
"""

from eigenwell.wells import asr, bounds, mdp, monitor
from eigenwell.wells._bandit import Bandit
from eigenwell.wells._escape_times import escape_times, final_policies
from eigenwell.wells._exponent import WellExponent, well_exponent
from eigenwell.wells._map import EscapeMap, escape_map
from eigenwell.wells._measures import (
    Plateau,
    Sinking,
    corners,
    escape_time,
    plateau,
    sinking,
    time_above,
)
from eigenwell.wells._parameterised import escort_pg, hadamard_pg
from eigenwell.wells._preconditioned import normalised_pg, npg, spma
from eigenwell.wells._regularised import entropy_pg, log_barrier_pg
from eigenwell.wells._remedies import Remedy, remedies
from eigenwell.wells._reweighted import delightful_pg, frozen_rollout_pg
from eigenwell.wells._run import Run
from eigenwell.wells._softmax_pg import softmax_pg
from eigenwell.wells._tsallis import tsallis_pg

__all__ = [
    "Bandit",
    "EscapeMap",
    "Plateau",
    "Remedy",
    "Run",
    "Sinking",
    "WellExponent",
    "asr",
    "bounds",
    "corners",
    "delightful_pg",
    "entropy_pg",
    "escape_map",
    "escape_time",
    "escape_times",
    "escort_pg",
    "final_policies",
    "frozen_rollout_pg",
    "hadamard_pg",
    "log_barrier_pg",
    "mdp",
    "monitor",
    "normalised_pg",
    "npg",
    "plateau",
    "remedies",
    "sinking",
    "softmax_pg",
    "spma",
    "time_above",
    "tsallis_pg",
    "well_exponent",
]
