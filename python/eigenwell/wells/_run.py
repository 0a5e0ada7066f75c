"""Runs of a method on a bandit: the loop over time, and the record it leaves.

Inside, actions are the first axis and starts the second: sums over a handful of actions are then
vectorised over the starts. The same lines run on NumPy arrays and on torch tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import DTypeError
from eigenwell.wells._arguments import (
    check_memory,
    columns,
    log_starts,
    namespace,
    rates,
    recorded_times,
    to_numpy,
)
from eigenwell.wells._bandit import gap_of

if TYPE_CHECKING:
    from eigenwell.wells._bandit import Bandit, Float64, Int64

#: An array of NumPy's or a tensor of torch's, ``(K, n)`` or ``(n,)``, float64.
Array = Any

_MOST_STEPS = 2**53


@dataclass(frozen=True, eq=False)
class Run:
    """Policies of a method over time, t from 1: ``policies[0]`` is the start.

    Attributes:
        method: Name of the method.
        bandit: What it ran on.
        learning_rate: A number, or one for each t.
        options: Of the method, by name.
        times: Times of the recorded policies, int64 ``(R,)``.
        log_policies: ``(R, ..., K)``: logarithms, so that a probability of 1e-400 survives.
        trace_times: Times of the traces, int64 ``(S,)``: every t unless thinned.
        suboptimality: ``max_a r_t(a) - pi_t^T r_t``, ``(S, ...)``.
        optimal_log_probability: ``log pi_t(a*)`` for the action optimal at t = 1, ``(S, ...)``.
        gaps: Gap at those times, ``(S, ...)``; for constant rewards one row stands for all.
    """

    method: str
    bandit: Bandit
    learning_rate: float | Float64
    times: Int64
    log_policies: Float64
    trace_times: Int64
    suboptimality: Float64
    optimal_log_probability: Float64
    gaps: Float64
    options: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def policies(self) -> Float64:
        """Recorded policies, ``(R, ..., K)``."""
        return np.exp(self.log_policies)

    @property
    def steps(self) -> int:
        """Number of times: of policies the run passed through, the start included."""
        return int(self.times[-1])


@dataclass(slots=True)
class Now:
    """What an update sees at time t; one object for the whole run, since making one costs time."""

    xp: ModuleType  # numpy or torch
    frequency: Callable[[Array], Array]  # of actions from (K, n): itself, or one sampled action
    t: int = 0
    learning_rate: float = 0.0
    state: Array = None  # (K, n): log-policy, or what the parameterisation keeps instead
    log_p: Array = None  # (K, n)
    p: Array = None  # (K, n)
    rewards: Array = None  # (K, n) or (K, 1)
    advantage: Array = None  # (K, n): r - p^T r, of the rewards or of their on-policy estimate
    exact_advantage: Array = None  # (K, n)


@dataclass(frozen=True)
class Rule:
    """A method: how its state changes, and what policy a state means."""

    update: Callable[[Now], Array]
    start: Callable[[ModuleType, Array], Array] = lambda _, log_p: log_p
    policy: Callable[[ModuleType, Array], tuple[Array, Array, Array]] | None = None


def softmax(xp: ModuleType, logits: Array) -> tuple[Array, Array, Array]:
    """Return the state, log-policy and policy of logits: normalised, so the first two are one."""
    # NumPy's `amax` spends most of its time on its way to the ufunc.
    shifted = logits - (np.maximum.reduce(logits) if xp is np else xp.amax(logits, 0))
    weights = xp.exp(shifted)
    total = weights.sum(0)
    log_p = shifted - xp.log(total)
    return log_p, log_p, weights / total


def run(
    name: str,
    rule: Rule,
    bandit: Bandit,
    policy: npt.ArrayLike,
    *,
    learning_rate: npt.ArrayLike,
    steps: SupportsIndex,
    record: SupportsIndex,
    trace: SupportsIndex,
    sampled: np.random.Generator | None,
    device: str | None,
    options: Mapping[str, Any] | None = None,
) -> Run:
    """Iterate a rule from t = 1 to `steps`; :func:`~eigenwell.wells.softmax_pg` says with what."""
    log_start, shape = log_starts(bandit, policy)
    steps = _checks.integer(steps, "steps", low=1, high=min(_MOST_STEPS, bandit.last_time))
    times = recorded_times(steps, _checks.integer(record, "record", low=1, high=_MOST_STEPS))
    traced = recorded_times(steps, _checks.integer(trace, "trace", low=1, high=_MOST_STEPS))
    rate = rates(learning_rate, steps)
    if sampled is not None and not isinstance(sampled, np.random.Generator):
        raise DTypeError(
            f"`sampled` must be a numpy.random.Generator, got {type(sampled).__name__}: pass "
            "numpy.random.default_rng(seed)"
        )
    check_memory(steps, len(log_start), bandit.actions, len(times), len(traced))

    xp, to_array = namespace(device)
    kept = _Record(bandit, shape, times, traced, to_array)
    now = Now(xp, frequency=_itself if sampled is None else _sampler(xp, to_array, sampled))
    policy_of = rule.policy or softmax
    state = rule.start(xp, to_array(np.ascontiguousarray(log_start.T)))
    # Probabilities and products of them may underflow to 0: their logarithms are kept beside them.
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        for t in range(1, steps + 1):
            if t == 1 or not bandit.constant:
                table = bandit.rewards_at(t)
                now.rewards = to_array(columns(table, shape))
                shortfall = xp.amax(now.rewards, 0) - now.rewards
            state, log_p, p = policy_of(xp, state)
            suboptimality = (p * shortfall).sum(0)
            kept.keep(t, table, suboptimality, log_p)
            if t == steps:
                break
            now.t, now.state, now.log_p, now.p = t, state, log_p, p
            now.learning_rate = rate if isinstance(rate, float) else float(rate[t - 1])
            now.advantage = now.exact_advantage = suboptimality - shortfall
            if sampled is not None:
                chosen = now.frequency(p)
                value = (chosen * now.rewards).sum(0)
                now.advantage = xp.where(chosen > 0, now.rewards / p, 0.0) - value
            state = rule.update(now)
    return kept.run(name, rate, dict(options or {}))


class _Record:
    """What a run keeps while it goes: policies at some times, traces at others."""

    def __init__(
        self,
        bandit: Bandit,
        shape: tuple[int, ...],
        times: Int64,
        traced: Int64,
        to_array: Callable[[Any], Array],
    ) -> None:
        self._bandit, self._shape, self._times, self._traced = bandit, shape, times, traced
        best = np.broadcast_to(bandit.optimal, shape).reshape(-1)
        self._optimal = to_array(best * len(best) + np.arange(len(best)))
        self._log_policies = to_array(np.empty((len(times), bandit.actions, len(best))))
        self._traces = to_array(np.empty((2, len(traced), len(best))))
        self._gaps = np.empty((1 if bandit.constant else len(traced), *bandit.shape))
        self._gaps[0] = bandit.gap
        # Lists: to compare Python's integers costs less than NumPy's.
        self._due, self._due_trace = times.tolist(), traced.tolist()
        self._next = self._next_trace = 0

    def keep(self, t: int, rewards: Float64, suboptimality: Array, log_p: Array) -> None:
        if t == self._due_trace[self._next_trace]:
            i = self._next_trace
            self._traces[0, i] = suboptimality
            self._traces[1, i] = log_p.reshape(-1)[self._optimal]
            if not self._bandit.constant:
                self._gaps[i] = gap_of(rewards)
            self._next_trace += 1
        if t == self._due[self._next]:
            self._log_policies[self._next] = log_p
            self._next += 1

    def run(self, name: str, rate: float | Float64, options: dict[str, Any]) -> Run:
        log_policies = np.moveaxis(to_numpy(self._log_policies), 1, -1)
        traces = to_numpy(self._traces).reshape(2, len(self._traced), *self._shape)
        # Rewards of a smaller batch than the starts: one axis of 1 for each that broadcasts.
        gaps = self._gaps.reshape(
            len(self._gaps),
            *(1,) * (len(self._shape) - len(self._bandit.shape)),
            *self._bandit.shape,
        )
        return Run(
            method=name,
            bandit=self._bandit,
            learning_rate=rate,
            times=self._times,
            log_policies=np.ascontiguousarray(log_policies).reshape(
                len(self._times), *self._shape, self._bandit.actions
            ),
            trace_times=self._traced,
            suboptimality=traces[0],
            optimal_log_probability=traces[1],
            gaps=gaps,
            options=options,
        )


def _itself(frequencies: Array) -> Array:
    return frequencies


def _sampler(
    xp: ModuleType, to_array: Callable[[Any], Array], generator: np.random.Generator
) -> Callable[[Array], Array]:
    """Return a function that draws one action per start, by the inverse of the distribution."""

    def draw(p: Array) -> Array:
        uniform = to_array(generator.random(p.shape[1]))
        below = xp.cumsum(p, 0)
        # Scaled by the sum, so that rounding never draws an action past the last.
        index = (uniform * below[-1] >= below).sum(0)
        return xp.where(to_array(np.arange(len(p)))[:, None] == index, 1.0, 0.0)

    return draw
