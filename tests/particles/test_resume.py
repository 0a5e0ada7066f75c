"""Runs that stop in the middle: killed, interrupted, out of disk; and how they go on."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from eigenwell import particles
from eigenwell.errors import ArgumentError, FormatError
from eigenwell.particles import Trajectory, _simulate, _storage, simulate

SYSTEM = particles.polymer(9)
STEPS, EVERY = 60, 3
OPTIONS = [
    {},
    {"momentum": 0.9},
    {"backend": "torch", "momentum": 0.9},
    {"backend": "torch", "optimizer": "adam"},
]


def same(one, other, records: int | None = None) -> bool:
    return np.array_equal(one.steps[:records], other.steps[:records]) and all(
        np.array_equal(one.positions[name][:records], other.positions[name][:records])
        for name in SYSTEM.names
    )


def stopped(path, **options) -> None:
    """Leave a run on disk that Ctrl-C stopped after its fourth piece of 3 steps."""
    reports = []

    def stop(report) -> None:
        reports.append(report)
        if len(reports) == 4:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_simulate, "_PIECE_BYTES", 1)
        with pytest.raises(KeyboardInterrupt):
            simulate(SYSTEM, steps=STEPS, record_every=EVERY, output=path, progress=stop, **options)


@pytest.mark.parametrize("options", OPTIONS)
def test_an_interrupted_run_goes_on_as_if_it_had_not_been(tmp_path, options) -> None:
    whole = simulate(SYSTEM, steps=STEPS, record_every=EVERY, **options)
    stopped(tmp_path / "run", **options)
    part = Trajectory.load(tmp_path / "run")
    assert 1 < len(part) < len(whole)
    assert same(part, whole, len(part))
    again = {"record_every": EVERY, "output": tmp_path / "run", "resume": True, **options}
    assert same(simulate(SYSTEM, steps=STEPS, **again), whole)
    assert same(Trajectory.load(tmp_path / "run"), whole)
    longer = simulate(SYSTEM, steps=2 * STEPS, **again)
    assert same(longer, simulate(SYSTEM, steps=2 * STEPS, record_every=EVERY, **options))


KILLED = """
import os, signal, sys
from eigenwell import particles
from eigenwell.particles import _simulate, _storage

call, halfway = int(sys.argv[2]), sys.argv[3] == "halfway"
put, calls = _storage._put, 0

def killing(array, values, count, total):
    global calls
    calls += 1
    if calls == call:
        if halfway:
            array.resize((total, *array.shape[1:]))
        os.kill(os.getpid(), signal.SIGKILL)
    put(array, values, count, total)

_storage._put = killing
_simulate._PIECE_BYTES = 1
particles.simulate(
    particles.polymer(9), steps=60, record_every=3, momentum=0.9, output=sys.argv[1]
)
"""


# Four arrays an append: 4 is in the store's creation, then electrons, protons, neutrons, steps.
@pytest.mark.parametrize(
    ("call", "where"),
    [(2, "before"), (14, "before"), (15, "halfway"), (16, "before"), (16, "halfway")],
)
def test_a_killed_run_stays_readable_and_goes_on(tmp_path, call: int, where: str) -> None:
    path = tmp_path / "run"
    child = subprocess.run(
        [sys.executable, "-c", KILLED, path, str(call), where], check=False, timeout=60
    )
    assert child.returncode == -9
    whole = simulate(SYSTEM, steps=STEPS, record_every=EVERY, momentum=0.9)
    if call == 2:  # killed while it was made: nothing stands under its name
        assert not path.exists()
    else:
        part = Trajectory.load(path)
        assert same(part, whole, len(part))
    again = simulate(
        SYSTEM, steps=STEPS, record_every=EVERY, momentum=0.9, output=path, resume=True
    )
    assert same(again, whole)
    assert same(Trajectory.load(path), whole)


FULL = """
import resource, sys
from eigenwell import particles
from eigenwell.errors import ArgumentError
from eigenwell.particles import _simulate

_simulate._PIECE_BYTES = 1

def fill(report):
    if report.step == 30:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))

try:
    particles.simulate(
        particles.polymer(9), steps=60, record_every=3, output=sys.argv[1], progress=fill
    )
except ArgumentError as error:
    print(error)
