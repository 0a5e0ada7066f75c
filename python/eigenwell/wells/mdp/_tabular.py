"""A finite Markov decision process with known dynamics: values, visits and gradients exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError, ShapeError

Float64 = npt.NDArray[np.float64]

# How far a sum of probabilities may be from 1: a policy may come from a float32 softmax. All are
# divided by their sum.
_SUM_TOLERANCE = 1e-6


class Optimum(NamedTuple):
    """What the best policy is worth.

    Attributes:
        values: ``(S,)``, V*.
        action_values: ``(S, A)``, Q*.
        policy: ``(S,)`` int64, an optimal action per state; the lowest of equals.
    """

    values: Float64
    action_values: Float64
    policy: npt.NDArray[np.int64]


class TabularMDP:
    """Discounted decision process with S states and A actions, every number of it known.

    Args:
        transitions: ``(S, A, S)``, P(s' | s, a); each row is a distribution.
        rewards: ``(S, A)``, expected reward of an action.
        discount: gamma, at least 0 and below 1.
        initial: ``(S,)``, distribution mu of the first state; uniform if None.
        labels: A name per state, for reports; the state's number if None.
        copies: ``(S,)``, how many identical states each state stands for; 1 if None. They share its
            visits, so that each learns from ``visits / copies``, in step with the others.

    Raises:
        EigenwellError: An array has the wrong shape or type, is not finite, or is no distribution.

    Note:
        Values and visits are linear solves, O(S^3) time and O(A S^2) memory. Immutable.

    Example:
        >>> stay = TabularMDP([[[1.0], [1.0]]], [[1.0, 0.0]], 0.5)
        >>> stay.values([[0.5, 0.5]])
        array([1.])
    """

    def __init__(
        self,
        transitions: npt.ArrayLike,
        rewards: npt.ArrayLike,
        discount: float,
        initial: npt.ArrayLike | None = None,
        *,
        labels: Sequence[str] | None = None,
        copies: npt.ArrayLike | None = None,
    ) -> None:
        p = _checks.real_array(transitions, "transitions")
        if p.ndim != 3 or p.shape[0] != p.shape[2] or 0 in p.shape:
            raise ShapeError(
                f"`transitions` must have shape (S, A, S) with S and A above 0, got {p.shape}"
            )
        states, actions = p.shape[:2]
        r = _checks.real_array(rewards, "rewards")
        if r.shape != (states, actions):
            raise ShapeError(f"`rewards` must have shape {(states, actions)}, got {r.shape}")
        if not np.isfinite(r).all():
            raise ArgumentError("`rewards` must be finite")
        self.discount = _checks.not_negative(discount, "discount")
        if self.discount >= 1:
            raise ArgumentError(
                f"`discount` must be at least 0 and below 1, got {self.discount}: a task without "
                "discount is approached by one near 1"
            )
        mu = np.full(states, 1 / states) if initial is None else initial
        self.transitions = _distribution(p, "transitions", p.shape)
        self.initial = _distribution(mu, "initial", (states,))
        self.rewards = _frozen(r.copy())
        names = [str(s) for s in range(states)] if labels is None else list(labels)
        if len(names) != states:
            raise ShapeError(f"`labels` must have one name per state, {states}, got {len(names)}")
        self.labels = tuple(names)
        number = np.ones(states) if copies is None else _checks.real_array(copies, "copies")
        if number.shape != (states,):
            raise ShapeError(f"`copies` must have shape {(states,)}, got {number.shape}")
        if not (np.isfinite(number) & (number >= 1)).all():
            raise ArgumentError("`copies` must be finite and at least 1")
        self.copies = _frozen(number.copy())

    @property
    def states(self) -> int:
        """S."""
        return int(self.rewards.shape[0])

    @property
    def actions(self) -> int:
        """A."""
        return int(self.rewards.shape[1])

    def uniform(self) -> Float64:
        """Return the policy ``(S, A)`` that takes every action equally often."""
        return np.full(self.rewards.shape, 1 / self.actions)

    def values(self, policy: npt.ArrayLike) -> Float64:
        """Return V ``(S,)``: ``(I - gamma P_pi) V = r_pi``.

        Args:
            policy: ``(S, A)``, a distribution over actions per state.

        Raises:
            EigenwellError: The policy has the wrong shape or is no distribution.
        """
        return self.solve(self.checked(policy))[0]

    def action_values(self, policy: npt.ArrayLike) -> Float64:
        """Return Q ``(S, A)``: ``Q(s, a) = r(s, a) + gamma sum P(s' | s, a) V(s')``."""
        return self.backup(self.values(policy))

    def visits(self, policy: npt.ArrayLike) -> Float64:
        """Return expected discounted visits ``(S,)``: ``(I - gamma P_pi)^T n = mu``.

        They sum to ``1 / (1 - gamma)``.
        """
        return self.solve(self.checked(policy))[1]

    def visitation(self, policy: npt.ArrayLike) -> Float64:
        """Return the state visitation ``d = (1 - gamma) * visits``, ``(S,)``; its sum is 1."""
        return (1 - self.discount) * self.visits(policy)

    def value(self, policy: npt.ArrayLike) -> float:
        """Return the expected discounted return ``V(mu) = sum mu(s) V(s)``."""
        return float(self.initial @ self.values(policy))

    def gradient(self, policy: npt.ArrayLike) -> Float64:
        """Return dV(mu)/dtheta ``(S, A)`` at ``policy = softmax(theta)``, theta shared by copies.

        ``visits(s) pi(a|s) (Q(s, a) - V(s))``: the softmax gradient of a bandit per state, with
        rewards Q(s, .) and a learning rate in proportion to the state's visits.

        References:
            Sutton et al. 2000, "Policy gradient methods for reinforcement learning with function
            approximation", theorem 1.
        """
        pi = self.checked(policy)
        v, n = self.solve(pi)
        return n[:, None] * pi * (self.backup(v) - v[:, None])

    def optimum(self) -> Optimum:
        """Return V*, Q* and an optimal policy, by policy iteration: exact but for rounding."""
        return self._optimum(self.rewards)

    def worst(self) -> Optimum:
        """Return values, action values and actions of the worst policy."""
        lowest = self._optimum(-self.rewards)
        return Optimum(-lowest.values, -lowest.action_values, lowest.policy)

    def visit_bounds(self) -> tuple[Float64, Float64]:
        """Return the fewest and the most discounted visits ``(S,)`` that any policy makes.

        Note:
            2 S policy iterations: seconds at a few hundred states.
        """
        bounds = np.empty((2, self.states))
        for s in range(self.states):
            here = np.zeros(self.rewards.shape)
            here[s] = 1.0
            bounds[0, s] = -float(self.initial @ self._optimum(-here).values)
            bounds[1, s] = float(self.initial @ self._optimum(here).values)
        return bounds[0], bounds[1]

    def losses(self, policy: npt.ArrayLike, optimum: Optimum | None = None) -> Float64:
        """Return each state's share ``(S,)`` of the sub-optimality, ``sum = V*(mu) - V(mu)``.

        ``visits(s) * sum_a pi(a|s) (V*(s) - Q*(s, a))``; no term is negative.

        Args:
            policy: ``(S, A)``.
            optimum: Of this process, if at hand.

        References:
            Kakade and Langford 2002, "Approximately optimal approximate reinforcement learning",
            lemma 6.1 (the performance difference).
        """
        pi, best = self.checked(policy), optimum or self.optimum()
        regret = best.values[:, None] - best.action_values
        return np.asarray(self.solve(pi)[1] * (pi * regret).sum(axis=1))

    def solve(self, policy: Float64) -> tuple[Float64, Float64]:
        """Return V and the discounted visits of a policy that has been checked."""
        matrix = np.eye(self.states) - self.discount * np.einsum(
            "sa,sat->st", policy, self.transitions
        )
        values: Float64 = np.linalg.solve(matrix, (policy * self.rewards).sum(axis=1))
        visits: Float64 = np.linalg.solve(matrix.T, self.initial)
        return values, visits

    def backup(self, values: Float64) -> Float64:
        """Return ``r + gamma P V``, ``(S, A)``."""
        return np.asarray(self.rewards + self.discount * (self.transitions @ values))

    def checked(self, policy: npt.ArrayLike) -> Float64:
        """Return a policy ``(S, A)`` whose rows are distributions."""
        return _distribution(policy, "policy", self.rewards.shape)

    def _optimum(self, rewards: Float64) -> Optimum:
        rows = np.arange(self.states)
        best = rewards.argmax(axis=1)
        # What rounding may do to a difference of two action values.
        slack = 1e-12 * max(1.0, float(np.abs(rewards).max()) / (1 - self.discount))
        while True:
            matrix = np.eye(self.states) - self.discount * self.transitions[rows, best]
            values: Float64 = np.linalg.solve(matrix, rewards[rows, best])
            q = rewards + self.discount * (self.transitions @ values)
            better = q.max(axis=1) > q[rows, best] + slack
            if not better.any():
                # Of equally good actions the first, whichever the iteration ended with.
                first = (q >= q.max(axis=1, keepdims=True) - slack).argmax(axis=1)
                return Optimum(values, q, first)
            best = np.where(better, q.argmax(axis=1), best)


def _frozen(array: Float64) -> Float64:
    array.flags.writeable = False
    return array


def _distribution(value: Any, name: str, shape: tuple[int, ...]) -> Float64:
    """Return a read-only array of that shape whose last axis sums to 1."""
    array = _checks.real_array(value, name)
    if array.shape != shape:
        raise ShapeError(f"`{name}` must have shape {shape}, got {array.shape}")
    if not (array >= 0).all():  # a NaN fails this too
        raise ArgumentError(f"`{name}` must hold probabilities, at least 0")
    sums = array.sum(axis=-1, keepdims=True)
    furthest = float(np.abs(sums - 1).max())
    if not furthest <= _SUM_TOLERANCE:
        raise ArgumentError(
            f"`{name}` must sum to 1 along its last axis, one sum is off by {furthest:.3g}"
        )
    return _frozen(array / sums)
