"""``eigenwell distil``: from a trained run to a packed policy."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from eigenwell._native import __version__
from eigenwell.cli import _status
from eigenwell.cli._options import Options
from eigenwell.cli._output import Output, check_writable
from eigenwell.cli._scoring import evaluation_document
from eigenwell.errors import ArgumentError
from eigenwell.report import Table

if TYPE_CHECKING:
    from eigenwell.evaluation import Evaluation
    from eigenwell.ppo import distil as distilling

# Of a command without a bar: seconds between two lines about the same stage.
_LINE_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Distil(Options):
    """Quantise the DC policy of a training run, fine-tune it, score it, and write a .dcp file."""

    run_path: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """A run's folder, or a checkpoint in one."""

    output: Annotated[Path | None, tyro.conf.arg(metavar="FILE", aliases=("-o",))] = None
    """The .dcp file to write."""

    bits: int = 5
    """Bits of a weight, 2 to 8."""

    codebook: Literal["affine", "kmeans"] = "affine"
    """Equally spaced levels or free ones; both and an exact zero."""

    fine_tune: Literal["distil", "ppo", "none"] = "distil"
    """distil: imitate the float policy; ppo: go on with the run's PPO; none: round and be done."""

    steps: int | None = None
    """Environment steps of the fine-tuning; by default 200,000 to imitate, a million for PPO."""

    learning_rate: float | None = None
    """Adam's at the start; by default 1e-3 to imitate, 1e-4 for PPO."""

    backend: Literal["gymnasium", "envpool"] | None = None
    """What steps the environments of the fine-tuning; by default what the run had."""

    seed: int = 0
    """Of the fine-tuning."""

    environments: int = 16
    """Side by side, to imitate; PPO takes as many as the run did."""

    candidates: int = 5
    """Scores along the fine-tuning, the best of which is kept."""

    candidate_episodes: int = 64
    """Episodes of such a score, on seeds of their own."""

    episodes: int = 100
    """Episodes of the scores that are printed, in fresh environments."""

    first_seed: int = 10_000
    """Seed of the first of them."""

    sweep: bool = False
    """Do it at every width from 2 to 8 bits; FILE, if given, gets that of --bits."""

    def run(self, output: Output) -> int:
        """Distil; 130 if Ctrl-C ended it, which leaves FILE as it was."""
        from eigenwell.ppo import distil as distilling

        if self.output is not None:
            check_writable(self.output, "--output")
        elif not self.sweep:
            raise ArgumentError("`--output` must be given, or --sweep")
        config = distilling.DistilConfig(
            bits=self.bits,
            codebook=self.codebook,
            fine_tune=self.fine_tune,
            steps=self.steps,
            learning_rate=self.learning_rate,
            backend=self.backend,
            seed=self.seed,
            environments=self.environments,
            candidates=self.candidates,
            candidate_episodes=self.candidate_episodes,
            episodes=self.episodes,
            first_seed=self.first_seed,
        )
        teacher = distilling.Teacher.of(self.run_path)
        widths = distilling.WIDTHS if self.sweep else (self.bits,)
        results: list[distilling.DistilResult] = []
        interrupted = False
        with _progress(output) as show:
            try:
                for result in distilling.sweep(teacher, config, widths=widths, progress=show):
                    results.append(result)
                    if self.output is not None and result.config.bits == self.bits:
                        result.policy.save(self.output)
            except KeyboardInterrupt:
                if not results:
                    output.note("interrupted: nothing was written")
                    raise
                interrupted = True
        written = self.output is not None and any(r.config.bits == self.bits for r in results)
        document = {
            "command": "distil",
            "eigenwell": __version__,
            "run": str(self.run_path),
            "file": str(self.output) if written else None,
            "interrupted": interrupted,
            "float": _scores(results[0].float_score),
            "widths": [_document(result) for result in results],
        }
        table = self._table(results) if self.sweep else self._facts(results[0])
        lines = ["interrupted: the widths above are complete"] if interrupted else []
        output.result(document, table, *lines)
        return _status.INTERRUPTED if interrupted else _status.DONE

    def _facts(self, result: distilling.DistilResult) -> Table:
        policy, last = result.policy, len(result.candidate_scores) - 1
        kept = "no fine-tuning"
        if last >= 0:
            which = f"candidate {result.candidate}" if result.candidate else "the rounded policy"
            kept = f"{which}, the best of {last + 1} on seeds of their own"
        facts = [
            ("in float", _words(result.float_score)),
            (f"in {policy.bits} bits", _words(result.rounded_score)),
            ("fine-tuned", _words(result.score) if result.candidate else "not better"),
            ("lost", _words(result.loss)),
            ("kept", kept),
            ("constants", f"{result.constant_bytes} bytes, weights {policy.words.nbytes} of them"),
            ("file", f"{result.file_bytes} bytes, with test vectors and metadata"),
        ]
        if last < 0:
            facts[2] = ("fine-tuned", "no")
        return Table.of_facts(f"{self.run_path} to {self.output}: {_what(result)}", facts)

    def _table(self, results: list[distilling.DistilResult]) -> Table:
        rows = tuple(
            (
                str(result.config.bits),
                *_cells(result.rounded_score),
                *_cells(result.score),
                *_cells(result.loss),
                str(result.constant_bytes),
            )
            for result in results
        )
        columns = ("bits", "rounded", "interval", "packed", "interval", "lost", "interval", "bytes")
        title = f"{self.run_path}, {_what(results[0])}; in float {_words(results[0].float_score)}"
        return Table(title, columns, rows, ("right",) * 8)


