"""Particle systems: species of points that descend on pairwise energies.

The article "particles": points on the sum of their distances end on a sphere that flickers;
electrons, protons and neutrons end in a helical polymer of neutrons.

Example:
    >>> from eigenwell import particles
    >>> system = particles.sphere(1000)
    >>> system.names
    ('points',)
    >>> particles.simulate(system, steps=100, record_every=50).positions["points"].shape
    (3, 1000, 3)
"""

from eigenwell.particles._divergence import DivergenceError
from eigenwell.particles._presets import polymer, sphere
from eigenwell.particles._simulate import Progress, simulate
from eigenwell.particles._system import Interaction, Species, System
from eigenwell.particles._trajectory import Trajectory

__all__ = [
    "DivergenceError",
    "Interaction",
    "Progress",
    "Species",
    "System",
    "Trajectory",
    "polymer",
    "simulate",
    "sphere",
]
