"""A run of adaptive sampling: train, measure after every epoch, keep what was done."""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from eigenwell import _checkpoint, _files
from eigenwell._checks import require
from eigenwell.errors import ArgumentError, FormatError
from eigenwell.wells.asr import _curves_file, datasets
from eigenwell.wells.asr._config import ASRConfig
from eigenwell.wells.asr._curves import summary

if TYPE_CHECKING:
    import torch

    from eigenwell.wells.asr.datasets import Dataset
    from eigenwell.wells.asr.torch import Miner, Trainer

CONFIG, LAST = "config.toml", "last.safetensors"
CHECKPOINT = _checkpoint.Format(key="eigenwell.wells.asr", extra="learn")
# What may differ between a run and its continuation: where the same data lie.
FREE = frozenset({"root"})
# What there is of an epoch, and not before training.
_TRAINED = ("loss", "active", "used", "drawn", "rare")


@dataclass(frozen=True)
class ASRRun:
    """What a run measured, as far as it came.

    Attributes:
        config: Of the run.
        curves: By name, a value before training and one after each epoch: the metrics of the test
            classes (``recall_1`` to ``recall_8``, ``nmi``, ``ami``, ``map_r``, ``distance``,
            ``distance_intra``, ``distance_inter``, ``effective_rank``), ``validation_recall_1``,
            ``sampler_mean``, and of the epoch itself, NaN before it: ``loss``, ``active``,
            ``used``, ``drawn``, ``rare`` (:meth:`eigenwell.wells.asr.torch.Trainer.train_epoch`).
        histogram: Weights of the bins before training and after each epoch, ``(epochs + 1, bins)``.
        seconds: That the parts took.
    """

    config: ASRConfig
    curves: dict[str, list[float]]
    histogram: npt.NDArray[np.float64]
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """How many were run."""
        return len(self.histogram) - 1

    def summary(self) -> dict[str, float]:
        """Return prominence, depth, recovery and so on: :func:`eigenwell.wells.asr.summary`."""
        return summary(self.curves)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read what a run has written into its folder.

        Raises:
            ArgumentError: There is none.
            FormatError: It is something else.
        """
        document = _curves_file.read(folder)
        try:
            config = ASRConfig.from_mapping(document["config"])
            histogram = np.array(document["histogram"], np.float64)
            return cls(config, document["curves"], histogram, document["seconds"])
        except (KeyError, TypeError) as error:
            raise FormatError(f"`{folder}` does not hold a run: {error!r}") from None

    def save(self, folder: Path) -> None:
        """Write the curves, with the summary, as JSON."""
        document = {
            "config": self.config.as_json(),
            "epochs": self.epochs,
            "summary": self.summary(),
            "seconds": self.seconds,
            "curves": self.curves,
            "histogram": self.histogram.tolist(),
        }
        _curves_file.write(folder, document)


@dataclass(frozen=True)
class Epoch:
    """How far a run is.

    Attributes:
        epoch: How many were run.
        epochs: Of all.
        values: The last value of each curve.
        seconds_left: Estimated from the epochs so far.
    """

    epoch: int
    epochs: int
    values: dict[str, float]
    seconds_left: float


def run(
    config: ASRConfig,
    *,
    dataset: Dataset | None = None,
    output: str | os.PathLike[str] | None = None,
    resume: bool = False,
    miner: Miner | None = None,
    encoder: Mapping[str, torch.Tensor] | None = None,
    progress: Callable[[Epoch], None] | None = None,
) -> ASRRun:
    """Train an encoder with negatives drawn by distance, and measure it after every epoch.

    Args:
        config: Everything that the result depends on.
        dataset: Instead of the one that the config names.
        output: Folder for ``config.toml``, ``curves.json`` and ``last.safetensors``, written after
            every epoch, each all or nothing.
        resume: Go on with the run in that folder; what comes out is the same to the last bit.
        miner: Chooses anchors, positives and negatives instead of the distribution, from the
            embeddings and labels of a batch, as miners of pytorch-metric-learning do.
        encoder: State of the network to begin with, as of :func:`warmed`; otherwise it is new.
        progress: Called after every epoch.

    Raises:
        ArgumentError: The folder holds a run already or cannot be written; `resume` and there is
            none, or one with other settings; or the data set does not do.
        TrainingError: The loss diverged.
        BackendUnavailableError: torch, scikit-learn or safetensors is not installed.

    Note:
        Deterministic in the seed for a build and a number of threads of torch. Runs of one seed
        share data, network, batches and positives. An interrupt leaves the last epoch's files.
    """
    require("torch", extra="learn")
    require("sklearn", extra="wells")
    folder = None if output is None else Path(output)
    if folder is None and resume:
        raise ArgumentError("`resume` needs `output`, the folder of the run")
    stored = None if folder is None else _open(folder, config, resume=resume)
    from eigenwell.wells.asr.torch import Trainer

    if dataset is None:
        dataset = datasets.load(config.dataset, config.root, seed=config.seed)
    trainer = Trainer(config, dataset, miner)
    if encoder is not None:
        trainer.encoder.load_state_dict(encoder)
    if stored is None:
        curves: dict[str, list[float]] = {}
        _add(curves, trainer.measure() | dict.fromkeys(_TRAINED, math.nan), trainer)
        found = ASRRun(config, curves, trainer.distribution.weights[None], trainer.seconds)
    else:
        arrays, _ = stored
        assert folder is not None
        found = ASRRun.load(folder)
        done = arrays.pop("histogram")
        found = dataclasses.replace(
            found,
            config=config,
            curves={n.partition(".")[2]: arrays.pop(n).tolist() for n in _curves_in(arrays)},
            histogram=done,
        )
        trainer.load_state(arrays, len(done) - 1)
        trainer.seconds.update(found.seconds)
    return _go_on(found, trainer, folder, progress)


def warmed(
    config: ASRConfig, *, epochs: int, dataset: Dataset | None = None
) -> dict[str, torch.Tensor]:
    """Train an encoder with negatives drawn uniformly, to begin a :func:`run` with.

    Args:
        config: Of that run; its start and its policy do not count.
        epochs: How many.
        dataset: Instead of the one that the config names.

    Returns:
        State of the network.

    Raises:
        TrainingError: The loss diverged.
    """
    from eigenwell.wells.asr.torch import Trainer

    config = dataclasses.replace(config, start="random", policy="frozen")
    if dataset is None:
        dataset = datasets.load(config.dataset, config.root, seed=config.seed)
    trainer = Trainer(config, dataset)
    for _ in range(epochs):
        trainer.train_epoch()
    return dict(trainer.encoder.state_dict())


def _go_on(
    found: ASRRun,
    trainer: Trainer,
    folder: Path | None,
    progress: Callable[[Epoch], None] | None,
) -> ASRRun:
    began, first = time.perf_counter(), trainer.epoch
    epochs = found.config.epochs
    try:
        while trainer.epoch < epochs:
            trained = trainer.train_epoch()
            curves = {name: list(curve) for name, curve in found.curves.items()}
            _add(curves, trained | trainer.measure(), trainer)
            histogram = np.vstack([found.histogram, trainer.distribution.weights])
            seconds = {name: round(value, 3) for name, value in trainer.seconds.items()}
            found = ASRRun(found.config, curves, histogram, seconds)
            if folder is not None:
                _save(folder, found, trainer)
            if progress is not None:
                pace = (time.perf_counter() - began) / (trainer.epoch - first)
                values = {name: curve[-1] for name, curve in curves.items()}
                left = pace * (epochs - trainer.epoch)
                progress(Epoch(trainer.epoch, epochs, values, left))
    except KeyboardInterrupt as stop:
        if folder is not None and found.epochs:
            stop.add_note(f"{found.epochs} of {epochs} epochs are in {folder}")
        raise
    return found


def _add(curves: dict[str, list[float]], values: dict[str, float], trainer: Trainer) -> None:
    for name, value in (values | {"sampler_mean": trainer.distribution.mean}).items():
        curves.setdefault(name, []).append(float(value))


def _save(folder: Path, found: ASRRun, trainer: Trainer) -> None:
    arrays = trainer.state() | {f"curve.{n}": np.array(c) for n, c in found.curves.items()}
    about = {"config": found.config.as_json()}
    CHECKPOINT.write(folder / LAST, arrays | {"histogram": found.histogram}, about)
    found.save(folder)


def _curves_in(arrays: dict[str, npt.NDArray[Any]]) -> list[str]:
    return [name for name in arrays if name.startswith("curve.")]


def _open(
    folder: Path, config: ASRConfig, *, resume: bool
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]] | None:
    """Return the checkpoint to go on from, or make the folder of a new run."""
    if resume:
        stored = CHECKPOINT.read(folder / LAST)
        _checkpoint.check_same(stored[1]["config"], config.as_json(), folder, free=FREE)
        return stored
    require("safetensors", extra="learn")
    if (folder / LAST).exists():
        raise ArgumentError(f"`output` must be a new folder, but {folder} holds a run: resume it")
    _files.make_folder(folder)
    _files.write_atomic(folder / CONFIG, config.as_toml().encode())
    return None
