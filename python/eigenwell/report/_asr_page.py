"""The results part of the page about adaptive sampling, as Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eigenwell.report._findings_axes import Measurements
from eigenwell.report._walker_tables import markdown
from eigenwell.wells.asr import dip

if TYPE_CHECKING:
    from eigenwell.studies import Claim, Experiment, Finding, Interval, Result

_BEGIN = "<!-- From here on written by `eigenwell wells asr report`. -->"
_END = "<!-- To here. -->"
_HEADING = "## Results\n"
_EMPTY = "Not run yet."
_MEAN_CURVES = (
    "Not registered, added after the first runs: it changes no verdict. A curve that fluctuates "
    "about a level has a prominence too, and the more epochs, the larger. In the mean curve over "
    "the seeds what single runs do by chance cancels; a dip that all of them make at about the "
    "same epoch stays. Beside it stand the prominence of the single runs, and how far the epochs "
    "of their dips are spread."
)


@dataclass(frozen=True)
class MiningResult:
    """The comparison of miners.

    Attributes:
        experiments: One for each miner.
        results: Of them; empty if it was not run.
        best: Name of the best fixed one.
        difference: Final Recall@1 of the adaptive sampler minus its, paired.
        verdict: By the registered rule.
    """

    experiments: Sequence[Experiment]
    results: Sequence[Result]
    best: str
    difference: Interval
    verdict: str


def asr_results(
    judged: Sequence[tuple[Claim, Sequence[Finding]]],
    results: Sequence[Result],
    experiments: Sequence[Experiment],
    *,
    verdicts: Mapping[str, str],
    conclusion: str,
    figures: Mapping[str, tuple[str, str]],
    viewer: str,
    miners: MiningResult,
    machine: str,
) -> str:
    """Return verdicts, tables and figures.

    Args:
        judged: The statements with what was found.
        results: Of the study.
        experiments: Its cells, in the order of the table.
        verdicts: By the statement's name.
        conclusion: The page's verdict.
        figures: By name, a file and what it shows.
        viewer: Name of the page with all curves.
        miners: The comparison.
        machine: What it was run on, sentences.

    Returns:
        Markdown, without a heading of its own.
    """
    data = Measurements(results)

    def picture(name: str) -> list[str]:
        return [f"![{figures[name][1]}]({figures[name][0]})", ""] if name in figures else []

    planned = sum(experiment.seeds or 0 for experiment in experiments)
    lines = [
        f"**Verdict by the registered rule: {conclusion}.**",
        "",
        (
            f"{len(results)} of {planned} runs are in. All curves, with a choice of measures and "
            f"cells: [{viewer}]({viewer})."
        ),
        "",
        _statements(judged, verdicts),
        "",
        *picture("presets"),
        *picture("policies"),
        *picture("contraction"),
        *picture("recovery"),
        *picture("floors"),
        *picture("grid"),
        *picture("others"),
        *picture("warm"),
        "### Dips or fluctuations?",
        "",
        _MEAN_CURVES,
        "",
        _mean_curves(data, experiments),
        "",
        "### Every cell",
        "",
        _cells(data, experiments),
        "",
        (
            "Means over seeds with 95 % intervals; of dip, recovery and contraction over the runs "
            "that have them. The distance at the dip is that of all test pairs, over the largest "
            "before it."
        ),
        "",
        "### The miners",
        "",
        *_miners(miners),
        "",
        *picture("miners"),
        machine,
    ]
    return "\n".join(lines)


def with_results(page: str, text: str) -> str:
    """Return a page with its results replaced; everything else stays as it is.

    Args:
        page: Markdown. What an earlier call wrote lies between two comments; without them the
            results go under the heading "Results", or to the end.
        text: The new results.
    """
    block = f"{_BEGIN}\n\n{text}\n\n{_END}"
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if begin and end:
        return before + block + after
    before, heading, after = page.partition(_HEADING)
    if not heading:
        return f"{page.rstrip()}\n\n{_HEADING}\n{block}\n"
    left = after.replace(_EMPTY, "", 1).strip()
    return f"{before}{heading}\n{block}\n" + (f"\n{left}\n" if left else "")


def _statements(
    judged: Sequence[tuple[Claim, Sequence[Finding]]], verdicts: Mapping[str, str]
) -> str:
    rows = []
    for claim, findings in judged:
        for finding in findings:
            interval = finding.interval
            rows.append(
                (
                    claim.name,
                    claim.says,
                    finding.check.expects,
                    _measured(interval),
                    str(interval.count),
                    f"**{verdicts[claim.name]}**",
                )
            )
    return markdown(("", "statement", "holds if", "measured", "seeds", "verdict"), rows)


def _mean_curves(data: Measurements, experiments: Sequence[Experiment]) -> str:
    """Return what is left of the dips in the mean over seeds of each cell."""
    rows = []
    for experiment in experiments:
        name = experiment.name
        if name not in data:
            continue
        curves = data.curves(name, "recall_1")
        shared = dip(curves.mean(axis=0))
        epochs = data.numbers(name, "dip_epoch")
        rows.append(
            (
                name,
                str(len(curves)),
                f"{data.interval(name, 'prominence').mean:.3f}",
                f"{min(epochs):.0f} to {max(epochs):.0f}" if epochs else "",
                f"{shared.prominence:.3f}",
                str(shared.epoch) if shared.prominence else "",
            )
        )
    header = (
        "cell",
        "seeds",
        "prominence of single runs",
        "dips at epochs",
        "prominence of the mean curve",
        "at epoch",
    )
    return markdown(header, rows)


def _cells(data: Measurements, experiments: Sequence[Experiment]) -> str:
    rows = []
    for experiment in experiments:
        name = experiment.name
        if name not in data:
            continue
        prominence = data.interval(name, "prominence")
        rows.append(
            (
                name,
                str(prominence.count),
                _measured(prominence),
                _mean(data.interval(name, "dip_epoch"), 0),
                f"{sum(data.numbers(name, 'recovered')):.0f} of {prominence.count}",
                _mean(data.interval(name, "recovery_epoch"), 0),
                _mean(data.interval(name, "contraction"), 2),
                _measured(data.interval(name, "final")),
                _measured(data.interval(name, "final_nmi")),
                _measured(data.interval(name, "final_map_r")),
            )
        )
    header = (
        "cell",
        "seeds",
        "prominence",
        "dip at epoch",
        "recovered",
        "at epoch",
        "distance at the dip",
        "final Recall@1",
        "final NMI",
        "final MAP@R",
    )
    return markdown(header, rows)


def _miners(miners: MiningResult) -> list[str]:
    if not miners.results:
        return ["Not run yet."]
    data = Measurements(miners.results)
    rows = [
        (
            experiment.about,
            str(data.interval(experiment.name, "final").count),
            *(
                _measured(data.interval(experiment.name, quantity))
                for quantity in ("final", "final_nmi", "final_map_r")
            ),
        )
        for experiment in miners.experiments
        if experiment.name in data
    ]
    best = next((e.about for e in miners.experiments if e.name == miners.best), miners.best)
    return [
        markdown(("negatives", "seeds", "final Recall@1", "final NMI", "final MAP@R"), rows),
        "",
        (
            f"The best fixed miner is: {best}. The adaptive sampler's final Recall@1 minus its, "
            f"paired by seed: {_measured(miners.difference)}. By the rule the adaptive sampler is "
            f"**{miners.verdict}**."
        ),
    ]


def _measured(interval: Interval) -> str:
    if interval.count == 0:
        return "nothing"
    half = interval.high - interval.mean
    return f"{interval.mean:.3f}" + (f" ± {half:.3f}" if math.isfinite(half) else "")


def _mean(interval: Interval, digits: int) -> str:
    return f"{interval.mean:.{digits}f}" if interval.count else ""
