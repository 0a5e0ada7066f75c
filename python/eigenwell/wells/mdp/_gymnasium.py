"""Gymnasium's tables of transitions as decision processes."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigenwell import _checks
from eigenwell.errors import ArgumentError, EigenwellError
from eigenwell.wells.mdp._tabular import TabularMDP


def from_gymnasium(environment: Any, *, discount: float = 0.99) -> TabularMDP:
    """Convert an environment that lists its transitions, such as FrozenLake, Taxi, CliffWalking.

    Args:
        environment: Gymnasium id, such as ``"Taxi-v4"``, or an environment made with options.
        discount: gamma.

    Returns:
        The process. Its last state, ``"end"``, is where every transition leads that terminates; it
        stays there without reward.

    Raises:
        ArgumentError: The id is unknown, or the environment has no table ``P``.
        BackendUnavailableError: Gymnasium is missing.

    Note:
        A time limit is no part of the process, so returns of long episodes differ by what lies
        beyond it.

    Example:
        >>> lake = from_gymnasium("FrozenLake-v1")
        >>> lake.states, lake.actions, round(lake.value(lake.uniform()), 4)
        (17, 4, 0.0124)
    """
    made = None
    if isinstance(environment, str):
        gymnasium = _checks.require("gymnasium", extra="learn")
        try:
            environment = made = gymnasium.make(environment)
        except gymnasium.error.Error as error:
            raise ArgumentError(f"`environment` must be a Gymnasium id: {error}") from error
    try:
        return _convert(environment.unwrapped, discount)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, EigenwellError):
            raise
        raise ArgumentError(
            "`environment` must list its transitions in `unwrapped.P` and its first states in "
            f"`unwrapped.initial_state_distrib`, as FrozenLake does: {error}"
        ) from error
    finally:
        if made is not None:
            made.close()


def _convert(bare: Any, discount: float) -> TabularMDP:
    table = bare.P
    states, actions = len(table), len(table[0])
    p, r = np.zeros((states + 1, actions, states + 1)), np.zeros((states + 1, actions))
    p[-1, :, -1] = 1.0
    for s in range(states):
        for a in range(actions):
            for probability, to, reward, terminated in table[s][a]:
                p[s, a, -1 if terminated else int(to)] += probability
                r[s, a] += probability * reward
    initial = np.append(np.asarray(bare.initial_state_distrib, np.float64), 0.0)
    labels = [*(str(s) for s in range(states)), "end"]
    return TabularMDP(p, r, discount, initial, labels=labels)
