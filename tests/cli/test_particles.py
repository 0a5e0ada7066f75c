"""`eigenwell particles` on small systems: a folder that explains itself, whole or cut short."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eigenwell import particles

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
pytest.importorskip("plotly", reason="plotly is not installed")
pytest.importorskip("zarr", reason="zarr is not installed")

# SWIG's types in Box2D warn while they are made, and an error at that point ends the interpreter.
pytestmark = pytest.mark.filterwarnings(
    "ignore:builtin type .* has no __module__:DeprecationWarning"
)

SPHERE = ("particles", "sphere", "--points", "30", "--learning-rate", "0.03", "--movie", "none")
POLYMER = ("particles", "polymer", "--points", "12", "--steps", "20", "--movie", "none")


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C comes when the run has recorded something for the first time."""
    simulate = particles.simulate

    def ctrl_c(progress: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(
        particles,
        "simulate",
        lambda *args, **options: simulate(*args, **options | {"progress": ctrl_c}),
    )


def test_the_sphere(here: Any, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    result = here(*SPHERE, "--steps", "2000", "--xyz", "-o", out)
    assert result.status == 0
    assert "radii of the sphere" in result.out
    assert str(out / "viewer.html") in result.out
    assert "step 2,000 of 2,000" in result.err
    names = {"particles.json", "sheet.png", "trajectory.xyz", "trajectory.zarr", "viewer.html"}
    assert {file.name for file in out.iterdir()} == names
    document = json.loads((out / "particles.json").read_text())
    assert set(document["files"]) == names
    assert document["options"]["points"] == 30
    assert document["provenance"]["seed"] == 0
    # The next term of the theory is a factor 1 - 0.6 n^(-3/2), here 0.4% off.
    assert document["finding"]["mean"] == pytest.approx(0.03 * 30 / 3, rel=0.01)
    assert document["records"] == len(particles.Trajectory.load(out / "trajectory.zarr"))
    page = (out / "viewer.html").read_text()
    assert "<h1>The flickering sphere, N = 30</h1>" in page


@pytest.mark.parametrize(("dimension", "what"), [(1, "half-lengths"), (2, "disc"), (4, "sphere")])
def test_other_dimensions(here: Any, tmp_path: Path, dimension: int, what: str) -> None:
    result = here(*SPHERE, "--dimension", dimension, "--steps", "1500", "-o", tmp_path / "out")
    assert result.status == 0
    assert what in result.out
    document = json.loads((tmp_path / "out" / "particles.json").read_text())
    # Not theory's test: so few points are 15% inside of the limit of the disc.
    assert document["finding"]["mean"] == pytest.approx(document["finding"]["expected"], rel=0.3)


def test_the_polymer_for_machines(here: Any, tmp_path: Path) -> None:
    result = here(*POLYMER, "-o", tmp_path / "out", "--json", "--quiet")
    assert (result.status, result.err) == (0, "")
    document = json.loads(result.out)
    assert document == json.loads((tmp_path / "out" / "particles.json").read_text())
    assert document["system"] == "polymer"
    assert document["finding"]["neutrons"] == 12
    # An odd number, so that what flickers is seen.
    assert (document["record_every"], document["records"], document["completed"]) == (1, 21, 20)


def test_movies(here: Any, tmp_path: Path) -> None:
    small = (*POLYMER[:-4], "--steps", "3")
    document = json.loads(here(*small, "-o", tmp_path, "--movie", "gif", "--json").out)
    assert "movie.gif" in document["files"]
    assert (tmp_path / "movie.gif").read_bytes().startswith(b"GIF8")


def test_steps_are_rounded_up_to_records(here: Any, tmp_path: Path) -> None:
    document = json.loads(here(*SPHERE, "--steps", "1000", "-o", tmp_path, "--json").out)
    assert (document["record_every"], document["requested"]) == (3, 1002)


def test_an_even_spacing_cannot_show_the_flicker(here: Any, tmp_path: Path) -> None:
    result = here(*SPHERE, "--steps", "20", "--record-every", "2", "-o", tmp_path)
    assert result.status == 0
    assert "give an odd --record-every" in result.out


@pytest.mark.usefixtures("interrupted")
def test_ctrl_c_keeps_what_there_is(
    here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    result = here(*SPHERE, "--steps", "500", "--momentum", "0.5", "-o", out)
    assert result.status == 130
    assert "interrupted after step " in result.out
    assert "--resume goes on" in result.out
    cut = particles.Trajectory.load(out / "trajectory.zarr")
    assert 0 < len(cut) < 251
    document = json.loads((out / "particles.json").read_text())
    assert document["interrupted"]
    assert document["completed"] == cut.steps[-1]

    monkeypatch.undo()
    assert here(*SPHERE, "--steps", "500", "--momentum", "0.5", "-o", out, "--resume").status == 0
    assert here(*SPHERE, "--steps", "500", "--momentum", "0.5", "-o", tmp_path / "b").status == 0
    ends = [
        particles.Trajectory.load(folder / "trajectory.zarr").last["points"]
        for folder in (out, tmp_path / "b")
    ]
    assert np.array_equal(*ends)


def test_more_steps(here: Any, tmp_path: Path) -> None:
    assert here(*SPHERE, "--steps", "900", "-o", tmp_path).status == 0
    # As often as before, whatever the default for so many steps would be.
    result = here(*SPHERE, "--steps", "3000", "-o", tmp_path, "--resume", "--json")
    document = json.loads(result.out)
    assert (document["completed"], document["record_every"]) == (3000, 3)


def test_a_folder_that_holds_a_run(here: Any, tmp_path: Path) -> None:
    assert here(*POLYMER, "-o", tmp_path).status == 0
    result = here(*POLYMER, "-o", tmp_path)
    assert result.status == 2
    assert "holds a run already: go on with it by --resume" in result.sentence
    result = here(*POLYMER, "--seed", "3", "-o", tmp_path, "--resume")
    assert result.status == 2
    assert "`seed` must be 0" in result.sentence


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("", "expected one of {sphere, polymer, findings}"),
        ("sphere", "missing"),
        ("sphere -o out --points 0", "`Species('points').count` must be between 1"),
        ("sphere -o out --points -5", "`Species('points').count` must be between 1"),
        ("sphere -o out --learning-rate -1", "must be finite and above 0"),
        ("sphere -o out --dimension 0", "`dimension` must be between 1"),
        ("sphere -o out --initial cube", "invalid choice 'cube'"),
        ("polymer -o out --pairs odd", "invalid choice 'odd'"),
        ("sphere -o out --steps -1", "`steps` must be between 1"),
        ("sphere -o out --record-every 0", "`record_every` must be between 1"),
        ("sphere -o out --steps 10 --record-every 3", "`steps` must be a multiple"),
        ("sphere -o out --momentum 1", "`momentum` must be at least 0 and below 1"),
        ("sphere -o file", "`--output` must be a folder"),
    ],
)
def test_mistakes(
    here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    result = here("particles", *arguments.split())
    assert result.status == 2
    assert sentence in result.sentence
    assert not list(tmp_path.glob("out/*"))


def test_a_learning_rate_that_is_too_large(here: Any, tmp_path: Path) -> None:
    result = here(*POLYMER, "--learning-rate", "1e25", "-o", tmp_path, "--quiet")
    assert result.status == 2
    assert "`learning_rate` of " in result.sentence
    assert "after step 1 " in result.sentence
    assert len(particles.Trajectory.load(tmp_path / "trajectory.zarr")) == 1


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(here: Any, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "`--output`" in here(*POLYMER, "-o", tmp_path).sentence


def test_pictures_are_an_extra_and_asked_for_first(
    here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    result = here(*POLYMER, "-o", tmp_path / "out")
    assert result.status == 2
    assert result.sentence.endswith('pip install "eigenwell[report]"')
    assert not (tmp_path / "out").exists()


def test_findings_names_the_experiments_there_are(here: Any, tmp_path: Path) -> None:
    ran = here("particles", "findings", "-o", str(tmp_path), "--only", "sphere-1")
    assert ran.status == 2
    assert "sphere-100, sphere-300" in ran.err


def test_findings_keep_what_they_measured(here: Any, tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    options = ("-o", str(tmp_path), "--only", "dimension-1", "--seeds", "1", "--jobs", "1")
    ran = here("particles", "findings", *options, "--json")
    assert ran.status == 0
    assert json.loads(ran.out)["results"] == 1
    (line,) = (tmp_path / "particles.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line)["values"]["gap"] == pytest.approx(1, abs=1e-3)
    assert not (tmp_path / "particles.md").exists()
