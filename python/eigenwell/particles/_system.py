"""What a particle system is: species of points and the interactions between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from eigenwell import _checks
from eigenwell.errors import ArgumentError, FormatError
from eigenwell.pairwise import PAIRS, Term

# Into a frozen dataclass, while it is made.
_set = object.__setattr__

#: Distributions a species can start from; the standard deviation or half-width is its `spread`.
INITIALS = ("normal", "uniform")


@dataclass(frozen=True)
class Species:
    """Points of one kind.

    Attributes:
        name: A word, unique within its system.
        count: Number of points, at least 1.
        learning_rate: Step of the descent for these points, above 0.
        initial: ``"normal"``: independent coordinates of standard deviation ``spread``;
            ``"uniform"``: uniform in ``[-spread, spread]``.
        spread: Scale of the start, above 0. The article's is 20.
    """

    name: str
    count: int
    learning_rate: float
    initial: str = "normal"
    spread: float = 20.0

    def __post_init__(self) -> None:
        where = f"Species({self.name!r})"
        if not (isinstance(self.name, str) and self.name.isidentifier()):
            raise ArgumentError(f"`name` of a species must be a word, got {self.name!r}")
        # As Python's own numbers: a store writes them as JSON.
        _set(self, "count", _checks.integer(self.count, f"{where}.count", low=1, high=2**31 - 1))
        _set(self, "learning_rate", _checks.positive(self.learning_rate, f"{where}.learning_rate"))
        _set(self, "spread", _checks.positive(self.spread, f"{where}.spread"))
        if self.initial not in INITIALS:
            raise ArgumentError(
                f"`{where}.initial` must be one of {', '.join(INITIALS)}, got {self.initial!r}"
            )


@dataclass(frozen=True)
class Interaction:
    """``weight`` times the sum over pairs of ``|x_i - y_j|^exponent``, which the descent lowers.

    Attributes:
        first: Name of the species of the points i.
        second: Name of the species of the points j; the same name is the species with itself.
        exponent: s, not 0: 1 pulls with a constant force, -1 pushes as equal charges do.
        weight: Factor; a negative one turns the force around.
        pairs: ``"upper"``: i < j, the article's triangular mask, between two species, too;
            ``"all"``: every ordered pair; ``"different"``: i != j.
    """

    first: str
    second: str
    exponent: float = 1.0
    weight: float = 1.0
    pairs: str = "upper"

    def __post_init__(self) -> None:
        where = f"Interaction({self.first!r}, {self.second!r})"
        _set(self, "exponent", _checks.nonzero(self.exponent, f"{where}.exponent"))
        _set(self, "weight", _checks.finite(self.weight, f"{where}.weight"))
        if self.pairs not in PAIRS:
            raise ArgumentError(
                f"`{where}.pairs` must be one of {', '.join(PAIRS)}, got {self.pairs!r}"
            )


@dataclass(frozen=True)
class System:
    """Species, what acts between them, and in how many dimensions they live.

    Attributes:
        species: At least one, names unique.
        interactions: Their energies add up.
        dimension: d, at least 1.
    """

    species: tuple[Species, ...]
    interactions: tuple[Interaction, ...]
    dimension: int = 3

    def __post_init__(self) -> None:
        _set(self, "species", tuple(self.species))
        _set(self, "interactions", tuple(self.interactions))
        _set(self, "dimension", _checks.integer(self.dimension, "dimension", low=1, high=2**16))
        if not self.species:
            raise ArgumentError("`species` of a system must have at least one")
        names = self.names
        if len(set(names)) < len(names):
            raise ArgumentError(f"`species` must have names of their own, got {', '.join(names)}")
        for pull in self.interactions:
            for name in (pull.first, pull.second):
                if name not in names:
                    raise ArgumentError(
                        f"`interactions` name the species {name!r}, but there is only "
                        f"{', '.join(names)}"
                    )

    @property
    def names(self) -> tuple[str, ...]:
        """The species' names in their order."""
        return tuple(species.name for species in self.species)

    def terms(self) -> tuple[Term, ...]:
        """Return the interactions as :func:`eigenwell.pairwise.descend` takes them."""
        index = {name: i for i, name in enumerate(self.names)}
        return tuple(
            Term(
                first=index[pull.first],
                second=index[pull.second],
                exponent=pull.exponent,
                strength=pull.weight,
                pairs=pull.pairs,
            )
            for pull in self.interactions
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the system as JSON holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> System:
        """Return the system that :meth:`to_dict` wrote.

        Raises:
            FormatError: It is something else.
        """
        try:
            return cls(
                tuple(Species(**entry) for entry in _entries(values["species"])),
                tuple(Interaction(**entry) for entry in _entries(values["interactions"])),
                values["dimension"],
            )
        except (ArgumentError, KeyError, TypeError) as error:
            raise FormatError(f"this is no particle system: {error}") from None


def _entries(values: Any) -> Sequence[dict[str, Any]]:
    if not isinstance(values, list | tuple):
        raise TypeError(f"a list was expected, got {type(values).__name__}")
    return values
