"""The findings about particles: experiments, claims, and what the numbers say of them."""

from eigenwell.particles.findings._polymer import experiments as polymer_experiments
from eigenwell.particles.findings._sphere import experiments as sphere_experiments
from eigenwell.particles.findings._statements import claims

__all__ = ["claims", "polymer_experiments", "sphere_experiments"]