"""


def test_a_disk_that_fills_up_is_a_sentence(tmp_path) -> None:
    path = tmp_path / "run"
    child = subprocess.run(
        [sys.executable, "-c", FULL, path], check=True, capture_output=True, text=True, timeout=60
    )
    assert child.stdout == f"`{path}` cannot be written: File too large\n"
    part = Trajectory.load(path)
    assert part.steps.tolist() == list(range(0, 33, 3))
    assert same(part, simulate(SYSTEM, steps=30, record_every=EVERY))


def test_a_write_that_fails_later_leaves_what_was_there(monkeypatch, tmp_path) -> None:
    put, calls = _storage._put, []

    def failing(array, *arguments) -> None:
        calls.append(array)
        if len(calls) == 14:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        put(array, *arguments)

    monkeypatch.setattr(_storage, "_put", failing)
    monkeypatch.setattr(_simulate, "_PIECE_BYTES", 1)
    with pytest.raises(ArgumentError, match="run` cannot be written: No space left on device"):
        simulate(SYSTEM, steps=STEPS, record_every=EVERY, output=tmp_path / "run")
    part = Trajectory.load(tmp_path / "run")
    assert part.steps.tolist() == [0, 1 * EVERY, 2 * EVERY]
    assert same(part, simulate(SYSTEM, steps=STEPS, record_every=EVERY), 3)


SLOWER = replace(
    SYSTEM, species=(*SYSTEM.species[:2], replace(SYSTEM.species[2], learning_rate=1e-5))
)


@pytest.mark.parametrize(
    ("system", "options", "message"),
    [
        (SYSTEM, {"seed": 1}, "`seed` must be 0 as in `output` .*, got 1: a resumed run cannot"),
        (SYSTEM, {"dtype": "float64"}, "`dtype` must be 'float32' as in"),
        (SYSTEM, {"record_every": 6}, "`record_every` must be 3 as in"),
        (SYSTEM, {"momentum": 0.5}, "`momentum` must be 0.0 as in"),
        (SYSTEM, {"backend": "torch"}, "`backend` must be 'native' as in"),
        (SYSTEM, {"steps": 6}, "`steps` must be at least 9, where `output` .* ends, got 6"),
        (
            SYSTEM,
            {"initial": {"protons": np.ones((9, 3))}},
            "`initial` must be .* got other protons",
        ),
        (SLOWER, {}, r"`system.species\[2\].learning_rate` must be 0.0001 as in .*, got 1e-05"),
        (
            particles.polymer(8),
            {},
            r"`system.species\[0\].count` must be 9 as in `output` .*, got 8",
        ),
        (
            particles.polymer(9, pairs="all"),
            {},
            r"`system.interactions\[0\].pairs` must be 'upper'",
        ),
        (particles.sphere(9), {}, r"`system.interactions\[0\].exponent` must be -1.0 as in .* 1.0"),
    ],
)
def test_another_run_is_not_resumed(tmp_path, system, options, message: str) -> None:
    simulate(SYSTEM, steps=9, record_every=3, output=tmp_path / "run")
    with pytest.raises(ArgumentError, match=message) as caught:
        simulate(
            system,
            **({"steps": STEPS, "record_every": EVERY} | options),
            output=tmp_path / "run",
            resume=True,
        )
    assert "\n" not in str(caught.value)
    assert len(Trajectory.load(tmp_path / "run")) == 4


def test_without_the_optimizers_state_nothing_goes_on(tmp_path) -> None:
    options = {"record_every": EVERY, "momentum": 0.9}
    simulate(SYSTEM, steps=9, **options).save(tmp_path / "run")
    with pytest.raises(ArgumentError, match="it ends without the optimizer's state"):
        simulate(SYSTEM, steps=12, output=tmp_path / "run", resume=True, **options)


def test_a_foreign_store_is_not_resumed(tmp_path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(FormatError, match="is no readable trajectory"):
        simulate(SYSTEM, steps=9, output=tmp_path / "run", resume=True)


def test_resuming_what_is_not_there_starts(tmp_path) -> None:
    run = simulate(SYSTEM, steps=9, output=tmp_path / "run", resume=True)
    assert same(run, Trajectory.load(tmp_path / "run"))
