"""The two systems of the article "particles"."""

from __future__ import annotations

from eigenwell.errors import ArgumentError
from eigenwell.particles._system import Interaction, Species, System


def sphere(
    n: int, learning_rate: float = 1e-3, dimension: int = 3, *, initial: str = "normal"
) -> System:
    """Return points that descend on the sum of their distances, each pair counted once.

    The article's first finding: they end on a sphere that flickers between two radii.

    Args:
        n: Number of points.
        learning_rate: Of the descent; the article's is 1e-3.
        dimension: d; the article's is 3.
        initial: ``"normal"`` or ``"uniform"``, both of scale 20.

    Raises:
        EigenwellError: As :class:`Species` says.
    """
    points = Species("points", n, learning_rate, initial)
    return System((points,), (Interaction("points", "points"),), dimension)


def polymer(n: int, learning_rate: float = 1e-4, pairs: str = "upper") -> System:
    """Return the article's electrons, protons and neutrons, n of each in three dimensions.

    Electrons repel electrons and protons protons as charges do (exponent -1); everything else has
    exponent 1: electrons and protons attract each other, neutrons attract both and repel neutrons.

    Args:
        n: Number of points of each species.
        learning_rate: Of the descent, for all; the article's is 1e-4.
        pairs: ``"upper"``: the article's triangular mask, which also lies on the pairs of
            different species; ``"all"``: every ordered pair at half the weight, so that the forces
            are of the same size but do not know of the points' order.

    Raises:
        EigenwellError: As :class:`Species` says, or `pairs` is something else.
    """
    if pairs not in {"upper", "all"}:
        raise ArgumentError(f"`pairs` must be upper or all, got {pairs!r}")
    weight = 1.0 if pairs == "upper" else 0.5
    table = (
        ("electrons", "electrons", -1.0, weight),
        ("protons", "protons", -1.0, weight),
        ("neutrons", "neutrons", 1.0, -weight),
        ("electrons", "protons", 1.0, weight),
        ("neutrons", "electrons", 1.0, weight),
        ("neutrons", "protons", 1.0, weight),
    )
    names = ("electrons", "protons", "neutrons")
    return System(
        tuple(Species(name, n, learning_rate) for name in names),
        tuple(Interaction(*entry, pairs) for entry in table),
    )
