"""Whole runs: resuming, failing, learning, and mistakes in the arguments."""

from __future__ import annotations

import csv
import dataclasses
import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.helpers.repository import ROOT
from tests.ppo import toys  # noqa: F401  (registers the environments)

from eigenwell.errors import ArgumentError, EigenwellError, FormatError, ShapeError, TrainingError
from eigenwell.ppo import PRESETS, PPOConfig, TrainedPolicy, _score, train
from eigenwell.ppo._environments import Environments
from eigenwell.ppo._rollout import Collector
from eigenwell.ppo._state import RunState
from eigenwell.ppo.torch import Learner

UPDATES, STEPS = 6, 32


def config(environment="ppo/Target-v0", **changes):
    settings = {
        "total_steps": UPDATES * STEPS,
        "environments": 2,
        "rollout_steps": 16,
        "minibatch": 8,
        "epochs": 2,
        "evaluate_every": 2 * STEPS,
        "evaluate_episodes": 2,
        "checkpoint_every": 3 * STEPS,
        "actor": "dc",
        "rpo_alpha": 0.1,
    }
    return PPOConfig(environment, **{**settings, **changes})


class KilledError(Exception):
    pass


def killed_after(updates):
    def progress(row):
        if row.update == updates:
            raise KilledError

    return progress


def weights(policy):
    return {**policy.weights, "shift": policy.shift, "scale": policy.scale}


def curve(result):
    timeless = [dataclasses.replace(row, seconds=0, steps_per_second=0) for row in result.metrics]
    return np.array([dataclasses.astuple(row) for row in timeless])


def assert_same(a, b) -> None:
    for name, array in weights(a).items():
        assert array.tobytes() == weights(b)[name].tobytes(), name


@pytest.mark.parametrize("killed", [1, 3, 4])
@pytest.mark.parametrize("environment", ["ppo/Target-v0", "ppo/Discrete-v0"])
def test_a_resumed_run_is_the_run_that_was_not_killed(tmp_path, environment, killed) -> None:
    whole = train(config(environment), output=tmp_path / "whole")
    with pytest.raises(KilledError):
        train(config(environment), output=tmp_path / "cut", progress=killed_after(killed))
    resumed = train(config(environment), output=tmp_path / "cut", resume=True)
    assert_same(whole.policy, resumed.policy)
    assert_same(whole.best_policy, resumed.best_policy)
    assert whole.best_score == resumed.best_score
    np.testing.assert_array_equal(curve(whole), curve(resumed))
    assert len(resumed.metrics) == UPDATES
    tables = [(tmp_path / run / "metrics.csv").read_text().splitlines() for run in ("whole", "cut")]
    for a, b in zip(*tables, strict=True):
        timeless = [[c for i, c in enumerate(r) if i not in (2, 3)] for r in csv.reader([a, b])]
        assert timeless[0] == timeless[1]


