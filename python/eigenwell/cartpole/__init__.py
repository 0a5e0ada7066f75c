"""Populations of pole-balancers: many different policies, many episodes each, at native speed.

Evaluating one policy in many environments is common; evaluating many policies is what
neuroevolution, quality-diversity and embeddings of agents need.
"""

from eigenwell.cartpole._architecture import DC, MLP, Architecture
from eigenwell.cartpole._physics import Physics, starts
from eigenwell.cartpole._rollout import rollout
from eigenwell.cartpole._visits import Visits

__all__ = ["DC", "MLP", "Architecture", "Physics", "Visits", "rollout", "starts"]
