"""The walker's text exports as they stand, so that a change to them is seen in review.

To renew them after a change on purpose: ``python -m tests.dc.export.test_golden``.
"""

from __future__ import annotations

import pytest
from tests.helpers.repository import ROOT

from eigenwell import __version__, dc
from eigenwell.dc.export import export

FOLDER = ROOT / "tests" / "golden" / "export"
FILES = {"c": "walker.h.golden", "cpp": "walker.hpp.golden", "python": "walker.py.golden"}


def exported(target: str) -> str:
    text = str(export(dc.walker(), target, name="walker"))
    # A release changes nothing but this.
    assert text.count(f"eigenwell {__version__}") == 1
    return text.replace(f"eigenwell {__version__}", "eigenwell VERSION")


@pytest.mark.parametrize("target", FILES)
def test_the_export_is_the_golden_one(target: str) -> None:
    assert exported(target) == (FOLDER / FILES[target]).read_text("ascii")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for language, file in FILES.items():
        (FOLDER / file).write_text(exported(language), "ascii")
