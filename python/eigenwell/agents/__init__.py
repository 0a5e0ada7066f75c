"""Populations of pole-balancers, and embeddings of them.

:func:`collect` grows a :class:`Population` of graded skill from thousands of training runs by
evolution strategies and policy gradients; :func:`sample` is one that comes with the package.

References:
    Chang, Kwiatkowski, Chen and Lipson 2019, "Agent embeddings: a latent representation for
    pole-balancing networks".
"""

from eigenwell.agents._collect import CollectProgress, balanced, collect
from eigenwell.agents._collection import Collection
from eigenwell.agents._elites import Elites, map_elites
from eigenwell.agents._evolution import evolve
from eigenwell.agents._gradients import ascend
from eigenwell.agents._measure import behaviour, bootstrap_interval, measure
from eigenwell.agents._population import BEHAVIOUR, Population, concatenate, groups
from eigenwell.agents._sample import sample, take_sample
from eigenwell.agents._symmetry import canonical

__all__ = [
    "BEHAVIOUR",
    "CollectProgress",
    "Collection",
    "Elites",
    "Population",
    "ascend",
    "balanced",
    "behaviour",
    "bootstrap_interval",
    "canonical",
    "collect",
    "concatenate",
    "evolve",
    "groups",
    "map_elites",
    "measure",
    "sample",
    "take_sample",
]
