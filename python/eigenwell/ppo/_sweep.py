"""Many runs: seeds, settings, or both, in processes here or on a cluster."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eigenwell import _checks
from eigenwell.errors import ArgumentError, TrainingError
from eigenwell.ppo._metrics import from_array
from eigenwell.ppo._policy import CHECKPOINT
from eigenwell.ppo._state import LAST, check_same
from eigenwell.ppo._train import train

if TYPE_CHECKING:
    import os

    from eigenwell.ppo._config import PPOConfig


@dataclass(frozen=True)
class SweepRun:
    """What a run of a sweep came to.

    Attributes:
        name: Its folder in that of the sweep: the settings in which it differs from the others.
        config: Of the run.
        folder: Of the run.
        best_score: As of :class:`TrainResult`; NaN if the run failed.
        last_score: Of the policy at the end; NaN if the run failed.
        seconds: Of training, without scoring.
        failure: Why it ended before its time, such as a loss that diverged; empty if it did not.
    """

    name: str
    config: PPOConfig
    folder: Path
    best_score: float
    last_score: float
    seconds: float
    failure: str = ""


def sweep(
    configs: Iterable[PPOConfig],
    *,
    output: str | os.PathLike[str],
    jobs: int | None = None,
    progress: Callable[[int, int, SweepRun], None] | None = None,
) -> tuple[SweepRun, ...]:
    """Train every config in a folder of its own; what is there already goes on or is kept.

    Args:
        configs: Of the runs, no two of them the same.
        output: Folder of their folders. A sweep that was killed goes on from its checkpoints when
            it is called again, and may then have more runs.
        jobs: Processes, of one torch thread each; None for what ``joblib.parallel_config`` says,
            else one. Inside of ``joblib.parallel_config(backend="dask")`` the runs go to a cluster,
            whose workers must see the folder.
        progress: Called after each run with the number of runs done, of all, and its result.

    Returns:
        The runs in the order of the configs. One that failed does not end the others.

    Raises:
        ArgumentError: Configs repeat, or a folder holds a run of another config.
        EigenwellError: As :func:`train` raises, but for ``TrainingError``.
        BackendUnavailableError: joblib or a package of the extra ``learn`` is missing.

    Example:
        >>> configs = [PPOConfig.preset("walker", seed=seed) for seed in range(5)]
        >>> runs = sweep(configs, output="runs/walkers", jobs=2)  # doctest: +SKIP
        >>> mean_interval([run.best_score for run in runs])  # doctest: +SKIP
        (281.0, 303.5)
    """
    joblib = _checks.require("joblib", extra="learn")
    if jobs is not None and jobs != -1:
        jobs = _checks.integer(jobs, "jobs", low=1, high=10**4)
    root, listed = Path(output), tuple(configs)
    named = dict(zip(_names(listed), listed, strict=True))
    finished = {name: _finished(name, config, root) for name, config in named.items()}
    done = {name: run for name, run in finished.items() if run is not None}
    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
    left = [(name, config) for name, config in named.items() if name not in done]
    # Without a task joblib would still start its processes.
    ran = parallel(joblib.delayed(_run)(*one, root) for one in left) if left else ()
    for run in ran:
        done[run.name] = run
        if progress is not None:
            progress(len(done), len(named), run)
    return tuple(done[name] for name in named)


def mean_interval(values: Iterable[float]) -> tuple[float, float] | None:
    """Return Student's 95 % interval of the mean, ``mean ± t s / sqrt(n)``.

    A bootstrap of five seeds, which is what a sweep has, would be much too narrow.

    Args:
        values: At least two; None is returned for fewer.

    References:
        Student 1908, "The probable error of a mean".

    Example:
        >>> low, high = mean_interval([1.0, 2.0, 3.0])
        >>> round(low, 3), round(high, 3)
        (-0.484, 4.484)
    """
    xs = list(values)
    if len(xs) < 2:
        return None
    mean = math.fsum(xs) / len(xs)
    deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in xs) / (len(xs) - 1))
    half = _student(0.95, len(xs) - 1) * deviation / math.sqrt(len(xs))
    return mean - half, mean + half


def _student(probability: float, freedom: int) -> float:
    """Return t with ``P(-t < T < t) = probability`` for ``freedom`` whole degrees, by bisection."""
    low, high = 0.0, 1e4  # enough for one degree and 0.999
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if _between(middle, freedom) < probability:
            low = middle
        else:
            high = middle
    return low


def _between(t: float, freedom: int) -> float:
    """``P(-t < T < t)``, a finite sum (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4)."""
    angle = math.atan(t / math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term = cosine if odd else 1.0
    total = 0.0
    for k in range(1 + odd, freedom, 2):
        total += term
        term *= cosine**2 * k / (k + 1)
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


def _names(configs: Sequence[PPOConfig]) -> list[str]:
    """Name runs by their seed and by every other setting in which some of them differ."""
    fields = [field.name for field in dataclasses.fields(configs[0])] if configs else []
    differ = [f for f in fields if f != "seed" and len({getattr(c, f) for c in configs}) > 1]
    names = [
        ",".join(f"{f}={_word(getattr(config, f))}" for f in (*differ, "seed"))
        for config in configs
    ]
    for name in names:
        if names.count(name) > 1:
            raise ArgumentError(f"`configs` must differ from each other, got {name} twice")
    return names


def _word(value: Any) -> str:
    """A value as it can stand in a folder's name."""
    words = "x".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return "".join(c if c.isalnum() or c in "._-+" else "-" for c in words)


def _finished(name: str, config: PPOConfig, root: Path) -> SweepRun | None:
    """Return the run that the folder has, if it is complete."""
    folder = root / name
    if not (folder / LAST).exists():
        return None
    tensors, about = CHECKPOINT.read(folder / LAST)
    check_same(about["config"], config, folder)
    if about["update"] < config.updates:
        return None
    rows = from_array(tensors["metrics"])
    return SweepRun(name, config, folder, about["best_score"], rows[-1].score, rows[-1].seconds)


def _run(name: str, config: PPOConfig, root: Path) -> SweepRun:
    folder = root / name
    try:
        result = train(config, output=folder, resume=(folder / LAST).exists())
    except TrainingError as error:
        why = "; ".join([str(error), *getattr(error, "__notes__", ())])
        return SweepRun(name, config, folder, math.nan, math.nan, math.nan, why)
    last = result.metrics[-1]
    return SweepRun(name, config, folder, result.best_score, last.score, last.seconds)
