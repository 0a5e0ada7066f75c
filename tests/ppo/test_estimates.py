"""Advantages, losses and normalisers against references."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.ppo import toys

from eigenwell.errors import ShapeError
from eigenwell.ppo import PPOConfig, ReturnScale, RunningMoments, gae
from eigenwell.ppo._environments import Environments
from eigenwell.ppo._policy import INPUT_CLIP
from eigenwell.ppo._rollout import Collector
from eigenwell.ppo._state import RunState
from eigenwell.ppo.torch import ActorCritic, Learner, approximate_kl, clipped_objective, normalised

# The bar. Ours and the references are float64 but for the losses, whose float32 terms of
# order 1 are rounded at 6e-8.
EXACT = 1e-6


def slow_gae(r, v, v_next, done, gamma, lam):
    """Sum_k (gamma lambda)^k delta_{t+k}, up to the end of the episode, term by term."""
    advantages = np.zeros_like(r)
    for t, i in np.ndindex(r.shape):
        for k in range(t, len(r)):
            delta = r[k, i] + gamma * v_next[k, i] - v[k, i]
            advantages[t, i] += (gamma * lam) ** (k - t) * delta
            if done[k, i]:
                break
    return advantages


@pytest.mark.parametrize(("gamma", "lam"), [(0.99, 0.95), (1.0, 1.0), (0.9, 0.0), (0.0, 1.0)])
def test_gae_is_its_definition(gamma, lam) -> None:
    rng = np.random.default_rng(0)
    r, v, v_next = rng.standard_normal((3, 40, 5))
    done = rng.random((40, 5)) < 0.15
    done[-1, 0], done[0, 1] = True, True
    ours = gae(r, v, v_next, done, gamma=gamma, gae_lambda=lam)
    np.testing.assert_allclose(ours, slow_gae(r, v, v_next, done, gamma, lam), atol=EXACT, rtol=0)


def test_gae_wants_one_shape() -> None:
    with pytest.raises(ShapeError, match=r"one shape \(T, n\), got \(2, 1\), \(2,\)"):
        gae([[1], [1]], [1, 1], [[1], [1]], [[0], [0]], gamma=1, gae_lambda=1)


def test_clipped_objective_and_kl_are_their_definitions() -> None:
    rng = np.random.default_rng(1)
    log_ratio, advantage = 0.3 * rng.standard_normal(200), rng.standard_normal(200)
    ratio, terms = np.exp(log_ratio), []
    for r, a in zip(ratio, advantage, strict=True):  # the cases of Schulman et al. 2017, figure 1
        terms.append(a * (min(r, 1.2) if a > 0 else max(r, 0.8)))
    tensors = torch.tensor(log_ratio, dtype=torch.float32), torch.tensor(advantage).float()
    assert float(clipped_objective(*tensors, clip=0.2)) == pytest.approx(np.mean(terms), abs=EXACT)
    expected = np.mean(ratio - 1 - log_ratio)
    assert float(approximate_kl(tensors[0])) == pytest.approx(expected, abs=EXACT)


def test_the_clip_stops_the_gradient_where_the_ratio_has_gone_far_enough() -> None:
    log_ratio = torch.tensor([0.5, 0.5, -0.5, -0.5], requires_grad=True)
    advantages = torch.tensor([1.0, -1.0, 1.0, -1.0])
    clipped_objective(log_ratio, advantages, clip=0.2).backward()
    assert (log_ratio.grad != 0).tolist() == [False, True, True, False]


def test_advantages_are_normalised() -> None:
    values = normalised(torch.randn(64, generator=torch.Generator().manual_seed(0)) * 7 + 3)
    assert abs(float(values.mean())) < EXACT
    assert float(values.std()) == pytest.approx(1, abs=EXACT)


@pytest.mark.parametrize("environment", ["ppo/Target-v0", "ppo/Discrete-v0"])
def test_densities_are_those_of_torch_distributions(environment) -> None:
    space = Environments(environment, 1, 0)
    networks = ActorCritic(PPOConfig(environment, initial_log_std=-0.4), space.size, space.actions)
    x = torch.randn((6, 1), generator=torch.Generator().manual_seed(0))
    output = networks.actor(x)
    if networks.log_std is None:
        law = torch.distributions.Categorical(logits=output)
        actions = torch.tensor([0, 1, 2, 0, 1, 2])
        expected = law.log_prob(actions), law.entropy().mean()
    else:
        law = torch.distributions.Normal(output, networks.log_std.exp())
        actions = torch.linspace(-2, 2, 6)[:, None]
        expected = law.log_prob(actions).sum(-1), law.entropy().sum(-1).mean()
        noise = torch.linspace(-0.5, 0.5, 6)[:, None]  # of RPO, on the means
        shifted = torch.distributions.Normal(output + noise, networks.log_std.exp())
        torch.testing.assert_close(
            networks.assess(x, actions, noise)[0], shifted.log_prob(actions).sum(-1)
        )
    for ours, theirs in zip(networks.assess(x, actions), expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=EXACT, rtol=0)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_running_moments_are_those_of_all_rows(offset) -> None:
    rows = np.random.default_rng(2).standard_normal((1000, 3)) * [1, 10, 0.1] + offset
    moments = RunningMoments(3)
    assert moments.scale.tolist() == [1, 1, 1]
    for block in np.split(rows, [1, 2, 50, 51, 700]):
        moments.update(block)
    np.testing.assert_allclose(moments.mean, rows.mean(axis=0), rtol=1e-12, atol=1e-12)
    # A sum of squares would have lost all digits at an offset of 1e6.
    np.testing.assert_allclose(moments.scale, rows.std(axis=0) ** -1, rtol=2e-6)


def test_return_scale_is_the_deviation_of_discounted_returns() -> None:
    rng = np.random.default_rng(3)
    rewards, done = rng.standard_normal((200, 4)), rng.random((200, 4)) < 0.1
    scale, sums, seen = ReturnScale(4, 0.9), np.zeros(4), []
    for r, d in zip(rewards, done, strict=True):
        scaled = scale(r, d)
        sums = 0.9 * sums + r
        seen.extend(sums)
        sums = np.where(d, 0, sums)
    np.testing.assert_allclose(scaled, r / np.std(seen), rtol=1e-6)


def rollout(environment, **changes):
    config = PPOConfig(
        environment,
        environments=2,
        rollout_steps=10,
        minibatch=20,
        normalise_observations=False,
        normalise_returns=False,
        **changes,
    )
    environments = Environments(environment, 2, 0)
    collector = Collector(config, environments, np.random.default_rng(0))
    collector.restart(0, steps=0)
    result = collector.collect(RunState(config, environments).policy)
    return result, environments, collector


def test_every_step_is_one_of_an_episode() -> None:
    steps, environments, collector = rollout("ppo/Truncates-v0")
    # The observation after an end is the first of the next episode, which the next action acts on.
    assert steps.x[:, 0, 0].tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2]
    assert np.flatnonzero(steps.done[:, 0]).tolist() == [3, 7]
    assert steps.final_x.ravel().tolist() == [toys.LENGTH] * 4
    assert list(collector.recent) == [(4.0, 4.0)] * 4
    for environment in environments._running._vector.envs:
        assert len(environment.unwrapped.actions) == 10
    environments.close()


def test_actions_reach_the_environment_in_its_own_units() -> None:
    steps, environments, _ = rollout("ppo/Truncates-v0")
    taken = np.stack([e.unwrapped.actions for e in environments._running._vector.envs], axis=1)
    np.testing.assert_allclose(taken, 1 + 3 * np.clip(steps.actions, -1, 1), atol=1e-6)
    assert np.abs(steps.actions).max() > 1  # a density's argument is not clipped
    environments.close()


def test_a_termination_ends_the_return() -> None:
    steps, environments, _ = rollout("ppo/Terminates-v0")
    environments.close()
    true_value = {False: lambda x: 4 - x[:, 0], True: lambda x: 4 - x[:, 0] + 1}
    advantages, returns = steps.advantages(true_value[False], gamma=1, gae_lambda=0.9)
    # With the true values nothing is better or worse than expected.
    np.testing.assert_allclose(advantages, 0, atol=EXACT)
    np.testing.assert_allclose(returns, 4 - steps.x[:-1, :, 0], atol=EXACT)
    assert np.abs(steps.advantages(true_value[True], gamma=1, gae_lambda=0.9)[0]).max() > 0.5


def test_a_truncation_is_bootstrapped_from_the_final_observation() -> None:
    steps, environments, _ = rollout("ppo/Truncates-v0")
    environments.close()

    def value(x):  # of reward 1 for ever at gamma 1/2, and a final observation worth 10
        return np.where(x[:, 0] == toys.LENGTH, 10.0, 2.0)

    advantages, _ = steps.advantages(value, gamma=0.5, gae_lambda=0)
    np.testing.assert_allclose(advantages, np.where(steps.done, 1 + 5 - 2, 0), atol=EXACT)


@pytest.mark.parametrize("environment", ["ppo/Target-v0", "ppo/Discrete-v0"])
@pytest.mark.parametrize("actor", ["dc", "mlp"])
def test_the_numpy_actor_is_the_torch_one(environment, actor) -> None:
    environments = Environments(environment, 1, 0)
    run = RunState(PPOConfig(environment, actor=actor, hidden=(8, 5)), environments)
    with torch.no_grad():
        for parameter in run.learner.networks.actor.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(0))
    policy = run.acting()
    x = np.random.default_rng(0).uniform(-3, 3, (50, 1)).astype(np.float32)
    with torch.no_grad():
        expected = run.learner.networks.actor(torch.from_numpy(x)).numpy()
    # Sums of at most eight products of order 1 to 10, in another order.
    np.testing.assert_allclose(policy.output(x), expected, atol=1e-5)
    assert np.abs(policy.normalise(np.full((1, 1), 1e9))).max() == INPUT_CLIP


@pytest.mark.parametrize(("target", "epochs"), [(None, 10), (1e-9, 1)])
def test_an_update_ends_with_the_epoch_that_moved_too_far(target, epochs) -> None:
    space = Environments("ppo/Target-v0", 1, 0)
    config = PPOConfig("ppo/Target-v0", target_kl=target, minibatch=64)
    rng = np.random.default_rng(0)
    x, actions = rng.standard_normal((2, 256, 1)).astype(np.float32)
    losses = Learner(config, space.size, space.actions).update(
        x, actions, actions[:, 0], x[:, 0], learning_rate=1e-3, rng=rng
    )
    assert losses.epochs == epochs
    assert losses.kl > 0
