"""``eigenwell worlds page``: two worlds side by side, as one page that works offline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from eigenwell._checks import require
from eigenwell.cli import _status
from eigenwell.cli._options import Options
from eigenwell.cli._output import check_writable
from eigenwell.report import Table
from eigenwell.report._worlds_page import write_worlds_page

if TYPE_CHECKING:
    from eigenwell.cli._output import Output
    from eigenwell.worlds.torch import Judgement, Trained


@dataclass(frozen=True, kw_only=True)
class Page(Options):
    """Write a page on which two worlds play the same game, one through the other's eyes (HTML)."""

    model: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """Folder of a run, or its checkpoint; by default the one that comes with eigenwell."""

    output: Annotated[Path, tyro.conf.arg(metavar="FILE", aliases=("-o",))] = Path("worlds.html")
    """Where the page goes."""

    frames: int = 1000
    """Of the mirror test, where the checkpoint has none of its own."""

    seed: int = 0
    """Of their choice."""

    def run(self, output: Output) -> int:
        """Load the model, test it if need be, and write the page."""
        require("torch", extra="worlds")
        from eigenwell.worlds.torch import mirror_test
        from eigenwell.worlds.torch._networks import networks
        from eigenwell.worlds.torch._shrink import demo

        check_writable(self.output, "--output")
        shown = demo(self.model)
        trained = shown.trained
        found = shown.mirror
        if found is None:
            output.note("the checkpoint has no mirror test: measuring it on fresh games")
            found = mirror_test(trained, shown.worlds, frames=self.frames, seed=self.seed)
        caption = _caption(trained, found)
        write_worlds_page(self.output, networks(trained), pairs=found.pairs, caption=caption)
        size = self.output.stat().st_size
        document = {
            "command": "worlds page",
            "page": str(self.output),
            "bytes": size,
            "worlds": trained.variants,
            "passed": found.passed,
        }
        facts = [("page", str(self.output)), ("size", f"{size / 1e6:.1f} MB"), ("model", caption)]
        output.result(document, Table.of_facts("worlds", facts))
        return _status.DONE


def _caption(trained: Trained, found: Judgement) -> str:
    """Return what model it is and how it did, in a sentence each."""
    weights = sum(parameter.numel() for parameter in trained.model.parameters())
    games = "the same games in every" if trained.config.paired else "different games in each"
    passed = sum(pair.passed for pair in found.pairs)
    missed = {name for pair in found.pairs for name, met in pair.bars.items() if not met}
    verdict = f"; missed: {', '.join(sorted(missed))}" if missed else ""
    return (
        f"The model: worlds {', '.join(trained.variants)}, {weights:,} weights in all, trained for "
        f"{trained.iteration:,} steps on {games} world. In its mirror test over "
        f"{found.pairs[0].frames:,} frames, {passed} of {len(found.pairs)} pairs of worlds passed"
        f"{verdict}."
    )
