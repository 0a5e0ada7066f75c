"""Gravity wells in tabular decision processes: exact gradients, certificates, what holds back.

In every state softmax policy gradient is that of a bandit whose rewards are Q(s, .) and whose
learning rate is in proportion to the state's visits. So wells lie inside one another: a state sinks
for as long as the states ahead of it are badly played.

Example:
    >>> from eigenwell.wells import mdp
    >>> chain = mdp.nested_wells(4, actions=4)
    >>> run = mdp.softmax_pg(chain, chain.uniform(), learning_rate=0.5, steps=12_000, record=1000)
    >>> [row.label for row in mdp.holding_back(chain, run.policies[3])]
    ['2', '1', '3', '4']
"""

from eigenwell.wells.mdp._builders import delayed_chain, nested_wells, tree
from eigenwell.wells.mdp._certificates import (
    CornerCertificates,
    HoldingState,
    corner_certificates,
    holding_back,
)
from eigenwell.wells.mdp._gymnasium import from_gymnasium
from eigenwell.wells.mdp._tabular import Optimum, TabularMDP
from eigenwell.wells.mdp._training import MDPRun, softmax_pg

__all__ = [
    "CornerCertificates",
    "HoldingState",
    "MDPRun",
    "Optimum",
    "TabularMDP",
    "corner_certificates",
    "delayed_chain",
    "from_gymnasium",
    "holding_back",
    "nested_wells",
    "softmax_pg",
    "tree",
]
