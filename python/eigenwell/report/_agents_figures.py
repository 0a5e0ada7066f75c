"""Figures of agents on the map, along lines between two of them, and of generated ones."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell._checks import require
from eigenwell.errors import ArgumentError, ShapeError
from eigenwell.report._agents_page import map_of
from eigenwell.report._findings_axes import BLUE, GREY, legend, panels, save

if TYPE_CHECKING:
    from eigenwell.agents.latent import Line
    from eigenwell.agents.measures import Generation, Prompts

Floats = npt.NDArray[np.floating[Any]]

# The article's colours: orange is latent or generated, green the weights, blue what was collected.
_ORANGE, _GREEN = "#e07b1a", "#2f9e5b"
_Z95 = 1.96


def draw_agent_map(
    embeddings: Floats,
    survival: Floats,
    path: str | os.PathLike[str],
    *,
    cap: int = 200,
    title: str = "The latent space",
) -> None:
    """Draw where agents lie, coloured by survival, and survival over the first axis.

    Args:
        embeddings: ``(n, d)``; of more than two numbers the first two principal components.
        survival: Mean steps, ``(n,)``.
        path: The PNG file, written all of it or nothing.
        cap: Steps after which an episode ends.
        title: Of the map.

    Raises:
        BackendUnavailableError: matplotlib is not installed.
        ShapeError: The lengths differ.
        ArgumentError: The file cannot be written.
    """
    if embeddings.ndim != 2 or survival.shape != (len(embeddings),):
        raise ShapeError(
            f"`embeddings` (n, d) and `survival` (n,) must fit, got {embeddings.shape} and "
            f"{survival.shape}"
        )
    points, (x_label, y_label) = map_of(embeddings, survival)
    figure, (plane, along) = panels(2)
    size = float(np.clip(4e4 / max(len(points), 1), 2, 18))
    style: dict[str, Any] = {"s": size, "linewidths": 0, "cmap": "viridis", "vmin": 0, "vmax": cap}
    drawn = plane.scatter(*points.T, c=survival, **style)
    figure.colorbar(drawn, ax=plane, label="mean survival (steps)")
    plane.set(xlabel=x_label, ylabel=y_label, title=f"{title}, {len(points):,} agents")
    along.scatter(points[:, 0], survival, c=survival, **style)
    along.set(xlabel=x_label, ylabel="mean survival (steps)", title="Survival along it")
    along.set_ylim(0, 1.04 * cap)
    save(figure, path)


def draw_patterns(lines: Mapping[str, Line], path: str | os.PathLike[str]) -> None:
    """Draw mean survival along the latent and the weight line, a panel for each pair of agents.

    Args:
        lines: Title of each panel, and survival along its lines.
        path: The PNG file, written all of it or nothing.

    Raises:
        BackendUnavailableError: matplotlib is not installed.
        ArgumentError: There is no panel, or the file cannot be written.
    """
    if not lines:
        raise ArgumentError("`lines` must have at least one pair, got none")
    figure, all_axes = panels(len(lines))
    for axes, (title, line) in zip(all_axes, lines.items(), strict=True):
        ends = line.t.min(), line.t.max()
        for low, high in ((ends[0], 0), (1, ends[1])):
            if high > low:
                axes.axvspan(low, high, color=GREY, alpha=0.12, linewidth=0)
        for steps, label, colour, order in (
            (line.latent, "latent line", _ORANGE, 3),
            (line.weights, "weight line", _GREEN, 2),
        ):
            mean = steps.mean(axis=1)
            half = _Z95 * steps.std(axis=1, ddof=1) / np.sqrt(steps.shape[1])
            style: dict[str, Any] = {"color": colour, "zorder": order}
            bounds = (np.clip(mean + sign * half, 0, line.cap) for sign in (-1, 1))
            axes.fill_between(line.t, *bounds, alpha=0.25, linewidth=0, **style)
            axes.plot(line.t, mean, "o-", markersize=3, linewidth=1, label=label, **style)
        for t in (0, 1):
            axes.axvline(t, color="black", linestyle="--", linewidth=0.8)
        axes.set(xlabel="t: agent 1 at 0, agent 2 at 1", title=title, xlim=ends)
        axes.set_ylim(0, 1.04 * line.cap)
    all_axes[0].set_ylabel("mean survival (steps)")
    legend(all_axes[-1], loc="best")
    words = "grey: extrapolation; bands: 95 % interval of the mean over starts"
    figure.supxlabel(words, fontsize="small")
    save(figure, path)


def draw_generated(
    groups: Mapping[str, tuple[Generation, Generation]],
    path: str | os.PathLike[str],
    *,
    cap: int = 200,
) -> None:
    """Draw survival of held-out (blue) and generated (orange) agents, groups side by side.

    Args:
        groups: Name of each group, what our embedding generates for it, and what its plain VAE
            does, which is the upper row.
        path: The PNG file, written all of it or nothing.
        cap: Steps after which an episode ends.

    Raises:
        BackendUnavailableError: matplotlib is not installed.
        ArgumentError: There is no group, or the file cannot be written.
    """
    if not groups:
        raise ArgumentError("`groups` must have at least one group, got none")
    figures = require("matplotlib.figure", extra="report")
    figure = figures.Figure(figsize=(3.4 * len(groups), 5.8), layout="constrained")
    rows = figure.subplots(2, len(groups), squeeze=False, sharex=True, sharey=True)
    bins = np.linspace(0, cap, 41)
    for axes_of, (model, place) in zip(rows, (("plain VAE", 1), ("ours", 0)), strict=True):
        for axes, (name, pair) in zip(axes_of, groups.items(), strict=True):
            found = pair[place]
            for values, colour, what in (
                (found.held_out, BLUE, "held out"),
                (found.generated, _ORANGE, model),
            ):
                shares = np.full(len(values), 100 / len(values))
                label = f"{what}: mean {values.mean():.1f}"
                axes.hist(values, bins, weights=shares, color=colour, alpha=0.55, label=label)
                axes.axvline(values.mean(), color=colour, linewidth=1.2)
            w1, ratio = found.wasserstein, found.mean_ratio
            lines = (
                f"{model}, group {name}",
                f"W1 = {w1.value:.1f} steps ({w1.low:.1f} to {w1.high:.1f})",
                f"ratio of means {ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})",
            )
            axes.set_title("\n".join(lines), fontsize="medium")
            # On white: lines may pass behind it.
            axes.legend(loc="upper center", fontsize="small", edgecolor="none")
        axes_of[0].set_ylabel("agents (%)")
    for axes in rows[-1]:
        axes.set_xlabel("mean survival (steps)")
    words = (
        "lines: means; W1: Wasserstein-1 distance; in brackets: 95 % intervals over training runs"
    )
    figure.supxlabel(words, fontsize="small")
    save(figure, path)


def draw_prompts(
    prompts: Mapping[str, Prompts], path: str | os.PathLike[str], *, cap: int = 200
) -> None:
    """Draw obtained against requested survival, a panel for each way to draw agents.

    Args:
        prompts: Title of each panel, and what was requested and obtained.
        path: The PNG file, written all of it or nothing.
        cap: Steps after which an episode ends.

    Raises:
        BackendUnavailableError: matplotlib is not installed.
        ArgumentError: There is no panel, or the file cannot be written.
    """
    if not prompts:
        raise ArgumentError("`prompts` must have at least one panel, got none")
    figure, all_axes = panels(len(prompts))
    for axes, (title, found) in zip(all_axes, prompts.items(), strict=True):
        axes.plot([0, cap], [0, cap], color=GREY, linewidth=1, label="as requested")
        style: dict[str, Any] = {"s": 10, "linewidths": 0, "alpha": 0.6, "color": _ORANGE}
        axes.scatter(found.requested, found.obtained, label="agents", **style)
        score = f"R² = {found.r2.value:.3f}"
        axes.set(xlabel="requested survival (steps)", title=f"{title}: {score}")
        axes.set(xlim=(0, 1.04 * cap), ylim=(0, 1.04 * cap))
    all_axes[0].set_ylabel("obtained mean survival (steps)")
    legend(all_axes[-1], loc="lower right")
    save(figure, path)
