"""``eigenwell wells map | explore``: the whole simplex of three actions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenwell.cli import _status
from eigenwell.cli.wells_options import Picture, WellOptions, numbers
from eigenwell.report import Table, draw_escape_map, write_well_explorer

if TYPE_CHECKING:
    from eigenwell.cli._output import Output
    from eigenwell.wells import Bandit, EscapeMap

# Where the runs in the picture start: optimal, second best, worst action.
_STARTS = (
    (0.01, 0.05, 0.94),
    (0.05, 0.01, 0.94),
    (0.01, 0.40, 0.59),
    (0.02, 0.88, 0.10),
    (0.10, 0.10, 0.80),
    (0.15, 0.40, 0.45),
    (0.30, 0.65, 0.05),
)
_ARROWS = 13
_RECORDS = 4000
# Shorter times say little about a certificate.
_LONG = 100


@dataclass(frozen=True, kw_only=True)
class _Simplex(WellOptions):
    """A map of the simplex."""

    output: Picture
    """The file to write."""

    resolution: int = 60
    """Triangles along an edge; its square is the number of starts."""

    def measure(self, output: Output) -> EscapeMap:
        """Run from all over the simplex."""
        from eigenwell.wells._map import check_ternary, escape_map, simplex_cells

        bandit = self.bandit()
        check_ternary(bandit)
        _, cells = simplex_cells(self.resolution)
        output.note(f"running from {len(cells):,} starts …")
        return escape_map(
            bandit,
            learning_rate=self.learning_rate,
            steps=self.steps,
            resolution=self.resolution,
            fraction=self.fraction,
        )

    def say(self, found: EscapeMap, output: Output, command: str) -> None:
        """Print what the map holds, and keep it."""
        escaped = found.times > 0
        long = found.times >= _LONG
        ratios = found.ratio[long]
        document: dict[str, Any] = {
            "command": f"wells {command}",
            **self.settings(),
            "starts": len(found.times),
            "not_escaped": int((~escaped).sum()),
            "longest": int(found.times.max()),
            "long": int(long.sum()),
            "ratio_of_long": np.quantile(ratios, (0.05, 0.5, 0.95)) if long.any() else None,
            "largest_ratio": float(found.ratio[escaped].max()) if escaped.any() else None,
        }
        rows = [
            ("starts", f"{len(found.times):,}"),
            (f"not escaped by t = {self.steps:,}", f"{document['not_escaped']:,}"),
            ("longest escape time", f"{document['longest']:,}"),
        ]
        if long.any():
            low, middle, high = document["ratio_of_long"]
            rows.append(
                (
                    f"certificate / escape time, of {long.sum():,} starts with T >= {_LONG}",
                    f"median {middle:.2f}, 90 % in {low:.2f} to {high:.2f}",
                )
            )
        if escaped.any():
            rows.append(("largest, of all", f"{document['largest_ratio']:.3f}"))
        title = f"rewards {numbers(self.rewards)}, learning rate {self.learning_rate:g}"
        output.result(document, Table.of_facts(title, rows))
        whole = document | {
            "policies": found.policies,
            "times": found.times,
            "certificates": found.certificates,
        }
        self.keep(whole, output, self.output)


@dataclass(frozen=True, kw_only=True)
class Map(_Simplex):
    """Draw escape time, best certificate, their ratio and the flow over three actions (PNG)."""

    def run(self, output: Output) -> int:
        """Run from every start, draw, and print what there is."""
        from eigenwell.wells._map import drift, simplex_cells

        self.prepare(self.output, "matplotlib", "mpltern")
        found = self.measure(output)
        vertices, cells = simplex_cells(_ARROWS)
        middles = vertices[cells].mean(axis=1)
        draw_escape_map(
            found,
            self.output,
            trajectories=self._trajectories(found.bandit),
            arrows=(middles, drift(found.bandit, middles)),
        )
        self.say(found, output, "map")
        return _status.DONE

    def _trajectories(self, bandit: Bandit) -> list[tuple[Any, int]]:
        from eigenwell import wells

        best = np.argsort(-bandit.rewards_at(1), kind="stable")
        starts = np.empty((len(_STARTS), 3))
        starts[:, best] = _STARTS
        run = wells.softmax_pg(
            bandit,
            starts,
            learning_rate=self.learning_rate,
            steps=self.steps,
            record=max(1, self.steps // _RECORDS),
        )
        escapes = np.maximum(wells.escape_time(run, self.fraction), 0)
        return [(run.policies[:, i], int(escape)) for i, escape in enumerate(escapes)]


@dataclass(frozen=True, kw_only=True)
class Explore(_Simplex):
    """Write a page in which a click on the simplex runs from there (HTML, works offline)."""

    def run(self, output: Output) -> int:
        """Run from every start and write the page."""
        self.prepare(self.output)
        found = self.measure(output)
        write_well_explorer(found, self.output)
        self.say(found, output, "explore")
        return _status.DONE
