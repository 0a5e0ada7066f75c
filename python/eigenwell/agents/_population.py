"""A population of networks with what is known of each, and the Parquet file it is kept in."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from eigenwell import _checks, cartpole
from eigenwell.agents import _parquet
from eigenwell.errors import ArgumentError, DTypeError, FormatError, ShapeError

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

Floats = npt.NDArray[np.floating[Any]]

#: Columns of `Population.behaviour`, means over the visited states of an agent.
BEHAVIOUR = ("position", "angle", "right")

_ARCHITECTURES = {"MLP": cartpole.MLP, "DC": cartpole.DC}
# How all of them were measured.
_MEASURED = ("cap", "long_cap", "episodes", "edges")
# What a network has one number of, and how it is stored.
_COLUMNS: dict[str, Any] = {
    "run": np.int64,
    "step": np.int32,
    "seed": np.int64,
    "survival": np.float32,
    "survival_low": np.float32,
    "survival_high": np.float32,
    "survival_long": np.float32,
}


@dataclass(frozen=True, eq=False, kw_only=True)
class Population:
    """Networks of one architecture, how long each survives, and where each comes from.

    Attributes:
        weights: Parameters as :func:`eigenwell.cartpole.rollout` takes them, float32 [n, p].
        survival: Mean steps over the episodes, in [1, cap], float32 [n].
        survival_low: Lower end of its 95 % bootstrap interval over episodes, float32 [n].
        survival_high: Upper end, float32 [n].
        survival_long: The same mean at the cap `long_cap`, NaN where not measured, float32 [n].
        behaviour: :data:`BEHAVIOUR` over visited states: cart position in metres, pole angle in
            radians, share of pushes to the right, float32 [n, 3].
        run: Training run that a network is a snapshot of, int64 [n].
        step: Update of the run after which it was taken, 0 for an untrained one, int32 [n].
        seed: Of the shard that the run was part of, int64 [n].
        algorithm: ``"evolution"``, ``"gradient"`` or ``"random"``, str [n].
        architecture: Of the networks.
        cap: Steps after which an episode of `survival` ends.
        long_cap: The same for `survival_long`.
        episodes: From paired starts, of each network.
        edges: Group k is survival in (edges[k - 2], edges[k - 1]]; the last ends at the cap.
    """

    weights: Floats
    survival: Floats
    survival_low: Floats
    survival_high: Floats
    survival_long: Floats
    behaviour: Floats
    run: npt.NDArray[np.int64]
    step: npt.NDArray[np.int32]
    seed: npt.NDArray[np.int64]
    algorithm: npt.NDArray[np.str_]
    architecture: cartpole.Architecture
    cap: int = 200
    long_cap: int = 10_000
    episodes: int = 100
    edges: tuple[float, ...] = (50.0, 100.0, 150.0)

    def __post_init__(self) -> None:
        weights = np.asarray(self.weights)
        if weights.ndim != 2 or weights.shape[1] != self.architecture.parameters:
            raise ShapeError(
                f"`weights` must have shape (n, {self.architecture.parameters}) for "
                f"{self.architecture}, got {weights.shape}"
            )
        count = len(weights)
        shapes = {"weights": weights.shape, "behaviour": (count, len(BEHAVIOUR))}
        for name in ("weights", "behaviour"):
            narrow = _checks.finite_float32(getattr(self, name), name, shapes[name])
            object.__setattr__(self, name, narrow)
        for name, dtype in _COLUMNS.items():
            object.__setattr__(self, name, _column(getattr(self, name), name, dtype, count))
        algorithm = np.asarray(self.algorithm, dtype=np.str_)
        if algorithm.shape != (count,):
            raise ShapeError(f"`algorithm` must have shape ({count},), got {algorithm.shape}")
        object.__setattr__(self, "algorithm", algorithm)
        _check_survival(self)

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def group(self) -> npt.NDArray[np.int8]:
        """Group of each network by its mean survival, counted from 1, int8 [n]."""
        return groups(self.survival, self.edges)

    @property
    def group_names(self) -> tuple[str, ...]:
        """Names such as ``"51-100"``, of each group."""
        ends = (0.0, *self.edges, float(self.cap))
        return tuple(f"{low + 1:g}-{high:g}" for low, high in itertools.pairwise(ends))

    def of_group(self, group: int) -> Population:
        """Return the networks of a group.

        Args:
            group: Counted from 1.

        Raises:
            ArgumentError: There is no such group, or it is empty.
        """
        group = _checks.integer(group, "group", low=1, high=len(self.edges) + 1)
        return self.select(self.group == group, what=f"group {group}")

    def select(self, where: npt.ArrayLike, *, what: str = "the selection") -> Population:
        """Return some of the networks.

        Args:
            where: Mask, bool [n], or indices.
            what: Name of them, for the message.

        Raises:
            ArgumentError: They are none.
        """
        index = np.asarray(where)
        if index.dtype == np.bool_ and index.shape != (len(self),):
            raise ShapeError(f"`where` must have shape ({len(self)},), got {index.shape}")
        index = np.flatnonzero(index) if index.dtype == np.bool_ else index
        if index.size == 0:
            raise ArgumentError(f"{what} of the population is empty: collect more networks")
        chosen = {name: getattr(self, name)[index] for name in _ARRAYS}
        return dataclasses.replace(self, **chosen)

    def split(
        self, *, held_out: float = 0.2, seed: int, by: Literal["run", "network"] = "run"
    ) -> tuple[Population, Population]:
        """Return the networks to train on and those to test on.

        Args:
            held_out: Share of the runs to test on, in (0, 1).
            seed: Of the choice.
            by: ``"run"`` keeps the snapshots of a run together, so that a network to test on has
                no near copy among those to train on; ``"network"`` does not.

        Raises:
            ArgumentError: One of the two parts would be empty.
        """
        if by not in {"run", "network"}:
            raise ArgumentError(f'`by` must be "run" or "network", got {by!r}')
        units = self.run if by == "run" else np.arange(len(self))
        kinds = np.unique(units)
        count = round(len(kinds) * _checks.positive(held_out, "held_out"))
        if not 0 < count < len(kinds):
            raise ArgumentError(
                f"`held_out` must leave runs on both sides, got {held_out} of {len(kinds)}"
            )
        tested = np.random.default_rng(seed).permutation(kinds)[:count]
        mask = np.isin(units, tested)
        return self.select(~mask), self.select(mask)

    def save(
        self, path: str | os.PathLike[str], *, weights: Literal["float32", "float16"] = "float32"
    ) -> None:
        """Write a Parquet file, all of it or nothing.

        Args:
            path: The file.
            weights: How they are stored. Of float16 only networks that are rounded to it already
                keep their survival; others are refused.

        Raises:
            ArgumentError: The file cannot be written, or float16 would change the weights.
            BackendUnavailableError: pyarrow is not installed.
        """
        about = {
            "architecture": {
                "kind": type(self.architecture).__name__,
                **dataclasses.asdict(self.architecture),
            },
            **{name: getattr(self, name) for name in _MEASURED},
        }
        columns = {name: getattr(self, name) for name in ("algorithm", "group", *_COLUMNS)}
        columns |= dict(zip(BEHAVIOUR, self.behaviour.T, strict=True))
        rounded = self.weights.astype(weights)
        if not np.array_equal(rounded.astype(np.float32), self.weights):
            raise ArgumentError(f"`weights` must be rounded to {weights} before they are measured")
        _parquet.write(path, rounded, columns, about)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Population:
        """Read what :meth:`save` wrote.

        Raises:
            ArgumentError: The file cannot be read, or a survival in it is NaN.
            FormatError: It is no Parquet file of a population of this version, or cut off.
            BackendUnavailableError: pyarrow is not installed.
        """
        weights, columns, about = _parquet.read(path)
        try:
            kind = dict(about["architecture"])
            return cls(
                weights=weights.astype(np.float32),
                behaviour=np.stack([columns[name] for name in BEHAVIOUR], axis=1),
                algorithm=columns["algorithm"].astype(np.str_),
                architecture=_ARCHITECTURES[kind.pop("kind")](**kind),
                edges=tuple(about["edges"]),
                **{name: columns[name] for name in _COLUMNS},
                **{name: about[name] for name in ("cap", "long_cap", "episodes")},
            )
        except (KeyError, TypeError, DTypeError, ShapeError) as error:
            raise FormatError(
                f"`{path}` is not a population as version {_parquet.VERSION} has it: {error}"
            ) from None


_ARRAYS = ("weights", "behaviour", "algorithm", *_COLUMNS)


def concatenate(populations: Sequence[Population]) -> Population:
    """Return the networks of all populations as one.

    Raises:
        ArgumentError: There is none, or they differ in architecture or in how they were measured.
    """
    if not populations:
        raise ArgumentError("`populations` must be at least one")
    first = populations[0]
    for other in populations[1:]:
        for name in ("architecture", *_MEASURED):
            here, there = getattr(first, name), getattr(other, name)
            if here != there:
                raise ArgumentError(
                    f"`populations` must have the same {name}, got {here} and {there}"
                )
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(p, name) for p in populations]) for name in _ARRAYS
    }
    return dataclasses.replace(first, **joined)


def groups(survival: npt.ArrayLike, edges: Sequence[float]) -> npt.NDArray[np.int8]:
    """Return the group of each survival, counted from 1: of 50 it is the first, of 50.5 the next.

    Args:
        survival: Mean steps.
        edges: Largest survival of each group but the last.
    """
    found = np.searchsorted(np.asarray(edges), np.asarray(survival), side="left") + 1
    return found.astype(np.int8)


def _column(value: Any, name: str, dtype: Any, count: int) -> npt.NDArray[Any]:
    array = np.asarray(value)
    if array.shape != (count,):
        raise ShapeError(f"`{name}` must have shape ({count},), got {array.shape}")
    if array.dtype.kind not in ("iu" if np.dtype(dtype).kind == "i" else "fiu"):
        raise DTypeError(f"`{name}` must be {np.dtype(dtype)}, got dtype {array.dtype}")
    return array.astype(dtype)


def _check_survival(population: Population) -> None:
    for name in ("survival", "survival_low", "survival_high"):
        values = getattr(population, name)
        if np.isnan(values).any():
            raise ArgumentError(f"`{name}` must not be NaN, but is for {np.isnan(values).sum()}")
        if ((values < 0) | (values > population.cap)).any():
            raise ArgumentError(f"`{name}` must be in [0, {population.cap}]")
