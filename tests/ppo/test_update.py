"""The native update beside torch's: gradients, whole updates, runs that resume, and mistakes."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from tests.ppo import toys  # noqa: F401  (registers the environments)

from eigenwell import _native, backend
from eigenwell.errors import ShapeError, TrainingError
from eigenwell.ppo import PPOConfig, train
from eigenwell.ppo._spaces import Actions
from eigenwell.ppo.torch import Learner, clipped_objective, normalised
from eigenwell.ppo.torch import _learner as learner_module
from eigenwell.ppo.torch._update_native import NativeUpdate, settings_of, shape_of
from eigenwell.ppo.torch._update_torch import Batch, TorchUpdate

SIZE, COUNT = 5, 320
# No width fills the lanes of any processor; 160 samples are two and a half tiles.
NETWORKS: dict[str, dict[str, Any]] = {
    "mlp": {"hidden": (7, 33), "critic_hidden": (18, 16)},
    "linear": {"hidden": (), "critic_hidden": ()},
    "dc": {"actor": "dc", "eigenvalues": 5, "temperature": 0.6, "critic_hidden": (9,)},
}
KINDS = pytest.mark.parametrize("kind", NETWORKS)
HEADS = pytest.mark.parametrize("discrete", [False, True], ids=["gaussian", "categorical"])


def learner_of(kind: str, *, discrete: bool, **changes: Any) -> tuple[PPOConfig, Learner]:
    settings = {
        "environments": 1,
        "rollout_steps": COUNT,
        "minibatch": COUNT // 2,
        "epochs": 3,
        "learning_rate": 3e-3,
        "entropy_coefficient": 0.02,
        "target_kl": None,
        **NETWORKS[kind],
        **changes,
    }
    config = PPOConfig("Still", **settings)
    bounds = {} if discrete else {"low": (-1,) * 3, "high": (1,) * 3}
    learner = Learner(config, SIZE, Actions(3, discrete=discrete, **bounds))
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():  # far from the indifferent start, and with biases
        for parameter in learner.networks.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator)
    return config, learner


def batch_of(*, discrete: bool) -> Batch:
    rng = np.random.default_rng(1)
    x, actions = (rng.standard_normal((COUNT, n)).astype(np.float32) for n in (SIZE, 3))
    advantages, returns = rng.standard_normal((2, COUNT)).astype(np.float32)
    return Batch(x, rng.integers(0, 3, COUNT) if discrete else actions, advantages, returns)


def in_order(networks: Any) -> list[torch.nn.Parameter]:
    ends = [] if networks.log_std is None else [networks.log_std]
    return [*networks.actor.parameters(), *networks.critic.parameters(), *ends]


@pytest.mark.parametrize("isa", backend.available_isas())
@HEADS
@KINDS
def test_a_gradient_is_that_of_torch_in_float64(kind: str, discrete: bool, isa: str) -> None:
    config, learner = learner_of(kind, discrete=discrete)
    batch = batch_of(discrete=discrete)
    rows = np.random.default_rng(2).permutation(COUNT)[:150]
    exact = copy.deepcopy(learner.networks).double()
    x, actions, advantages, returns = (torch.from_numpy(column[rows]) for column in batch)
    actions = actions if discrete else actions.double()
    log_prob, entropy = exact.assess(x.double(), actions)
    # Ratios on both sides of both ends of the clip.
    shift = np.random.default_rng(3).uniform(-0.4, 0.4, COUNT).astype(np.float32)
    old = np.zeros(COUNT, np.float32)
    old[rows] = log_prob.detach().float().numpy() + shift[rows]
    log_ratio = log_prob - torch.from_numpy(old[rows])
    policy_loss = -clipped_objective(log_ratio, normalised(advantages.double()), clip=config.clip)
    value_loss = 0.5 * (exact.value(x.double()) - returns).square().mean()
    (
        policy_loss + config.value_coefficient * value_loss - config.entropy_coefficient * entropy
    ).backward()
    outside = (log_ratio.expm1().abs() > config.clip).double().mean()
    assert 0.2 < outside < 0.8
    with backend.forced_isa(isa):
        update = NativeUpdate(config, learner.networks, learner._adam, batch)._native
        gradients, sums = update.differentiate(
            batch.x, batch.actions, old, *batch[2:], rows, settings_of(config, 1e-3)
        )
    for ours, parameter in zip(gradients, in_order(exact), strict=True):
        assert parameter.grad is not None
        expected = parameter.grad.numpy().ravel()
        # The bar, of each parameter's gradient as a whole: a single element may be a difference.
        assert np.linalg.norm(ours - expected) < 1e-5 * np.linalg.norm(expected)
    kl = (log_ratio.expm1() - log_ratio).mean()
    expected_sums = [float(v.detach()) for v in (policy_loss, value_loss, entropy, outside, kl)]
    np.testing.assert_allclose(sums, expected_sums, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("epochs", [1, 10])
@HEADS
@KINDS
def test_an_update_is_that_of_torch(
    kind: str, discrete: bool, epochs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, found = batch_of(discrete=discrete), []
    for native in (True, False):
        # One minibatch, or twenty; and two updates, so that Adam's state is taken up again.
        config, learner = learner_of(
            kind, discrete=discrete, epochs=epochs, minibatch=COUNT if epochs == 1 else COUNT // 2
        )
        assert shape_of(config, learner.networks) is not None
        if not native:
            monkeypatch.setattr(learner_module, "shape_of", lambda *_: None)
        for seed in (5, 6):
            rng = np.random.default_rng(seed)
            losses = learner.update(*batch, learning_rate=3e-3, rng=rng)
        found.append((learner.state(), losses))
    (ours, our_losses), (theirs, their_losses) = found
    assert ours.keys() == theirs.keys()
    for name, expected in theirs.items():
        assert ours[name].dtype == expected.dtype
        # Both round to float32, in different orders: some units in the last place of weights of
        # order 1 after each step of 3e-3, of which there are 2 or 40.
        np.testing.assert_allclose(ours[name], expected, rtol=1e-4, atol=4e-6, err_msg=name)
    np.testing.assert_allclose(our_losses, their_losses, rtol=1e-4, atol=1e-5)


def test_what_it_does_not_know_stays_with_torch() -> None:
    config, learner = learner_of("mlp", discrete=False)
    networks = learner.networks
    noisy = dataclasses.replace(config, rpo_alpha=0.1)
    assert shape_of(config, networks) is not None
    assert shape_of(noisy, networks) is None
    assert shape_of(noisy, learner_of("mlp", discrete=True)[1].networks) is not None
    assert shape_of(config, copy.deepcopy(networks).double()) is None
    networks.critic = torch.nn.Sequential(torch.nn.Linear(SIZE, 2), torch.nn.ReLU())
    assert shape_of(config, networks) is None
    networks.critic = torch.nn.Linear(SIZE, 1)
    assert shape_of(config, networks) is None
    for backward in ("hard", "sparsemax"):
        config, learner = learner_of("dc", discrete=False, backward=backward)
        assert shape_of(config, learner.networks) is None

    class Derived(type(learner.networks.actor)):  # type: ignore[misc]
        pass

    config, learner = learner_of("dc", discrete=False)
    assert shape_of(config, learner.networks) is not None
    learner.networks.actor.__class__ = Derived
    assert shape_of(config, learner.networks) is None


def test_an_unknown_rule_learns_by_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    _, learner = learner_of("dc", discrete=False, backward="hard")
    monkeypatch.setattr(learner_module, "TorchUpdate", lambda *a: used.append(a) or TorchUpdate(*a))
    learner.update(*batch_of(discrete=False), learning_rate=1e-3, rng=np.random.default_rng(0))
    assert len(used) == 1


class KilledError(Exception):
    pass


@pytest.mark.parametrize("actor", ["dc", "mlp"])
def test_a_resumed_run_has_the_bits_of_one_that_was_not_killed(tmp_path, actor) -> None:
    config = PPOConfig(
        "ppo/Target-v0",
        total_steps=6 * 32,
        environments=2,
        rollout_steps=16,
        minibatch=8,
        epochs=2,
        evaluate_episodes=2,
        checkpoint_every=3 * 32,
        actor=actor,
    )

    def kill(row: Any) -> None:
        if row.update == 4:
            raise KilledError

    whole = train(config)
    with pytest.raises(KilledError):
        train(config, output=tmp_path, progress=kill)
    resumed = train(config, output=tmp_path, resume=True)
    for name, expected in whole.policy.weights.items():
        np.testing.assert_array_equal(resumed.policy.weights[name], expected)


@pytest.mark.parametrize("field", ["x", "actions", "advantages", "returns"])
def test_a_loss_that_is_not_finite_says_so(field: str) -> None:
    _, learner = learner_of("dc", discrete=False)
    batch = batch_of(discrete=False)
    getattr(batch, field)[3] = np.nan
    with pytest.raises(TrainingError, match="the loss is no longer finite"):
        learner.update(*batch, learning_rate=1e-3, rng=np.random.default_rng(0))


def test_the_extension_refuses_what_does_not_fit() -> None:
    config, learner = learner_of("mlp", discrete=True)
    batch = batch_of(discrete=True)
    update = NativeUpdate(config, learner.networks, learner._adam, batch)._native
    old, rows = np.zeros(COUNT, np.float32), np.arange(COUNT)
    settings = settings_of(config, 1e-3)
    with pytest.raises(ShapeError, match="`x` must"):
        update.log_probs(batch.x[:, :4].copy(), batch.actions)
    with pytest.raises(ShapeError, match="`actions` must"):
        update.log_probs(batch.x, batch.actions[1:])
    with pytest.raises(ShapeError, match="below the number"):
        update.log_probs(batch.x, batch.actions + 1)
    with pytest.raises(ShapeError, match="`old`"):
        update.epoch(*batch[:2], old[1:], *batch[2:], rows, 0, settings)
    with pytest.raises(ShapeError, match="rows must"):
        update.epoch(*batch[:2], old, *batch[2:], rows + 1, 0, settings)
    with pytest.raises(ShapeError, match="`order` must"):
        update.epoch(*batch[:2], old, *batch[2:], rows[1:], 0, settings)
    shape = shape_of(config, learner.networks)
    assert shape is not None
    with pytest.raises(ShapeError, match="`parameters` must"):
        _native.PPOUpdate([[old] * 3], **shape)
    with pytest.raises(TypeError):
        update.log_probs(batch.x.astype(np.float64), batch.actions)
