"""The registered statements D1 to D9, the rule that judges them, and the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from eigenwell.studies import Check, Claim, Result, judge, verdict

_ABOVE_0 = 5e-324  # the least number above 0

# Paired by seed: the name of the difference, and the two cells.
_PAIRS = {
    "high - low": ("high", "low"),
    "high - high-frozen": ("high", "high-frozen"),
    "high - high-random": ("high", "high-random"),
    "high-frozen - high-frozen-floor-0": ("high-frozen", "high-frozen-floor-0"),
    # The effect of the mean minus that of sigma: both start from the same cell, which drops out.
    "grid-1.6-0.04 - grid-0.5-0.3": ("grid-1.6-0.04", "grid-0.5-0.3"),
}


def paired(results: Iterable[Result]) -> list[Result]:
    """Return the differences by seed that the statements ask for, of every number of both runs."""
    by_cell: dict[str, dict[int, Result]] = {}
    for result in results:
        by_cell.setdefault(result.experiment, {})[result.seed] = result
    found = []
    for name, (first, second) in _PAIRS.items():
        ours, theirs = by_cell.get(first, {}), by_cell.get(second, {})
        for seed in sorted(ours.keys() & theirs.keys()):
            a, b = ours[seed].values, theirs[seed].values
            values: dict[str, float | list[float]] = {}
            for key in a.keys() & b.keys():
                x, y = a[key], b[key]
                if isinstance(x, float | int) and isinstance(y, float | int):
                    values[key] = x - y
            found.append(Result(name, seed, {}, values, 0.0))
    return found


def claims() -> tuple[Claim, ...]:
    """Return the statements of the page in order; their checks ask :func:`paired` results too."""

    def claim(name: str, says: str, source: str, *checks: Check) -> Claim:
        return Claim(name, says, source, checks)

    dips = "at least 0.02"
    return (
        claim(
            "D1",
            "normal_high dips",
            "article",
            Check("prominence", "high", dips, low=0.02),
        ),
        claim(
            "D2",
            "normal_high dips more than normal_low",
            "article",
            Check("prominence", "high - low", "above 0", low=_ABOVE_0),
        ),
        claim(
            "D3",
            "normal_high ends above normal_low",
            "article",
            Check("final", "high - low", "above 0", low=_ABOVE_0),
        ),
        claim(
            "D4",
            "the dip needs no learning: the frozen normal_high dips",
            "design",
            Check("prominence", "high-frozen", dips, low=0.02),
        ),
        claim(
            "D5",
            "learning adds to the dip",
            "article",
            Check("prominence", "high - high-frozen", "above 0", low=_ABOVE_0),
        ),
        claim(
            "D6",
            "the dip is a contraction: mean test distance at the dip over the largest before it",
            "design",
            Check("contraction", "high", "at most 0.5", high=0.5),
        ),
        claim(
            "D7",
            "the floor brings the recovery: final Recall@1 of floor 1e-15 minus floor 0, frozen",
            "design",
            Check("final", "high-frozen - high-frozen-floor-0", "above 0.02", low=0.02 + 1e-12),
        ),
        claim(
            "D8",
            "it is the mean and not the spread: the effect of either on prominence",
            "ours",
            Check("prominence", "grid-1.6-0.04 - grid-0.5-0.3", "above 0", low=_ABOVE_0),
        ),
        claim(
            "D9",
            "random actions serve as well: final Recall@1 of learn minus random",
            "ours",
            Check("final", "high - high-random", "within ± 0.02", -0.02, 0.02),
        ),
    )


def verdicts(results: Sequence[Result]) -> dict[str, str]:
    """Return the verdict on each statement, from the cells' results."""
    every = [*results, *paired(results)]
    return {c.name: verdict([judge(check, every) for check in c.checks]) for c in claims()}


def conclusion(found: Mapping[str, str]) -> str:
    """Return the page's verdict, from those on the statements."""
    d1, d4, d5 = found["D1"], found["D4"], found["D5"]
    if d1 == "fails":
        return "we do not see the dip"
    if d1 == "holds" and d4 == "holds":
        return "it is not a softmax well: a run without a policy falls into it"
    if d1 == "holds" and d4 == "fails" and d5 == "holds":
        return "a well of the policy, as the article says"
    return "undecided"
