"""Gradient descent of coupled species of points, the whole loop in native code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, SupportsIndex, TypeVar

import numpy as np
import numpy.typing as npt

from eigenwell import _checks, _native
from eigenwell.errors import ArgumentError, DTypeError, ShapeError
from eigenwell.pairwise._arguments import PAIRS, Array, points, torch_functions

Points = TypeVar("Points")

_MOST_STEPS = 2**62


@dataclass(frozen=True, kw_only=True)
class Term:
    """One term of an energy of several species: ``strength`` times a Riesz energy.

    Attributes:
        first: Index of the species that gives the points i.
        second: Index of the species that gives the points j; None is the first one itself.
        exponent: s, any number but 0.
        strength: Factor of the term; of a negative one the species see the opposite force.
        pairs: ``"all"``, ``"upper"`` (i < j) or ``"different"`` (i != j).
        softening: Length, at least 0.
    """

    first: int = 0
    second: int | None = None
    exponent: float = 1.0
    strength: float = 1.0
    pairs: str = "all"
    softening: float = 0.0


@dataclass(frozen=True)
class Descent(Generic[Points]):
    """Where a descent went, in arrays if arrays came in and in tensors if tensors did.

    Attributes:
        x: The last state ``(n, d)``, or a tuple of them if species came in.
        records: Every k-th state, the first one included, ``(1 + steps // k, n, d)``, or a tuple of
            them; None if nothing was to be recorded.
        velocity: v after the last step, of the shapes of ``x``: with it the descent can go on.
    """

    x: Points | tuple[Points, ...]
    records: Points | tuple[Points, ...] | None
    velocity: Points | tuple[Points, ...]


class Options(NamedTuple):
    """Checked options of a descent, as the native loop takes them."""

    rates: list[float]
    terms: list[tuple[int, int, float, float, float, str]]
    steps: int
    record_every: int
    momentum: float

    @property
    def records(self) -> int:
        """Number of states that are kept, the first one included; 0 for none."""
        return 1 + self.steps // self.record_every if self.record_every else 0


def descend(
    x: npt.ArrayLike | Sequence[npt.ArrayLike],
    *,
    steps: SupportsIndex,
    learning_rate: float | Sequence[float],
    exponent: float = 1.0,
    pairs: str = "all",
    softening: float = 0.0,
    terms: Sequence[Term] | None = None,
    momentum: float = 0.0,
    velocity: npt.ArrayLike | Sequence[npt.ArrayLike] | None = None,
    record_every: SupportsIndex | None = None,
) -> Descent[Array]:
    """Gradient descent ``x <- x - rate * v``, ``v <- momentum * v + dE/dx``, all points at once.

    Args:
        x: Points ``(n, d)``, or a list or tuple of species, each ``(n_a, d)``; float32 or float64.
            It is not changed.
        steps: Number of steps, at least 0.
        learning_rate: One for all, or one for each species.
        exponent: s of the energy, unless there are terms.
        pairs: Its pair set, unless there are terms.
        softening: Its softening, unless there are terms.
        terms: The energy as a sum over species and pairs of species; None is one term within the
            only species.
        momentum: Of the velocity, as in ``torch.optim.SGD``; 0 is plain descent.
        velocity: v before the first step, as ``x``: what an earlier descent returned. None is 0.
        record_every: Record every k-th state; None records nothing.

    Returns:
        The last state, the records and the velocity.

    Raises:
        DTypeError: Not float32 or float64, or not the same for all species.
        ShapeError: Species of different d, or not ``(n, d)``; a velocity of another shape.
        ArgumentError: A coordinate is not finite, or an option is not allowed.

    Note:
        O(steps * n^2 * d) time; the memory of the records and O(n). The same bits for every number
        of threads. A descent that diverges goes on with infinities and NaN. Ctrl-C stops it.

    Example:
        >>> import numpy as np
        >>> from eigenwell import pairwise
        >>> ends = np.array([[0.0], [1.0]])
        >>> run = pairwise.descend(ends, steps=2, learning_rate=0.25, pairs="upper", record_every=1)
        >>> run.records[:, :, 0].tolist()
        [[0.0, 1.0], [0.25, 0.75], [0.5, 0.5]]
    """
    functions = torch_functions(*(as_tuple(x) + as_tuple(velocity)))
    if functions is not None:
        tensors: Any = functions.descend(
            x,
            steps=steps,
            learning_rate=learning_rate,
            exponent=exponent,
            pairs=pairs,
            softening=softening,
            terms=terms,
            momentum=momentum,
            velocity=velocity,
            record_every=record_every,
        )
        return tensors  # type: ignore[no-any-return]
    several = isinstance(x, list | tuple) and all(np.ndim(species) == 2 for species in x)
    species_in: Sequence[Any] = x if several else (x,)  # type: ignore[assignment]
    if several and not species_in:
        raise ShapeError("`x` must have at least one species")
    species = [_species(value, f"x[{i}]" if several else "x") for i, value in enumerate(species_in)]
    for i, array in enumerate(species):
        if array.shape[1] != species[0].shape[1] or array.dtype != species[0].dtype:
            raise ShapeError(
                f"`x[{i}]` must be ({array.shape[0]}, {species[0].shape[1]}) and "
                f"{species[0].dtype} as x[0] is, got {array.shape} and {array.dtype}"
            )
    options = options_of(
        len(species),
        steps=steps,
        learning_rate=learning_rate,
        exponent=exponent,
        pairs=pairs,
        softening=softening,
        terms=terms,
        momentum=momentum,
        record_every=record_every,
    )
    velocities = _velocities(velocity, species, several=several)
    records = [np.empty((options.records, *array.shape), array.dtype) for array in species]
    native_species: list[tuple[Any, ...]] = []
    for array, moving, record, rate in zip(
        species, velocities, records, options.rates, strict=True
    ):
        record[:1] = array
        following: Any = record[1:] if len(record) > 1 else 0
        native_species.append((array, moving, following, len(array), rate))
    _native.descend(
        native_species,
        options.terms,
        d=species[0].shape[1],
        dtype=species[0].dtype.name,
        steps=options.steps,
        record_every=options.record_every,
        momentum=options.momentum,
        threads=0,
    )
    return result(species, records, velocities, several=several)


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Return the parts of a list or a tuple, and of anything else the one part that it is."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def options_of(
    species: int,
    *,
    steps: Any,
    learning_rate: Any,
    exponent: Any,
    pairs: Any,
    softening: Any,
    terms: Any,
    momentum: Any,
    record_every: Any,
) -> Options:
    """Check what a descent is told about ``species`` species beside where they are.

    Raises:
        EigenwellError: As :func:`descend` says.
    """
    count = _checks.integer(steps, "steps", low=0, high=_MOST_STEPS)
    every = (
        0
        if record_every is None
        else _checks.integer(record_every, "record_every", low=1, high=_MOST_STEPS)
    )
    rates = _rates(learning_rate, species)
    if terms is None:
        if species > 1:
            raise ArgumentError("`terms` must say how the species act on one another")
        terms = [Term(exponent=exponent, pairs=pairs, softening=softening)]
    native_terms = [_term(term, i, species) for i, term in enumerate(terms)]
    return Options(rates, native_terms, count, every, _checks.finite(momentum, "momentum"))


def result(
    x: Sequence[Points], records: Sequence[Any], velocity: Sequence[Points], *, several: bool
) -> Descent[Points]:
    """Wrap up: records without a state are none, and a single species is no tuple."""
    kept = tuple(records) if len(records[0]) else None
    if several:
        return Descent(tuple(x), kept, tuple(velocity))
    return Descent(x[0], None if kept is None else kept[0], velocity[0])


def _species(value: Any, name: str) -> Array:
    array = points(value, name)
    if array.ndim != 2:
        raise ShapeError(f"`{name}` must have shape (n, d), got {array.shape}")
    if array.dtype.name not in {"float32", "float64"}:
        raise DTypeError(f"`{name}` must be float32 or float64, got {array.dtype}")
    return array.copy()


def _velocities(velocity: Any, species: list[Array], *, several: bool) -> list[Array]:
    if velocity is None:
        return [np.zeros_like(array) for array in species]
    if several and not (isinstance(velocity, list | tuple) and len(velocity) == len(species)):
        raise ShapeError(f"`velocity` must be {len(species)} arrays as `x` is")
    velocities = []
    for i, (value, array) in enumerate(
        zip(velocity if several else [velocity], species, strict=True)
    ):
        name = f"velocity[{i}]" if several else "velocity"
        moving = _species(value, name)
        if moving.shape != array.shape or moving.dtype != array.dtype:
            raise ShapeError(
                f"`{name}` must be {array.shape} and {array.dtype} as its points are, "
                f"got {moving.shape} and {moving.dtype}"
            )
        velocities.append(moving)
    return velocities


def _rates(learning_rate: Any, count: int) -> list[float]:
    if np.ndim(learning_rate) == 0:
        return [_checks.finite(learning_rate, "learning_rate")] * count
    rates = [_checks.finite(rate, "learning_rate") for rate in learning_rate]
    if len(rates) != count:
        raise ShapeError(f"`learning_rate` must be one number or {count}, got {len(rates)}")
    return rates


def _term(term: Term, index: int, count: int) -> tuple[int, int, float, float, float, str]:
    name = f"terms[{index}]"
    if not isinstance(term, Term):
        raise DTypeError(f"`{name}` must be a Term, got {type(term).__name__}")
    first = _checks.integer(term.first, f"{name}.first", low=0, high=count - 1)
    second = first if term.second is None else term.second
    if term.pairs not in PAIRS:
        raise ArgumentError(f"`{name}.pairs` must be one of {', '.join(PAIRS)}, got {term.pairs!r}")
    return (
        first,
        _checks.integer(second, f"{name}.second", low=0, high=count - 1),
        _checks.finite(term.strength, f"{name}.strength"),
        _checks.nonzero(term.exponent, f"{name}.exponent"),
        _checks.not_negative(term.softening, f"{name}.softening"),
        term.pairs,
    )