def test_a_process_that_dies_at_once_leaves_a_checkpoint_to_resume(tmp_path) -> None:
    script = (
        "import os; from tests.ppo.test_train import config; from eigenwell.ppo import train\n"
        "train(config(), output='run', progress=lambda row: row.update == 4 and os._exit(9))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert run.returncode == 9
    resumed = train(config(), output=tmp_path / "run", resume=True)
    assert_same(train(config()).policy, resumed.policy)


def test_a_run_goes_on_beyond_its_end_and_may_be_scored_otherwise(tmp_path) -> None:
    train(config(), output=tmp_path)
    longer = config(total_steps=8 * STEPS, evaluate_episodes=1)
    assert [row.update for row in train(longer, output=tmp_path, resume=True).metrics][-1] == 8


def test_the_seed_decides_and_torch_is_left_as_it_was() -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    first, same, other = (train(config(seed=seed)).policy for seed in (1, 1, 2))
    assert_same(first, same)
    assert (first.weights["weights"] != other.weights["weights"]).all()
    environments = Environments("ppo/Target-v0", 2, 0)
    starts = [RunState(config(seed=seed), environments).policy for seed in (1, 2)]
    assert (starts[0].weights["weights"] != starts[1].weights["weights"]).all()
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_the_best_policy_is_not_the_last_one(monkeypatch) -> None:
    scored = []

    def evaluate(policy, *_, **__):
        scored.append(policy)
        return SimpleNamespace(returns=np.array([1.0, 3.0, 2.0])[len(scored) - 1])

    monkeypatch.setattr(_score, "evaluate", evaluate)
    result = train(config())
    assert (result.best_score, result.best_policy) == (3.0, scored[1])
    assert result.policy is scored[2]


def test_an_environment_that_fails_while_it_is_scored(tmp_path, monkeypatch) -> None:
    def evaluate(*_, **__):
        raise ZeroDivisionError("the ground is missing")

    monkeypatch.setattr(_score, "evaluate", evaluate)
    with pytest.raises(TrainingError, match=r"raised ZeroDivisionError while .* step 64 was scor"):
        train(config(), output=tmp_path)


def test_the_best_policy_comes_back_from_its_file(tmp_path) -> None:
    result = train(config(actor="mlp"), output=tmp_path)
    loaded = TrainedPolicy.load(tmp_path / "best.safetensors")
    assert loaded.config == result.config
    assert_same(loaded, result.best_policy)
    obs = np.float32([0.3])
    assert loaded(obs) == result.best_policy(obs)
    assert result.best_score == max(r.score for r in result.metrics if np.isfinite(r.score))
    with pytest.raises(ShapeError, match=r"`obs` must have shape \(1,\), got \(2,\)"):
        loaded(np.zeros(2))
    about = json.loads((tmp_path / "config.json").read_text())
    assert about["config"]["actor"] == "mlp"
    assert set(about["versions"]) >= {"python", "eigenwell", "gymnasium", "numpy", "torch"}


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (
            "ppo/Hollow-v0",
            r"`ppo/Hollow-v0` returned an observation that is not finite, at .* step 17 or",
        ),
        (
            "ppo/Unpaid-v0",
            r"`ppo/Unpaid-v0` returned a reward that is not finite, at .* step 17 or",
        ),
        (
            "ppo/Broken-v0",
            r"`ppo/Broken-v0` raised ZeroDivisionError in step\(\), at .* step 17 or .*miss",
        ),
        (
            "ppo/Closed-v0",
            r"`ppo/Closed-v0` raised ZeroDivisionError in reset\(\), at .* step 1 or .*miss",
        ),
    ],
)
def test_a_defect_of_the_environment_ends_the_run_and_keeps_the_checkpoint(
    tmp_path, environment, message
) -> None:
    with pytest.raises(TrainingError, match=message) as raised:
        train(config(environment), output=tmp_path)
    assert raised.value.__notes__ == [f"`{tmp_path / 'last.safetensors'}` has the run up to step 0"]
    assert TrainedPolicy.load(tmp_path / "last.safetensors").config.environment == environment


def test_ctrl_c_keeps_the_checkpoint_and_says_its_step(tmp_path) -> None:
    def progress(row):
        if row.update == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as raised:
        train(config(), output=tmp_path, progress=progress)
    assert raised.value.__notes__[0].endswith(f"has the run up to step {3 * STEPS}")
    assert not list(tmp_path.glob(".*.tmp"))


def test_a_watcher_sees_what_is_learnt_from_and_changes_nothing(monkeypatch) -> None:
    seen, acted, learnt = [], [], []
    collect, update = Collector.collect, Learner.update

    def collecting(self, policy):
        acted.append((policy, collect(self, policy)))
        return acted[-1][1]

    def updating(self, x, actions, advantages, returns, **options):
        learnt.append(advantages)
        return update(self, x, actions, advantages, returns, **options)

    plain = train(config("ppo/Discrete-v0"))
    monkeypatch.setattr(Collector, "collect", collecting)
    monkeypatch.setattr(Learner, "update", updating)
    watched = train(config("ppo/Discrete-v0"), watch=lambda *what: seen.append(what))
    assert_same(watched.policy, plain.policy)
    assert len(seen) == len(acted) == len(learnt) == UPDATES
    for (policy, rollout, advantages), what, flat in zip(seen, acted, learnt, strict=True):
        assert (policy, rollout) == what
        assert advantages.shape == rollout.actions.shape == (16, 2)
        np.testing.assert_array_equal(advantages.ravel(), flat)


def test_what_a_watcher_raises_ends_the_run(tmp_path) -> None:
    def watch(*_):
        raise KilledError

    with pytest.raises(KilledError):
        train(config(), output=tmp_path, watch=watch)
    assert_same(train(config(), output=tmp_path, resume=True).policy, train(config()).policy)