def _what(result: distilling.DistilResult) -> str:
    score, config = result.score, result.config
    last = config.first_seed + len(score.episodes) - 1
    return f"{score.environment}, seeds {config.first_seed} to {last}"


def _cells(evaluation: Evaluation) -> tuple[str, str]:
    """Mean and interval."""
    interval = evaluation.mean_interval()
    ends = "" if interval is None else f"{interval[0]:.1f} to {interval[1]:.1f}"
    return f"{evaluation.mean:.1f}", ends


def _words(evaluation: Evaluation) -> str:
    mean, interval = _cells(evaluation)
    return f"{mean} ({interval})" if interval else mean


def _scores(evaluation: Evaluation) -> dict[str, Any]:
    """Return an evaluation as JSON-able data, without what is the same for all of them."""
    document = evaluation_document("", evaluation)
    names = ("completed", "mean", "std", "min", "max", "mean_interval_95", "solved")
    returns = [episode.episode_return for episode in evaluation.episodes]
    return {**{name: document[name] for name in names}, "returns": returns}


def _document(result: distilling.DistilResult) -> dict[str, Any]:
    loss = result.loss
    return {
        "bits": result.config.bits,
        "codebook": result.config.codebook,
        "fine_tune": result.config.fine_tune,
        "rounded": _scores(result.rounded_score),
        "packed": _scores(result.score),
        "lost": {"mean": loss.mean, "mean_interval_95": loss.mean_interval()},
        "candidate": result.candidate,
        "candidate_scores": result.candidate_scores,
        "constant_bytes": result.constant_bytes,
        "weight_bytes": result.policy.words.nbytes,
        "file_bytes": result.file_bytes,
    }


@contextlib.contextmanager
def _progress(output: Output) -> Iterator[Callable[[distilling.Progress], None]]:
    """Yield the function that shows how far the present stage is, and how long it will take."""
    stage, began, said = "", 0.0, 0.0
    if output.quiet or not output.err.is_terminal:

        def line(progress: distilling.Progress) -> None:
            nonlocal stage, began, said
            now = time.monotonic()
            if progress.stage != stage:
                stage, began, said = progress.stage, now, now
            if progress.done >= progress.total or now - said >= _LINE_SECONDS:
                left = ""
                if 0 < progress.done < progress.total:
                    rate = progress.done / (now - began)
                    left = f", {(progress.total - progress.done) / rate:.0f} s left"
                output.note(f"{stage}: {progress.done:,} of {progress.total:,}{left}")
                said = now

        yield line
        return

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=output.err, transient=True) as bar:
        task = bar.add_task("")

        def advance(progress: distilling.Progress) -> None:
            nonlocal stage
            if progress.stage != stage:
                stage = progress.stage
                bar.reset(task, description=stage, total=progress.total)
            bar.update(task, completed=progress.done)

        yield advance
