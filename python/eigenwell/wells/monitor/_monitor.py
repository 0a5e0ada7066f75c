"""Watches a discrete policy in training for wells."""

from __future__ import annotations

import math
from collections import deque
from typing import Any, SupportsIndex

import numpy as np

from eigenwell import _checks
from eigenwell.errors import ArgumentError, DTypeError, ShapeError
from eigenwell.wells.monitor import _traps
from eigenwell.wells.monitor._report import Float64, Int64, WellReport


class WellMonitor:
    """Reports corner mass, remaining time and sinking of a discrete policy, update by update.

    A state is held if better actions A have less than the threshold's share beside some action j,
    and will for some time: ``m = pi(A) / (pi(A) + pi(j))`` moves no faster than h(m), by
    ``2 * rate * gap`` per update (the corner lemma), whether or not j dominates already. So a stall
    is seen while the return still rises towards it.

    Call :meth:`update` after every training update with the policy's logits at the same states, say
    64 observations kept from the first rollout, or every state of a small task. It takes arrays and
    tensors alike, changes nothing, and needs no torch.

    Args:
        threshold: Of m, and of the corner mass, above 0 and at most 1/2.
        patience: Updates that a trap must last to hold a state.
        window: Updates to look back on for what moves.
        alarm: Share of the states, by weight, that must be held to raise the alarm.
        writer: Has ``add_scalar(name, value, step)``, such as TensorBoard's ``SummaryWriter``.
        tag: Prefix of the names written.

    Raises:
        EigenwellError: An argument is out of range.

    Note:
        The remaining time is a certificate only under its hypotheses: exact softmax policy
        gradient on separate logits, with a rate and a gap that are not exceeded later. For sampled
        gradients it is an estimate. Adam and normalised advantages rescale the small
        gradients that make a well: leave out the rate there, so that the time is extrapolated from
        what the policy did, and look at ``silence``. Estimates that rank the actions wrongly name
        the wrong trap.

    Example:
        >>> monitor = WellMonitor()
        >>> report = monitor.update(
        ...     [[0.05, 0.01, 0.94]],
        ...     probabilities=True,
        ...     advantages=[[0.14, 0.04, -0.01]],
        ...     rate=0.4,
        ... )
        >>> int(report.corner[0]), int(report.trap[0]), round(float(report.remaining[0]))
        (2, 2, 65)
    """

    def __init__(
        self,
        *,
        threshold: float = 0.1,
        patience: float = 50,
        window: SupportsIndex = 10,
        alarm: float = 0.2,
        writer: Any = None,
        tag: str = "wells",
    ) -> None:
        self.threshold = _checks.positive(threshold, "threshold")
        if self.threshold > 0.5:
            raise ArgumentError(f"`threshold` must be above 0 and at most 0.5, got {threshold}")
        self.patience = _checks.positive(patience, "patience")
        self.alarm = _checks.positive(alarm, "alarm")
        if self.alarm > 1:
            raise ArgumentError(f"`alarm` must be above 0 and at most 1, got {alarm}")
        if writer is not None and not callable(getattr(writer, "add_scalar", None)):
            raise DTypeError(
                f"`writer` must have add_scalar(name, value, step), got {type(writer).__name__}"
            )
        look_back = _checks.integer(window, "window", low=1, high=10_000)
        self._past: deque[Float64] = deque(maxlen=look_back)
        self._writer, self._tag = writer, tag
        self._rows: list[dict[str, float]] = []
        self.first_alarm: WellReport | None = None
        self.last: WellReport | None = None

    def update(
        self,
        policy: Any,
        *,
        probabilities: bool = False,
        advantages: Any = None,
        rate: Any = None,
        gap: Any = None,
        visits: Any = None,
        weights: Any = None,
        step: SupportsIndex | None = None,
    ) -> WellReport:
        """Take the policy after an update.

        Args:
            policy: ``(b, K)`` logits, at the same states every time; shared by all if ``(K,)``.
            probabilities: Whether `policy` holds probabilities instead.
            advantages: ``(b, K)``, estimates; NaN where there is none, which counts as 0, the
                policy's mean. Without any NaN they may also be action values.
            rate: Number or ``(b,)``, learning rate of a state's logits: the optimiser's times the
                discounted visits, for plain gradients.
            gap: Number or ``(b,)``, largest reward that an action can have above the trap's; the
                estimate from `advantages` if None. With it, an action without an estimate counts as
                one that may be better.
            visits: Number or ``(b,)``, samples of a state per update, for `silence`.
            weights: ``(b,)``, importance of the states; `visits` if None, or equal.
            step: Of training; the number of the update if None.

        Returns:
            The report.

        Raises:
            EigenwellError: An argument has a wrong shape or type, or is not finite.
        """
        log_p = _log_policy(policy, probabilities=probabilities)
        b, k = log_p.shape
        if self._past and self._past[-1].shape != log_p.shape:
            raise ShapeError(
                f"`policy` must keep its shape {self._past[-1].shape}, got {log_p.shape}: the "
                "monitor follows the same states; make another one for others"
            )
        p = np.exp(log_p)
        corner = p.argmax(axis=1)
        number = (
            len(self._rows) + 1
            if step is None
            else _checks.integer(step, "step", low=0, high=2**63 - 1)
        )
        seen = _per_state(visits, "visits", b, "not_negative")
        heavy = _per_state(weights, "weights", b, "not_negative")
        w = next((x for x in (heavy, seen) if x is not None), np.ones(b))
        if not w.sum() > 0:
            w = np.ones(b)
        estimates = _estimates(advantages, p)
        bound = _per_state(gap, "gap", b, "not_negative")
        speed = _per_state(rate, "rate", b, "positive")
        every = _traps.traps(p, estimates, bound)
        certified = speed is not None and not np.isnan(every.gap).all()
        if certified and speed is not None:
            clock = 2 * speed[:, None] * every.gap
        elif self._past:
            clock = _traps.speed([np.exp(past) for past in (*self._past, log_p)], every.better)
        else:
            clock = np.full((b, k), np.nan)
        times = _traps.remaining(every, clock, self.threshold)
        inside = (every.share < self.threshold) & every.better.any(axis=2)
        with np.errstate(divide="ignore"):
            quiet = np.full((b, k), np.nan) if seen is None else 1 / (every.mass * seen[:, None])
        lasting = inside & ((times >= self.patience) | (quiet >= self.patience))
        trap = _traps.choose(lasting, inside, every.gap, np.nan_to_num(times, posinf=1e300), p)
        rows, some = np.arange(b), trap >= 0
        best = np.full(b, -1)
        if estimates is not None:
            advantage = _traps.center(estimates, p)
            best = np.where(advantage.max(axis=1) > 0, advantage.argmax(axis=1), -1)
        report = WellReport(
            number,
            corner,
            (p * (np.arange(k) != corner[:, None])).sum(axis=1),
            best,
            self._sinking(log_p, best, corner, estimates),
            trap,
            every.share[rows, trap],
            every.gap[rows, trap],
            np.where(some, times[rows, trap], 0.0),
            certified,
            np.where(some, quiet[rows, trap], np.nan),
            lasting[rows, trap] & some,
            w / w.sum(),
            self.threshold,
        )
        self._past.append(log_p)
        self._note(report)
        return report

    def summary(self) -> dict[str, Any]:
        """Return what was seen so far, as JSON has it: a number that is not finite is None."""
        return {
            "updates": len(self._rows),
            "threshold": self.threshold,
            "first_alarm": None if self.first_alarm is None else _plain(self.first_alarm),
            "last": None if self.last is None else _plain(self.last),
            "history": {
                name: [_number(row[name]) for row in self._rows]
                for name in (self._rows[0] if self._rows else ())
            },
        }

    def _sinking(
        self,
        log_p: Float64,
        best: Int64,
        corner: Int64,
        estimates: Float64 | None,
    ) -> _traps.Mask:
        """Return where log pi of the best action fell; before there is a past, where it must."""
        known = (best >= 0) & (best != corner)
        rows = np.arange(len(best))
        if self._past:
            falls = log_p[rows, best] < self._past[0][rows, best]
        elif estimates is not None:
            p = np.exp(log_p)
            advantage = _traps.center(estimates, p)
            falls = (p * advantage)[rows, best] < (p**2 * advantage).sum(axis=1)
        else:
            return np.zeros(len(best), np.bool_)
        return np.asarray(known & falls)

    def _note(self, report: WellReport) -> None:
        row = report.row()
        self._rows.append(row)
        self.last = report
        if self.first_alarm is None and row["held"] >= self.alarm:
            self.first_alarm = report
        if self._writer is not None:
            for name, value in row.items():
                if math.isfinite(value):
                    self._writer.add_scalar(f"{self._tag}/{name}", value, report.step)


