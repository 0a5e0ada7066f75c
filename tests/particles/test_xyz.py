"""Extended XYZ, read back by ASE."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest
from ase.io import read

from eigenwell import particles
from eigenwell.errors import ArgumentError
from eigenwell.particles import Interaction, Species, System, Trajectory, simulate


def two_species(dimension: int) -> System:
    species = (Species("H", 3, 0.1), Species("He", 2, 0.1))
    return System(species, (Interaction("H", "He"),), dimension)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_ase_reads_what_was_written(tmp_path, dimension: int, dtype: str) -> None:
    run = simulate(two_species(dimension), steps=6, record_every=3, dtype=dtype)
    run.export_xyz(tmp_path / "run.xyz")
    frames = read(tmp_path / "run.xyz", index=":")
    assert [frame.info["step"] for frame in frames] == [0, 3, 6]
    for frame, (_, states) in zip(frames, run.frames(), strict=True):
        assert frame.get_chemical_symbols() == ["H"] * 3 + ["He"] * 2
        assert not frame.pbc.any()
        positions = frame.get_positions()
        assert not positions[:, dimension:].any()
        written = np.concatenate(list(states.values()))
        np.testing.assert_array_equal(positions[:, :dimension].astype(dtype), written)


def test_any_name_of_a_species_stands_in_its_column(tmp_path) -> None:
    simulate(particles.polymer(2), steps=0).export_xyz(tmp_path / "run.xyz")
    lines = (tmp_path / "run.xyz").read_text().splitlines()
    assert lines[0] == "6"
    assert lines[1] == 'Properties=species:S:1:pos:R:3 step=0 pbc="F F F"'
    assert [line.split()[0] for line in lines[2::2]] == ["electrons", "protons", "neutrons"]
    assert all(len(line.split()) == 4 for line in lines[2:])


def test_more_than_three_dimensions_do_not_fit(tmp_path) -> None:
    run = simulate(two_species(4), steps=0)
    with pytest.raises(ArgumentError, match="three coordinates, got dimension 4"):
        run.export_xyz(tmp_path / "run.xyz")
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written(tmp_path) -> None:
    run = simulate(two_species(3), steps=0)
    with pytest.raises(ArgumentError, match=r"none/run\.xyz` cannot be written: No such file"):
        run.export_xyz(tmp_path / "none" / "run.xyz")


def test_a_file_is_replaced_as_a_whole(monkeypatch, tmp_path) -> None:
    run = simulate(two_species(3), steps=2)
    (tmp_path / "run.xyz").write_text("as it was")

    def frames(self):
        yield 0, self.last
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Trajectory, "frames", frames)
    with pytest.raises(ArgumentError, match=r"run\.xyz` cannot be written: No space left on"):
        run.export_xyz(tmp_path / "run.xyz")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["as it was"]
