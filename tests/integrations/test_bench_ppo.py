"""The comparison with Stable-Baselines3's PPO: that it is one. No test looks at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eigenwell.benchmarks import ppo, ppo_curves
from eigenwell.benchmarks._sb3 import sb3_ppo
from eigenwell.cli.main import run
from eigenwell.errors import ArgumentError, EigenwellError
from eigenwell.ppo import PPOConfig
from eigenwell.studies import Result

SMALL = {"environments": 2, "rollout_steps": 16, "minibatch": 16, "epochs": 2, "target_kl": None}
CONFIG = PPOConfig.preset("cartpole", **SMALL, evaluate_every=0, evaluate_episodes=1)


def test_their_model_has_our_settings() -> None:
    model = sb3_ppo(CONFIG)
    assert (model.n_envs, model.n_steps, model.batch_size, model.n_epochs) == (2, 16, 16, 2)
    assert (model.gamma, model.gae_lambda, model.vf_coef) == (0.98, 0.8, 0.25)
    assert model.lr_schedule(0.5) == CONFIG.learning_rate / 2
    assert model.get_vec_normalize_env().gamma == 0.98
    assert sb3_ppo(ppo_curves.settings()).get_vec_normalize_env() is None


def test_networks_have_one_size_and_every_update_is_a_sample() -> None:
    trainers = list(ppo.contenders(CONFIG, threads=1))
    assert {t.name.split(",")[0] for t in trainers} == {"Stable-Baselines3", "eigenwell"}
    ppo.check(trainers)
    for rate in ppo.time_in_turns(trainers, rounds=2, updates=2):
        assert rate.samples.shape == (4,)
        assert (rate.samples > 0).all()
    other = ppo.Trainer("larger", trainers[0].parameters + 1, trainers[0].train)
    with pytest.raises(EigenwellError, match="the networks differ in size"):
        ppo.check([*trainers, other])


def results(ours: float, seeds: int = 10) -> list[Result]:
    """Their runs at returns of 0 to 9, ours at one; no episode has ended at the first update."""
    return [
        Result(name, seed, {}, {"steps": [1.0, 2, 3], "returns": [np.nan, at, at]}, 1.0)
        for seed in range(seeds)
        for name, at in ((ppo_curves.OURS, ours), (ppo_curves.THEIRS, float(seed)))
    ]


@pytest.mark.parametrize(("ours", "inside"), [(4.0, 1.0), (8.0, 1.0), (8.5, 0.0), (0.5, 0.0)])
def test_the_band_is_that_of_their_runs(ours: float, inside: float) -> None:
    found = ppo_curves.compare(results(ours))
    assert found.steps.tolist() == [2, 3]
    np.testing.assert_allclose([found.low[0], found.high[0]], [0.9, 8.1])
    assert found.inside == inside
    assert found.their_mean.mean == pytest.approx(4.5)


def test_one_run_makes_no_band() -> None:
    with pytest.raises(ArgumentError, match="`seeds` must be at least 2 for a band, got 1"):
        ppo_curves.compare(results(1.0, seeds=1))


def test_curves_of_the_command_line_resume(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    small = {**SMALL, "total_steps": 128}
    settings = ppo_curves.settings
    monkeypatch.setattr(ppo_curves, "settings", lambda: settings(**small))
    file = tmp_path / "curves.jsonl"
    verb = ["bench", "ppo", "--curves", str(file), "--json"]

    def document(*more: str) -> Any:
        assert run([*verb, *more]) == 0
        return json.loads(capsys.readouterr().out)

    assert document("--seeds", "2")["seeds"] == 2
    lines = file.read_text()
    assert len(lines.splitlines()) == 4
    assert document("--seeds", "3")["seeds"] == 3
    assert file.read_text().startswith(lines)
    assert len(file.read_text().splitlines()) == 6
    assert json.loads(lines.splitlines()[0])["values"]["steps"] == [32.0, 64.0, 96.0, 128.0]
