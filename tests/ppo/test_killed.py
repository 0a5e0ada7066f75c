"""Runs that die of kill -9 at random moments, and full disks."""

from __future__ import annotations

import csv
import itertools
import multiprocessing
import random
import resource
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tests.ppo import toys  # noqa: F401  (registers the environments)

from eigenwell.errors import ArgumentError
from eigenwell.ppo import PPOConfig, TrainedPolicy, _score, train

CONFIG = PPOConfig(
    "ppo/Target-v0",
    seed=3,
    total_steps=24 * 32,
    environments=2,
    rollout_steps=16,
    minibatch=8,
    epochs=1,
    evaluate_every=3 * 32,
    evaluate_episodes=2,
    checkpoint_every=2 * 32,
    rpo_alpha=0.1,
    actor="dc",
)
# Wall time is the only thing that two equal runs do not share.
CLOCKS = ("seconds", "steps_per_second")


def timeless(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [{name: cell for name, cell in row.items() if name not in CLOCKS} for row in rows]


def go_on(folder: Path) -> None:
    train(CONFIG, output=folder, resume=(folder / "config.json").exists())


@pytest.fixture(scope="module")
def processes():
    """Processes from a server that has imported all: a kill costs milliseconds.

    The first step of an optimiser imports torch._dynamo.
    """
    context = multiprocessing.get_context("forkserver")
    events = ("tensorboard.summary.writer.record_writer", "tensorboard.compat.proto.event_pb2")
    context.set_forkserver_preload(
        ["tests.ppo.test_killed", "torch._dynamo", "gymnasium.vector", "safetensors.numpy", *events]
    )
    return context


def rows(folder: Path) -> int:
    """Lines of the metrics so far, -1 before there is a file of them."""
    path = folder / "metrics.csv"
    return path.read_bytes().count(b"\n") if path.exists() else -1


def test_a_run_killed_at_random_moments_ends_as_one_that_was_not(tmp_path, processes) -> None:
    train(CONFIG, output=tmp_path / "whole")
    moments, kills, cut = random.Random(5), 0, tmp_path / "cut"
    while True:
        process = processes.Process(target=go_on, args=(cut,))
        process.start()
        # Up to nine rows, so that the run comes to an end, and a moment of the update after them.
        enough = rows(cut) + moments.randint(0, 9)
        while rows(cut) < enough and process.is_alive():
            time.sleep(0.004)
        process.join(moments.uniform(0, 0.02))
        process.kill()
        process.join()
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        kills += 1
    assert kills >= 3
    assert timeless(cut) == timeless(tmp_path / "whole")
    assert len(timeless(cut)) == CONFIG.updates
    for name in ("last.safetensors", "best.safetensors"):
        whole, killed = (TrainedPolicy.load(tmp_path / run / name) for run in ("whole", "cut"))
        assert {k: a.tobytes() for k, a in whole.tensors().items()} == {
            k: a.tobytes() for k, a in killed.tensors().items()
        }
    assert not list(cut.glob(".*"))


def test_a_run_killed_before_its_first_checkpoint_begins_anew(tmp_path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / ".last.safetensors.1.2.tmp").write_text("half")
    assert len(train(CONFIG, output=tmp_path, resume=True).metrics) == CONFIG.updates
    assert not list(tmp_path.glob(".*"))


def test_the_best_policy_is_that_of_the_checkpoint_whatever_its_file_says(
    tmp_path, monkeypatch
) -> None:
    scores = itertools.count(0, -1)  # the first stays the best

    def evaluate(*_, **__):
        return SimpleNamespace(returns=np.array([float(next(scores))]))

    monkeypatch.setattr(_score, "evaluate", evaluate)
    whole = train(CONFIG)
    scores = itertools.count(0, -1)

    class KilledError(Exception):
        pass

    def progress(row):
        if row.update == 12:
            raise KilledError

    with pytest.raises(KilledError):
        train(CONFIG, output=tmp_path, progress=progress)
    (tmp_path / "best.safetensors").unlink()
    resumed = train(CONFIG, output=tmp_path, resume=True)
    assert (resumed.best_score, resumed.best_steps) == (whole.best_score, whole.best_steps)
    for policy in (resumed.best_policy, TrainedPolicy.load(tmp_path / "best.safetensors")):
        for name, array in whole.best_policy.tensors().items():
            assert policy.tensors()[name].tobytes() == array.tobytes(), name


@pytest.fixture
def file_size():
    """Limit the size of files, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("grows", ["metrics.csv", "events", "last.safetensors"])
def test_a_full_disk_ends_the_run_and_keeps_the_last_checkpoint(tmp_path, file_size, grows) -> None:
    kept = 0

    def progress(row):
        nonlocal kept
        if row.update == 4:
            (grown,) = tmp_path.glob(f"{grows}*")
            kept = (tmp_path / "last.safetensors").read_bytes()
            # Room for nothing more in this file; of the checkpoint, for nothing new at all.
            file_size(grown.stat().st_size)

    message = rf"`{tmp_path}/{grows}.*` cannot be written: File too large\n"
    with pytest.raises(ArgumentError, match=message) as raised:
        train(CONFIG, output=tmp_path, progress=progress)
    file_size(resource.RLIM_INFINITY)
    assert raised.value.__notes__ == [
        f"`{tmp_path / 'last.safetensors'}` has the run up to step {4 * 32}"
    ]
    assert (tmp_path / "last.safetensors").read_bytes() == kept
    assert not list(tmp_path.glob(".*"))
    assert len(train(CONFIG, output=tmp_path, resume=True).metrics) == CONFIG.updates
