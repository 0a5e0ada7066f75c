"""Episodes of a population of policies: how long each survives, and what it saw."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, SupportsIndex, overload

import numpy as np
import numpy.typing as npt

from eigenwell import _checks, _native
from eigenwell.cartpole._architecture import MLP, Architecture
from eigenwell.cartpole._arguments import MOST_STEPS, one_of, options, starts_array, weights_array
from eigenwell.cartpole._physics import Physics
from eigenwell.cartpole._visits import Visits

Int32 = npt.NDArray[np.int32]

_MOST_THREADS = 256


@overload
def rollout(  # type: ignore[overload-overlap]  # False is an int
    weights: npt.ArrayLike,
    *,
    starts: npt.ArrayLike,
    architecture: Architecture = ...,
    cap: SupportsIndex = ...,
    physics: Physics = ...,
    mode: Literal["exact", "fast"] = ...,
    actions: Literal["argmax", "sampled"] = ...,
    seed: SupportsIndex | None = ...,
    states: Literal[False] = ...,
    threads: SupportsIndex | None = ...,
) -> Int32: ...


@overload
def rollout(
    weights: npt.ArrayLike,
    *,
    starts: npt.ArrayLike,
    architecture: Architecture = ...,
    cap: SupportsIndex = ...,
    physics: Physics = ...,
    mode: Literal["exact", "fast"] = ...,
    actions: Literal["argmax", "sampled"] = ...,
    seed: SupportsIndex | None = ...,
    states: int,
    threads: SupportsIndex | None = ...,
) -> Visits: ...


def rollout(
    weights: npt.ArrayLike,
    *,
    starts: npt.ArrayLike,
    architecture: Architecture = MLP(),  # noqa: B008  (frozen)
    cap: SupportsIndex = 500,
    physics: Physics = Physics(),  # noqa: B008  (frozen)
    mode: Literal["exact", "fast"] = "exact",
    actions: Literal["argmax", "sampled"] = "argmax",
    seed: SupportsIndex | None = None,
    states: int = False,
    threads: SupportsIndex | None = None,
) -> Int32 | Visits:
    """Run every agent from every start; return after how many steps each episode ended.

    Args:
        weights: ``(agents, parameters)``, float32 or float64: layer by layer the matrix ``(in,
            out)``, row by row, then the bias.
        starts: ``(episodes, 4)``, shared by all agents: see :func:`starts`.
        architecture: What weights mean: :class:`MLP` or :class:`DC`.
        cap: Most steps of an episode.
        physics: Constants, and the noise.
        mode: ``"exact"`` is float64 in Gymnasium's order of operations, with observations rounded
            to float32 as Gymnasium returns them; ``"fast"`` is float32 throughout.
        actions: ``"argmax"`` takes the larger logit, the first where they are equal; ``"sampled"``
            draws from the softmax.
        seed: Of sampled actions and of noise in observations; needed where there are such.
        states: k above 0 returns every k-th visit as well, and True is 1.
        threads: At most so many; None for ``EIGENWELL_NUM_THREADS`` or all cores.

    Returns:
        Steps survived, int32 ``(agents, episodes)``, from 1 to `cap`; or :class:`Visits`.

    Raises:
        DTypeError: An argument has the wrong type.
        ShapeError: Weights do not fit the architecture, or starts are not ``(episodes, 4)``.
        ArgumentError: A weight or start is not finite, a start is beyond the limits, or an argument
            is out of range.

    Note:
        An agent's episodes have the same bits with any number of threads, in any population where
        it stands at the same place.

    Example:
        >>> import numpy as np
        >>> from eigenwell import cartpole
        >>> left = np.zeros((1, 10))  # both logits are 0: always to the left
        >>> starts = cartpole.starts(4, seed=0)
        >>> cartpole.rollout(left, starts=starts, architecture=cartpole.MLP((4, 2))).tolist()
        [[11, 9, 9, 9]]
    """
    one_of(mode, "mode", ("exact", "fast"))
    settings = options(architecture, physics, cap, actions, seed)
    w = weights_array(weights, architecture, np.float32 if mode == "fast" else np.float64)
    first = starts_array(starts, physics)
    every = _checks.integer(states, "states", low=0, high=MOST_STEPS)
    count = 0 if threads is None else _checks.integer(threads, "threads", low=1, high=_MOST_THREADS)
    steps = np.zeros((len(w), len(first)), dtype=np.int32)

    def run(*visits: npt.NDArray[Any] | None) -> None:
        _native.cartpole_rollout(
            w, first, steps, *visits, **settings, every=max(every, 1), threads=count
        )

    run(None, None, None)
    if not every:
        return steps
    # Lengths first: then each visit has its place, and the second run makes the same steps.
    visits = Visits(
        steps=steps,
        observations=np.empty((0, 4), np.float32),
        actions=np.empty(0, np.int8),
        every=every,
    )
    counts = visits.counts
    total = int(counts.sum())
    offsets = (np.cumsum(counts) - counts.reshape(-1)).reshape(counts.shape)
    visits = dataclasses.replace(
        visits,
        observations=np.empty((total, 4), dtype=np.float32),
        actions=np.empty(total, dtype=np.int8),
    )
    run(offsets, visits.observations, visits.actions)
    return visits
