"""EnvPool's environments: every step is one of an episode, as with Gymnasium's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.ppo import toys  # noqa: F401  (registers the environments)

from eigenwell.errors import ArgumentError
from eigenwell.ppo import PPOConfig, train
from eigenwell.ppo._environments import Environments
from eigenwell.ppo._score import SCORE_SEED, score

envpool = pytest.importorskip("envpool", reason="the extra `fast-envs` is not installed")

COUNT = 3


def cartpole(**changes):
    settings = {
        "backend": "envpool",
        "total_steps": 192,
        "environments": 2,
        "rollout_steps": 16,
        "minibatch": 8,
        "epochs": 2,
        "checkpoint_every": 96,
        "evaluate_episodes": 3,
    }
    return PPOConfig("CartPole-v1", **{**settings, **changes})


@pytest.fixture
def environments():
    running = Environments("CartPole-v1", COUNT, 7, backend="envpool")
    yield running
    running.close()


@pytest.mark.filterwarnings("ignore:.*precision lowered by casting")
def test_steps_are_those_of_the_pool_without_the_ones_that_only_reset(environments) -> None:
    first = environments.restart(0)
    seed = int(np.random.SeedSequence([7, 0]).generate_state(COUNT)[0] >> 1)
    pool = envpool.make("CartPole-v1", env_type="gymnasium", num_envs=COUNT, seed=seed)
    ours = [[row] for row in first]
    for _ in range(100):
        step = environments.step(np.zeros(COUNT, np.int64))
        final = iter(step.final_obs)
        for i in range(COUNT):
            if step.done[i]:
                ours[i].append(next(final))
            ours[i].append(step.obs[i])
    theirs = [[row] for row in pool.reset()[0]]
    for _ in range(100):  # a step after an episode's end gives the first observation of the next
        for i, row in enumerate(pool.step(np.zeros(COUNT, np.int64))[0]):
            theirs[i].append(row)
    pool.close()
    for a, b in zip(ours, theirs, strict=True):
        assert len(a) > len(b)
        np.testing.assert_array_equal(a[: len(b)], b)


def test_a_limit_is_not_a_termination(environments) -> None:
    obs = environments.restart(0)
    for t in range(1, 501):
        lean = obs @ np.array([0.1, 0.5, 8.0, 1.0])  # balances, whatever the start
        step = environments.step((lean > 0).astype(np.int64))
        obs = step.obs
        assert step.done.all() == (t == 500)
    assert not step.terminated.any()
    assert len(step.final_obs) == COUNT


def test_a_segment_decides_what_follows(environments) -> None:
    first, other = environments.restart(0), environments.restart(1)
    assert not np.isin(other, first).any()
    np.testing.assert_array_equal(environments.restart(0), first)


def test_a_resumed_run_is_the_run_that_was_not_killed(tmp_path) -> None:
    half = train(cartpole(anneal=False, total_steps=96), output=tmp_path)
    resumed = train(cartpole(anneal=False), output=tmp_path, resume=True)
    straight = train(cartpole(anneal=False))
    for name, weight in straight.policy.weights.items():
        np.testing.assert_array_equal(resumed.policy.weights[name], weight)
        assert not np.array_equal(half.policy.weights[name], weight)


def test_scores_are_of_first_episodes() -> None:
    result = train(cartpole(total_steps=32))
    returns = score(result.policy, steps=32)
    environments = Environments("CartPole-v1", 3, SCORE_SEED, backend="envpool")
    obs, lengths = environments.restart(0), []
    for t in range(1, 501):
        action = result.policy.output(result.policy.normalise(obs)).argmax(axis=-1)
        step = environments.step(action)
        obs = step.obs
        lengths += [(i, t) for i in np.flatnonzero(step.done) if i not in dict(lengths)]
    environments.close()
    np.testing.assert_array_equal(returns, [t for _, t in sorted(lengths)])
    assert result.best_score == returns.mean()


def test_what_the_pool_lacks_is_named() -> None:
    with pytest.raises(ArgumentError, match=r"`backend` must be 'gymnasium' for environment `ppo/"):
        Environments("ppo/Target-v0", 2, 0, backend="envpool")


def test_torch_keeps_its_threads() -> None:
    before = torch.get_num_threads()
    train(cartpole(total_steps=32))
    assert torch.get_num_threads() == before
