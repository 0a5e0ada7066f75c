"""The agents that decide most like another one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from eigenwell import _checks, cartpole
from eigenwell.agents._decisions import disagreement, pushes_right
from eigenwell.agents._symmetry import checked
from eigenwell.errors import ShapeError


def nearest(
    weights: npt.ArrayLike,
    among: npt.ArrayLike,
    *,
    states: npt.ArrayLike,
    architecture: cartpole.MLP = cartpole.MLP(),  # noqa: B008  (frozen)
    count: int = 1,
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """Return the agents that take the same action in most states.

    Args:
        weights: Of the agents that are asked about, float [n, p].
        among: Of those that may be found, float [k, p].
        states: To compare actions in, float [m, 4].
        architecture: Of all agents.
        count: Neighbours of each.

    Returns:
        Their indices, nearest first, [n, count], and the share of states in which they agree.

    Raises:
        ShapeError: An array does not fit the architecture.
        ArgumentError: A number is not finite, or fewer agents than `count` may be found.
    """
    one, other = checked(weights, architecture), checked(among, architecture)
    at = np.asarray(states)
    if at.ndim != 2 or at.shape[1] != 4 or len(at) == 0:
        raise ShapeError(f"`states` must have shape (m, 4), got {at.shape}")
    at = _checks.finite_float32(at, "states", at.shape)
    count = _checks.integer(count, "count", low=1, high=len(other))
    theirs = pushes_right(other, architecture, at)
    distance = disagreement(pushes_right(one, architecture, at), theirs)
    order = np.argsort(distance, axis=1, kind="stable")[:, :count]
    return order, 1 - np.take_along_axis(distance, order, axis=1)
