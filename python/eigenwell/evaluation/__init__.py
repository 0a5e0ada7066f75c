"""Runs a policy in Gymnasium environments and summarises the scores.

A policy is any callable from one observation to one action, so packed policies, exported functions
and networks in training are scored by the same loop. One episode gets one seed and, by default, one
fresh environment: Box2D's contact solver keeps state across ``reset``, so that in a reused
environment the score of a seed depends on the episodes before it.

:func:`environment_fingerprint` says whether the physics here is the one that a policy was scored
in: Gymnasium's Box2D environments change with their versions, and scores with them.
"""

from __future__ import annotations

from eigenwell.evaluation._environment import check_spaces, make_environment, reward_threshold
from eigenwell.evaluation._fingerprint import environment_fingerprint, physics_matches
from eigenwell.evaluation._run import OnFrame, evaluate, run_episode
from eigenwell.evaluation._scores import SOLVED_EPISODES, Episode, Evaluation

__all__ = [
    "SOLVED_EPISODES",
    "Episode",
    "Evaluation",
    "OnFrame",
    "check_spaces",
    "environment_fingerprint",
    "evaluate",
    "make_environment",
    "physics_matches",
    "reward_threshold",
    "run_episode",
]
