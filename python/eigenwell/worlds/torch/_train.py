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

from eigenwell import _checks, _files
from eigenwell.errors import ArgumentError, EigenwellError, FormatError, TrainingError
from eigenwell.worlds import _checkpoint, _storage
from eigenwell.worlds._config import MetaConfig
from eigenwell.worlds._staged_config import StagedConfig
from eigenwell.worlds.torch._evaluate import grid, watch
from eigenwell.worlds.torch._model import MetaModel, Row, Trained
from eigenwell.worlds.torch._staged import staged_model, train_staged
from eigenwell.worlds.torch._trainer import Trainer, load_weights

#: The file of a run's folder that has all of it.
LAST = "last.safetensors"
# And the one with a staged run's config, written before its first step.
_BEGUN = "config.json"


def train(
    worlds: Sequence[_storage.World],
    config: MetaConfig | StagedConfig,
    *,
    output: str | os.PathLike[str] | None = None,
    resume: bool = False,
    shared: str | os.PathLike[str] | None = None,
    jobs: int = 1,
    progress: Callable[[Row], None] | None = None,
) -> Trained:
    """Train a meta-world model.

    Args:
        worlds: At least two, of :func:`eigenwell.worlds.load`.
        config: What to train, and how.
        output: Folder of the run, made if need be: ``last.safetensors``, ``metrics.csv``, and
            TensorBoard events where that is installed. None writes nothing.
        resume: Go on with what the folder holds, with the same config but for ``iterations``.
        shared: Of a :class:`~eigenwell.worlds.StagedConfig`, the folder where stages of one world
            or two are kept, so that several runs can share them; None is ``output``.
        jobs: Of a :class:`~eigenwell.worlds.StagedConfig`, how many stages run at once, in threads.
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
    count = _checks.integer(jobs, "jobs", low=1, high=1024)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        if isinstance(config, StagedConfig):
            if folder is not None:
                _begin_staged(folder, worlds, config, resume=resume)
            folders = folder, folder if shared is None else Path(shared)
            return _run_staged(worlds, config, folders, count, progress)
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
        origins = about["worlds"]
        count, actions = len(origins), origins[0]["actions"]
        config: MetaConfig | StagedConfig
        if about.get("staged"):
            config = StagedConfig.from_dict(about["config"])
            model = staged_model(config, count, actions)
        else:
            config = MetaConfig.from_dict(about["config"])
            model = MetaModel(config, count, actions)
        load_weights(model, "model", arrays)
        names = tuple(origin["variant"] for origin in origins)
        return Trained(model, config, names, about["iteration"], tuple(about["rows"]))


def config_of(folder: str | os.PathLike[str]) -> MetaConfig | StagedConfig:
    """Return the config that a run was begun with.

    Raises:
        ArgumentError: There is no run.
        FormatError: What is there is damaged.
    """
    begun = Path(folder) / _BEGUN
    if not begun.exists():
        return load(folder).config
    with _described(begun):
        return StagedConfig.from_dict(json.loads(_files.read_bytes(begun))["config"])


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


def _begin_staged(
    folder: Path, worlds: Sequence[_storage.World], config: StagedConfig, *, resume: bool
) -> None:
    """Make the folder and keep what the run is of, or see that it is this."""
    begun = folder / _BEGUN
    if not resume and begun.exists():
        raise ArgumentError(f"`{folder}` holds a run: resume it, or name another folder")
    if resume and not begun.exists():
        raise ArgumentError(f"`{folder}` holds no run to resume: {_BEGUN} is missing")
    _files.make_folder(folder)
    wanted = json.loads(json.dumps(dataclasses.asdict(config)))
    names = [world.origin.variant for world in worlds]
    if not begun.exists():
        about = {"config": wanted, "worlds": names}
        _files.write_atomic(begun, json.dumps(about, indent=1).encode())
        return
    with _described(begun):
        about = json.loads(_files.read_bytes(begun))
        had = about["config"]
        if about["worlds"] != names:
            raise ArgumentError(
                f"`{folder}` must be resumed with the worlds {', '.join(about['worlds'])}, got "
                f"{', '.join(names)}"
            )
        for name, value in wanted.items():
            if had[name] != value:
                raise ArgumentError(
                    f"`{folder}` must be resumed with {name} = {had[name]!r}, got {value!r}"
                )


def _run_staged(
    worlds: Sequence[_storage.World],
    config: StagedConfig,
    folders: tuple[Path | None, Path | None],
    jobs: int,
    progress: Callable[[Row], None] | None,
) -> Trained:
    """Run all stages; the first folder is the run's, the second that of what runs share."""
    folder, shared = folders
    if shared is not None:
        _files.make_folder(shared)
    began = time.perf_counter()
    with _writing(folder, rows := [], worlds) as write:

        def report(row: Row) -> None:
            rows.append(row)
            write(row, None)
            if progress is not None:
                progress(row)

        trained = train_staged(
            worlds, config, folder=folder, shared=shared, jobs=jobs, progress=report
        )
        if folder is not None:
            write({"iteration": trained.iteration}, trained)
            arrays = {f"model.{name}": t.numpy() for name, t in trained.model.state_dict().items()}
            seconds = time.perf_counter() - began
            _checkpoint.write(folder / LAST, arrays, _about(trained, worlds, seconds))
    return trained


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
    trained = Trained(trainer.model, trainer.config, (), trainer.iteration, tuple(rows))
    _checkpoint.write(folder / LAST, trainer.arrays(), _about(trained, trainer.worlds, seconds))


def _about(trained: Trained, worlds: Sequence[_storage.World], seconds: float) -> dict[str, Any]:
    return {
        "config": dataclasses.asdict(trained.config),
        "staged": isinstance(trained.config, StagedConfig),
        "worlds": [vars(world.origin) for world in worlds],
        "iteration": trained.iteration,
        "seconds": seconds,
        "rows": list(trained.rows),
    }


@contextlib.contextmanager
def _writing(
    folder: Path | None, rows: list[Row], worlds: Sequence[_storage.World]
) -> Iterator[Callable[[Row, Trained | None], None]]:
    """Yield what writes the table, and a row and the cross-decoding grid for TensorBoard."""
    if folder is None:
        yield lambda _row, _trained: None
        return
    events = None
    if importlib.util.find_spec("tensorboard") is not None:
        from torch.utils.tensorboard import SummaryWriter

        events = SummaryWriter(folder)

    def write(row: Row, trained: Trained | None) -> None:
        """Write the table anew, and what TensorBoard shows."""
        _write_table(folder / "metrics.csv", rows)
        if events is None:
            return
        for name, value in row.items():
            if name != "iteration":
                events.add_scalar(f"worlds/{name}", value, int(row["iteration"]))
        if trained is None:
            return
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
