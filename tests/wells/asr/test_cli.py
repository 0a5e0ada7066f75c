"""`eigenwell wells asr run | study`: what they write, how they go on, and the mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

for module in ("torch", "sklearn", "safetensors", "tyro", "rich", "scipy"):
    pytest.importorskip(module, reason=f"{module} is not installed")

import tyro  # noqa: E402 - after the check

from eigenwell.cli._output import Output  # noqa: E402
from eigenwell.cli.wells_asr import Asr, AsrStudy  # noqa: E402
from eigenwell.errors import ArgumentError  # noqa: E402
from eigenwell.wells import asr  # noqa: E402

SMALL = (
    *("--dataset", "digits", "--epochs", 2, "--batches", 2),
    *("--classes", 4, "--update-every", 2),
)


def command(*words: object) -> tuple[int, Any]:
    """Run a subcommand as the program does after parsing."""
    parsed: Any = tyro.cli(Asr, args=[str(word) for word in words])
    return parsed.run(Output(json=parsed.json, quiet=parsed.quiet)), parsed


def test_a_run_says_and_keeps_what_it_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _ = command("run", *SMALL, "-o", tmp_path / "a", "--json")
    ran = capsys.readouterr()
    assert status == 0
    assert "epoch 2 of 2: Recall@1" in ran.err
    document = json.loads(ran.out)
    kept = json.loads((tmp_path / "a" / "curves.json").read_text())
    assert document["curves"] == kept["curves"]
    assert document["curves"]["loss"][0] is None
    assert document["config"] == kept["config"]
    assert asr.ASRConfig.load(tmp_path / "a" / "config.toml").epochs == 2
    # Everything is there: resuming takes the settings from the folder and runs nothing.
    status, _ = command("run", "--resume", "-o", tmp_path / "a", "--quiet")
    ran = capsys.readouterr()
    assert status == 0
    assert ran.err == ""
    assert "recall_1" in ran.out
    with pytest.raises(ArgumentError, match="`bins` must be 29 to resume"):
        command("run", "--resume", "-o", tmp_path / "a", "--bins", 10)


def test_ctrl_c_keeps_the_epochs_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from eigenwell.wells.asr.torch import Trainer

    train = Trainer.train_epoch

    def interrupted(self: Trainer) -> dict[str, float]:
        if self.epoch == 1:
            raise KeyboardInterrupt
        return train(self)

    monkeypatch.setattr(Trainer, "train_epoch", interrupted)
    status, _ = command("run", *SMALL, "-o", tmp_path)
    assert status == 130
    assert "1 of 2 epochs are in" in (err := capsys.readouterr().err)
    assert f"wells asr run --resume -o {tmp_path}" in err
    monkeypatch.undo()
    status, _ = command("run", "--resume", "-o", tmp_path, "--json")
    assert status == 0
    assert command("run", *SMALL, "--json", "--quiet")[0] == 0
    resumed, fresh = (json.loads(part) for part in _documents(capsys.readouterr().out))
    assert resumed["curves"] == fresh["curves"]


def _documents(text: str) -> list[str]:
    first, brace, second = text.partition("\n}\n")
    return [first + brace, second]


def test_settings_of_a_cell(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(asr.study_toml())
    for words in (("--cell", "low"), ("--cell", "low", "--config", tmp_path / "study.toml")):
        parsed: Any = tyro.cli(Asr, args=["run", *map(str, words), "--seed", "4", "--floor", "0"])
        settings = parsed._settings()
        assert asr.ASRConfig.from_mapping(settings) == asr.cell_config("low", seed=4, floor=0.0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "--cell", "hihg"), "`--cell` must be one of high, low"),
        (("run", "--config", "STUDY"), "`--cell` must be one of high, low"),
        (("run", "--config", "STUDY", "--cell", "no"), "got 'no'"),
        (("run", "--config", "PLAIN", "--cell", "low"), "has no cells"),
        (("run", "--resume"), "`--resume` needs --output"),
        (("run", "--config", "NONE"), "cannot be read"),
        (("run", "--start", "normal"), "`mean` and `sigma`"),
        (("run", "--dataset", "cub200"), "`root`"),
        (("study", "-o", "OUT", "--only", "hihg"), "`--only` must name cells, high"),
        (("study", "-o", "OUT", "--jobs", "0"), "`jobs`"),
    ],
)
def test_mistakes(words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(asr.study_toml())
    (tmp_path / "plain.toml").write_text("epochs = 2\n")
    named = {"STUDY": "study.toml", "PLAIN": "plain.toml", "NONE": "none.toml", "OUT": "out"}
    with pytest.raises(ArgumentError, match=message):
        command(*(tmp_path / named[word] if word in named else word for word in words))


def test_a_study_goes_on_where_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small = asr.experiments(dataset="digits", epochs=1, batches=1, classes=4, update_every=1)
    monkeypatch.setattr(asr, "experiments", lambda **_: small)
    words = ("-o", tmp_path, "--jobs", 1, "--only", "high", "low", "--seeds", 2)
    parsed: Any = tyro.cli(AsrStudy, args=[*map(str, words), "--json"])
    assert parsed.run(Output(json=True)) == 0
    first = capsys.readouterr()
    assert first.err.count(" of 4: ") == 4
    assert "left" in first.err
    document = json.loads(first.out)
    assert document["results"] == 4
    assert set(document["cells"]) == {"high", "low"}
    assert document["cells"]["high"]["seeds"] == 2
    assert "verdicts" not in document
    assert (tmp_path / "study.toml").exists()
    assert parsed.run(Output(json=True)) == 0
    second = capsys.readouterr()
    assert second.err == ""
    assert json.loads(second.out) == document
