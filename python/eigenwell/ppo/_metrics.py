"""What an update reports, as rows, CSV and TensorBoard events."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import importlib.util
import io
import math
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt

from eigenwell import _files
from eigenwell._checks import require
from eigenwell.errors import ArgumentError


@dataclass(frozen=True)
class Metrics:
    """One update. What is unknown, such as a return before the first episode's end, is NaN.

    Attributes:
        update: Number of the update, from 1.
        steps: Environment steps so far.
        seconds: Of wall time so far, scoring left out, those before a resumption included.
        steps_per_second: Of this update, its rollout included.
        episodes: Ended so far.
        episode_return: Mean of the last 100 episodes, sampled actions and raw rewards.
        episode_length: Their mean length.
        learning_rate: Adam's.
        policy_loss: Clipped objective with its sign turned, mean over the update.
        value_loss: Half the mean squared error, in scaled returns.
        entropy: Of the policy, in nats.
        kl: From the policy that acted, mean over the last epoch.
        clip_fraction: Share of the ratios outside of the clip, mean over the update.
        explained_variance: ``1 - Var(return - value) / Var(return)`` before the update.
        epochs: Run before the KL stop.
        score: Mean return of the most likely actions in fresh environments, if it was measured.
    """

    update: int
    steps: int
    seconds: float
    steps_per_second: float
    episodes: int
    episode_return: float
    episode_length: float
    learning_rate: float
    policy_loss: float
    value_loss: float
    entropy: float
    kl: float
    clip_fraction: float
    explained_variance: float
    epochs: int
    score: float


NAMES = tuple(field.name for field in dataclasses.fields(Metrics))
_WHOLE = ("update", "steps", "episodes", "epochs")


def to_array(rows: Iterable[Metrics]) -> npt.NDArray[np.float64]:
    """Return ``(rows, fields)``, for a checkpoint."""
    table = [dataclasses.astuple(row) for row in rows]
    return np.asarray(table, np.float64).reshape(len(table), len(NAMES))


def from_array(table: npt.NDArray[np.float64]) -> list[Metrics]:
    """Return the rows of :func:`to_array`."""
    rows = []
    for line in table.tolist():
        values: dict[str, Any] = dict(zip(NAMES, line, strict=True))
        rows.append(Metrics(**{**values, **{name: int(values[name]) for name in _WHOLE}}))
    return rows


class MetricsWriter:
    """Writes ``metrics.csv`` line by line, and TensorBoard events where that is installed.

    Args:
        folder: Of the run; None writes nothing.
        rows: Those of the run before it was resumed; later ones of a killed run are dropped.

    Raises:
        ArgumentError: The files cannot be written.
    """

    def __init__(self, folder: Path | None, rows: Iterable[Metrics] = ()) -> None:
        self._stream: TextIO | None = None
        self._events: _Events | None = None
        if folder is None:
            return
        before, table = list(rows), io.StringIO(newline="")
        csv.writer(table).writerows([NAMES, *map(dataclasses.astuple, before)])
        path = folder / "metrics.csv"
        _files.write_atomic(path, table.getvalue().encode())
        with _one_sentence(path):
            self._stream = path.open("a", newline="", encoding="utf-8")
        if importlib.util.find_spec("tensorboard") is not None:
            self._events = _Events(folder, before[-1].steps + 1 if before else 0)

    def write(self, row: Metrics) -> None:
        """Add a row.

        Raises:
            ArgumentError: It cannot be written, as on a full disk.
        """
        if self._stream is not None:
            with _one_sentence(Path(self._stream.name)):
                csv.writer(self._stream).writerow(dataclasses.astuple(row))
                self._stream.flush()
        if self._events is not None:
            self._events.write(row)

    def close(self) -> None:
        """Close the files; what could not be written has been said before."""
        for file in (self._stream, self._events):
            if file is not None:
                with contextlib.suppress(OSError):
                    file.close()


class _Events:
    """An event file of TensorBoard, written by its own records.

    TensorBoard's writer has a thread, which ends with a traceback when the disk is full, and late.

    Args:
        folder: Where it goes, beside those of the run before it was resumed.
        purge: TensorBoard drops what those say of this step and later ones.
    """

    def __init__(self, folder: Path, purge: int) -> None:
        records = require("tensorboard.summary.writer.record_writer", extra="learn")
        self._proto: Any = require("tensorboard.compat.proto.event_pb2", extra="learn")
        # TensorBoard reads the files in the order of their names.
        self._path = folder / f"events.out.tfevents.{time.time_ns()}.{os.getpid()}"
        with _one_sentence(self._path):
            self._stream = self._path.open("xb")
        self._records: Any = records.RecordWriter(self._stream)
        self._add(file_version="brain.Event:2")
        self._add(step=purge, session_log={"status": "START"})

    def write(self, row: Metrics) -> None:
        values = [
            {"tag": f"ppo/{name}", "simple_value": value}
            for name, value in dataclasses.asdict(row).items()
            if name not in {"update", "steps"} and math.isfinite(value)
        ]
        self._add(step=row.steps, summary={"value": values})

    def close(self) -> None:
        self._stream.close()

    def _add(self, **event: Any) -> None:
        with _one_sentence(self._path):
            message = self._proto.Event(wall_time=time.time(), **event)
            self._records.write(message.SerializeToString())
            self._records.flush()


@contextlib.contextmanager
def _one_sentence(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ArgumentError(f"`{path}` cannot be written: {reason}") from error
