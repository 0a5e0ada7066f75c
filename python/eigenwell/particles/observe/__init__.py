"""Measurements of particle systems: pure functions of positions, computed in float64.

Positions are ``(n, d)`` array-likes, or ``(r, n, d)`` with step numbers ``(r,)``; lengths come back
in their units. Every function checks its arguments and returns a frozen dataclass. Some need scipy,
which the extra ``particles`` brings.

Example:
    >>> import numpy as np
    >>> from eigenwell.particles import observe
    >>> turn = np.linspace(0, 6 * np.pi, 300)
    >>> helix = np.stack([np.cos(turn), np.sin(turn), 0.3 * turn], axis=1)
    >>> curve = observe.principal_curve(helix, smooth=0.02)
    >>> observe.helix_fit(helix, curve.arc).handedness
    1
"""

from eigenwell.particles.observe._bound import Bound, bound
from eigenwell.particles.observe._chain import ChainOrder, Growth, chain_order, growth
from eigenwell.particles.observe._curve import PrincipalCurve, principal_curve
from eigenwell.particles.observe._cycle import (
    Alternation,
    Drift,
    Return,
    alternation,
    drift,
    period_two,
)
from eigenwell.particles.observe._helix import HelixFit, helix_fit
from eigenwell.particles.observe._shape import Gyration, gyration
from eigenwell.particles.observe._shell import (
    Order,
    RadialProfile,
    ShellOrder,
    Spacing,
    bond_order,
    interior,
    radial_profile,
    shell_order,
    spacing,
)
from eigenwell.particles.observe._shield import Shield, shield

__all__ = [
    "Alternation",
    "Bound",
    "ChainOrder",
    "Drift",
    "Growth",
    "Gyration",
    "HelixFit",
    "Order",
    "PrincipalCurve",
    "RadialProfile",
    "Return",
    "ShellOrder",
    "Shield",
    "Spacing",
    "alternation",
    "bond_order",
    "bound",
    "chain_order",
    "drift",
    "growth",
    "gyration",
    "helix_fit",
    "interior",
    "period_two",
    "principal_curve",
    "radial_profile",
    "shell_order",
    "shield",
    "spacing",
]
