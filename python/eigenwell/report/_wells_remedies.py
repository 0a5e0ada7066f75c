"""The remedies side by side: pi(a*) over time, and fits of their exponents."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from eigenwell._checks import require
from eigenwell.report._wells_axes import GREY, new_figure, save, tidy

if TYPE_CHECKING:
    from eigenwell.wells import Run, WellExponent

_POINTS = 400


def draw_remedies(
    runs: Mapping[str, Run], path: str | os.PathLike[str], *, probability: float
) -> None:
    """Draw pi(a*) over time of each method, from one start, on log-log axes.

    Args:
        runs: By name.
        path: The PNG file, written all of it or nothing.
        probability: A line at this one.

    Raises:
        BackendUnavailableError: matplotlib is not installed.
        ArgumentError: The file cannot be written.
    """
    figure = new_figure(8.2, 4.6)
    axes = figure.add_subplot()
    for number, (name, run) in enumerate(runs.items()):
        spots = np.unique(np.geomspace(1, len(run.trace_times), _POINTS).astype(int)) - 1
        axes.loglog(
            run.trace_times[spots],
            np.exp(run.optimal_log_probability[spots]),
            color=_colour(number),
            linestyle=("-", "--")[number >= 10],
            label=name,
        )
    axes.axhline(probability, color=GREY, linestyle=":", linewidth=1)
    axes.set(
        xlabel="time t (updates + 1)",
        ylabel=r"$\pi_t(a^*)$",
        title="The optimal action's probability, by method",
    )
    tidy(axes)
    figure.legend(loc="outside right upper", frameon=False, fontsize="small")
    save(figure, path)


def draw_exponents(fits: Mapping[str, WellExponent], path: str | os.PathLike[str]) -> None:
    """Draw what was measured against pi_1(a*) with the fitted lines, on log-log axes.

    Args:
        fits: By name of the method, all of one quantity.
        path: The PNG file, written all of it or nothing.

    Raises:
        BackendUnavailableError: matplotlib is not installed.
        ArgumentError: The file cannot be written.
    """
    figure = new_figure(8.2, 4.6)
    axes = figure.add_subplot()
    quantity = ""
    for number, (name, fit) in enumerate(fits.items()):
        quantity, sign = fit.quantity, 1 if fit.quantity == "rate" else -1
        half = (fit.high - fit.low) / 2
        label = f"{name}: ω = {round(fit.omega, 3) + 0.0:.3f} ± {half:.1g}"
        x = fit.probabilities
        axes.loglog(x, fit.values, "o", color=_colour(number), markersize=4, label=label)
        line = fit.factor * x ** (sign * fit.omega)
        axes.loglog(x, line, color=_colour(number), linewidth=1)
    rate = quantity == "rate"
    axes.set(
        xlabel=r"$\pi_1(a^*)$ of the start",
        ylabel=r"growth of $\log\,\pi(a^*)$ per unit of $\eta t$" if rate else "escape time T",
        title="Growth ∝ π(a*)^ω" if rate else "Escape time ∝ π(a*)^-ω",
    )
    tidy(axes)
    figure.legend(loc="outside right upper", frameon=False, fontsize="small")
    save(figure, path)


def _colour(number: int) -> object:
    return require("matplotlib", extra="wells").colormaps["tab10"](number % 10)
