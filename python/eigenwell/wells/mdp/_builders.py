"""Decision processes whose wells are inside one another."""

from __future__ import annotations

from typing import SupportsIndex

import numpy as np

from eigenwell import _checks
from eigenwell.errors import ArgumentError
from eigenwell.wells.mdp._tabular import Float64, TabularMDP

_MAX_STATES = 20_000


def nested_wells(
    length: SupportsIndex,
    *,
    actions: SupportsIndex = 3,
    bait: float = 0.9,
    discount: float = 0.9,
    start: str = "uniform",
) -> TabularMDP:
    """Chain in which every state is a well until the next one has been left.

    Action 0 goes on, for no reward but 1 at the end of the chain. Action 1 stops for ``bait`` times
    what going on is worth at best. The other actions stop for nothing. As long as the states ahead
    are badly played, stopping is better: training sinks into it, and the wells open from the end.

    Args:
        length: States of the chain, at least 1; one more is the end.
        actions: At least 2.
        bait: Above 0 and below 1.
        discount: Above 0 and below 1.
        start: ``"uniform"`` over the chain, or ``"first"`` state alone.

    Raises:
        EigenwellError: An argument is out of range.
    """
    count = _checks.integer(length, "length", low=1, high=_MAX_STATES)
    width = _checks.integer(actions, "actions", low=2, high=_MAX_STATES)
    share, gamma = _fraction(bait, "bait"), _fraction(discount, "discount")
    if start not in {"uniform", "first"}:
        raise ArgumentError(f"`start` must be 'uniform' or 'first', got {start!r}")
    p, r = _ending(count + 1, width)
    for s in range(count):
        _goes(p, s, 0, s + 1)
        r[s, 1] = share * gamma ** (count - 1 - s)
    r[count - 1, 0] = 1.0
    mu = np.zeros(count + 1)
    mu[: count if start == "uniform" else 1] = 1.0
    return TabularMDP(
        p, r, gamma, mu / mu.sum(), labels=[*(f"{s + 1}" for s in range(count)), "end"]
    )


def tree(
    depth: SupportsIndex,
    *,
    branching: SupportsIndex = 2,
    bait: float = 0.5,
    discount: float = 0.9,
) -> TabularMDP:
    """Tree with one good leaf, far on one side, and a whole other side of fair ones.

    The leaf on action 0 all the way has reward 1. All leaves behind the root's last action have
    reward ``bait``. All others have none. A uniform policy finds the good leaf once in
    ``branching^(depth - 1)`` behind action 0, so the root sinks towards the fair side.

    Args:
        depth: Decisions from the root to a leaf, at least 1.
        branching: Actions, at least 2.
        bait: Above 0 and below 1.
        discount: Above 0 and below 1.

    Raises:
        EigenwellError: An argument is out of range, or there are more than 20,000 states.
    """
    levels = _checks.integer(depth, "depth", low=1, high=14)
    width = _checks.integer(branching, "branching", low=2, high=_MAX_STATES)
    share, gamma = _fraction(bait, "bait"), _fraction(discount, "discount")
    inner = (width**levels - 1) // (width - 1)
    if inner + 1 > _MAX_STATES:
        raise ArgumentError(f"`depth` must give at most {_MAX_STATES} states, got {inner + 1}")
    p, r = _ending(inner + 1, width)
    labels = ["root"]
    for s in range(inner):
        for a in range(width):
            child = width * s + a + 1
            if child < inner:
                _goes(p, s, a, child)
                labels.append(f"{labels[s]}.{a}")
            elif a == 0 and set(labels[s].split(".")[1:]) <= {"0"}:
                r[s, a] = 1.0
            elif [*labels[s].split("."), str(a)][1] == str(width - 1):
                r[s, a] = share
    mu = np.zeros(inner + 1)
    mu[0] = 1.0
    return TabularMDP(p, r, gamma, mu, labels=[*labels, "end"])


