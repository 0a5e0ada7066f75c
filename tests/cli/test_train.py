"""``eigenwell train``: what it leaves, what it says, and mistakes."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from tests.helpers.repository import ROOT
from tests.ppo import toys  # noqa: F401  (registers the environments)

from eigenwell.ppo import TrainedPolicy

SMALL = (
    "--environment tests.ppo.toys:ppo/Target-v0 --total-steps 96 --environments 2 "
    "--rollout-steps 16 --minibatch 16 --epochs 1 --evaluate-every 64 --evaluate-episodes 2 "
    "--checkpoint-every 64 --actor dc"
)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def train(here: Any):
    """Run `eigenwell train` on a small environment."""
    return lambda words: here("train", *SMALL.split(), *words.split())


def test_a_run_leaves_a_folder_that_explains_itself(train, tmp_path) -> None:
    subprocess.run(["git", "init", "-q"], check=True)
    (tmp_path / "notes").write_text("mine")
    names = {
        f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    for command in (["add", "notes"], ["commit", "-qm", "first"]):
        subprocess.run(["git", *command], check=True, env={**os.environ, **names})
    (tmp_path / "notes").write_text("changed")
    result = train("--seed 5")
    assert result.status == 0
    folder = tmp_path / "runs" / "tests.ppo.toys-ppo-Target-v0-5"
    lines = result.out.splitlines()
    assert re.fullmatch(r"best score -\d+\.\d over 2 episodes, at step \d+ of 96: .*", lines[0])
    assert lines[1].startswith("curves: tensorboard --logdir runs/")
    assert "step 96 of 96: return -" in result.err
    assert re.search(r"steps/s [\d,]+, left 0:00:00, KL [\d.-]+, clip fraction [\d.]+", result.err)
    about = json.loads((folder / "config.json").read_text())
    assert (about["config"]["seed"], about["config"]["minibatch"]) == (5, 16)
    assert set(about["versions"]) >= {"python", "eigenwell", "gymnasium", "numpy", "torch"}
    assert re.fullmatch("[0-9a-f]{40}", about["git"]["revision"])
    assert about["git"]["dirty"] is True
    assert "cores" in about["machine"]
    with (folder / "metrics.csv").open(newline="") as stream:
        assert [row["steps"] for row in csv.DictReader(stream)] == ["32", "64", "96"]


def test_tensorboard_reads_the_curves_of_a_run_that_was_resumed(train, tmp_path) -> None:
    loading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    assert train("-o run").status == 0
    # As if killed: what the first process said of updates after the checkpoint must not count.
    assert train("-o cut").status == 0
    (stale,) = (tmp_path / "cut").glob("events*")
    stale.rename(tmp_path / "run" / stale.name.replace("tfevents.", "tfevents.0"))
    events = loading.EventAccumulator(str(tmp_path / "run")).Reload()
    assert [event.step for event in events.Scalars("ppo/kl")] == [32, 64, 96]
    assert [event.step for event in events.Scalars("ppo/score")] == [64, 96]


def test_json_and_quiet(train) -> None:
    result = train("-o run --json --quiet")
    document = json.loads(result.out)
    assert result.err == ""
    assert (document["command"], document["output"]) == ("train", "run")
    assert (document["last"]["steps"], document["interrupted"]) == (96, False)
    assert document["best_score"] == pytest.approx(document["best_score"])
    assert document["config"]["hidden"] == [64, 64]


def test_resuming_needs_the_folder_alone(here: Any, train) -> None:
    assert train("-o run").status == 0
    again = train("-o run")
    assert again.status == 2
    assert "`output` must not hold a run already" in again.sentence
    longer = here("train", "--resume", "-o", "run", "--total-steps", 160)
    assert longer.status == 0
    assert "of 160: run/best.safetensors" in longer.out
    other = here("train", "--resume", "-o", "run", "--eigenvalues", 4)
    assert "`eigenvalues` must be 6 to resume the run in run, got 4" in other.sentence
    assert TrainedPolicy.load("run/last.safetensors").config.total_steps == 160


def test_presets_and_settings_that_are_none_or_several(here: Any) -> None:
    options = (
        "--total-steps 256 --target-kl None --hidden 8 4 --anneal False --clip 0.1 "
        "--evaluate-episodes 1"
    )
    assert here("train", "--preset", "cartpole", *options.split()).status == 0
    config = TrainedPolicy.load("runs/cartpole-0/best.safetensors").config
    assert (config.environment, config.epochs) == ("CartPole-v1", 20)
    assert (config.target_kl, config.hidden, config.anneal, config.clip) == (
        None,
        (8, 4),
        False,
        0.1,
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("", "`environment` must be given: a Gymnasium id"),
        ("--preset waker", "got 'waker': did you mean 'walker'?"),
        ("--preset walker --learnin-rate 3", "did you mean --learning-rate? (see eigenwell train"),
        ("--environment CartPol-v1", "`CartPol-v1` cannot be created: "),
        ("--preset walker --gamma 2", "`gamma` must be between 0 and 1, got 2"),
        ("--preset walker --actor dcc", "invalid choice 'dcc' for argument '--actor'"),
        ("--resume", "`--resume` needs --output or --preset"),
        ("--resume -o absent", "`absent/config.json` cannot be read: No such file"),
        ("--resume -o .", "`config.json` is not the config of a run"),
        ("--preset cartpole -o config.json", "`output` must be a folder that can be made"),
        ("--preset walker --sweep seeds", "`--sweep` must be like seeds=0..9 or"),
        ("--preset walker --sweep sed=1,2", "got 'sed': did you mean 'seed'?"),
        ("--preset walker --sweep gamma=x", "`--sweep` cannot read 'x' as a value of gamma"),
        ("--preset walker --sweep seed=1.5", "`--sweep` cannot read '1.5' as a value of seed"),
        ("--preset walker --sweep seed=3..1", "`--sweep` cannot read '3..1' as a value of seed"),
        ("--preset walker --sweep seed=0..99999", "must come to at most 10,000 runs"),
        ("--preset walker --sweep seed=1,1", "`configs` must differ from each other, got seed=1"),
        ("--preset walker --sweep seed=1 --jobs -4", "`jobs` must be between 1 and"),
    ],
)
def test_mistakes(here: Any, tmp_path, arguments, sentence) -> None:
    (tmp_path / "config.json").write_text("[]")
    result = here("train", *arguments.split(), "--quiet")
    assert result.status == 2
    assert sentence in result.sentence
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ("Broken", "raised ZeroDivisionError in step(), at environment step 17 or up to 1 after"),
        ("Hollow", "returned an observation that is not finite, at environment step 17 or"),
        ("Dict", "must have observations in a Box of shape (n,), got Dict"),
    ],
)
def test_environments_with_defects(train, environment, sentence) -> None:
    name = f"tests.ppo.toys:ppo/{environment}-v0"
    result = train(f"--environment {name} -o run --quiet")
    assert result.status == (2 if environment == "Dict" else 1)
    assert sentence in result.sentence
    if environment != "Dict":
        assert "last.safetensors` has the run up to step 0" in result.sentence
        assert TrainedPolicy.load("run/last.safetensors").config.environment == name


@pytest.mark.parametrize("module", ["torch", "safetensors", "joblib"])
def test_a_missing_extra_is_the_line_that_installs_it(train, monkeypatch, module) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, f"{module}.numpy", None)
    sweep = "--sweep seed=0" * (module == "joblib")
    result = train(f"{sweep} -o run --quiet")
    assert result.status == 2
    assert f"`{module}` is needed here" in result.sentence
    assert 'pip install "eigenwell[learn]"' in result.sentence


def test_a_sweep_ends_in_a_table(train, tmp_path) -> None:
    words = "--actor mlp --sweep seeds=0..1 target-kl=none,0.01 --sweep hidden=3x2,5 --jobs 1"
    result = train(words)
    assert result.status == 0
    assert "8 of 8: " in result.err
    lines = [line.split() for line in result.out.splitlines()]
    assert " ".join(lines[1]) == "settings runs failed best lowest last lowest"
    assert [line[:3] for line in lines[2:]] == [
        [f"target_kl={kl},hidden={hidden}", "2", "0"]
        for kl in ("None", "0.01")
        for hidden in ("3x2", "5")
    ]
    folder = tmp_path / "runs" / "tests.ppo.toys-ppo-Target-v0-sweep"
    assert len(list(folder.glob("*/best.safetensors"))) == 8
    again = train(f"{words} --json")
    assert " of 8: " not in again.err
    document = json.loads(again.out)
    assert [group["runs"] for group in document["groups"]] == [2] * 4
    low, high = document["groups"][0]["best_score_interval"]
    assert low < document["groups"][0]["best_score"] < high
    assert {run["failure"] for run in document["runs"]} == {None}


def test_a_loss_that_diverges_is_no_mistake_in_the_command(train) -> None:
    result = train("--learning-rate 1e30 --target-kl None -o run --quiet")
    assert result.status == 1
    assert "the loss is no longer finite: try a smaller `learning_rate`" in result.sentence


def test_a_sweep_with_a_failed_run_says_so(train) -> None:
    result = train("--sweep learning_rate=1e30,1e-3 --target-kl None --jobs 1 -o sweep --quiet")
    assert result.status == 1
    assert "learning_rate=1e+30,seed=0 failed: the loss is no longer finite" in result.out


@pytest.mark.parametrize("terminal", [False, True])
def test_ctrl_c_says_how_to_go_on(tmp_path, terminal) -> None:
    """And on a terminal there is a live view until then."""
    ours, theirs = pty.openpty()
    more = "--total-steps 999999 -o run"
    process = subprocess.Popen(
        [sys.executable, "-m", "eigenwell", "train", *SMALL.split(), *more.split()],
        stdout=subprocess.PIPE,
        stderr=theirs if terminal else subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
        text=True,
    )
    metrics = tmp_path / "run" / "metrics.csv"
    while process.poll() is None and not (
        metrics.exists() and metrics.read_bytes().count(b"\n") > 4
    ):
        time.sleep(0.01)
    os.close(theirs)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    shown = os.read(ours, 100_000).decode() if terminal else ""
    os.close(ours)
    assert process.returncode == 130
    assert re.fullmatch(
        r"interrupted: `run/last\.safetensors` has the run up to step \d+; "
        r"go on by eigenwell train --resume --output run\n",
        out,
    )
    if terminal:
        for word in ("of 1,000,000", "return", "steps/s", "left", "KL", "explained variance"):
            assert word in shown
