"""Training with checkpoints, metrics and pictures; and loading what it left."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import importlib.util
import io
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from eigenwell import _files
from eigenwell.errors import ArgumentError, EigenwellError, FormatError, TrainingError
from eigenwell.worlds import _checkpoint, _storage
from eigenwell.worlds._config import MetaConfig
from eigenwell.worlds.torch._evaluate import grid, watch
from eigenwell.worlds.torch._model import MetaModel, Row, Trained
from eigenwell.worlds.torch._trainer import Trainer, load_weights

#: The file of a run's folder that has all of it.
LAST = "last.safetensors"


def train(
    worlds: Sequence[_storage.World],
    config: MetaConfig,
    *,
    output: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: Callable[[Row], None] | None = None,
) -> Trained:
    """Train a meta-world model.

    Args:
        worlds: At least two, of :func:`eigenwell.worlds.load`.
        config: What to train, and how.
        output: Folder of the run, made if need be: ``last.safetensors``, ``metrics.csv``, and
            TensorBoard events where that is installed. None writes nothing.
        resume: Go on from ``last.safetensors``, with the same config but for ``iterations``.
        progress: Called with every row of metrics.

    Returns:
        The model.

    Raises:
        ArgumentError: The worlds do not go together, or the folder holds another run, or none to
            resume, or cannot be written.
        FormatError: The checkpoint is damaged.
        TrainingError: A loss or a weight is not finite; the last good checkpoint stays.

    Note:
        Deterministic: a run that was killed and resumed ends with the bits of one that was not.
        Sets torch to one thread while it runs.
    """
    folder = None if output is None else Path(output)
    if resume and folder is None:
        raise ArgumentError("`output` must be given to resume: the folder of the run")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _run(worlds, config, folder, resume, progress)
    finally:
        torch.set_num_threads(threads)


def load(path: str | os.PathLike[str]) -> Trained:
    """Load the model of a checkpoint or of a run's folder.

    Raises:
        ArgumentError: There is none.
        FormatError: It is damaged.
    """
    file = Path(path) / LAST if Path(path).is_dir() else Path(path)
    arrays, about = _checkpoint.read(file)
    with _described(file):
        config = MetaConfig.from_dict(about["config"])
        origins = about["worlds"]
        model = MetaModel(config, len(origins), origins[0]["actions"])
        load_weights(model, "model", arrays)
        names = tuple(origin["variant"] for origin in origins)
        return Trained(model, config, names, about["iteration"], tuple(about["rows"]))


def _run(
    worlds: Sequence[_storage.World],
    config: MetaConfig,
    folder: Path | None,
    resume: bool,
    progress: Callable[[Row], None] | None,
) -> Trained:
    trainer, rows, seconds = Trainer(config, worlds), list[Row](), 0.0
    if folder is not None:
        rows, seconds = _begin(folder, trainer, resume=resume)
    saved = trainer.iteration
    names = tuple(world.origin.variant for world in worlds)

    def trained() -> Trained:
        return Trained(trainer.model, config, names, trainer.iteration, tuple(rows))

    began = time.perf_counter() - seconds
    with _writing(folder, rows, worlds) as write:
        try:
            while trainer.iteration < config.iterations:
                losses = trainer.step()
                done = trainer.iteration
                if done % config.report_every == 0 or done == config.iterations:
                    spent = time.perf_counter() - began
                    row = {"iteration": done, "seconds": spent, **losses}
                    row |= watch(trainer.model, worlds, seed=config.seed)
                    rows.append(row)
                    write(row, trained())
                    if progress is not None:
                        progress(row)
                last = done == config.iterations
                if folder is not None and (done % config.checkpoint_every == 0 or last):
                    _save(folder, trainer, rows, time.perf_counter() - began)
                    saved = done
        except TrainingError as error:
            if folder is None:
                raise
            kept = f"`{folder / LAST}` has iteration {saved}" if saved else "nothing was saved yet"
            raise TrainingError(f"{error}; {kept}") from error
    return trained()


def _begin(folder: Path, trainer: Trainer, *, resume: bool) -> tuple[list[Row], float]:
    """Make the folder, or take up what it has; return its rows and seconds."""
    last = folder / LAST
    if last.exists() and not resume:
        raise ArgumentError(f"`{folder}` holds a run: resume it, or name another folder")
    if resume and not last.exists():
        raise ArgumentError(f"`{folder}` holds no run to resume: {LAST} is missing")
    _files.make_folder(folder)
    if not resume:
        return [], 0.0
    arrays, about = _checkpoint.read(last)
    with _described(last):
        _check_same(folder, about, trainer)
        trainer.restore(arrays, about["iteration"])
        return list(about["rows"]), float(about["seconds"])


def _check_same(folder: Path, about: Mapping[str, Any], trainer: Trainer) -> None:
    had = [origin["variant"] for origin in about["worlds"]]
    has = [world.origin.variant for world in trainer.worlds]
    if had != has:
        raise ArgumentError(
            f"`{folder}` must be resumed with the worlds {', '.join(had)}, got {', '.join(has)}"
        )
    if about["worlds"] != [vars(world.origin) for world in trainer.worlds]:
        raise ArgumentError(f"`{folder}` must be resumed with the games that it was trained on")
    wanted = json.loads(json.dumps(dataclasses.asdict(trainer.config)))
    for name, value in about["config"].items():
        if name != "iterations" and wanted.get(name) != value:
            raise ArgumentError(
                f"`{folder}` must be resumed with {name} = {value!r}, got {wanted.get(name)!r}"
            )


def _save(folder: Path, trainer: Trainer, rows: list[Row], seconds: float) -> None:
    about = {
        "config": dataclasses.asdict(trainer.config),
        "worlds": [vars(world.origin) for world in trainer.worlds],
        "iteration": trainer.iteration,
        "seconds": seconds,
        "rows": rows,
    }
    _checkpoint.write(folder / LAST, trainer.arrays(), about)


@contextlib.contextmanager
def _writing(
    folder: Path | None, rows: list[Row], worlds: Sequence[_storage.World]
) -> Iterator[Callable[[Row, Trained], None]]:
    """Yield what writes the table, and a row and the cross-decoding grid for TensorBoard."""
    if folder is None:
        yield lambda _row, _trained: None
        return
    events = None
    if importlib.util.find_spec("tensorboard") is not None:
        from torch.utils.tensorboard import SummaryWriter

        events = SummaryWriter(folder)

    def write(row: Row, trained: Trained) -> None:
        _write_table(folder / "metrics.csv", rows)
        if events is None:
            return
        for name, value in row.items():
            if name != "iteration":
                events.add_scalar(f"worlds/{name}", value, trained.iteration)
        lines = [np.concatenate(frames, axis=1) for _, frames in grid(trained, worlds, columns=4)]
        events.add_image("worlds/grid", np.concatenate(lines), trained.iteration, dataformats="HW")

    try:
        yield write
    finally:
        if events is not None:
            events.close()


def _write_table(path: Path, rows: list[Row]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    _files.write_atomic(path, table.getvalue().encode())


@contextlib.contextmanager
def _described(path: Path) -> Iterator[None]:
    """A checkpoint whose description is not ours is damaged."""
    try:
        yield
    except EigenwellError:
        raise
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise FormatError(f"`{path}` is damaged: {type(error).__name__} {error}") from None
