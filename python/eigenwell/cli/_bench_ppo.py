"""``eigenwell bench ppo``: training beside Stable-Baselines3's, by speed or by learning curves."""

from __future__ import annotations

import dataclasses
import platform
from dataclasses import dataclass
from pathlib import Path

from eigenwell.benchmarks import ppo as bench
from eigenwell.benchmarks import ppo_curves
from eigenwell.cli import _status
from eigenwell.cli._output import Output, check_writable
from eigenwell.report import Alignment, Table
from eigenwell.studies import Interval, Result, Store, run_study


@dataclass(frozen=True, kw_only=True)
class PPOBench:
    """What to compare; the fields are options of the verb."""

    rounds: int
    threads: int
    rollout_steps: int
    curves: Path | None
    seeds: int
    jobs: int

    def run(self, output: Output) -> int:
        """Compare, print a table."""
        return self._speed(output) if self.curves is None else self._curves(output, self.curves)

    def _speed(self, output: Output) -> int:
        config = bench.settings(self.rollout_steps)
        trainers = list(bench.contenders(config, threads=self.threads))
        bench.check(trainers)
        rates = bench.time_in_turns(
            trainers,
            rounds=self.rounds,
            progress=lambda turn, trainer: output.note(
                f"round {turn + 1} of {self.rounds}: {trainer.name} …"
            ),
        )
        theirs = max((r.median for r in rates if r.name.startswith("Stable")), default=float("nan"))
        document = {
            "command": "bench",
            "family": "ppo",
            "unit": "environment steps per second",
            "environment": config.environment,
            "steps_per_update": config.steps_per_update,
            "epochs": config.epochs,
            "minibatch": config.minibatch,
            "parameters": trainers[0].parameters,
            "contenders": {
                rate.name: {
                    "median": rate.median,
                    "quartiles": rate.quartiles,
                    "samples": rate.samples,
                    "over_sb3": rate.median / theirs,
                }
                for rate in rates
            },
        }
        rows = tuple(
            (
                rate.name,
                f"{rate.median:,.0f}",
                "{:,.0f} to {:,.0f}".format(*rate.quartiles),
                f"{rate.median / theirs:.2f}",
            )
            for rate in rates
        )
        title = (
            f"{config.environment}, environment steps/s of training: {config.environments} x "
            f"{config.rollout_steps} steps, {config.epochs} epochs of minibatches of "
            f"{config.minibatch}, {trainers[0].parameters:,} parameters; {len(rates[0].samples)} "
            f"updates, {platform.machine()}"
        )
        numbers: list[Alignment] = ["right"] * 3
        columns = ("", "median", "quartiles", "x Stable-Baselines3")
        output.result(document, Table(title, columns, rows, ("left", *numbers)))
        return _status.DONE

    def _curves(self, output: Output, path: Path) -> int:
        check_writable(path, "--curves")

        def told(done: int, total: int, result: Result) -> None:
            output.note(
                f"run {done} of {total}: {result.experiment}, seed {result.seed}, "
                f"{result.seconds:.0f} s"
            )

        config = ppo_curves.settings()
        results = run_study(
            ppo_curves.experiments(config),
            Store(path),
            seeds=self.seeds,
            jobs=self.jobs,
            progress=told,
        )
        found = ppo_curves.compare(results)
        document = {
            "command": "bench",
            "family": "ppo",
            "environment": config.environment,
            "file": str(path),
            **dataclasses.asdict(found),
            "inside": found.inside,
        }
        output.result(document, self._table(found, config.environment), _verdict(found))
        return _status.DONE

    @staticmethod
    def _table(found: ppo_curves.Comparison, environment: str) -> Table:
        last = len(found.steps) - 1
        rows = []
        for i in dict.fromkeys(round(last * part / 10) for part in range(11)):
            held = found.low[i] <= found.ours[i] <= found.high[i]
            rows.append(
                (
                    f"{found.steps[i]:,.0f}",
                    f"{found.ours[i]:.1f}",
                    f"{found.theirs[i]:.1f}",
                    f"{found.low[i]:.1f} to {found.high[i]:.1f}",
                    "yes" if held else "no",
                )
            )
        title = (
            f"{environment}, return of the last 100 episodes of training, medians of {found.seeds} "
            "seeds; band: their 10 % to 90 %"
        )
        columns = ("steps", "eigenwell", "Stable-Baselines3", "its band", "inside")
        return Table(title, columns, tuple(rows), ("right",) * 5)


def _verdict(found: ppo_curves.Comparison) -> str:
    return (
        f"inside of the band at {found.inside:.0%} of {len(found.steps)} updates; mean return of a "
        f"whole run: {_interval(found.our_mean)}, Stable-Baselines3 {_interval(found.their_mean)}"
    )


def _interval(value: Interval) -> str:
    return f"{value.mean:.1f} (95 %: {value.low:.1f} to {value.high:.1f})"
