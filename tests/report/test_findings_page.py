"""The page of findings says what was measured."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from eigenwell.report import draw_polymer_findings, draw_sphere_findings, findings_page
from eigenwell.studies import Check, Claim, Experiment, Measured, Result


def _nothing(seed: int) -> Measured:
    return {"seed": float(seed)}


EXPERIMENTS = [Experiment("run", "ten points, a run", partial(_nothing))]
CLAIMS = [
    Claim("good", "It is about one.", "article", (Check("x", "run", "|x| near 1", 0.9, 1.1),)),
    Claim("bad", "It is two.", "ours", (Check("x", "run", "2", 2, 2),), "It never was."),
    Claim("unknown", "It is y.", "design", (Check("y", "run", "any", 0, 1),)),
]
RESULTS = [Result("run", s, {}, {"x": v}, 1.0) for s, v in enumerate((0.99, 1.0, 1.01))]


def page(**figures: tuple[str, str]) -> str:
    return findings_page(
        "particles",
        CLAIMS,
        EXPERIMENTS,
        RESULTS,
        figures=figures,
        rule="No band was moved.",
        command="make page",
        machine="Here.",
    )


def test_each_claim_has_its_verdict_and_its_numbers() -> None:
    text = page()
    assert "| [It is about one.](#good) | article | **holds** |" in text
    assert "## It is two. { #bad }\n\nWe asked whether it is so: it **fails**." in text
    # t(0.975, 2) s / sqrt(3) = 4.3027 * 0.01 / 1.7321
    row = "| \\|x\\| near 1 | ten points, a run; 3 seeds | 1.000 ± 0.025 | 0.9900 to 1.0100 |"
    assert f"{row} **holds** |" in text
    assert "| any | ten points, a run; 0 seeds | nothing |  | undecided |" in text
    assert "It never was." in text
    assert "make page" in text
    assert "$" not in text


def test_a_figure_follows_its_claim() -> None:
    text = page(bad=("two.png", "No two"))
    assert text.index("It never was.") < text.index("![No two](two.png)") < text.index("#unknown }")


@pytest.mark.parametrize("draw", [draw_sphere_findings, draw_polymer_findings])
def test_figures_do_without_what_is_missing(draw: object, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert callable(draw)
    draw(RESULTS, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
