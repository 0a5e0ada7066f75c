"""Collecting a population: what trains, what is kept, what resumes, and the mistakes."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eigenwell import agents, cartpole
from eigenwell.agents import _evolution, _gradients, _networks, _shard
from eigenwell.errors import ArgumentError, DTypeError, FormatError

pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pytest.importorskip("joblib", reason="joblib is not installed")

SMALL = cartpole.MLP((4, 3, 2))


def tiny(**changed: Any) -> agents.Collection:
    settings = {"shards": 2, "runs": 4, "updates": 3, "cap": 40, "long_cap": 60, "episodes": 9}
    return agents.Collection(**settings | changed)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_gradient_is_that_of_torch(activation: Any) -> None:
    torch = pytest.importorskip("torch")
    network = cartpole.MLP((4, 5, 3, 2), activation=activation)
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(3, network.parameters)).astype(np.float32)
    x = rng.normal(size=(3, 7, 4)).astype(np.float32)
    actions = rng.integers(0, 2, (3, 7))
    advantages = rng.normal(size=(3, 7)).astype(np.float32)
    found = _networks.log_policy_gradient(weights, network, x, actions, advantages)

    w = torch.tensor(weights, requires_grad=True)
    h, at = torch.tensor(x), 0
    for index, (size, width) in enumerate(network.layers):
        matrix = w[:, at : at + size * width].reshape(3, size, width)
        bias = w[:, at + size * width : at + size * width + width]
        h, at = h @ matrix + bias[:, None], at + (size + 1) * width
        h = getattr(torch, activation)(h) if index < 2 else h
    chosen = torch.log_softmax(h, -1).gather(2, torch.tensor(actions)[..., None])[..., 0]
    (chosen * torch.tensor(advantages)).sum().backward()
    # Sums of some ten products of order 1 in float32.
    assert np.allclose(found, w.grad.numpy(), rtol=1e-4, atol=1e-5)


def test_advantages_are_the_sum_that_defines_them() -> None:
    rng = np.random.default_rng(0)
    lengths = np.array([[3, 6], [1, 5]])
    valid = np.arange(6) < lengths[..., None]
    values = (rng.normal(size=(2, 2, 6)) * valid).astype(np.float32)
    cut = lengths == 6
    discount, trace = np.array([[0.9], [0.5]], np.float32), np.array([[0.8], [1.0]], np.float32)
    found = _gradients.gae(values, valid, cut, discount, trace)
    for run, episode in itertools.product(range(2), range(2)):
        length, g, k = lengths[run, episode], discount[run, 0], discount[run, 0] * trace[run, 0]
        v = values[run, episode]
        after = [*v[1:length], v[length - 1] if cut[run, episode] else 0]
        delta = [1 + g * after[t] - v[t] for t in range(length)]
        for t in range(length):
            expected = sum(k ** (s - t) * delta[s] for s in range(t, length))
            assert found[run, episode, t] == pytest.approx(expected, rel=1e-5, abs=1e-6)
        assert not found[run, episode, length:].any()


def test_ranks_share_what_is_equal() -> None:
    assert _evolution._ranks(np.array([[9, 200, 9, 50, 60]])).tolist() == [
        [-0.375, 0.5, -0.375, 0.0, 0.25]
    ]


def test_adam_moves_each_run_at_its_rate() -> None:
    adam = _networks.Adam([0.1, 0.001], 2)
    gradient = np.array([[3.0, -1e-3], [3.0, -1e-3]], np.float32)
    # The first step of Adam is the rate times the sign.
    assert np.allclose(adam.step(gradient), [[0.1, -0.1], [0.001, -0.001]], rtol=1e-3)


@pytest.mark.parametrize("algorithm", ["evolution", "gradient"])
def test_training_improves_most_runs(algorithm: str) -> None:
    rng = np.random.default_rng(3)
    network = cartpole.MLP()
    weights = _networks.initial_weights(network, np.full(8, 1.0), rng)
    common: dict[str, Any] = {"architecture": network, "cap": 100, "rng": rng}
    if algorithm == "evolution":
        training = agents.evolve(
            weights, learning_rate=[0.05] * 8, sigma=[0.1] * 8, pairs=8, episodes=3, **common
        )
    else:
        training = agents.ascend(
            weights,
            learning_rate=[0.02] * 8,
            discount=[0.98] * 8,
            trace=[1.0, 0.9] * 4,
            episodes=6,
            **common,
        )
    last = next(itertools.islice(training, 24, None))
    starts = cartpole.starts(20, seed=1)
    before, after = (
        cartpole.rollout(w, starts=starts, cap=100, mode="fast").mean(axis=1)
        for w in (weights, last)
    )
    # Starting from some 10 to 30 steps; by chance a run in four would double.
    assert np.median(after) > 2 * np.median(before)
    assert (after > before).sum() >= 6


def test_first_weights_are_as_wide_as_asked() -> None:
    rng = np.random.default_rng(0)
    weights = _networks.initial_weights(SMALL, [1.0, 2.0], rng)
    (first, _), (second, _) = SMALL.unpack(weights)
    for matrix, size in ((first, 4), (second, 3)):
        bounds = np.abs(matrix).max(axis=(1, 2))
        assert (bounds <= np.array([1.0, 2.0]) / np.sqrt(size)).all()
        assert (bounds > 0.6 * np.array([1.0, 2.0]) / np.sqrt(size)).all()


def test_the_interval_is_that_of_each_mean_alone() -> None:
    steps = np.random.default_rng(0).exponential(50, (6, 80))
    low, high = agents.bootstrap_interval(steps)
    mean, error = steps.mean(axis=1), steps.std(axis=1) / np.sqrt(80)
    # The percentile interval of a mean of 80 is near the normal one.
    assert np.allclose(high - low, 2 * 1.96 * error, rtol=0.15)
    assert ((low < mean) & (mean < high)).all()
    alone = agents.bootstrap_interval(steps[3:4])
    assert (alone[0][0], alone[1][0]) == pytest.approx((low[3], high[3]), rel=1e-6)
    # An agent that always reaches the cap is certain, and no rounding takes it beyond.
    for cap in (200, 10_000):
        low, high = agents.bootstrap_interval(np.full((2, 100), cap))
        assert low.tolist() == high.tolist() == [cap, cap]


def test_behaviour_is_the_mean_over_visited_states() -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(5, SMALL.parameters)).astype(np.float32)
    starts = cartpole.starts(3, seed=0)
    found = agents.behaviour(weights, architecture=SMALL, starts=starts, cap=50)
    for agent in range(5):
        seen = cartpole.rollout(
            weights[agent : agent + 1],
            architecture=SMALL,
            starts=starts,
            cap=50,
            mode="fast",
            states=True,
        )
        x = seen.observations.astype(float)
        expected = [x[:, 0].mean(), x[:, 2].mean(), seen.actions.mean()]
        assert found[agent] == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_a_collection_is_measured_from_common_starts(tmp_path: Path) -> None:
    settings = tiny()
    said: list[agents.CollectProgress] = []
    found = agents.collect(settings, output=tmp_path, progress=said.append)
    assert [progress.done for progress in said] == [1, 2]
    assert sum(said[-1].networks) == len(found)
    assert said[-1].seconds_left == 0
    assert set(found.algorithm) == {"evolution", "gradient"}
    steps = cartpole.rollout(found.weights, starts=cartpole.starts(9, seed=0), cap=40, mode="fast")
    assert np.array_equal(found.survival, steps.mean(axis=1).astype(np.float32))
    assert np.array_equal(np.isnan(found.survival_long), found.survival <= 30)
    assert np.unique(found.run).size == 8
    assert (np.diff(found.run) >= 0).all()
    for run in np.unique(found.run):
        assert np.unique(found.step[found.run == run]).size == (found.run == run).sum()
    stored = agents.Population.load(tmp_path / "population.parquet")
    assert np.array_equal(stored.weights, found.weights)


def test_what_was_killed_goes_on_to_the_same_networks(tmp_path: Path) -> None:
    whole = agents.collect(tiny(), output=tmp_path / "whole")
    # More shards, and more processes, leave what is there as it is.
    first, more = tmp_path / "whole" / "shard-00000.parquet", tiny(shards=3)
    before = first.stat().st_mtime_ns
    longer = agents.collect(more, output=tmp_path / "whole", jobs=2)
    assert first.stat().st_mtime_ns == before
    assert np.array_equal(longer.weights[longer.run < 200_000], whole.weights)
    # As if the process had died while it wrote the second shard.
    (tmp_path / "whole" / "shard-00001.parquet").unlink()
    (tmp_path / "whole" / ".shard-00001.parquet.1.1.tmp").write_bytes(b"half")
    again = agents.collect(more, output=tmp_path / "whole")
    assert np.array_equal(again.weights, longer.weights)
    assert np.array_equal(again.survival, longer.survival)


def test_another_collection_needs_another_folder(tmp_path: Path) -> None:
    agents.collect(tiny(shards=1), output=tmp_path)
    with pytest.raises(ArgumentError, match="holds a collection with seed = 0, got 1"):
        agents.collect(tiny(seed=1), output=tmp_path)
    shard = tmp_path / "shard-00000.parquet"
    shard.write_bytes(shard.read_bytes()[:200])
    with pytest.raises(FormatError, match=r"shard-00000.parquet` is no complete Parquet file"):
        agents.collect(tiny(shards=1), output=tmp_path)
    (tmp_path / "collection.json").write_text("17")
    with pytest.raises(FormatError, match="does not describe a collection"):
        agents.collect(tiny(shards=1), output=tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ArgumentError, match="`output` must be a folder that can be made"):
        agents.collect(tiny(shards=1), output=tmp_path / "file")


def test_every_tenth_shard_is_not_trained() -> None:
    shard = _shard.collect_shard(tiny(), 9)
    assert set(shard.algorithm) == {"random"}
    assert set(shard.step) == {0}
    assert len(shard) == np.unique(shard.run).size == 16
    assert [_shard._ALGORITHMS[i % 10] for i in range(10)].count("gradient") == 4


def test_a_run_keeps_a_few_snapshots_of_each_group(tmp_path: Path) -> None:
    found = agents.collect(
        tiny(shards=1, runs=8, updates=16, snapshots=1, cap=100), output=tmp_path
    )
    # Chosen by a rougher measurement than the one that decides the group.
    assert np.unique(found.run, return_counts=True)[1].max() == 4
    assert len(found) > 8


def test_thinning_takes_from_every_run() -> None:
    from tests.agents.test_population import population

    whole = population(40)
    thin = agents.balanced(whole, per_group=3, seed=0)
    assert np.bincount(thin.group).tolist() == [0, 3, 3, 3, 3]
    for group in (1, 2, 3, 4):
        # Of groups with at least three runs, each network is from another one.
        runs = np.unique(whole.run[whole.group == group]).size
        assert np.unique(thin.run[thin.group == group]).size == min(3, runs)
    assert len(agents.balanced(whole, per_group=100, seed=0)) == 40


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"shards": 0}, ArgumentError, "`shards` must be between 1"),
        ({"runs": 10**6}, ArgumentError, "`runs` must be between 1"),
        ({"cap": 10}, ArgumentError, "`cap` must be between 20"),
        ({"seed": 1.5}, DTypeError, "`seed` must be an integer"),
        ({"architecture": cartpole.DC(4)}, ArgumentError, "must be an MLP"),
    ],
)
def test_settings_that_make_no_sense(changed: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        tiny(**changed)


def test_settings_are_kept_beside_the_shards(tmp_path: Path) -> None:
    agents.collect(tiny(shards=1), output=tmp_path, jobs=1)
    stored = json.loads((tmp_path / "collection.json").read_text())
    assert stored == json.loads(json.dumps(dataclasses.asdict(tiny(shards=1))))
    with pytest.raises(ArgumentError, match="`jobs` must be between 1"):
        agents.collect(tiny(shards=1), output=tmp_path, jobs=0)


def test_the_sample_is_measured_as_it_is_rounded(tmp_path: Path) -> None:
    whole = agents.collect(tiny(), output=tmp_path)
    stale = dataclasses.replace(whole, survival=np.minimum(whole.survival + 1, 40))
    chosen = agents.take_sample(stale, per_group=4)
    assert np.array_equal(chosen.weights, chosen.weights.astype(np.float16))
    steps = cartpole.rollout(chosen.weights, starts=cartpole.starts(9, seed=0), cap=40, mode="fast")
    assert np.array_equal(chosen.survival, steps.mean(axis=1).astype(np.float32))
    chosen.save(tmp_path / "sample.parquet", weights="float16")
