"""``eigenwell wells plane``: more than three actions, seen by two of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro

from eigenwell._checks import integer, positive
from eigenwell.cli import _status
from eigenwell.cli.wells_options import Picture, WellOptions, numbers
from eigenwell.report import Table, draw_plane

if TYPE_CHECKING:
    from eigenwell.cli._output import Output

_RECORDS = 1000
_SMALLEST = 1e-12


@dataclass(frozen=True, kw_only=True)
class Plane(WellOptions):
    """Run from random starts of any number of actions: pi(a*) against the second best's mass."""

    rewards: Annotated[tuple[float, ...], tyro.conf.arg(metavar="R R...")] = (
        *(1.0, 0.9, 0.6, 0.4, 0.2),
    )
    """Reward of each action; one must be largest."""

    output: Picture
    """The picture (PNG)."""

    starts: int = 400
    """Number of starts, from a symmetric Dirichlet distribution."""

    concentration: float = 0.3
    """Of that distribution: 1 is uniform, less prefers corners."""

    seed: int = 0
    """Of the starts."""

    def run(self, output: Output) -> int:
        """Draw starts, run from them, and draw them."""
        from eigenwell import wells
        from eigenwell.wells._map import best_certificate

        self.prepare(self.output, "matplotlib")
        bandit = self.bandit()
        count = integer(self.starts, "starts", low=2, high=10**6)
        spread = positive(self.concentration, "concentration")
        generator = np.random.default_rng(integer(self.seed, "seed", low=0, high=2**63 - 1))
        policies = generator.dirichlet(np.full(bandit.actions, spread), count) + _SMALLEST
        policies /= policies.sum(axis=1, keepdims=True)
        options = {"learning_rate": self.learning_rate, "fraction": self.fraction}
        certificates = best_certificate(bandit, policies, **options)
        run = wells.softmax_pg(
            bandit,
            policies,
            learning_rate=self.learning_rate,
            steps=self.steps,
            record=max(1, self.steps // _RECORDS),
        )
        escapes = np.maximum(wells.escape_time(run, self.fraction), 0)
        escaped = escapes > 0
        document = {
            "command": "wells plane",
            **self.settings(),
            "starts": count,
            "not_escaped": int((~escaped).sum()),
            "longest": int(escapes.max()),
            "median": float(np.median(np.where(escaped, escapes, np.inf))),
            "violations": int((certificates[escaped] > escapes[escaped]).sum()),
        }
        rows = [
            ("starts", f"{count:,}"),
            (f"not escaped by t = {self.steps:,}", f"{document['not_escaped']:,}"),
            ("longest escape time", f"{document['longest']:,}"),
            ("median", f"{document['median']:,.0f}"),
            ("certificates above the escape time", f"{document['violations']:,}"),
        ]
        title = f"rewards {numbers(self.rewards)}, learning rate {self.learning_rate:g}"
        output.result(document, Table.of_facts(title, rows))
        draw_plane(run, self.output, escapes=escapes, certificates=certificates)
        whole = document | {"policies": policies, "times": escapes, "certificates": certificates}
        self.keep(whole, output, self.output)
        return _status.DONE
