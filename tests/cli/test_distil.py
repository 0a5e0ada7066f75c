"""`distil`: what it writes and prints, also after Ctrl-C, and mistakes."""

from __future__ import annotations

import dataclasses
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.ppo import toys  # noqa: F401  (registers the environments)

from eigenwell.dc import PackedPolicy
from eigenwell.ppo import PPOConfig, TrainedPolicy
from eigenwell.ppo._spaces import Actions

# EnvPool lacks the toy, where it is installed.
NOT_ENVPOOL = "`backend` must be 'gymnasium'" if find_spec("envpool") else "`envpool` is needed"
SMALL = ("--episodes", 2, "--candidates", 1, "--candidate-episodes", 2)
TUNED = (*SMALL, "--steps", 256, "--environments", 1)
ROUNDED = (*SMALL, "--fine-tune", "none")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Folder of a run, as far as distilling needs one."""
    policy = TrainedPolicy(
        PPOConfig("ppo/Target-v0", actor="dc", eigenvalues=4),
        Actions(1, discrete=False, low=(-2.0,), high=(4.0,)),
        {
            "weights": np.float32([[0.1, 0.23, -0.3, 0.17]]),
            "biases": np.float32([[0.5, -0.5, 0.0, 0.1]]),
        },
        np.zeros(1, np.float32),
        np.ones(1, np.float32),
        np.zeros(1, np.float32),
    )
    folder = tmp_path / "run"
    folder.mkdir()
    policy.save(folder / "best.safetensors")
    return folder


def test_a_run_becomes_a_file(here: Any, run: Path, tmp_path: Path) -> None:
    file = tmp_path / "toy.dcp"
    result = here("distil", run, "-o", file, "--bits", 3, *TUNED)
    assert result.status == 0
    policy = PackedPolicy.load(file)
    assert policy.bits == 3
    title, *rows = result.out.splitlines()
    assert title == f"{run} to {file}: ppo/Target-v0, seeds 10000 to 10001"
    facts = {row[:10].strip(): row[10:].strip() for row in rows}
    assert list(facts) == [
        "in float",
        "in 3 bits",
        "fine-tuned",
        "lost",
        "kept",
        "constants",
        "file",
    ]
    assert facts["file"].startswith(f"{file.stat().st_size} bytes")
    assert facts["constants"] == "52 bytes, weights 8 of them"
    stages = list(dict.fromkeys(line.partition(":")[0] for line in result.err.splitlines()))
    assert stages[:5] == [
        "score in float",
        "score in 3 bits",
        "candidate 0 of 1",
        "fine-tune (distil)",
        "candidate 1 of 1",
    ]
    assert here("eval", file, "--episodes", 2, "--quiet").status == 0


def test_json(here: Any, run: Path, tmp_path: Path) -> None:
    result = here("distil", run, "-o", tmp_path / "toy.dcp", *ROUNDED, "--json", "--quiet")
    assert result.err == ""
    document = json.loads(result.out)
    assert document["file"] == str(tmp_path / "toy.dcp")
    (width,) = document["widths"]
    assert (width["bits"], width["fine_tune"], width["candidate"]) == (5, "none", 0)
    assert width["packed"] == width["rounded"]
    assert len(document["float"]["returns"]) == 2
    lost = document["float"]["mean"] - width["packed"]["mean"]
    assert width["lost"]["mean"] == pytest.approx(lost)
    assert width["file_bytes"] == (tmp_path / "toy.dcp").stat().st_size
    printed = here("distil", run, "-o", tmp_path / "toy.dcp", *ROUNDED, "--quiet").out
    assert "fine-tuned  no\n" in printed


def test_a_sweep(here: Any, run: Path, tmp_path: Path) -> None:
    file = tmp_path / "toy.dcp"
    result = here("distil", run, "--sweep", "-o", file, "--bits", 4, *ROUNDED)
    title, heading, *rows = result.out.splitlines()
    assert title.startswith(f"{run}, ppo/Target-v0, seeds 10000 to 10001; in float -")
    assert heading.split()[:2] == ["bits", "rounded"]
    assert [row.split()[0] for row in rows] == list("2345678")
    assert PackedPolicy.load(file).bits == 4
    document = json.loads(here("distil", run, "--sweep", *ROUNDED, "--json").out)
    assert document["file"] is None
    assert len(document["widths"]) == 7


def test_ctrl_c(here: Any, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from eigenwell.ppo.distil import _distil

    pack = _distil.pack

    def interrupted(*arguments: Any, bits: int) -> Any:
        if bits == 4:
            raise KeyboardInterrupt
        return pack(*arguments, bits=bits)

    monkeypatch.setattr(_distil, "pack", interrupted)
    file = tmp_path / "toy.dcp"
    file.write_text("as it was")
    alone = here("distil", run, "-o", file, "--bits", 4, *ROUNDED)
    assert (alone.status, alone.out) == (130, "")
    assert "nothing was written" in alone.err
    assert file.read_text() == "as it was"
    swept = here("distil", run, "--sweep", "-o", file, "--bits", 3, *ROUNDED)
    assert swept.status == 130
    assert [line.split()[0] for line in swept.out.splitlines()[2:4]] == ["2", "3"]
    assert swept.out.endswith("interrupted: the widths above are complete\n")
    assert PackedPolicy.load(file).bits == 3


def test_mistakes(here: Any, run: Path, tmp_path: Path) -> None:
    file = tmp_path / "toy.dcp"
    for arguments, message in (
        ((run,), "`--output` must be given, or --sweep"),
        ((run, "-o", tmp_path / "no" / "toy.dcp"), "`--output` cannot be written"),
        ((run, "-o", file, "--bits", 9), "`bits` must be between 2 and 8, got 9"),
        ((tmp_path / "absent", "-o", file), "absent, which is not there"),
        ((tmp_path, "-o", file), "a folder without best.safetensors"),
        ((run, "-o", file, "--fine-tune", "ppo", *SMALL), "last.safetensors to go on with PPO"),
        ((run, "-o", file, "--backend", "envpool"), NOT_ENVPOOL),
    ):
        result = here("distil", *arguments, "--quiet")
        assert result.status == 2
        assert message in result.sentence
    policy = TrainedPolicy.load(run / "best.safetensors")
    mlp = dataclasses.replace(policy, config=PPOConfig("ppo/Target-v0", actor="mlp"))
    mlp.save(run / "best.safetensors")
    assert "must have an actor of DC" in here("distil", run, "-o", file).sentence
    (run / "best.safetensors").write_bytes(b"nothing")
    assert "is not a checkpoint" in here("distil", run, "-o", file).sentence
    assert not file.exists()
