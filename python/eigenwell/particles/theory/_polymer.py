"""How many neutrons the polymer holds: a count of far forces, not a theorem."""

from __future__ import annotations

from typing import SupportsIndex

from eigenwell import _checks
from eigenwell.errors import ArgumentError


def bound_fraction(attractors: SupportsIndex = 2, *, escaped: str = "far") -> float:
    """Share of the neutrons that the triangular mask lets the cluster hold. A heuristic.

    Seen from afar every force is a unit vector. Neutron i is pulled by the electrons and protons of
    index j > i, ``c (N - 1 - i)`` of them, and pushed by the neutrons that are near the cluster.
    While all are near, those are N - 1: it stays if ``i / N < 1 - 1 / c``. When the lost ones have
    gone far to all sides their pushes cancel and only the bound ones count: a share f stays with
    ``c (1 - f) = f``. Neutrons that fell out between the two shares come back late, one by one, in
    the order of their index.

    Args:
        attractors: c, the number of species that attract, each as many as neutrons; at least 1.
        escaped: ``"near"``: all neutrons count, ``1 - 1/c``, the early estimate;
            ``"far"``: only the bound ones do, ``c / (c + 1)``, the late one.

    Returns:
        The share: for two attractors 1/2 early and 2/3 late.

    Raises:
        DTypeError: `attractors` is no integer.
        ArgumentError: An argument is out of its range.
    """
    species = _checks.integer(attractors, "attractors", low=1, high=2**31 - 1)
    if escaped not in {"near", "far"}:
        raise ArgumentError(f"`escaped` must be near or far, got {escaped!r}")
    return 1 - 1 / species if escaped == "near" else species / (species + 1)
