"""Tables of what was measured of an embedding of agents, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from eigenwell.report._walker_tables import markdown

if TYPE_CHECKING:
    from eigenwell.agents.measures import Estimate, Frequencies, Repairs, Report

Row = tuple[str, str, str, str, str]


def measures_table(report: Report, group_names: Sequence[str]) -> str:
    """Return each measure beside what was wanted and its baseline, with 95 % intervals.

    Args:
        report: What was measured.
        group_names: Of all groups, such as ``"51-100"``; the first is group 1.
    """
    rows = [*_reconstruction(report, group_names), *_generation(report, group_names)]
    rows += _answers(report)
    return markdown(("measure", "wanted", "baseline", "ours", "met"), rows)


def patterns_table(frequencies: Frequencies) -> str:
    """Return how often each pattern occurs between random agents, with 95 % intervals."""
    names = list(frequencies.latent_shares)
    lines = (
        ("latent line", frequencies.latent_shares),
        ("weight line", frequencies.weight_shares),
    )
    rows = [(line, *(_percent(shares[name]) for name in names)) for line, shares in lines]
    helped = (
        f"{100 * frequencies.helped[name]:.0f} %" if name in frequencies.helped else ""
        for name in names
    )
    rows.append(("latent line: extrapolating helps", *helped))
    return markdown((f"{len(frequencies.pairs):,} pairs", *names), rows)


def repairs_table(repairs: Sequence[Repairs]) -> str:
    """Return what is left of networks whose deleted weights were filled in, by each method."""
    rows = [
        (
            f"{100 * each.share:.0f} %",
            name,
            _interval(each.survival_ratio[name]),
            _interval(each.survival_error[name], 1),
            _interval(each.agreement[name]),
        )
        for each in repairs
        for name in each.survival_ratio
    ]
    header = ("deleted", "filled in by", "survival ratio", "survival error (steps)", "agreement")
    return markdown(header, rows)


def _reconstruction(report: Report, names: Sequence[str]) -> Iterator[Row]:
    whole = report.reconstruction
    for what, limit, most, key in (
        ("survival ratio", 0.98, 1 / 0.98, "survival_ratio"),  # too good is no reconstruction
        ("agreement of actions", 0.95, 1.0, "agreement"),
    ):
        rows = [("all groups", getattr(whole, key), "")]
        for group, (ours, plain) in report.reconstruction_by_group.items():
            name = f"group {names[group - 1]}"
            rows.append((name, getattr(ours, key), _interval(getattr(plain, key))))
        for where, found, baseline in rows:
            label = f"reconstruction, {where}: {what}"
            met = _met(limit <= found.value <= most)
            wanted = f"at least {limit:g}" if most == 1 else f"{limit:.2f} to {most:.2f}"
            yield label, wanted, baseline, _interval(found), met


def _generation(report: Report, names: Sequence[str]) -> Iterator[Row]:
    for group, (ours, plain) in report.generation.items():
        met = _met(abs(ours.mean_ratio.value - 1) <= 0.05)
        ratios = _interval(plain.mean_ratio), _interval(ours.mean_ratio)
        yield f"generation, group {names[group - 1]}: mean ratio", "0.95 to 1.05", *ratios, met
    for group, (ours, plain) in report.generation.items():
        met = _met(ours.wasserstein.value <= 0.25 * plain.wasserstein.value)
        steps = _interval(plain.wasserstein, 2), _interval(ours.wasserstein, 2)
        label = f"generation, group {names[group - 1]}: Wasserstein-1 distance (steps)"
        yield label, f"at most {0.25 * plain.wasserstein.value:.2f}", *steps, met
    for group, (new, old, again) in report.novelty.items():
        label = f"novelty, group {names[group - 1]}: distance to the nearest, ratio to held out"
        met = _met(new.ratio.value >= 1)
        yield label, "at least 1", _interval(old.ratio), _interval(new.ratio), met
        yield f"{label}, of reconstructed ones", "", "", _interval(again.ratio), ""


def _answers(report: Report) -> Iterator[Row]:
    found = report.prediction
    for what, limit, ours, theirs, ceiling in (
        ("R²", 0.95, found.r2, found.statistics_r2, found.ceiling_r2),
        ("Kendall's tau", 0.9, found.tau, found.statistics_tau, found.ceiling_tau),
    ):
        label = f"survival from the embedding: {what} (measured again: {ceiling.value:.3f})"
        figures = _interval(theirs), _interval(ours), _met(ours.value >= limit)
        yield label, f"at least {limit:g}", *figures
    prompts, alone = report.prompts.r2, report.prompts_alone.r2
    label = "requested and obtained survival: R² (baseline: the prior alone)"
    yield label, "at least 0.9", _interval(alone), _interval(prompts), _met(prompts.value >= 0.9)
    change = report.invariance
    label = "change of the embedding under permutations and signs (deviations)"
    yield label, "at most 1e-5", "", f"{change:.1e}", _met(change <= 1e-5)
    as_they_are = _interval(report.barriers.weights, 1)
    for what, height in (
        ("weights in canonical form", report.barriers.canonical),
        ("weights matched", report.barriers.aligned),
        ("latent line", report.barriers.latent),
    ):
        label = f"barrier between the best, {what} (steps; baseline: weights as they are)"
        yield label, "", as_they_are, _interval(height, 1), ""


def _interval(found: Estimate, digits: int = 3) -> str:
    return f"{found.value:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f})"


def _percent(share: Estimate) -> str:
    return f"{100 * share.value:.1f} % ({100 * share.low:.1f} to {100 * share.high:.1f})"


def _met(is_met: bool) -> str:
    return "yes" if is_met else "no"
