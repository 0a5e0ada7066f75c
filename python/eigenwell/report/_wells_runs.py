"""One run out of a gravity well, and many of more than three actions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from eigenwell.report._wells_axes import (
    BLUE,
    GREY,
    RED,
    STAYED,
    TIMES,
    corner_order,
    new_figure,
    save,
    ternary,
    tidy,
    time_norm,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from eigenwell.wells import Run

_ORANGE = "#d98324"
_STAR = r"$\pi_t(a^*)$"


class _Claim(Protocol):
    """A bound on the escape time."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def time(self) -> float | None: ...


def draw_escape(
    run: Run,
    path: str | os.PathLike[str],
    *,
    escape: int | None,
    restarted: npt.NDArray[np.float64],
    claims: Sequence[_Claim],
) -> None:
    """Draw pi(a*) over time, the certificate restarted along the run, and the way it takes.

    Args:
        run: From one start.
        path: The PNG file, written all of it or nothing.
        escape: Its escape time.
        restarted: The online certificate at the recorded times.
        claims: Bounds on the escape time, known at the start.

    Raises:
        BackendUnavailableError: matplotlib or mpltern is not installed.
        ArgumentError: The file cannot be written.
    """
    figure = new_figure(12.6, 4.3, layout=None)
    over_time, online, way = figure.add_gridspec(
        1, 3, left=0.055, right=0.96, top=0.84, bottom=0.13, wspace=0.26
    )
    axes = figure.add_subplot(over_time)
    axes.loglog(run.trace_times, np.exp(run.optimal_log_probability), color=BLUE, linewidth=2)
    lowest = run.optimal_log_probability.argmin()
    if lowest:
        depth = float(np.exp(run.optimal_log_probability[lowest]))
        axes.plot(run.trace_times[lowest], depth, "v", color=BLUE)
        axes.annotate(
            f"sinks to {depth:.2g}",
            (run.trace_times[lowest], depth),
            xytext=(-6, -13),
            textcoords="offset points",
            ha="right",
        )
    known = [c.time for c in claims if c.time and c.kind == "at least" and "restart" not in c.name]
    _line(axes, max(known, default=None), _ORANGE, "best certificate at the start")
    above = min((c.time for c in claims if c.time and c.kind == "at most"), default=None)
    _line(axes, above, GREY, "upper bound at the start")
    _line(axes, escape, RED, "escape time T")
    axes.set(xlabel="time t (updates + 1)", ylabel=_STAR, title="The optimal action's probability")
    axes.margins(y=0.1)
    axes.legend(facecolor="white", edgecolor="none", fontsize="small", loc="upper left")
    tidy(axes)

    axes = figure.add_subplot(online)
    last = np.searchsorted(run.times, escape) if escape else len(run.times)
    axes.loglog(run.times[:last], restarted[:last], color=_ORANGE, linewidth=2)
    if escape:
        axes.axhline(escape, color=RED, linestyle="--", linewidth=1.5, label=f"T = {escape:,}")
        axes.legend(frameon=False, fontsize="small", loc="lower right")
    axes.set(
        xlabel="restarted by time t", ylabel="T is at least", title="Certificate along the run"
    )
    tidy(axes)

    if run.bandit.actions == 3:
        axes = ternary(figure, way, run.bandit)
        points = run.policies[:, list(corner_order(run.bandit))]
        axes.plot(*points.T, color=BLUE, linewidth=2)
        axes.plot(*points[:1].T, "o", color=BLUE, markeredgecolor="black")
    else:
        axes = figure.add_subplot(way)
        second, best = _masses(run.policies, run)
        axes.loglog(second, best, color=BLUE, linewidth=2)
        axes.plot(second[0], best[0], "o", color=BLUE, markeredgecolor="black")
        axes.set(xlabel="mass of the second best action", ylabel=_STAR, title="The way it takes")
        tidy(axes)
    rewards = ", ".join(f"{r:g}" for r in run.bandit.rewards_at(1))
    start = ", ".join(f"{p:.4g}" for p in run.policies[0])
    figure.suptitle(f"Start ({start}), r = ({rewards}), η = {run.learning_rate:g}")
    save(figure, path)


def draw_plane(
    runs: Run,
    path: str | os.PathLike[str],
    *,
    escapes: npt.NDArray[np.int64],
    certificates: npt.NDArray[np.float64],
    ways: int = 12,
) -> None:
    """Draw starts of any number of actions: pi(a*) against the second best's mass, and bounds.

    Args:
        runs: From n starts.
        path: The PNG file, written all of it or nothing.
        escapes: Escape times, ``(n,)``, 0 for none.
        certificates: Lower bounds on them, ``(n,)``.
        ways: Runs whose way is drawn, of those that escaped late.

    Raises:
        BackendUnavailableError: matplotlib is not installed.
        ArgumentError: The file cannot be written.
    """
    figure = new_figure(10.4, 4.6)
    plane, against = (figure.add_subplot(1, 2, i) for i in (1, 2))
    second, best = _masses(runs.policies, runs)
    escaped = escapes > 0
    norm = time_norm(float(escapes.max(initial=1)))
    # The slow half: fast runs leave by the edge, where one lies on the other.
    slow = np.flatnonzero(escaped)[np.argsort(escapes[escaped], kind="stable")][
        escaped.sum() // 2 :
    ]
    for i in slow[np.linspace(0, len(slow) - 1, min(ways, len(slow))).astype(int)]:
        plane.plot(second[:, i], best[:, i], color="black", linewidth=1, zorder=3)
        plane.plot(second[0, i], best[0, i], "o", color="black", markersize=3, zorder=3)
    dots: dict[str, Any] = {"s": 16, "linewidths": 0, "alpha": 0.7, "zorder": 2}
    drawn = plane.scatter(
        second[0, escaped], best[0, escaped], c=escapes[escaped], cmap=TIMES, norm=norm, **dots
    )
    if not escaped.all():
        label = f"no escape by t = {runs.steps:,}"
        plane.scatter(second[0, ~escaped], best[0, ~escaped], color=STAYED, label=label, **dots)
        plane.legend(frameon=False, fontsize="small", loc="lower left")
    figure.colorbar(drawn, ax=plane, label="escape time T (updates + 1)")
    plane.set(
        xscale="log",
        yscale="log",
        xlabel="mass of the second best action",
        ylabel=_STAR,
        title="Starts (dots) and ways out of late ones (lines)",
        xlim=(max(1e-8, second[0].min() / 2), 1.2),
        ylim=(max(1e-8, best[0].min() / 2), 1.3),
    )
    tidy(plane)
    longest = float(escapes.max(initial=10))
    against.loglog([1, longest], [1, longest], color=GREY, linewidth=1, label="certificate = T")
    against.scatter(escapes[escaped], certificates[escaped], s=14, color=BLUE, alpha=0.6)
    against.set(
        xlabel="escape time T",
        ylabel="certificate: T is at least",
        title="None lies above the line",
    )
    against.legend(frameon=False, fontsize="small")
    tidy(against)
    save(figure, path)


def _line(axes: Any, time: float | None, colour: str, label: str) -> None:
    if time:
        label = f"{label}: {time:,.0f}"
        axes.axvline(time, color=colour, linestyle="--", linewidth=1.5, label=label)


def _masses(policies: Any, run: Run) -> tuple[Any, Any]:
    """Return the masses of the second best action and of the best, along the last axis."""
    best, second = corner_order(run.bandit)[:2]
    return policies[..., second], policies[..., best]
