"""``eigenwell wells escape``: one start, its escape time, and every certificate beside it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenwell.cli import _status
from eigenwell.cli.wells_options import MaybePicture, WellOptions, numbers
from eigenwell.errors import EigenwellError
from eigenwell.report import Table, draw_escape

if TYPE_CHECKING:
    from eigenwell.cli._output import Output
    from eigenwell.wells import Run

# Policies kept of a run, for the picture and for certificates restarted from them.
_RECORDS = 4000
# The printed theorems are about this fraction of the gap.
_THEOREMS = 0.9
# Beyond, nothing is known about the comparison theorem's mass.
_WIDEST = 0.25


@dataclass(frozen=True)
class Claim:
    """A row of the table: a bound, or why there is none.

    Attributes:
        name: Of the theorem.
        kind: ``"at least"``, ``"at most"`` or ``"about"``.
        time: Of the escape, counted from 1; None where the theorem does not apply.
        reason: Why not.
    """

    name: str
    kind: str
    time: float | None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Escape(WellOptions):
    """Run from one start: escape time, sinking, and every certificate beside them."""

    policy: tuple[float, ...] = (0.01, 0.05, 0.94)
    """Start: a probability above 0 for each action."""

    output: MaybePicture = None
    """Draw the run (PNG): pi(a*) over time, the certificate restarted along it, where it goes."""

    def run(self, output: Output) -> int:
        """Run, compare with the certificates, and print."""
        from eigenwell import wells

        drawing = self.output is not None
        ternary = ("mpltern",) if len(self.rewards) == 3 else ()
        self.prepare(self.output, *(("matplotlib", *ternary) if drawing else ()))
        bandit = self.bandit()
        run = wells.softmax_pg(
            bandit,
            self.policy,
            learning_rate=self.learning_rate,
            steps=self.steps,
            record=max(1, self.steps // _RECORDS),
        )
        found = wells.escape_time(run, self.fraction)
        escape = int(found) if found.ndim == 0 and found > 0 else None
        restarted = self._restarted(run)
        claims = self._claims(run, restarted, escape)
        sunk = wells.sinking(run)
        document: dict[str, Any] = {
            "command": "wells escape",
            **self.settings(),
            "policy": self.policy,
            "escape_time": escape,
            "lowest": {"probability": float(sunk.probability), "time": int(sunk.time)},
            "certificates": [
                {
                    "name": claim.name,
                    "kind": claim.kind,
                    "time": claim.time,
                    "ratio": claim.time / escape if claim.time and escape else None,
                    "reason": claim.reason or None,
                }
                for claim in claims
            ],
        }
        output.result(document, *self._tables(document, claims))
        if self.output is not None:
            draw_escape(run, self.output, escape=escape, restarted=restarted, claims=claims)
        whole = document | {"times": run.times, "policies": run.policies, "restarted": restarted}
        self.keep(whole, output, self.output)
        return _status.DONE

    def _restarted(self, run: Run) -> Any:
        """Return the certificate restarted along the run, at its recorded times."""
        from eigenwell.wells import bounds

        inside = np.maximum(run.policies, 1e-300)
        return bounds.online_certificate(
            run.times,
            inside,
            run.bandit.rewards_at(1),
            learning_rate=self.learning_rate,
            fraction=self.fraction,
        )

    def _claims(self, run: Run, restarted: Any, escape: int | None) -> list[Claim]:
        """Return a row for every theorem that there is."""
        from eigenwell.wells import bounds, sinking

        p = np.asarray(self.policy, dtype=np.float64)
        rewards, gap = run.bandit.rewards_at(1), float(run.bandit.gap)
        best, rate = int(run.bandit.optimal), self.learning_rate

        def certificate(form: str) -> float:
            options: dict[str, Any] = {"fraction": self.fraction, "form": form}
            return float(bounds.escape_certificate(p, rewards, learning_rate=rate, **options).time)

        def flow() -> float:
            _homogeneous(rewards, best)
            time = bounds.homogeneous_flow_time(p, optimal=best, corner=1 - self.fraction)
            return 1 + float(time) / (rate * gap)

        def homogeneous(side: str) -> float:
            _homogeneous(rewards, best)
            found = bounds.homogeneous_bounds(
                p, gap=gap, learning_rate=rate, optimal=best, corner=1 - self.fraction
            )
            return float(getattr(found, side))

        rows: list[tuple[str, str, Callable[[], float]]] = [
            ("first theorem, with its C", "at least", lambda: self._first_theorem(p, rewards, gap)),
            ("second theorem, corrected", "at least", lambda: self._second(p, rewards, best, gap)),
            ("escape certificate, simple", "at least", lambda: certificate("simple")),
            ("escape certificate, sharp", "at least", lambda: certificate("sharp")),
            ("worst case, iterated", "at least", lambda: self._worst_case(p, rewards, gap)),
            ("homogeneous, lower", "at least", lambda: homogeneous("lower")),
            ("homogeneous, upper", "at most", lambda: homogeneous("upper")),
            ("homogeneous, exact flow", "about", flow),
        ]
        claims = [_claim(*row) for row in rows]
        if escape is not None:
            for name, until in (
                ("restarted at the lowest π(a*)", int(sinking(run).time)),
                ("restarted by half of the time", escape // 2),
                ("restarted just before", escape - 1),
            ):
                seen = restarted[: np.searchsorted(run.times, min(until, escape), side="right")]
                if seen.size:
                    claims.append(Claim(name, "at least", float(seen[-1])))
        return claims

    def _first_theorem(self, p: Any, rewards: Any, gap: float) -> float:
        from eigenwell.wells import bounds

        self._of_theorems()
        constant = bounds.escape_constant(p, rewards, learning_rate=self.learning_rate)
        # The sub-optimality is large until t_0, so the escape comes after.
        return math.floor(float(constant) / (gap * float(p[rewards.argmax()]))) + 1

    def _second(self, p: Any, rewards: Any, best: int, gap: float) -> float:
        from eigenwell.wells import bounds

        self._of_theorems()
        order = [best, *(a for a in range(len(p)) if a != best)]
        base = rewards[order].copy()
        base[0] -= gap
        base[0] = max(base)  # what the subtraction rounded away
        times, reason = [], None
        for action in range(1, len(p)):
            try:
                found = bounds.second_theorem(
                    p[order], base, gap, learning_rate=self.learning_rate, action=action
                )
                times.append(found.time)
            except EigenwellError as error:
                reason = error
        if not times and reason is not None:
            raise reason
        return math.floor(max(times)) + 1

    def _worst_case(self, p: Any, rewards: Any, gap: float) -> float:
        from eigenwell.wells import bounds

        best = -1.0
        losses = rewards.max() - rewards
        for action in np.flatnonzero(losses):
            corner = min(_WIDEST, 1 - self.fraction * gap / losses[action])
            steps = bounds.worst_case_steps(
                p,
                losses[action],
                learning_rate=self.learning_rate,
                action=action,
                better=losses < losses[action],
                corner=corner,
                limit=self.steps,
            )
            best = max(best, float(steps))
        if best < 0:
            raise EigenwellError("`policy` must start in a corner, of a mass of at most 0.25")
        return best + 2

    def _of_theorems(self) -> None:
        if self.fraction > _THEOREMS:
            raise EigenwellError(f"`fraction` must be at most {_THEOREMS}, as printed")

    def _tables(self, document: dict[str, Any], claims: list[Claim]) -> list[Table]:
        escape, lowest = document["escape_time"], document["lowest"]
        facts = [
            ("escape time T", f"{escape:,}" if escape else f"after t = {self.steps:,}"),
            ("lowest π(a*)", f"{lowest['probability']:.5g} at t = {lowest['time']:,}"),
        ]
        title = (
            f"start {numbers(self.policy)}, rewards {numbers(self.rewards)}, "
            f"learning rate {self.learning_rate:g}"
        )
        rows = tuple(
            (
                claim.name,
                claim.kind if claim.time else "",
                f"{claim.time:,.0f}" if claim.time else "",
                f"{claim.time / escape:.4f}" if claim.time and escape else "",
                f"does not apply: {claim.reason}" if claim.reason else "",
            )
            for claim in claims
        )
        columns = ("theorem", "T is", "", "over T", "")
        return [
            Table.of_facts(title, facts),
            Table("certificates", columns, rows, ("left", "left", "right", "right", "left")),
        ]


def _homogeneous(rewards: Any, best: int) -> None:
    others = np.delete(rewards, best)
    if (others != others[0]).any():
        raise EigenwellError("`rewards` must be the same for all but the optimal action")


def _claim(name: str, kind: str, time: Callable[[], float]) -> Claim:
    try:
        return Claim(name, kind, time())
    except EigenwellError as error:
        return Claim(name, kind, None, str(error))
