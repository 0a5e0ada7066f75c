"""What an update reports, as rows, CSV and TensorBoard events."""

from __future__ import annotations

import csv
import dataclasses
import importlib.util
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


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
    """

    def __init__(self, folder: Path | None, rows: Iterable[Metrics] = ()) -> None:
        self._board: Any = None
        self._stream: Any = None
        if folder is None:
            return
        before = list(rows)
        self._stream = (folder / "metrics.csv").open("w", newline="", encoding="utf-8")
        self._csv = csv.writer(self._stream)
        self._csv.writerow(NAMES)
        self._csv.writerows(dataclasses.astuple(row) for row in before)
        self._stream.flush()
        if importlib.util.find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            purge = before[-1].steps + 1 if before else None
            self._board = SummaryWriter(str(folder), purge_step=purge)

    def write(self, row: Metrics) -> None:
        """Add a row."""
        if self._stream is None:
            return
        self._csv.writerow(dataclasses.astuple(row))
        self._stream.flush()
        if self._board is not None:
            for name, value in dataclasses.asdict(row).items():
                if name not in {"update", "steps"} and math.isfinite(value):
                    self._board.add_scalar(f"ppo/{name}", value, row.steps)

    def close(self) -> None:
        """Close the files."""
        if self._stream is not None:
            self._stream.close()
        if self._board is not None:
            self._board.close()
