"""``eigenwell worlds study``: the mirror test over seeds, controls and ablations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from eigenwell._checks import require
from eigenwell._files import write_atomic
from eigenwell.cli import _status
from eigenwell.cli._options import Options
from eigenwell.cli._output import check_writable
from eigenwell.errors import ArgumentError
from eigenwell.report._worlds_figures import draw_mirror_results
from eigenwell.report._worlds_tables import mirror_table, worlds_page

if TYPE_CHECKING:
    from eigenwell.cli._output import Output
    from eigenwell.studies import Experiment, Result


@dataclass(frozen=True, kw_only=True)
class Study(Options):
    """Train and test every cell that has no result yet; it may be killed at any time."""

    output: Annotated[Path, tyro.conf.arg(metavar="FOLDER", aliases=("-o",))]
    """Folder for worlds.jsonl, the results so far, and the models."""

    data: Annotated[Path, tyro.conf.arg(metavar="FOLDER")]
    """Folder of the stores o.zarr, t.zarr and so on, of random/o.zarr and random/m.zarr, and of
    paired/o.zarr and so on."""

    jobs: int = 1
    """Cells at once, each on one thread."""

    seeds: int = 3
    """Of every cell."""

    only: Annotated[tuple[str, ...], tyro.conf.arg(metavar="CELL CELL...")] = ()
    """Cells to run; all by default."""

    show: bool = False
    """Run nothing: show the cells and what there is of them."""

    page: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Markdown file for the findings so far; their figure goes beside it."""

    def run(self, output: Output) -> int:
        """Run what is missing and show what there is."""
        require("torch", extra="worlds")
        from eigenwell.studies import Store, kept, run_study
        from eigenwell.worlds.torch import study

        if self.page is not None:
            for module in ("matplotlib",):  # before hours are spent
                require(module, extra="report")
            check_writable(self.page, "page")
        cells = study.experiments(str(self.data), str(self.output / "models"))
        store = Store(self.output / "worlds.jsonl")
        if not self.show:

            def say(done: int, of: int, result: Result) -> None:
                output.note(
                    f"{done} of {of}: {result.experiment}, seed {result.seed}, "
                    f"{result.seconds:.0f} s"
                )

            run_study(self._chosen(cells), store, seeds=self.seeds, jobs=self.jobs, progress=say)
        results = kept(cells, store)
        tables = [
            mirror_table(title, [cell for cell in cells if cell.name in names], results)
            for title, names in study.TABLES.items()
        ]
        if self.page is not None:
            command = f"eigenwell worlds study -o {self.output} --data {self.data}"
            figure = self.page.with_name(f"{self.page.stem}_results.png")
            draw_mirror_results(tables, results, figure)
            write_atomic(self.page, worlds_page(tables, figure.name, command).encode())
        values = [
            {"cell": r.experiment, "seed": r.seed, "seconds": r.seconds, **r.values}
            for r in results
        ]
        output.result({"command": "worlds study", "results": values}, *tables)
        return _status.DONE

    def _chosen(self, cells: list[Experiment]) -> list[Experiment]:
        names = [cell.name for cell in cells]
        for name in self.only:
            if name not in names:
                raise ArgumentError(f"`--only` must be of {', '.join(names)}, got {name!r}")
        return [cell for cell in cells if not self.only or cell.name in self.only]