def test_a_loss_that_diverges_is_named() -> None:
    with pytest.raises(TrainingError, match="loss is no longer finite: try a smaller"):
        train(config(learning_rate=1e30, target_kl=None))


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ("ppo/Dict-v0", r"observations in a Box of shape \(n,\), got Dict"),
        (
            "ppo/Picture-v0",
            r"observations in a Box of shape \(n,\), got a Box of shape \(8, 8, 3\)",
        ),
        ("ppo/Many-v0", r"Discrete actions or a bounded Box of floats .*, got MultiDiscrete"),
        ("ppo/Unbounded-v0", r"Discrete actions or a bounded Box of floats .*, got Box\(-inf"),
        ("CartPol-v1", r"`CartPol-v1` cannot be created: .*Did you mean: `CartPole`"),
    ],
)
def test_unsupported_environments(environment, message) -> None:
    with pytest.raises(ArgumentError, match=message):
        train(config(environment))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learnin_rate": 1}, "`setting` .* got 'learnin_rate': did you mean 'learning_rate'"),
        ({"actor": "dcc"}, "`actor` must be one of dc, mlp, got 'dcc': did you mean 'dc'?"),
        ({"backward": "softmx"}, "did you mean 'softmax'?"),
        ({"gamma": 1.5}, "`gamma` must be between 0 and 1, got 1.5"),
        ({"gae_lambda": float("nan")}, "`gae_lambda` must be finite"),
        ({"minibatch": 24}, r"`minibatch` must divide environments \* rollout_steps = 32, got 24"),
        ({"minibatch": 1}, "`minibatch` must be at least 2"),
        ({"environments": 0}, "`environments` must be between 1 and"),
        ({"epochs": 1.5}, "`epochs` must be an integer, got float"),
        ({"clip": 0}, "`clip` must be finite and above 0"),
        ({"target_kl": -1}, "`target_kl` must be finite and above 0"),
        ({"hidden": (64, 0)}, "`hidden` must be between 1 and"),
        ({"environment": 3}, "`environment` must be a Gymnasium id, got int"),
    ],
)
def test_mistakes_in_a_config(settings, message) -> None:
    with pytest.raises(EigenwellError, match=message):
        PPOConfig.from_mapping({**dataclasses.asdict(config()), **settings})


def test_the_learning_rate_falls_linearly_to_zero() -> None:
    rates = [config(learning_rate=6e-4).learning_rate_at(update) for update in range(UPDATES + 1)]
    np.testing.assert_allclose(rates, [6e-4, 5e-4, 4e-4, 3e-4, 2e-4, 1e-4, 0], atol=1e-12)
    assert config(anneal=False).learning_rate_at(5) == config().learning_rate


def test_presets() -> None:
    for name in PRESETS:
        assert PPOConfig.preset(name, seed=3).seed == 3
    with pytest.raises(ArgumentError, match=r"got 'waker': did you mean 'walker'\?"):
        PPOConfig.preset("waker")
    with pytest.raises(ArgumentError, match="`environment` must be given"):
        PPOConfig.from_mapping({})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"eigenvalues": 4}, "`eigenvalues` must be 6 to resume the run in .*, got 4: resume with"),
        ({"actor": "mlp"}, "`actor` must be 'dc' to resume .*, got 'mlp'"),
        ({"critic_hidden": (8,)}, r"`critic_hidden` must be \[64, 64\] to resume .*, got \[8\]"),
    ],
)
def test_resuming_with_another_config(tmp_path, changes, message) -> None:
    train(config(total_steps=STEPS), output=tmp_path)
    with pytest.raises(ArgumentError, match=message):
        train(config(total_steps=STEPS, **changes), output=tmp_path, resume=True)


def test_a_folder_must_hold_what_is_expected(tmp_path) -> None:
    with pytest.raises(ArgumentError, match="`output` must be given to resume"):
        train(config(), resume=True)
    with pytest.raises(ArgumentError, match=r"last\.safetensors does not exist"):
        train(config(), output=tmp_path, resume=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(ArgumentError, match="`output` must be a folder that can be made"):
        train(config(), output=tmp_path / "file" / "run")
    train(config(total_steps=STEPS), output=tmp_path)
    with pytest.raises(ArgumentError, match="`output` must not hold a run already"):
        train(config(), output=tmp_path)


def test_damaged_checkpoints(tmp_path) -> None:
    train(config(total_steps=STEPS), output=tmp_path)
    path = tmp_path / "last.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(FormatError, match=r"is not a checkpoint of eigenwell\.ppo"):
        train(config(total_steps=STEPS), output=tmp_path, resume=True)
    path.write_bytes(whole.replace(b"policy.shift", b"policy.drift"))
    with pytest.raises(FormatError, match=r"lacks 'policy\.shift'"):
        TrainedPolicy.load(path)


def test_cartpole_is_balanced() -> None:
    result = train(PPOConfig.preset("cartpole", total_steps=30_000, evaluate_every=10_000))
    assert result.best_score >= 450
