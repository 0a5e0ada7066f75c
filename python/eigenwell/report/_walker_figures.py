"""Figures of the findings about walkers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell.report._findings_axes import (
    BLUE,
    GREY,
    RED,
    Measurements,
    legend,
    panels,
    save,
    whisker,
)

if TYPE_CHECKING:
    from eigenwell.studies import Result

_COLOURS = (BLUE, RED, "#339955")
_SOLVED = 300


@dataclass(frozen=True)
class Gait:
    """The hips of a walk.

    Attributes:
        seconds: ``(steps,)``.
        first: Hip angle of the first leg, rad, ``(steps,)``.
        second: Of the second.
    """

    seconds: npt.NDArray[np.floating]
    first: npt.NDArray[np.floating]
    second: npt.NDArray[np.floating]


def draw_bits(
    results: Sequence[Result],
    walkers: Mapping[str, str],
    widths: Sequence[int],
    path: str | os.PathLike[str],
) -> None:
    """Draw score and falls against the bits of a weight.

    Args:
        results: Of the study.
        walkers: What the names of a walker's experiments begin with, and what to call it.
        widths: Bits.
        path: The PNG file.

    Raises:
        BackendUnavailableError: matplotlib is not installed.
        ArgumentError: The file cannot be written.
    """
    data = Measurements(results)
    figure, (scores, losses, falls) = panels(3)
    for i, (name, label) in enumerate(walkers.items()):
        run, colour = f"{name}-bits", _COLOURS[i]
        found = [data.interval(run, f"return_{bits}") for bits in widths]
        lost = [data.interval(run, f"loss_{bits}") for bits in widths]
        fell = [100 * data.interval(run, f"fell_{bits}").mean for bits in widths]
        for axes, intervals in ((scores, found), (losses, lost)):
            for bits, each in zip(widths, intervals, strict=True):
                whisker(axes, bits, each.mean, each.high - each.mean, colour)
            axes.plot(widths, [each.mean for each in intervals], color=colour, linewidth=1)
        scores.axhline(
            data.interval(run, "return").mean,
            color=colour,
            linestyle="--",
            linewidth=1,
            label=label,
        )
        place = np.asarray(widths) + (i - (len(walkers) - 1) / 2) * 0.35
        falls.bar(place, fell, width=0.33, color=colour, label=label)
    scores.set(
        xlabel="bits of a weight",
        ylabel="return (95 % interval of the mean)",
        title="Score (dashed: as it is)",
    )
    losses.axhline(0, color=GREY, linewidth=1)
    losses.axhspan(-2, 2, color=GREY, alpha=0.15, linewidth=0)
    losses.set(
        xlabel="bits of a weight",
        ylabel="return lost on the same seed (95 % interval)",
        title="Loss where it walks (grey: ± 2 points)",
        ylim=(-6, 12),
    )
    falls.set(
        xlabel="bits of a weight",
        ylabel="episodes that end in a fall (%)",
        title="Falls",
        ylim=(0, 100),
    )
    for axes in (scores, losses, falls):
        axes.set_xticks(list(widths))
    legend(scores, loc="lower right")
    save(figure, path)


def draw_synchrony(
    results: Sequence[Result], gait: Gait, path: str | os.PathLike[str], *, name: str = "article"
) -> None:
    """Draw the hips of a walk, one against the other, and how far the legs are locked.

    Args:
        results: Of the study.
        gait: The seconds to show.
        path: The PNG file.
        name: What the names of the walker's experiments begin with.

    Raises:
        BackendUnavailableError: matplotlib is not installed.
        ArgumentError: The file cannot be written.
    """
    data = Measurements(results)
    figure, (time, portrait, locked) = panels(3)
    time.plot(gait.seconds, gait.first, color=BLUE, label="first leg")
    time.plot(gait.seconds, gait.second, color=RED, label="second leg")
    time.set(xlabel="time (s)", ylabel="hip angle (rad)", title="Three seconds of a walk")
    legend(time, loc="center right")
    portrait.plot(gait.first, gait.second, color=GREY, linewidth=1, alpha=0.7)
    shades = portrait.scatter(gait.first, gait.second, c=gait.seconds, cmap="viridis", s=14)
    figure.colorbar(shades, ax=portrait, label="time (s)")
    portrait.set(
        xlabel="hip angle of the first leg (rad)",
        ylabel="hip angle of the second leg (rad)",
        title="The same, one against the other",
    )
    run, bins = f"{name}-synchrony", np.linspace(0, 1, 41)
    for joint, colour in (("hips", BLUE), ("knees", RED)):
        locked.hist(data.numbers(run, joint), bins, color=colour, alpha=0.6, label=joint)
        chance = data.numbers(run, f"{joint}_by_chance")
        style: dict[str, Any] = {"color": colour, "histtype": "step", "linestyle": "--"}
        locked.hist(chance, bins, label=f"{joint} of two walks", **style)
    locked.set(
        xlabel="phase-locking value of the two legs",
        ylabel="walks",
        title=f"Phases locked, {len(data.numbers(run, 'hips'))} walks",
        xlim=(0, 1),
    )
    legend(locked, loc="upper center")
    save(figure, path)


def draw_cuts(
    results: Sequence[Result], runs: Mapping[str, str], path: str | os.PathLike[str]
) -> None:
    """Draw score and phase-locking for what was hidden from a leg's neurons.

    Args:
        results: Of the study.
        runs: Names of experiments, and what was hidden; what was not run is left out.
        path: The PNG file.

    Raises:
        BackendUnavailableError: matplotlib is not installed.
        ArgumentError: The file cannot be written.
    """
    data = Measurements(results)
    figure, (scores, locked) = panels(2)
    known = {name: words for name, words in runs.items() if name in data}
    for row, name in enumerate(known):
        shown = ((scores, "return", GREY, 0.0), (locked, "hips", BLUE, -0.12))
        for axes, quantity, colour, up in (*shown, (locked, "knees", RED, 0.12)):
            found = data.interval(name, quantity)
            if found.count:
                ends, place = [found.least, found.most], row + up
                axes.plot(ends, [place, place], color=colour, alpha=0.25, linewidth=5)
                half = found.high - found.mean if found.count > 1 else 0
                label = quantity if row == 0 else None
                axes.errorbar(
                    found.mean, place, xerr=half, fmt="o", color=colour, capsize=3, label=label
                )
    scores.axvline(_SOLVED, color=GREY, linewidth=1, linestyle=":")
    scores.set_yticks(range(len(known)), list(known.values()))
    locked.set_yticks(range(len(known)), [""] * len(known))
    scores.set(xlabel="return (dotted: solved)", title="Hidden from a leg's neurons")
    locked.set(xlabel="phase-locking value of the two legs", title="What is left of the rhythm")
    locked.set_xlim(0, 1)
    for axes in (scores, locked):
        axes.invert_yaxis()
    figure.supxlabel("dot: mean with its 95 % interval; bar: range over walks", fontsize="small")
    legend(locked, loc="lower left")
    save(figure, path)


def draw_training(
    results: Sequence[Result], cells: Mapping[str, str], path: str | os.PathLike[str]
) -> None:
    """Draw the final score of every training run, and the learning curves.

    Args:
        results: Of the study.
        cells: Names of the experiments, and what to call them; what was not run is left out.
        path: The PNG file.

    Raises:
        BackendUnavailableError: matplotlib is not installed.
        ArgumentError: The file cannot be written.
    """
    data = Measurements(results)
    figure, (scores, curves) = panels(2)
    known = {name: words for name, words in cells.items() if name in data}
    for row, name in enumerate(known):
        found = data.interval(name, "return")
        whisker(scores, row, found.mean, found.high - found.mean, BLUE)
        runs = data.curves(name, "return")
        scores.plot(np.full(len(runs), row + 0.15), runs, ".", color=GREY)
        colour = f"C{row}"
        for run in (result.values for result in results if result.experiment == name):
            steps = np.asarray(run["curve_steps"]) / 1e6
            curves.plot(steps, run["curve"], color=colour, linewidth=1, alpha=0.8)
        curves.plot([], [], color=colour, label=known[name])
    scores.axhline(_SOLVED, color=GREY, linewidth=1, linestyle=":")
    scores.set_xticks(range(len(known)), list(known.values()), rotation=30, ha="right")
    scores.set(
        ylabel="return (mean over seeds, 95 % interval)",
        title="Score at the end (grey: each seed)",
        xlim=(-0.5, len(known) - 0.5),
    )
    curves.set(
        xlabel="environment steps (millions)",
        ylabel="return while training, last 100 episodes",
        title="Learning",
    )
    legend(curves, loc="lower right")
    save(figure, path)