def delayed_chain(
    length: SupportsIndex,
    *,
    copies: SupportsIndex = 8,
    discount: float = 0.96,
    probability: float = 0.1,
) -> TabularMDP:
    """Chain after Li et al. 2021 in which every state must wait for the ones before it, and sinks.

    A state s from 3 on has three actions. Action 0 ends for a fair reward. Action 1 goes on to the
    adjoint state of s - 1, at best the optimum. Action 2 ends for a little less than action 0, but
    with a small probability leads to the adjoint state of s - 2: it becomes the better of the two
    when the value of s - 2 passes a threshold. So the mass moves from well to well, and the
    probability of action 1 falls all that time; the later the signal comes, the longer the way
    back. An adjoint state ends for the threshold, or goes on to its state. The buffers 1 and 2 are
    ``copies`` states each, so each of them learns slowly. Boosters, as many for each other state,
    lead there whatever they do, so that those learn fast.

    Args:
        length: H, the number of the last state, at least 2.
        copies: Of each buffer, and boosters of each state.
        discount: Above 0 and below 1; ``discount^(2 length)`` must be above the fair reward.
        probability: Of action 2 to go on.

    Returns:
        The process, one state for all copies; the initial distribution is uniform over all of them.

    Raises:
        EigenwellError: An argument is out of range.

    Note:
        The article's text was not at hand, so the layout and the constants here are no copy of its
        own. Tests check what its abstract states, and the mechanism: at most three actions, uniform
        initial distribution and policy, ``V*(s) = discount^(2 s)``, the probability of the optimal
        action falls until the states before are learnt, and the times at which the states are
        learnt are powers of the number of states whose exponents grow along the chain.

    References:
        Li, Wei, Chi, Gu and Chen 2021, "Softmax policy gradient methods can take exponential time
        to converge".
    """
    last = _checks.integer(length, "length", low=2, high=1000)
    many = _checks.integer(copies, "copies", low=1, high=_MAX_STATES)
    gamma, chance = _fraction(discount, "discount"), _fraction(probability, "probability")
    fair = 0.5 * gamma ** (2 * np.arange(last + 1) / 3)  # the thresholds, of state s at [s]
    if gamma ** (2 * last) <= fair[last]:
        raise ArgumentError(
            f"`length` must keep discount^(2 length) above {fair[last]:.3g}, got "
            f"{gamma ** (2 * last):.3g}: a shorter chain, or a discount nearer 1"
        )
    inner = [f"{s}" for s in range(1, last + 1)] + [f"adjoint {s}" for s in range(1, last + 1)]
    boosted = inner[2:]
    names = [*inner, *(f"booster of {name}" for name in boosted), "end"]
    at = {name: i for i, name in enumerate(names)}
    p, r = _ending(len(names), 3)
    for s in range(1, last + 1):
        if s <= 2:
            r[at[f"{s}"]] = gamma ** (2 * s) * np.array([-1, 1, -1])
        else:
            ends = fair[s] * gamma ** (5 / 6)
            r[at[f"{s}"]] = ends + gamma**2 * chance * fair[s - 2], 0.0, ends
            _goes(p, at[f"{s}"], 1, at[f"adjoint {s - 1}"])
            _goes(p, at[f"{s}"], 2, at[f"adjoint {s - 2}"], chance)
        r[at[f"adjoint {s}"], [0, 2]] = gamma * fair[s]
        _goes(p, at[f"adjoint {s}"], 1, at[f"{s}"])
    for name in boosted:
        for a in range(3):
            _goes(p, at[f"booster of {name}"], a, at[name])
    number = np.ones(len(names))
    number[:2] = number[len(inner) : -1] = many
    return TabularMDP(p, r, gamma, number / number.sum(), labels=names, copies=number)


def _fraction(value: float, name: str) -> float:
    number = _checks.positive(value, name)
    if number >= 1:
        raise ArgumentError(f"`{name}` must be above 0 and below 1, got {number}")
    return number


def _ending(states: int, actions: int) -> tuple[Float64, Float64]:
    """Return dynamics in which everything leads to the last state, for no reward."""
    p = np.zeros((states, actions, states))
    p[:, :, -1] = 1.0
    return p, np.zeros((states, actions))


def _goes(p: Float64, state: int, action: int, to: int, probability: float = 1.0) -> None:
    """Lead an action elsewhere with a probability, and to the last state with the rest."""
    p[state, action] = 0.0
    p[state, action, -1] = 1 - probability
    p[state, action, to] += probability
