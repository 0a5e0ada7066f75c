"""Sweeps: names, resuming, failures, processes, a cluster, and the interval of a mean."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ppo import toys  # noqa: F401  (registers the environments)

from eigenwell.errors import ArgumentError, DTypeError
from eigenwell.ppo import PPOConfig, TrainedPolicy, _sweep, mean_interval, sweep, train

joblib = pytest.importorskip("joblib")


def config(**changes):
    settings = {
        "environment": "tests.ppo.toys:ppo/Target-v0",  # that a new process finds, too
        "total_steps": 4 * 32,
        "environments": 2,
        "rollout_steps": 16,
        "minibatch": 16,
        "epochs": 1,
        "evaluate_episodes": 2,
        "checkpoint_every": 2 * 32,
        "actor": "dc",
    }
    return PPOConfig(**{**settings, **changes})


def tensors(policy):
    return {name: array.tobytes() for name, array in policy.tensors().items()}


def test_runs_are_named_by_what_differs_and_are_those_of_train(tmp_path) -> None:
    configs = [config(seed=s, hidden=h, actor="mlp") for s in (0, 1) for h in ((4,), (4, 3))]
    said = []
    runs = sweep(configs, output=tmp_path, progress=lambda *now: said.append(now))
    assert [run.name for run in runs] == [
        "hidden=4,seed=0",
        "hidden=4x3,seed=0",
        "hidden=4,seed=1",
        "hidden=4x3,seed=1",
    ]
    assert [(done, of) for done, of, _ in said] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [run.config for run in runs] == configs
    alone = train(configs[3])
    assert tensors(TrainedPolicy.load(runs[3].folder / "last.safetensors")) == tensors(alone.policy)
    assert (runs[3].best_score, runs[3].last_score) == (alone.best_score, alone.metrics[-1].score)


def test_what_is_finished_is_kept_and_what_was_begun_goes_on(tmp_path, monkeypatch) -> None:
    configs = [config(seed=seed) for seed in range(3)]
    first = sweep(configs[:1], output=tmp_path)

    class KilledError(Exception):
        pass

    def progress(row):
        if row.update == 3:
            raise KilledError

    with pytest.raises(KilledError):
        train(configs[1], output=tmp_path / "seed=1", progress=progress)
    ran = []

    def watched(config, *, output, resume):
        ran.append((config.seed, resume))
        return train(config, output=output, resume=resume)

    monkeypatch.setattr(_sweep, "train", watched)
    runs = sweep(configs, output=tmp_path)
    assert ran == [(1, True), (2, False)]
    assert runs[0] == first[0]
    whole = train(configs[1])
    assert tensors(TrainedPolicy.load(runs[1].folder / "last.safetensors")) == tensors(whole.policy)
    assert sweep(configs, output=tmp_path) == runs
    with pytest.raises(ArgumentError, match=r"`gamma` must be 0\.99 to resume .*seed=0, got 0\.5"):
        sweep([config(gamma=0.5)], output=tmp_path)


def test_a_run_that_fails_does_not_end_the_others(tmp_path) -> None:
    configs = [config(target_kl=None, learning_rate=rate) for rate in (1e30, 1e-3)]
    failed, done = sweep(configs, output=tmp_path)
    assert failed.failure.startswith("the loss is no longer finite")
    assert failed.failure.endswith("has the run up to step 0")
    assert np.isnan(failed.best_score)
    assert (done.failure, done.best_score == done.last_score) == ("", True)


def test_processes_give_the_bits_of_this_one(tmp_path) -> None:
    configs = [config(seed=seed) for seed in range(2)]
    apart = sweep(configs, output=tmp_path / "apart", jobs=2)
    here = sweep(configs, output=tmp_path / "here", jobs=1)
    assert [run.best_score for run in apart] == [run.best_score for run in here]
    for a, b in zip(apart, here, strict=True):
        last = [TrainedPolicy.load(run.folder / "last.safetensors") for run in (a, b)]
        assert tensors(last[0]) == tensors(last[1])


# Of distributed itself, when it closes.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_a_dask_cluster_takes_the_runs(tmp_path, monkeypatch) -> None:
    distributed = pytest.importorskip("distributed")
    where = []

    def watched(*arguments, **options):
        where.append(distributed.get_worker().address)  # an error outside of a worker
        return train(*arguments, **options)

    monkeypatch.setattr(_sweep, "train", watched)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        runs = sweep([config(seed=seed) for seed in range(2)], output=tmp_path)
    assert len(where) == 2
    assert [run.best_score for run in runs] == [
        train(config(seed=seed)).best_score for seed in range(2)
    ]


def test_mistakes(tmp_path) -> None:
    with pytest.raises(ArgumentError, match=r"`configs` must differ .*, got seed=0 twice"):
        sweep([config(), config()], output=tmp_path)
    for jobs, error in ((0, ArgumentError), (1.5, DTypeError)):
        with pytest.raises(error, match="`jobs` must be"):
            sweep([config()], output=tmp_path, jobs=jobs)
    with pytest.raises(ArgumentError, match="Dict"):
        sweep([config(environment="ppo/Dict-v0")], output=tmp_path)
    assert sweep([], output=tmp_path) == ()


@pytest.mark.parametrize("n", [2, 3, 5, 10, 31])
def test_the_interval_is_students(n) -> None:
    stats = pytest.importorskip("scipy.stats")
    xs = np.random.default_rng(n).normal(3, 2, n)
    theirs = stats.t.interval(0.95, n - 1, loc=xs.mean(), scale=xs.std(ddof=1) / np.sqrt(n))
    # Bisection ends at 1e-12 of t.
    np.testing.assert_allclose(mean_interval(xs.tolist()), theirs, rtol=1e-10)
    assert mean_interval(xs[:1].tolist()) is None
