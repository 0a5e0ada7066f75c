"""Runs particles with progress, and keeps what was recorded when Ctrl-C comes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn

if TYPE_CHECKING:
    from eigenwell import particles
    from eigenwell.cli._output import Output

# Of a run without a bar: lines of progress, and how many seconds lie between them at least.
_LINES = 10
_LINE_SECONDS = 2.0


@dataclass(frozen=True)
class Ran:
    """A run, as far as it came.

    Attributes:
        trajectory: What was recorded.
        interrupted: Whether Ctrl-C ended it.
        seconds: How long it took, without what an earlier run did.
        steps_per_second: Mean of it.
    """

    trajectory: particles.Trajectory
    interrupted: bool
    seconds: float
    steps_per_second: float


def run_simulation(
    system: particles.System,
    output: Output,
    *,
    steps: int,
    record_every: int,
    seed: int,
    dtype: str,
    backend: str,
    device: str,
    method: str,
    momentum: float,
    store: Path,
    resume: bool,
) -> Ran:
    """Simulate a system as :func:`eigenwell.particles.simulate` does, and show how far it is.

    Raises:
        EigenwellError: As it does.
        KeyboardInterrupt: Ctrl-C came before anything was recorded.
    """
    from eigenwell import particles

    interrupted = False
    began = time.perf_counter()
    last: particles.Progress | None = None
    with _progress(output, steps) as show:

        def remember(progress: particles.Progress) -> None:
            nonlocal last
            last = progress
            show(progress)

        try:
            trajectory = particles.simulate(
                system,
                steps=steps,
                record_every=record_every,
                seed=seed,
                dtype=dtype,
                backend=backend,
                device=device,
                method=method,
                momentum=momentum,
                output=store,
                resume=resume,
                progress=remember,
            )
        except KeyboardInterrupt:
            if not store.exists():
                raise
            interrupted = True
            trajectory = particles.Trajectory.load(store)
    seconds = time.perf_counter() - began
    return Ran(trajectory, interrupted, seconds, 0.0 if last is None else last.steps_per_second)


@contextlib.contextmanager
def _progress(output: Output, steps: int) -> Iterator[Callable[[particles.Progress], None]]:
    """Yield the function that shows how far a run is."""
    if output.quiet or not output.err.is_terminal:
        said = {"step": 0, "at": time.monotonic()}

        def line(progress: particles.Progress) -> None:
            done = progress.step == steps
            far = progress.step - said["step"] >= steps / _LINES
            if done or (far and time.monotonic() - said["at"] >= _LINE_SECONDS):
                said.update(step=progress.step, at=time.monotonic())
                output.note(f"step {progress.step:,} of {steps:,}: {_speed(progress)}")

        yield line
        return

    columns = (
        TextColumn("step {task.fields[step]}"),
        BarColumn(),
        TextColumn("{task.fields[speed]}"),
    )
    with Progress(*columns, console=output.err, transient=True) as bar:
        task = bar.add_task("", total=steps, step="0", speed="")

        def advance(progress: particles.Progress) -> None:
            words = f"{progress.step:,} of {steps:,}"
            bar.update(task, completed=progress.step, step=words, speed=_speed(progress))

        yield advance


def _speed(progress: particles.Progress) -> str:
    left = round(progress.seconds_left)
    return f"{progress.steps_per_second:,.0f} steps/s, {left // 60}:{left % 60:02} left"
