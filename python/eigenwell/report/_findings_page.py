"""Claims with what was measured and the verdict, as a page of Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from eigenwell.studies import judge, verdict

if TYPE_CHECKING:
    from eigenwell.studies import Claim, Experiment, Finding, Interval, Result

_SOURCES = {
    "article": "The article says",
    "design": "Theory says",
    "ours": "We asked whether it is",
}
_MARKS = {"holds": "**holds**", "fails": "**fails**", "undecided": "undecided"}
_VERDICTS = {"holds": "**holds**", "fails": "**fails**", "undecided": "is undecided"}
_RULE = (
    "A claim holds if the 95 % confidence interval of the mean over $units (Student's t) lies in "
    "the expected band for all of its numbers, fails if one lies outside, and is undecided "
    "otherwise."
)


def findings_page(
    name: str,
    claims: Sequence[Claim],
    experiments: Sequence[Experiment],
    results: Sequence[Result],
    *,
    figures: Mapping[str, tuple[str, str]],
    rule: str,
    unit: str = "seed",
    **more: str,
) -> str:
    """Return the page: its introduction, a summary of the verdicts, each claim with its numbers.

    Args:
        name: Of the page's template, ``_findings_NAME.md``.
        claims: In the order of the page.
        experiments: What the results are of.
        results: Of the study.
        figures: By the name of the claim that a picture follows, its file and what it shows.
        rule: When the bands were set and what was changed since, sentences.
        unit: What a result's seed counts.
        **more: What else the template asks for, such as the command that makes the page.

    Returns:
        Markdown.
    """
    judged = [(claim, [judge(check, results) for check in claim.checks]) for claim in claims]
    summary = ["## Verdicts", "", "| claim | from | verdict |", "|---|---|---|"]
    summary += [
        f"| [{claim.says}](#{claim.name}) | {claim.source} | {_MARKS[verdict(findings)]} |"
        for claim, findings in judged
    ]
    about = {experiment.name: experiment.about for experiment in experiments}
    template = Path(__file__).with_name(f"_findings_{name}.md").read_text("utf-8")
    rules = Template(_RULE).substitute(units=f"{unit}s")
    return Template(template).substitute(
        verdicts="\n".join([*summary, "", f"{rules} {rule}"]),
        claims="\n\n".join(
            _section(claim, findings, about, figures.get(claim.name), unit)
            for claim, findings in judged
        ),
        **more,
    )


def _section(
    claim: Claim,
    findings: Sequence[Finding],
    about: Mapping[str, str],
    figure: tuple[str, str] | None,
    unit: str,
) -> str:
    lines = [f"## {claim.says} {{ #{claim.name} }}", ""]
    lines += [f"{_SOURCES[claim.source]} so: it {_VERDICTS[verdict(findings)]}.", ""]
    lines += ["| expected | run | measured | range | verdict |", "|---|---|---|---|---|"]
    lines += [_row(finding, about, unit) for finding in findings]
    if claim.remark:
        lines += ["", claim.remark]
    if figure is not None:
        lines += ["", f"![{figure[1]}]({figure[0]})"]
    return "\n".join(lines)


def _row(finding: Finding, about: Mapping[str, str], unit: str) -> str:
    interval = finding.interval
    seeds = f"{interval.count:,} {unit}{'s' if interval.count != 1 else ''}"
    run = f"{about.get(finding.check.experiment, finding.check.experiment)}; {seeds}"
    words = finding.check.expects.replace("|", "\\|")
    return (
        f"| {words} | {run} | {_measured(interval)} | {_range(interval)} | "
        f"{_MARKS[finding.verdict]} |"
    )


def _measured(interval: Interval) -> str:
    """Return a mean with its interval, to the digits that the interval warrants."""
    if interval.count == 0:
        return "nothing"
    half = interval.high - interval.mean
    if not math.isfinite(half):
        return _number(interval.mean, interval.mean / 1000)
    return f"{_number(interval.mean, half)} ± {half:.2g}"


def _range(interval: Interval) -> str:
    if interval.count == 0:
        return ""
    step = (interval.most - interval.least) / 10 or abs(interval.mean) / 1000
    return f"{_number(interval.least, step)} to {_number(interval.most, step)}"


def _number(value: float, step: float) -> str:
    """Write a number to the second digit of ``step``."""
    if not math.isfinite(value):
        return "none"
    if value == 0:
        return "0"
    if abs(value) < 1e-3:
        return f"{value:.2g}"
    digits = 3 if step == 0 else max(0, 1 - math.floor(math.log10(abs(step))))
    return f"{value:,.{min(digits, 6)}f}"
