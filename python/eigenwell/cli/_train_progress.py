"""How far a training run is: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

if TYPE_CHECKING:
    from eigenwell.cli._output import Output
    from eigenwell.ppo import Metrics, PPOConfig

# Of a run without a table: seconds that lie between two lines at least, unless there is a score.
_LINE_SECONDS = 5.0
# Weight of the newest update in the speed that the time left is reckoned with.
_NEWEST = 0.2


class Progress:
    """What is known of a run after an update, in words.

    Args:
        config: Of the run.
    """

    def __init__(self, config: PPOConfig) -> None:
        self.total = config.updates * config.steps_per_update
        self.score = math.nan
        self._seconds_per_step = math.nan

    def add(self, row: Metrics) -> dict[str, str]:
        """Take an update and return the values to show by their names."""
        pace = 1.0 / row.steps_per_second
        old = self._seconds_per_step
        self._seconds_per_step = pace if math.isnan(old) else old + _NEWEST * (pace - old)
        self.score = self.score if math.isnan(row.score) else row.score
        left = round((self.total - row.steps) * self._seconds_per_step)
        shown = {
            "return": _number(row.episode_return, ".1f"),
            "score": _number(self.score, ".1f"),
            "steps/s": f"{row.steps_per_second:,.0f}",
            "left": f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02}",
            "KL": _number(row.kl, ".4f"),
            "clip fraction": _number(row.clip_fraction, ".3f"),
            "explained variance": _number(row.explained_variance, ".3f"),
        }
        return {name: words for name, words in shown.items() if words}


@contextlib.contextmanager
def progress(output: Output, config: PPOConfig) -> Iterator[Callable[[Metrics], None]]:
    """Yield the function that shows an update."""
    state = Progress(config)
    if output.quiet or not output.err.is_terminal:
        said = time.monotonic()

        def line(row: Metrics) -> None:
            nonlocal said
            shown, now = state.add(row), time.monotonic()
            if row.steps == state.total or now - said >= _LINE_SECONDS or row.score == row.score:
                said = now
                words = ", ".join(f"{name} {value}" for name, value in shown.items())
                output.note(f"step {row.steps:,} of {state.total:,}: {words}")

        yield line
        return

    with Live(console=output.err, transient=True, auto_refresh=False) as live:

        def table(row: Metrics) -> None:
            shown = {"step": f"{row.steps:,} of {state.total:,}", **state.add(row)}
            grid = Table.grid(padding=(0, 2))
            for name, value in shown.items():
                grid.add_row(name, value)
            bar = ProgressBar(total=state.total, completed=row.steps, width=40)
            live.update(Group(bar, grid), refresh=True)

        yield table


def _number(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else ""
