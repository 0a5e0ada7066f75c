"""Tables of the mirror test over seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Final

from eigenwell.report._tables import Alignment, Table
from eigenwell.report._walker_tables import markdown
from eigenwell.worlds.mirror import wilson

if TYPE_CHECKING:
    from eigenwell.studies import Experiment, Result
    from eigenwell.worlds.mirror import Mirror

# Heading, measures of which the worse counts, which of two is worse, and the format.
_COLUMNS: Final[tuple[tuple[str, tuple[str, ...], Callable[..., float], str], ...]] = (
    ("top 1", ("top_1",), min, "{:.0%}"),
    ("top 5", ("top_5",), min, "{:.0%}"),
    ("decoding", ("cross_decode_ratio",), max, "{:.2f}"),
    ("predicted", ("predicted_ratio",), max, "{:.2f}"),
    ("paddles, px", ("player_pixels", "opponent_pixels"), max, "{:.2f}"),
    ("ball", ("ball_found",), min, "{:.0%}"),
    ("own ball", ("own_ball_found",), min, "{:.0%}"),
)
_BARS: Final = ("retrieval", "decoding", "paddles", "ball")


def pair_cells(pair: Mirror) -> dict[str, str]:
    """Return the cells of a pair of worlds by their headings; the last says what it missed."""
    return {
        "from, to": f"{pair.source}, {pair.target}",
        "top 1": f"{pair.top_1:.1%}",
        "top 5": f"{pair.top_5:.1%}",
        "loss ratio": f"{pair.cross_decode_ratio:.2f}",
        "predicted": f"{pair.predicted_ratio:.2f}",
        "player px": f"{pair.player_pixels:.2f}",
        "opponent px": f"{pair.opponent_pixels:.2f}",
        "ball found": f"{pair.ball_found:.1%}",
        "own ball": f"{pair.own_ball_found:.1%}",
        "missed": ", ".join(name for name, met in pair.bars.items() if not met) or "none",
    }


def mirror_table(title: str, cells: Sequence[Experiment], results: Sequence[Result]) -> Table:
    """Return a row for each cell that has results.

    A seed's number is that of its worst direction between two worlds; a row has their median, with
    the range. What is passed is passed by all directions of a seed.
    """
    rows = []
    for cell in cells:
        of = [result.values for result in results if result.experiment == cell.name]
        if not of:
            continue
        row = [cell.name, str(len(of))]
        for _, measures, worse, form in _COLUMNS:
            row.append(_range([worst(values, measures, worse) for values in of], form))
        passed = [[_met(values, (bar,)) for values in of] for bar in _BARS]
        row.append(", ".join(f"{sum(each)}" for each in passed))
        whole = sum(_met(values, _BARS) for values in of)
        low, high = wilson(whole, len(of))
        row.append(f"{whole} of {len(of)} ({low:.0%} to {high:.0%})")
        row.append(f"{statistics.median(float(str(v['seconds'])) for v in of) / 60:.1f}")
        rows.append(tuple(row))
    headings = ("cell", "seeds", *(column[0] for column in _COLUMNS))
    headings += (", ".join(_BARS), "all bars (Wilson 95 %)", "min")
    numbers: list[Alignment] = ["right"] * (len(headings) - 1)
    return Table(title, headings, tuple(rows), ("left", *numbers))


def worlds_page(tables: Sequence[Table], figure: str, command: str) -> str:
    """Return the page of findings about worlds.

    Args:
        tables: Ours, the controls, the ablations, and the article's recipe.
        figure: Name of the file that draws them.
        command: That makes it.
    """
    template = Path(__file__).with_name("_findings_worlds.md").read_text("utf-8")
    ours, controls, others, article = (markdown(table.columns, table.rows) for table in tables)
    names = {"ours": ours, "controls": controls, "others": others, "article": article}
    return Template(template).substitute(names, figure=figure, command=command)


def worst(
    values: dict[str, float | list[float]], measures: Sequence[str], worse: Callable[..., float]
) -> float:
    """Return the worst of some measures over all directions between worlds."""
    found = [
        value
        for name, value in values.items()
        if name.split(" ")[-1] in measures and isinstance(value, float)
    ]
    return math.nan if any(math.isnan(value) for value in found) else worse(found)


def _met(values: dict[str, float | list[float]], bars: Sequence[str]) -> bool:
    return all(
        value == 1.0
        for name, value in values.items()
        if ">" in name and name.split(" ")[-1] in bars
    )


def _range(values: Sequence[float], form: str) -> str:
    middle = form.format(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({form.format(min(values))} to {form.format(max(values))})"
