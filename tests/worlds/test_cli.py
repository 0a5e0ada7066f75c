"""`eigenwell worlds`: from games to the mirror test on the command line, and the mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

for module in ("tyro", "rich", "torch", "zarr", "safetensors", "matplotlib"):
    pytest.importorskip(module, reason=f"{module} is not installed")

import tyro  # noqa: E402

from eigenwell.cli._output import Output  # noqa: E402
from eigenwell.cli.worlds import Worlds  # noqa: E402
from eigenwell.errors import ArgumentError, DTypeError, EigenwellError, FormatError  # noqa: E402

TINY = ("widths=[4,4,4,4]", "latent=3", "units=4", "length=4", "sequences=2", "report_every=1")


@pytest.fixture
def measured(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: object) -> dict[str, Any]:
        verb: Any = tyro.cli(Worlds, args=[str(argument) for argument in arguments])
        capsys.readouterr()
        assert verb.run(Output(json=True, quiet=True)) == 0
        found = capsys.readouterr()
        assert found.err == ""
        return json.loads(found.out)

    return run


def test_collect_train_mirror(
    measured: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    options = ("--variants", "o", "t+c", "--episodes", 2, "--length", 120)
    found = measured("collect", "-o", data, *options)["worlds"]
    assert list(found) == ["o", "t+c"]
    assert all(world["frames"] == 240 and world["bytes"] < 600 * 240 for world in found.values())
    measured("collect", "-o", data, *options, "--resume")
    stores = [world["path"] for world in found.values()]

    train = ("train", "--data", *stores, "-o", run)
    document = measured(*train, "--recipe", "joint", "--iterations", 2, "--set", *TINY)
    assert document["last"]["iteration"] == 2
    assert document["last"]["reconstruction"] > 0
    assert measured(*train, "--resume", "--iterations", 3)["last"]["iteration"] == 3

    picture = tmp_path / "grid.png"
    mirror = ("mirror", "--model", run, "--data", *stores, "--frames", 60)
    document = measured(*mirror, "--picture", picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert [(p["source"], p["target"]) for p in document["pairs"]] == [("o", "t+c"), ("t+c", "o")]
    assert document["passed"] is False
    assert document["score"] == pytest.approx(document["cycle"] + document["prediction"])
    low, high = document["pairs"][0]["ball_interval"]
    assert low <= document["pairs"][0]["ball_found"] <= high

    capsys.readouterr()
    verb: Any = tyro.cli(Worlds, args=[str(argument) for argument in mirror])
    assert verb.run(Output()) == 0
    shown = capsys.readouterr().out
    assert "mirror test over 60 frames" in shown
    assert "retrieval" in shown  # among the bars that an untrained model misses


def test_the_articles_recipe(measured: Any, tmp_path: Path) -> None:
    options = ("--variants", "o", "m", "--episodes", 2, "--length", 220)
    found = measured("collect", "-o", tmp_path, *options)["worlds"]
    stores = [world["path"] for world in found.values()]
    small = (*TINY, "prediction_steps=1", "reconstruction_steps=1", "separate_memory=true")
    document = measured(
        *("train", "--data", *stores, "-o", tmp_path / "run", "--recipe", "article-slim"),
        *("--iterations", 1, "--set", *small),
    )
    assert {"reconstruction", "prediction", "matching", "kl"} <= set(document["last"])


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ("collect -o x --variants o q", ArgumentError, "`variant` must be one of"),
        ("collect -o x --episodes 0", ArgumentError, "`episodes` must be between 1"),
        ("train --data absent -o x", ArgumentError, "`absent` does not exist"),
        ("train --data empty -o x", FormatError, "`empty` is no readable world"),
        ("train --data o.zarr -o x", ArgumentError, "`worlds` must be at least two"),
        ("train --data o.zarr o.zarr -o x", ArgumentError, "must be different variants, got o, o"),
        ("train --data o.zarr o.zarr -o x --resume", ArgumentError, "cannot be read"),
        ("train --data o.zarr -o x --set latent", ArgumentError, "`--set` must be NAME=VALUE"),
        ("train --data o.zarr -o x --set depth=1", DTypeError, "unknown fields: depth"),
        ("train --data o.zarr -o x --set latent=no", DTypeError, "`latent` must be an integer"),
        ("mirror --model absent --data o.zarr", ArgumentError, "cannot be read"),
        (
            "mirror --model absent --data o.zarr --picture absent/a.png",
            ArgumentError,
            "`--picture` cannot be written",
        ),
    ],
)
def test_mistakes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: str,
    error: type[EigenwellError],
    sentence: str,
) -> None:
    from eigenwell import worlds

    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    worlds.collect("o.zarr", episodes=2, length=5)
    verb: Any = tyro.cli(Worlds, args=arguments.split())
    with pytest.raises(error, match=sentence):
        verb.run(Output(quiet=True))
