"""The cells of the registered table as experiments; ``docs/findings/adaptive_sampling.md``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from eigenwell.studies import Experiment, Measured
from eigenwell.wells.asr._config import ASRConfig, to_toml
from eigenwell.wells.asr._run import run, warmed

#: Name of the file with the results, in the study's folder.
STORE = "adaptive_sampling.jsonl"
#: Seeds of the cells that the verdict rests on, and of the others.
MANY, FEW = 10, 5
#: Mean and sigma of the grid's starts.
GRID_MEANS, GRID_SIGMAS = (0.5, 0.8, 1.1, 1.6), (0.04, 0.1, 0.3)

# What the curves are rounded to in the store, significant digits.
_DIGITS = 6
_HIGH: dict[str, Any] = {"start": "normal_high"}
_LOW: dict[str, Any] = {"start": "normal_low"}
_FROZEN: dict[str, Any] = {"policy": "frozen"}

#: By name: what differs from the common settings, and the number of seeds.
CELLS: dict[str, tuple[dict[str, Any], int]] = {
    "high": (_HIGH, MANY),
    "low": (_LOW, MANY),
    "high-frozen": (_HIGH | _FROZEN, MANY),
    "low-frozen": (_LOW | _FROZEN, MANY),
    "high-random": (_HIGH | {"policy": "random"}, MANY),
    "avg": ({"start": "normal_avg"}, FEW),
    "uniform-low": ({"start": "uniform_low"}, FEW),
    "uniform-high": ({"start": "uniform_high"}, FEW),
    "random": ({"start": "random"}, FEW),
    "high-floor-1e-6": (_HIGH | {"floor": 1e-6}, FEW),
    "high-floor-0": (_HIGH | {"floor": 0.0}, FEW),
    "high-frozen-floor-1e-6": (_HIGH | _FROZEN | {"floor": 1e-6}, FEW),
    "high-frozen-floor-0": (_HIGH | _FROZEN | {"floor": 0.0}, FEW),
    "high-wide-steps": (_HIGH | {"multipliers": [0.5, 1.0, 1.5]}, FEW),
    "high-margin": (_HIGH | {"loss": "margin"}, FEW),
    "low-margin": (_LOW | {"loss": "margin"}, FEW),
    **{
        f"grid-{mean}-{sigma}": ({"start": "normal", "mean": mean, "sigma": sigma}, FEW)
        for mean in GRID_MEANS
        for sigma in GRID_SIGMAS
    },
}

#: Not registered, added after the first results: they begin with an encoder that has learnt for
#: some epochs from uniform negatives, as the article's begins with one that knows images.
WARM_EPOCHS = 10
EXPLORED: dict[str, tuple[dict[str, Any], int]] = {
    "warm-high": (_HIGH, FEW),
    "warm-high-frozen": (_HIGH | _FROZEN, FEW),
    "warm-low": (_LOW, FEW),
    "warm-random": ({"start": "random"}, FEW),
}


def cell_config(name: str, **changes: Any) -> ASRConfig:
    """Return the settings of a cell, with changes such as ``seed``."""
    return ASRConfig.from_mapping(CELLS[name][0] | changes)


def measure(seed: int, *, settings: Mapping[str, Any], warm_epochs: int = 0) -> Measured:
    """Run a cell on one thread and return its curves and the numbers read off them.

    Beside those of :class:`~eigenwell.wells.asr.ASRRun` and
    :func:`~eigenwell.wells.asr.summary` there are ``histogram``, the weights of the bins before
    training and after each fifteen epochs, one after another; and ``seconds_``, each part's time.
    """
    import torch

    torch.set_num_threads(1)
    config = ASRConfig.from_mapping({**settings, "seed": seed})
    found = run(config, encoder=warmed(config, epochs=warm_epochs) if warm_epochs else None)
    shown = found.histogram[:: max(found.epochs // 4, 1)]
    values: Measured = {name: list(map(rounded, curve)) for name, curve in found.curves.items()}
    values |= found.summary()
    values["histogram"] = [rounded(weight) for weight in shown.ravel().tolist()]
    values |= {f"seconds_{part}": seconds for part, seconds in found.seconds.items()}
    return values


def experiments(**changes: Any) -> list[Experiment]:
    """Return an experiment for each cell of the table, then those added later.

    Args:
        **changes: Settings of all of them, such as fewer ``epochs``.
    """
    listed = []
    for name, (different, seeds) in CELLS.items():
        settings = cell_config(name, **changes).as_json()
        del settings["seed"]
        words = ", ".join(f"{key} {value}" for key, value in different.items())
        listed.append(Experiment(name, words, partial(measure, settings=settings), seeds))
    for name, (different, seeds) in EXPLORED.items():
        settings = ASRConfig.from_mapping(different | changes).as_json()
        del settings["seed"]
        words = f"an encoder of {WARM_EPOCHS} epochs of random, then {different['start']}"
        words += ", policy frozen" if "policy" in different else ""
        measured = partial(measure, settings=settings, warm_epochs=WARM_EPOCHS)
        listed.append(Experiment(name, words, measured, seeds))
    return listed


def study_toml(**changes: Any) -> str:
    """Return the file of settings beside the page: the common ones, and a table for each cell."""
    common = ASRConfig.from_mapping(changes).as_json()
    del common["seed"], common["start"]
    lines = ["# Settings of every run of the study, for `eigenwell wells asr run --config`.\n"]
    lines += ["[common]\n", to_toml(common)]
    for name, (different, seeds) in CELLS.items():
        lines += [f'\n["{name}"]  # {seeds} seeds\n', to_toml(different)]
    return "".join(lines)


def rounded(value: float) -> float:
    """Return a number with as many digits as the store keeps."""
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else value
