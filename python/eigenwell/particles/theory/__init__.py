"""What the particles' loop must do: radii, radial laws, the two-cycle, its stability, the polymer.

Every formula is derived in ``docs/particles_theory.md`` and simulated in the tests. The loop is
``x <- x - learning_rate * dE/dx`` with E the sum of the points' distances; its states alternate
between x and -x about their mean, and x is a critical point of a second energy, the conjugate one.

Example:
    >>> from eigenwell.particles import theory
    >>> round(theory.shell_radius(400, 0.01, 3), 4)
    1.3333
"""

from eigenwell.particles.theory._polymer import bound_fraction
from eigenwell.particles.theory._radii import (
    lattice_positions,
    mean_chord,
    radial_cdf,
    radial_density,
    rms_radius,
    shell_radius,
)
from eigenwell.particles.theory._stability import (
    asymmetry_limit,
    interior_escape_rate,
    shell_eigenvalue,
    stability_eigenvalues,
)
from eigenwell.particles.theory._two_cycle import (
    conjugate_energy,
    conjugate_energy_and_gradient,
    two_cycle_residual,
)

__all__ = [
    "asymmetry_limit",
    "bound_fraction",
    "conjugate_energy",
    "conjugate_energy_and_gradient",
    "interior_escape_rate",
    "lattice_positions",
    "mean_chord",
    "radial_cdf",
    "radial_density",
    "rms_radius",
    "shell_eigenvalue",
    "shell_radius",
    "stability_eigenvalues",
    "two_cycle_residual",
]
