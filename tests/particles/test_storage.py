"""Trajectories on disk: what comes back, and what a damaged or foreign store says."""

from __future__ import annotations

import errno
import json
import os
import shutil

import numpy as np
import pytest
import zarr

from eigenwell import particles
from eigenwell.errors import ArgumentError, FormatError, ShapeError
from eigenwell.particles import Trajectory, _storage, simulate

SYSTEM = particles.polymer(9)


@pytest.fixture
def run():
    return simulate(SYSTEM, steps=20, record_every=4, seed=3)


@pytest.fixture
def store(run, tmp_path):
    run.save(tmp_path / "run.zarr")
    return tmp_path / "run.zarr"


def same(one, other) -> bool:
    return np.array_equal(one.steps, other.steps) and all(
        np.array_equal(x, other.positions[name]) and x.dtype == other.positions[name].dtype
        for name, x in one.positions.items()
    )


def test_a_trajectory_comes_back(run, store) -> None:
    back = Trajectory.load(store)
    assert same(back, run)
    assert back.system == SYSTEM
    assert back.provenance == run.provenance
    assert back.provenance["seed"] == 3
    assert back.provenance["versions"].keys() == {"eigenwell", "numpy", "isa"}
    assert [path.name for path in store.parent.iterdir()] == ["run.zarr"]


@pytest.mark.parametrize("chunk_bytes", [1, 300, 2**20])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_recording_is_saving(monkeypatch, tmp_path, dtype: str, chunk_bytes: int) -> None:
    monkeypatch.setattr(_storage, "_CHUNK_BYTES", chunk_bytes)
    run = simulate(SYSTEM, steps=20, dtype=dtype, output=tmp_path / "run")
    assert same(Trajectory.load(tmp_path / "run"), run)
    assert same(simulate(SYSTEM, steps=20, dtype=dtype), run)


def test_any_zarr_reader_finds_the_arrays(run, store) -> None:
    group = zarr.open_group(store, mode="r")
    np.testing.assert_array_equal(group["positions/neutrons"][...], run.positions["neutrons"])
    assert group["positions/neutrons"].metadata.dimension_names == (
        "record",
        "point",
        "coordinate",
    )


def test_an_existing_path_is_left_alone(run, store) -> None:
    before = sorted(path.name for path in store.rglob("*"))
    for write in (run.save, lambda path: simulate(SYSTEM, steps=4, output=path)):
        with pytest.raises(ArgumentError, match="exists: remove it, name another one or"):
            write(store)
    assert sorted(path.name for path in store.rglob("*")) == before


def test_a_path_that_cannot_be_written(run, tmp_path) -> None:
    (tmp_path / "file").write_text("in the way")
    for write in (run.save, lambda path: simulate(SYSTEM, steps=4, output=path)):
        with pytest.raises(ArgumentError, match="file/run` cannot be written: Not a directory"):
            write(tmp_path / "file" / "run")


def test_a_store_is_written_as_a_whole_or_not_at_all(monkeypatch, run, tmp_path) -> None:
    def full(*_arguments) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(_storage, "_put", full)
    with pytest.raises(ArgumentError, match="run` cannot be written: No space left on device"):
        run.save(tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_nothing_there(tmp_path) -> None:
    with pytest.raises(ArgumentError, match="none` does not exist"):
        Trajectory.load(tmp_path / "none")


def truncate(store) -> None:
    path = min(p for p in (store / "positions/electrons/c").rglob("*") if p.is_file())
    path.write_bytes(path.read_bytes()[:-9])


def flip(store) -> None:
    path = min(p for p in (store / "positions/electrons/c").rglob("*") if p.is_file())
    data = bytearray(path.read_bytes())
    data[5] ^= 1
    path.write_bytes(data)


def attributes(**values):
    def change(store) -> None:
        zarr.open_group(store, mode="r+").attrs.update(values)

    return change


def metadata(name: str, **values):
    def change(store) -> None:
        path = store / name / "zarr.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def steps(values, dtype="int64"):
    def change(store) -> None:
        group = zarr.open_group(store, mode="r+")
        group.create_array("steps", data=np.array(values, dtype), overwrite=True)

    return change


def foreign(store) -> None:
    shutil.rmtree(store)
    zarr.open_group(store, mode="w")


def other_precision(store) -> None:
    group = zarr.open_group(store, mode="r+")
    group.create_array("positions/electrons", data=np.zeros((6, 9, 3), "int32"), overwrite=True)


DAMAGE = {
    "truncated": (truncate, "is no readable trajectory"),
    "flipped": (flip, "is no readable trajectory"),
    "no chunks": (lambda s: shutil.rmtree(s / "positions/electrons/c"), "are missing"),
    "no array": (lambda s: shutil.rmtree(s / "positions/neutrons"), "is no readable trajectory"),
    "no steps": (lambda s: shutil.rmtree(s / "steps"), "is no readable trajectory"),
    "no metadata": (lambda s: (s / "zarr.json").unlink(), "is no readable trajectory"),
    "half of the metadata": (
        lambda s: (s / "zarr.json").write_text((s / "zarr.json").read_text()[:80]),
        "is no readable trajectory",
    ),
    "foreign": (foreign, "is Zarr, but no particle trajectory"),
    "future": (attributes(format_version=2), "must have format version 1, got 2: update eigenwell"),
    "another system": (attributes(system=particles.polymer(8).to_dict()), "does not hold what"),
    "no system": (attributes(system={"species": 1}), "this is no particle system"),
    "provenance": (attributes(provenance=3), "is no readable trajectory"),
    "hostile size": (
        metadata("positions/electrons", shape=[2**40, 9, 3]),
        r"must hold \d+ bytes, got \d+ in its files",
    ),
    "hostile steps": (metadata("steps", shape=[2**50]), "must hold 9007199254740992 bytes"),
    "steps descend": (steps([0, 4, 8, 8, 16, 20]), "must hold ascending steps"),
    "no record": (steps([-1, -1]), "must hold ascending steps"),
    "steps of floats": (steps([0, 4], "float64"), "must hold int64 steps"),
    "too many steps": (steps(range(9)), "does not hold what its system says"),
    "positions of integers": (other_precision, "must hold float32 or float64, got int32"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_a_format_error(kind: str, store) -> None:
    harm, message = DAMAGE[kind]
    harm(store)
    with pytest.raises(FormatError, match=message) as caught:
        Trajectory.load(store)
    assert "\n" not in str(caught.value)


def test_a_file_is_no_store(tmp_path) -> None:
    (tmp_path / "run").write_bytes(b"PK")
    with pytest.raises(FormatError, match="is no readable trajectory"):
        Trajectory.load(tmp_path / "run")


def test_a_trajectory_holds_what_its_system_says() -> None:
    with pytest.raises(ShapeError, match=r"`positions\['protons'\]` must be \(1, 9, 3\), got"):
        Trajectory(SYSTEM, np.zeros(1, np.int64), {"electrons": np.zeros((1, 9, 3))})
