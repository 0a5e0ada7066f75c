"""Figures of the findings about particles."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

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


def draw_sphere_findings(results: Sequence[Result], path: str | os.PathLike[str]) -> None:
    """Draw radius against size, interior points against time, and radius by dimension."""
    data = Measurements(results)
    figure, (sizes, times, shapes) = panels(3)
    _radius_by_size(data, sizes)
    for n, colour in ((300, "#88aadd"), (1000, BLUE), (3000, "#112255")):
        if (name := f"sphere-{n}") in data:
            steps = data.curves(name, "looks")[0]
            inside = data.curves(name, "interior_at")
            times.plot(steps, 100 * inside.mean(axis=0), "o-", color=colour, label=f"N = {n:,}")
            times.fill_between(
                steps,
                100 * inside.min(axis=0),
                100 * inside.max(axis=0),
                color=colour,
                alpha=0.15,
                linewidth=0,
            )
            times.axvline(n, color=colour, linestyle=":", linewidth=1)
    times.set(
        xscale="log",
        xlabel="step (dotted: N)",
        ylabel="points inside of the shell (%)",
        title="Interior points leave",
    )
    legend(times)
    for d, quantity, law in (
        (1, "gap", "gap / η"),
        (2, "outer", "edge / (πηN/8)"),
        (3, "radius", "radius / (ηN/3)"),
        (4, "radius", ""),
        (5, "radius", "radius / (ηN chord/4)"),
        (6, "radius", ""),
    ):
        interval = data.interval("sphere-1000" if d == 3 else f"dimension-{d}", quantity)
        whisker(shapes, d, interval.mean, interval.high - interval.mean, BLUE)
        place = {"xytext": (0, 9 if d != 3 else -16), "textcoords": "offset points"}
        shapes.annotate(law, (d, interval.mean), ha="center", fontsize="small", **place)
    shapes.axhline(1, color=GREY, linewidth=1)
    shapes.set(
        xlabel="dimension",
        ylabel="measured / predicted",
        title="Size in every dimension, N = 1,000",
        ylim=(0.993, 1.003),
        xlim=(0.5, 6.5),
    )
    save(figure, path)


def _radius_by_size(data: Measurements, axes: Any) -> None:
    for n in (100, 300, 1000, 3000, 10_000, 20_000):
        found = data.interval(f"sphere-{n}", "radius")
        if found.count:
            half = 100 * (found.high - found.mean)
            whisker(axes, n, 100 * (found.mean - 1), half, BLUE)
    sizes = np.geomspace(80, 25_000, 50)
    label = "theory: -0.60 N^(-3/2)"
    axes.plot(sizes, -60 * sizes**-1.5, color=RED, linewidth=1, label=label)
    axes.axhspan(-0.2, 0.2, color=GREY, alpha=0.12, linewidth=0, label="± 0.2 %")
    axes.set(
        xscale="log",
        xlabel="points N",
        ylabel="(a + b)/2 against ηN/3 (%)",
        title="The two radii add up to 2ηN/3",
        ylim=(-0.25, 0.25),
    )
    legend(axes)


def draw_polymer_findings(results: Sequence[Result], path: str | os.PathLike[str]) -> None:
    """Draw chain order by mask, growth over time, and who is where along the chain."""
    data = Measurements(results)
    figure, (masks, grown, along) = panels(3)
    names = ["none", "within", "ep", "ne", "np", "ep+ne", "ep+np", "ne+np", "ep+ne+np"]
    rows = [name for name in names if f"mask-{name}" in data]
    chance = max((data.interval(f"mask-{name}", "by_chance").mean for name in rows), default=0)
    for row, name in enumerate(rows):
        interval = data.interval(f"mask-{name}", "order")
        masks.plot([interval.least, interval.most], [row, row], color=BLUE, alpha=0.3, linewidth=6)
        masks.plot(interval.mean, row, "o", color=BLUE)
    masks.axvspan(0, chance, color=GREY, alpha=0.15, linewidth=0)
    masks.set(
        yticks=range(len(rows)),
        yticklabels=[name.replace("+", ", ") for name in rows],
        xlabel="chain order: |rank correlation| of index and place\n(grey: 95 % of chance)",
        ylabel="pairs of species under the mask i < j",
        title="What makes the chain, N = 300",
        xlim=(0, 1.02),
    )
    masks.invert_yaxis()
    for n, colour in ((100, "#88aadd"), (300, BLUE), (1000, "#112255")):
        if (name := f"polymer-{n}") in data:
            counts = data.curves(name, "count_at") / n
            _band(grown, data.curves(name, "steps")[0], counts, colour, f"N = {n:,}")
    for share, words in ((1 / 2, "1/2: early estimate"), (2 / 3, "2/3: late estimate")):
        grown.axhline(share, color=RED, linewidth=1, linestyle="--")
        grown.annotate(words, (0, share), xytext=(2, 3), textcoords="offset points", color=RED)
    grown.set(
        xlabel="step",
        ylabel="bound neutrons (share)",
        title="Growth",
        ylim=(0, 0.8),
        xlim=(0, None),
    )
    legend(grown, loc="lower right")
    for name, colour in (("protons", RED), ("electrons", "#339955"), ("neutrons", "black")):
        if "polymer-1000" in data:
            counts = data.curves("polymer-1000", f"along_{name}")
            _band(along, np.arange(1, counts.shape[1] + 1), counts, colour, name)
    along.set(
        xlabel="quarter of the chain, from low indices to high",
        ylabel="particles near the chain",
        title="Who is where along the chain, N = 1,000",
        xticks=(1, 2, 3, 4),
        ylim=(0, None),
    )
    legend(along)
    save(figure, path)


def _band(axes: Any, x: Any, runs: Any, colour: str, label: str) -> None:
    axes.plot(x, runs.mean(axis=0), "o-", color=colour, label=label, markersize=3)
    axes.fill_between(x, runs.min(axis=0), runs.max(axis=0), color=colour, alpha=0.15, linewidth=0)