def _array(value: Any, name: str) -> Float64:
    """Return an array or a tensor as float64."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().double().numpy()
    return _checks.real_array(value, name)


def _log_policy(policy: Any, *, probabilities: bool) -> Float64:
    array = np.atleast_2d(_array(policy, "policy"))
    if array.ndim != 2 or array.shape[0] == 0 or array.shape[1] < 2:
        raise ShapeError(
            f"`policy` must have shape (b, K) with b at least 1 and K at least 2, got {array.shape}"
        )
    if probabilities:
        # Float32 softmax underflows to 0, and sums are off by its rounding.
        if not ((array >= 0) & np.isfinite(array)).all() or np.abs(array.sum(1) - 1).max() > 1e-4:
            raise ArgumentError("`policy` must hold probabilities that sum to 1 over the actions")
        array = np.log(np.maximum(array, np.finfo(np.float32).tiny))
    if not np.isfinite(array).all():
        raise ArgumentError("`policy` must be finite")
    array = array - array.max(axis=1, keepdims=True)
    return np.asarray(array - np.log(np.exp(array).sum(axis=1, keepdims=True)))


def _estimates(value: Any, p: Float64) -> Float64 | None:
    if value is None:
        return None
    array = np.atleast_2d(_array(value, "advantages"))
    if array.shape != p.shape:
        raise ShapeError(f"`advantages` must have shape {p.shape}, got {array.shape}")
    if np.isinf(array).any():
        raise ArgumentError("`advantages` must be finite, or NaN where there is no estimate")
    return array


def _per_state(value: Any, name: str, count: int, rule: str) -> Float64 | None:
    if value is None:
        return None
    array = _array(value, name)
    if array.shape not in {(), (count,)}:
        raise ShapeError(f"`{name}` must be a number or have shape ({count},), got {array.shape}")
    good = np.isfinite(array) & ((array > 0) if rule == "positive" else (array >= 0))
    if not good.all():
        limit = "above 0" if rule == "positive" else "at least 0"
        raise ArgumentError(f"`{name}` must be finite and {limit}")
    return np.broadcast_to(array, (count,))


def _plain(report: WellReport) -> dict[str, Any]:
    numbers = {name: _number(value) for name, value in report.row().items()}
    return {"step": report.step, "certified": report.certified, **numbers}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
