"""Figures of the findings about adaptive sampling: curves with bands, dips, the grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenwell.report._asr_data import CellRuns, band
from eigenwell.report._findings_axes import (
    BLUE,
    GREY,
    RED,
    panels,
    save,
    whisker,
)

if TYPE_CHECKING:
    from eigenwell.studies import Result

#: What a curve is called on an axis.
MEASURES = {
    "recall_1": "Recall@1",
    "recall_2": "Recall@2",
    "recall_4": "Recall@4",
    "recall_8": "Recall@8",
    "nmi": "NMI",
    "ami": "AMI",
    "map_r": "MAP@R",
    "distance": "mean distance of pairs",
    "distance_intra": "mean distance within classes",
    "distance_inter": "mean distance between classes",
    "effective_rank": "effective rank",
    "sampler_mean": "mean of the distribution",
    "drawn": "mean distance of drawn negatives",
    "rare": "share of negatives from floor bins",
    "active": "share of triplets with a loss",
    "used": "share of anchors with a negative",
    "loss": "loss",
    "validation_recall_1": "validation Recall@1",
}
_GREEN, _ORANGE, _VIOLET = "#339955", "#dd8822", "#8855aa"
_PRESETS = {
    "high": ("normal_high", RED),
    "avg": ("normal_avg", _ORANGE),
    "low": ("normal_low", BLUE),
    "uniform-high": ("uniform_high", _VIOLET),
    "uniform-low": ("uniform_low", _GREEN),
    "random": ("random", GREY),
}
_POLICIES = {
    "high": ("normal_high, learnt", RED),
    "high-frozen": ("normal_high, frozen", _ORANGE),
    "high-random": ("normal_high, random actions", _VIOLET),
    "low": ("normal_low, learnt", BLUE),
    "low-frozen": ("normal_low, frozen", _GREEN),
}
_FLOORS = {
    "high-frozen": ("frozen, floor 1e-15", RED),
    "high-frozen-floor-1e-6": ("frozen, floor 1e-6", _ORANGE),
    "high-frozen-floor-0": ("frozen, floor 0", GREY),
    "high": ("learnt, floor 1e-15", BLUE),
    "high-floor-1e-6": ("learnt, floor 1e-6", _GREEN),
    "high-floor-0": ("learnt, floor 0", _VIOLET),
}
_OTHERS = {
    "high": ("normal_high", RED),
    "high-wide-steps": ("normal_high, multipliers 0.5, 1, 1.5", _ORANGE),
    "high-margin": ("normal_high, margin loss", _VIOLET),
    "low": ("normal_low", BLUE),
    "low-margin": ("normal_low, margin loss", _GREEN),
}
_WARM = {
    "warm-high": ("normal_high, learnt", RED),
    "warm-high-frozen": ("normal_high, frozen", _ORANGE),
    "warm-low": ("normal_low, learnt", BLUE),
    "warm-random": ("random, learnt", GREY),
}
_COLOURS = (RED, GREY, BLUE, _GREEN, _ORANGE, _VIOLET)
_DIPS = ("high", "high-frozen", "high-random", "avg", "random", "low", "low-frozen")
_THRESHOLD = 0.02

Cells = Mapping[str, tuple[str, str]]


def draw_asr_figures(
    results: Sequence[Result], miners: Sequence[Result], folder: Path
) -> dict[str, tuple[str, str]]:
    """Draw what there are results of, as PNG files in a folder.

    Args:
        results: Of the study.
        miners: Of the comparison of miners.
        folder: For the files.

    Returns:
        By the figure's name, its file's name and what it shows.

    Raises:
        BackendUnavailableError: matplotlib or SciPy is not installed.
        ArgumentError: A file cannot be written.
    """
    data = CellRuns(results)
    article = ("recall_1", "recall_2", "recall_4", "recall_8", "nmi", "map_r")
    insides = ("recall_1", "distance", "effective_rank", "rare")
    drawn: dict[str, tuple[Any, str]] = {
        "presets": (
            _curves(data, _PRESETS, article),
            "Measures of the test classes by start, learnt policy",
        ),
        "policies": (
            _curves(data, _POLICIES, ("recall_1", "distance", "sampler_mean")),
            "Learnt, frozen and random policies",
        ),
        "floors": (_curves(data, _FLOORS, ("recall_1", "distance", "rare")), "Three floors"),
        "contraction": (
            _curves(data, _POLICIES, insides, dips=True),
            (
                "Contraction: distance, effective rank, and draws from bins at the floor; ticks "
                "mark the dips of single runs"
            ),
        ),
        "warm": (
            _curves(data, _WARM, ("recall_1", "nmi", "distance"), dips=True),
            "From an encoder that has learnt for ten epochs from uniform negatives",
        ),
        "others": (
            _curves(data, _OTHERS, ("recall_1", "nmi", "distance")),
            "Wider steps and the margin loss",
        ),
        "grid": (_grid(data), "Prominence and final Recall@1 by mean and sigma of the start"),
        "recovery": (_recovery(data), "Prominence by cell, and each run from its dip to recovery"),
        "miners": (
            _curves(CellRuns(miners), _named(miners), ("recall_1", "nmi", "active")),
            "The adaptive sampler beside fixed miners",
        ),
    }
    found = {}
    for name, (figure, words) in drawn.items():
        if figure is not None:
            file = f"adaptive_sampling_{name}.png"
            save(figure, folder / file)
            found[name] = (file, words)
    return found


def _curves(
    data: CellRuns, cells: Cells, measures: Sequence[str], *, dips: bool = False
) -> Any | None:
    """Draw a panel for each measure, a curve with its band for each cell that was run."""
    present = {name: look for name, look in cells.items() if name in data}
    if not present:
        return None
    rows = 2 if len(measures) > 3 else 1
    figure, axes = panels(len(measures) // rows, rows=rows)
    for each, measure in zip(axes, measures, strict=True):
        for name, (label, colour) in present.items():
            curves = data.curves(name, measure)
            mean, half = band(curves)
            epochs = np.arange(len(mean))
            words = f"{label} ({len(curves)} seed{'s' if len(curves) != 1 else ''})"
            each.plot(epochs, mean, color=colour, linewidth=1.5, label=words)
            each.fill_between(epochs, mean - half, mean + half, color=colour, alpha=0.2, lw=0)
            if dips and measure == "recall_1":
                # Ticks at the edge, so that runs which dip at once are seen apart.
                found = data.numbers(name, "dip_epoch")
                each.plot(
                    found,
                    [0.02] * len(found),
                    "|",
                    color=colour,
                    transform=each.get_xaxis_transform(),
                )
        each.set_xlabel("epoch")
        each.set_ylabel(MEASURES[measure])
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize="small"
    )
    return figure


def _grid(data: CellRuns) -> Any | None:
    """Draw prominence and final Recall@1 over means and sigmas."""
    found: dict[tuple[float, float], str] = {}
    for name in data.names():
        if name.startswith("grid-"):
            mean, sigma = map(float, name.removeprefix("grid-").split("-"))
            found[sigma, mean] = name
    if not found:
        return None
    sigmas, means = (sorted({key[i] for key in found}) for i in range(2))
    figure, axes = panels(2)
    for each, (quantity, title) in zip(
        axes, (("prominence", "prominence in Recall@1"), ("final", "final Recall@1")), strict=True
    ):
        values = np.full((len(sigmas), len(means)), np.nan)
        for (sigma, mean), name in found.items():
            place = sigmas.index(sigma), means.index(mean)
            interval = data.interval(name, quantity)
            values[place] = interval.mean
            half = interval.high - interval.mean
            words = f"{interval.mean:.3f}" + (f"\n± {half:.3f}" if np.isfinite(half) else "")
            each.text(
                place[1],
                place[0],
                words,
                ha="center",
                va="center",
                bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1.5},
            )
        shades = each.imshow(values, cmap="viridis", aspect="auto", origin="lower")
        figure.colorbar(shades, ax=each, shrink=0.8)
        each.set_xticks(range(len(means)), [f"{mean:g}" for mean in means])
        each.set_yticks(range(len(sigmas)), [f"{sigma:g}" for sigma in sigmas])
        each.set_xlabel("mean of the start")
        each.set_ylabel("sigma of the start")
        each.set_title(title, size=11)
    return figure


def _recovery(data: CellRuns) -> Any | None:
    """Draw the prominence of cells with intervals, and for each run when it dips and recovers."""
    cells = [name for name in _DIPS if name in data]
    if not cells:
        return None
    figure, (prominence, times) = panels(2)
    for place, name in enumerate(cells):
        interval = data.interval(name, "prominence")
        numbers = data.numbers(name, "prominence")
        prominence.plot([place] * len(numbers), numbers, ".", color=GREY, markersize=3)
        whisker(prominence, place, interval.mean, interval.high - interval.mean, BLUE)
        runs = [run for run in data.runs(name) if "dip_epoch" in run]
        for index, run in enumerate(runs):
            x = place + (index + 0.5) / len(runs) * 0.7 - 0.35
            times.plot(x, run["dip_epoch"], ".", color=RED)
            if "recovery_epoch" in run:
                times.plot([x, x], [run["dip_epoch"], run["recovery_epoch"]], color=GREY, lw=1)
                times.plot(x, run["recovery_epoch"], "_", color=BLUE)
    prominence.axhline(_THRESHOLD, color=GREY, linestyle="--", linewidth=1)
    prominence.set_ylabel("prominence in Recall@1")
    times.set_ylabel("epoch of the dip (dot) and of recovery (bar)")
    for axes in (prominence, times):
        axes.set_xticks(range(len(cells)), cells, rotation=40, ha="right")
    return figure


def _named(results: Sequence[Result]) -> Cells:
    names = dict.fromkeys(result.experiment for result in results)
    return {
        name: (name.removeprefix("miner-"), _COLOURS[i % len(_COLOURS)])
        for i, name in enumerate(names)
    }
