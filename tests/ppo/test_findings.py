"""What the walker's study measures: synthetic rhythms with known phases, and short walks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eigenwell import dc
from eigenwell.errors import ArgumentError
from eigenwell.evaluation import make_environment
from eigenwell.ppo import PPOConfig, findings, train
from eigenwell.ppo.findings import _training, _walkers, _walks
from eigenwell.studies import Experiment, Store, kept, run_study

RATE = 50.0
TIME = np.arange(1000) / RATE
ARTICLE = {"policy": findings.ARTICLE}


@pytest.fixture(autouse=True)
def _no_extras_missing() -> None:
    for module in ("gymnasium", "scipy", "torch"):
        pytest.importorskip(module)


def rhythm(frequency: float, ahead: float = 0.0) -> Any:
    return np.cos(2 * np.pi * frequency * TIME + ahead)


def phases(*signals: Any, frequency: float) -> Any:
    return [findings.phase(x, frequency, rate=RATE) for x in signals]


@pytest.mark.parametrize("ahead", [0.0, 1.0, -2.5])
def test_rhythms_of_one_frequency_are_locked_at_their_difference(ahead: float) -> None:
    # Offsets and a slow drift are not of the rhythm.
    both = phases(3 + TIME + rhythm(2.5, ahead), 0.1 * rhythm(2.5), frequency=2.5)
    found = findings.locking(*both)
    assert found.value == pytest.approx(1, abs=1e-3)
    assert found.difference == pytest.approx(ahead, abs=0.02)


def test_rhythms_of_two_frequencies_are_not_locked() -> None:
    # Over the 18 s between the margins the difference goes round twice.
    both = phases(rhythm(2.5), rhythm(2.5 + 1 / 9), frequency=2.5)
    assert findings.locking(*both).value < 0.05


def test_phases_that_are_opposite_in_turn_cancel() -> None:
    turns = np.repeat([0.0, np.pi], 50)
    assert findings.locking(turns, np.zeros(100)).value == pytest.approx(0, abs=1e-12)
    assert findings.locking(turns[:50], np.zeros(100)).value == pytest.approx(1)


def test_the_dominant_frequency_is_that_of_all_signals() -> None:
    weak, strong = 1e-3 * rhythm(2.0), 1e3 * (0.9 * rhythm(2.0) + rhythm(4.0))
    # Between the bins of a window of five seconds lie 0.2 Hz.
    assert findings.dominant_frequency(weak, strong, rate=RATE) == pytest.approx(2.0, abs=0.1)


def test_a_constant_has_no_rhythm_but_does_no_harm() -> None:
    assert findings.dominant_frequency(np.ones(300), rate=RATE) >= 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(150), "more than 150 steps, got 150"),
        (np.full(300, np.nan), "finite"),
        (np.zeros((3, 300)), r"\(steps,\)"),
    ],
)
def test_no_signal_is_a_mistake(values: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        findings.phase(values, 2.5, rate=RATE)


def test_what_is_hidden_is_seen_by_neither_the_one_nor_the_other() -> None:
    policy = dc.walker()
    rng = np.random.default_rng(0)
    obs, other = rng.standard_normal((2, 24)).astype(np.float32)
    act = _walkers.CUTS["second-from-first"][1].policy(policy, other[None])
    changed = obs.copy()
    changed[9:14] += 1
    first, second = act(obs), act(changed)
    np.testing.assert_array_equal(first[:2], second[:2])  # the first leg's neurons do not see it
    assert (first[2:] != second[2:]).any()
    shown = obs.copy()
    shown[9:14] = other[9:14]
    np.testing.assert_array_equal(first[:2], policy(shown)[:2])
    np.testing.assert_array_equal(first[2:], policy(obs)[2:])


def test_rows_take_turns_in_the_place_of_what_is_hidden() -> None:
    policy, obs = dc.walker(), np.zeros(24, np.float32)
    rows = np.random.default_rng(1).standard_normal((2, 24)).astype(np.float32)
    act = _walkers.CUTS["lidar"][1].policy(policy, rows)
    turns = [act(obs) for _ in range(3)]
    assert (turns[0] != turns[1]).any()
    np.testing.assert_array_equal(turns[0], turns[2])


def test_the_observations_are_where_the_environment_puts_them() -> None:
    environment = make_environment("BipedalWalker-v3")
    environment.reset(seed=0)
    for _ in range(20):
        obs = environment.step(np.array([1.0, -1.0, -0.5, 0.3], np.float32))[0]
    body: Any = environment.unwrapped
    angles = [joint.angle for joint in body.joints]  # hip and knee of one leg, then of the other
    np.testing.assert_allclose(obs[list(findings.HIPS)], angles[::2], rtol=1e-6)
    np.testing.assert_allclose(obs[list(findings.KNEES)] - 1, angles[1::2], atol=1e-6)
    for leg, contact, lower in zip(_walks.LEGS, (8, 13), (body.legs[1], body.legs[3]), strict=True):
        assert leg[-1] == contact
        assert obs[contact] == lower.ground_contact
    environment.close()


def test_the_remark_about_the_wiring_counts() -> None:
    weights = dc.walker().weights
    across = [weights[9:14, :12], weights[4:9, 12:]]
    words = f"{sum(part.size for part in across)} weights"
    count = f"{sum(int(np.count_nonzero(part)) for part in across)} are not zero"
    remark = {claim.name: claim.remark for claim in findings.claims()}["article-blind"]
    assert words in remark
    assert count in remark


def test_a_fall_is_told_from_the_goal() -> None:
    assert findings.walk(lambda _: np.array([0.0, 0.0, -1.0, 1.0], np.float32), 0).fell


def test_bits_are_scored_on_the_seed_of_the_whole() -> None:
    weights = _walks.packed_identity("article", "article", (2, 8))
    values = _walkers.measure_bits("article", 0, **ARTICLE, widths=(2, 8), weights=weights)
    assert values["return"] == pytest.approx(311.4, abs=0.1)
    assert values["loss_2"] == pytest.approx(values["return"] - values["return_2"], abs=1e-3)
    assert values["fell_2"] == 1
    assert values["fell_8"] == 0


def test_every_check_of_the_claims_is_measured() -> None:
    parts = findings.walker_experiments()
    every = {each.name: each for part in parts.values() for each in part}
    kinds = {
        "quadratic": {"loss", "fell_without"},
        "bits": {"return", "fell", *(f"loss_{bits}" for bits in findings.WIDTHS)},
        "synchrony": {"hips_above_chance", "knees_above_chance"},
        "cut": {"return", "hips"},
    }
    for claim in findings.claims():
        for check in claim.checks:
            assert check.experiment in every
            assert check.quantity in kinds[check.experiment.split("-")[1]]
    names = [claim.name for name in ("article", "trained") for claim in findings.claims(name)]
    assert len(names) == len(set(names))
    json.dumps([each.parameters for each in every.values()])


def test_synchrony_says_how_far_the_legs_are_above_chance() -> None:
    values = _walkers.measure_synchrony("article", 0, **ARTICLE)
    assert values["hips"] - values["hips_by_chance"] == pytest.approx(
        values["hips_above_chance"], abs=2e-4
    )
    assert 0 <= values["hips_by_chance"] < values["hips"] <= 1
    assert values["frequency_first"] == pytest.approx(2.6, abs=0.4)


def test_of_a_walk_that_ends_early_nothing_is_said_about_phases() -> None:
    short = _walks.Walk(-100.0, fell=True, observations=np.zeros((199, 24), np.float32))
    assert _walkers._locked(short) == {}


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    small = {"environments": 2, "rollout_steps": 16, "minibatch": 16, "total_steps": 32}
    none = {"evaluate_every": 0, "evaluate_episodes": 1, "critic_hidden": (4,)}
    train(PPOConfig.preset("walker", **small, **none), output=tmp_path / "run")
    return tmp_path / "run"


def test_a_walker_that_was_trained_is_measured_as_it_is_and_packed(run_folder: Path) -> None:
    source = str(run_folder)
    policy = _walks.identity(source)
    obs = np.random.default_rng(0).standard_normal((3, 24)).astype(np.float32)
    actions = _walks.actor(source, policy)(obs)
    assert actions.shape == (3, 4)
    alone = _walks.actor(source, policy)(obs[0])
    np.testing.assert_array_equal(alone, _walks.actor(source, policy)(obs[:1])[0])
    # Products of one row and of three sum in orders of their own, on some processors.
    np.testing.assert_allclose(alone, actions[0], rtol=1e-5)
    # At eight bits the weights, of at most 0.5, are off by at most a five-hundredth of that.
    np.testing.assert_allclose(_walks.packed(source, policy, 8)(obs), actions, atol=0.05)
    assert "quadratic" not in findings.walker_experiments("trained", source)


def test_a_file_that_changes_under_the_study_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "walker.dcp"
    dc.walker().save(path)
    before = _walks.identity(str(path))
    dc.walker().without_quadratic().save(path)
    with pytest.raises(ArgumentError, match="stay as it is"):
        _walks.load(str(path), before)


def test_a_policy_for_something_else_is_no_walker(tmp_path: Path) -> None:
    path = tmp_path / "toy.dcp"
    dc.PackedPolicy.from_arrays(np.zeros((2, 2), int), [0.5], [0.0, 0.0], eigenvalues=2).save(path)
    with pytest.raises(ArgumentError, match="must be a policy of DC neurons for BipedalWalker-v3"):
        findings.walker_experiments("trained", str(path))
    with pytest.raises(ArgumentError, match="missing"):
        findings.walker_experiments("trained", str(tmp_path / "missing"))


def small_training(runs: Path) -> Experiment:
    """One cell of the sweep, of another environment and a few steps."""
    first = findings.training_experiments(str(runs), total_steps=64, backend="gymnasium")[0]
    small = {"environment": "Pendulum-v1", "environments": 2, "rollout_steps": 16, "minibatch": 16}
    settings = {**first.measure.keywords["settings"], **small, "evaluate_episodes": 1}
    first.measure.keywords.update(settings=settings, episodes=2)
    return first


def test_a_training_run_goes_on_where_it_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "results.jsonl")
    resumed: list[bool] = []

    def killed(*arguments: Any, resume: bool, **options: Any) -> Any:
        resumed.append(resume)
        result = train(*arguments, resume=resume, **options)
        if not resume:
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(_training, "train", killed)
    experiment = small_training(tmp_path / "runs")
    with pytest.raises(KeyboardInterrupt):
        run_study([experiment], store, seeds=1)
    (result,) = run_study([experiment], store, seeds=1)
    assert resumed == [False, True]
    assert len(result.values["returns"]) == 2  # type: ignore[arg-type]
    assert result.values["return"] == pytest.approx(np.mean(result.values["returns"]))
    assert str(tmp_path) not in store.path.read_text()  # no folder is part of what a run is


def test_the_sweep_has_every_cell_with_its_settings(tmp_path: Path) -> None:
    found = findings.training_experiments(str(tmp_path))
    settings = [each.parameters["settings"] for each in found]
    cells = [(each["eigenvalues"], each["backward"]) for each in settings]
    assert tuple(cells) == findings.CELLS
    assert {each["total_steps"] for each in settings} == {3_000_000}
    assert all("seed" not in each for each in settings)


def test_runs_made_elsewhere_are_scored_over_episodes(run_folder: Path, tmp_path: Path) -> None:
    (experiment,) = findings.run_experiments([str(run_folder)])
    store = Store(tmp_path / "results.jsonl")
    results = run_study([experiment], store, seeds=1)
    assert experiment.parameters["environment"] == "BipedalWalker-v3"
    assert results[0].values["return"] < 100
    assert kept([experiment], store) == results
    assert kept(findings.run_experiments([]), store) == []
