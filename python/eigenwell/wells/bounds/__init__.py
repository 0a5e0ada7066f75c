"""Lower bounds on escape times that can be computed, and that hold.

All of them rest on the corner lemma: near a corner j of the simplex, logit of the probability
beside j rises by at most ``2 eta G m (1 - m)`` a step, whatever the rewards do. The theorems,
hypotheses and proofs are in ``docs/wells_bounds.md``, and
``python -m eigenwell.benchmarks.wells_proofs`` tries to break them. Functions take plain arrays:
policies, rewards, learning rates. Times count from 1.

Example:
    >>> from eigenwell.wells import bounds
    >>> certificate = bounds.escape_certificate(
    ...     [0.01, 0.98, 0.01], [1, 0.9, 0.1], learning_rate=0.4
    ... )
    >>> float(certificate.time)
    1175.0
"""

from eigenwell.wells.bounds._corner import (
    FORMS,
    corner_mass,
    corner_mass_bounds,
    corner_potential,
    corner_potential_inverse,
    escape_budget,
    logit_increment_bound,
)
from eigenwell.wells.bounds._escape import (
    EscapeCertificate,
    certified_steps,
    certified_steps_over_time,
    escape_certificate,
    escape_constant,
)
from eigenwell.wells.bounds._homogeneous import (
    HomogeneousBounds,
    homogeneous_bounds,
    homogeneous_flow_time,
)
from eigenwell.wells.bounds._mdp import (
    MDPCertificate,
    mdp_certificate,
    mdp_pulls,
    mdp_suboptimality_bound,
)
from eigenwell.wells.bounds._online import online_certificate, remaining_time
from eigenwell.wells.bounds._second_theorem import (
    Counterexample,
    SecondTheorem,
    counterexample,
    second_theorem,
)
from eigenwell.wells.bounds._worst_case import worst_case_masses, worst_case_steps

__all__ = [
    "FORMS",
    "Counterexample",
    "EscapeCertificate",
    "HomogeneousBounds",
    "MDPCertificate",
    "SecondTheorem",
    "certified_steps",
    "certified_steps_over_time",
    "corner_mass",
    "corner_mass_bounds",
    "corner_potential",
    "corner_potential_inverse",
    "counterexample",
    "escape_budget",
    "escape_certificate",
    "escape_constant",
    "homogeneous_bounds",
    "homogeneous_flow_time",
    "logit_increment_bound",
    "mdp_certificate",
    "mdp_pulls",
    "mdp_suboptimality_bound",
    "online_certificate",
    "remaining_time",
    "second_theorem",
    "worst_case_masses",
    "worst_case_steps",
]
