"""DC actors inside of Stable-Baselines3's algorithms, and packed."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize
from tests.integrations.support import (
    BOX,
    environment,
    model,
    observations,
    predicted,
    statistics,
)

from eigenwell.dc.torch import DCLayer
from eigenwell.errors import ArgumentError, DTypeError
from eigenwell.integrations.sb3 import (
    DCActorCriticPolicy,
    load_policy,
    load_vec_normalize,
    to_packed,
)

# Two float32 programs, and shifts and scales in float32 where VecNormalize has float64.
TOLERANCE = 1e-5
SQUARE = gym.spaces.Box(-2, 2, (3,), np.float32)


def levelled(made: Any, levels: int = 30) -> Any:
    """Give the actor few different weights, which packing then keeps."""
    layer = made.policy.action_net
    layer.weights.data = torch.round(layer.weights.data * levels / 4) * 4 / levels
    return made


def test_it_learns() -> None:
    env = VecNormalize(make_vec_env("CartPole-v1", 8, seed=0), norm_reward=False)
    # A second or two: not to solve it, but above the 22 points of chance.
    few = {"n_steps": 64, "batch_size": 128, "n_epochs": 5, "learning_rate": 3e-3}
    options = {"eigenvalues": 4, "net_arch": [16]}
    made = PPO(DCActorCriticPolicy, env, policy_kwargs=options, seed=0, device="cpu", **few)
    made.learn(4096)
    returns = [episode["r"] for episode in made.ep_info_buffer]
    assert np.mean(returns[-20:]) > 35


def test_a2c_trains_it_too() -> None:
    made = A2C(DCActorCriticPolicy, make_vec_env("CartPole-v1", 2, seed=0), device="cpu")
    before = made.policy.action_net.weights.clone()
    made.learn(20)
    assert not torch.equal(before, made.policy.action_net.weights)


def test_the_actor_is_a_layer_of_dc_neurons_with_the_options_given() -> None:
    options = {"eigenvalues": 3, "backward": "sparsemax", "temperature": 0.5, "net_arch": [8, 9]}
    made = model(environment(SQUARE), DCActorCriticPolicy, policy_kwargs=options)
    layer = made.policy.action_net
    assert isinstance(layer, DCLayer)
    assert (layer.in_features, layer.out_features, layer.eigenvalues) == (5, 3, 3)
    assert (layer.backward, layer.temperature) == ("sparsemax", 0.5)
    widths = [m.out_features for m in made.policy.mlp_extractor.value_net if hasattr(m, "weight")]
    assert widths == [8, 9]
    assert len(made.policy.mlp_extractor.policy_net) == 0
    optimised = {id(p) for group in made.policy.optimizer.param_groups for p in group["params"]}
    assert optimised == {id(p) for p in made.policy.parameters()}


@pytest.mark.parametrize("widths", [[], {"vf": []}, {"pi": []}])
def test_a_critic_without_hidden_layers(widths: Any) -> None:
    options = {"net_arch": widths}
    made = model(environment(SQUARE), DCActorCriticPolicy, policy_kwargs=options)
    assert len(made.policy.mlp_extractor.value_net) == 0
    assert made.policy.value_net.in_features == 5


def test_the_seed_decides_the_weights() -> None:
    first, second = (model(environment(SQUARE), DCActorCriticPolicy) for _ in range(2))
    assert torch.equal(first.policy.action_net.weights, second.policy.action_net.weights)


def test_models_and_policies_are_saved_and_loaded(tmp_path: Path) -> None:
    env = environment(SQUARE)
    made = model(env, DCActorCriticPolicy, policy_kwargs={"eigenvalues": 3})
    obs = observations(5)
    made.save(tmp_path / "model.zip")
    made.policy.save(tmp_path / "policy.pth")
    statistics(env).save(str(tmp_path / "vn.pkl"))
    for other in (
        PPO.load(tmp_path / "model.zip", device="cpu"),
        load_policy(tmp_path / "model.zip"),
        DCActorCriticPolicy.load(tmp_path / "policy.pth", device="cpu"),
    ):
        np.testing.assert_array_equal(
            other.predict(obs, deterministic=True)[0], predicted(made, obs)
        )
    np.testing.assert_array_equal(
        load_vec_normalize(tmp_path / "vn.pkl").normalize_obs(obs),
        statistics(env).normalize_obs(obs),
    )


def test_a_model_is_read_without_the_code_of_its_schedules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "schedules_of_a_user.py"
    source.write_text("def falling(left):\n    return 1e-3 * left\n")
    monkeypatch.syspath_prepend(tmp_path)
    falling = importlib.import_module(source.stem).falling
    options = {"learning_rate": falling, "clip_range": falling, "clip_range_vf": falling}
    made = model(environment(SQUARE), DCActorCriticPolicy, **options)
    made.save(tmp_path / "model.zip")
    monkeypatch.delitem(sys.modules, source.stem)
    source.unlink()
    # Stable-Baselines3 would warn of what it cannot read, and warnings are errors here.
    loaded = load_policy(tmp_path / "model.zip")
    obs = observations(5)
    np.testing.assert_array_equal(loaded.predict(obs, deterministic=True)[0], predicted(made, obs))


@pytest.mark.parametrize("normalised", [False, True], ids=["raw", "normalised"])
def test_a_packed_policy_does_what_predict_does(normalised: bool) -> None:
    env = environment(SQUARE)
    made = levelled(model(env, DCActorCriticPolicy))
    normalise = statistics(env) if normalised else None
    if normalise is not None:
        # A mean that hides what is around it needs float64, which the packed format has not.
        normalise.obs_rms.mean[0] = 1.0
    packed = to_packed(made, normalise, metadata={"environment": "Spaces-v0"})
    obs = observations(5, normalise)
    expected = predicted(made, obs, normalise)
    assert ((expected > -2) & (expected < 2)).any()
    assert (np.abs(expected) == 2).any()
    # Where a component varies by a thousandth only, rounding of its mean is worth as much more.
    atol = TOLERANCE * (100 if normalised else 1)
    np.testing.assert_allclose(packed(obs), expected, rtol=0, atol=atol)
    assert packed.metadata == {"environment": "Spaces-v0"}


def test_the_packed_logits_of_discrete_actions() -> None:
    made = levelled(model(environment(gym.spaces.Discrete(4)), DCActorCriticPolicy))
    obs = observations(5)
    np.testing.assert_array_equal(to_packed(made)(obs).argmax(1), predicted(made, obs))


def test_more_weights_than_levels_are_quantised() -> None:
    made = model(environment(SQUARE), DCActorCriticPolicy)
    packed = to_packed(made, bits=4)
    layer = made.policy.action_net
    layer.weights.data = torch.tensor(packed.weights)
    np.testing.assert_allclose(
        packed(observations(5)), predicted(made, observations(5)), rtol=0, atol=TOLERANCE
    )
    assert to_packed(made, bits=3, codebook=[-0.5, 0, 0.5]).codebook.tolist() == [-0.5, 0, 0.5]


def test_mistakes() -> None:
    env = environment(SQUARE)
    with pytest.raises(ArgumentError, match=r"without hidden layers, got pi=\[64\]"):
        model(env, DCActorCriticPolicy, policy_kwargs={"net_arch": {"pi": [64]}})
    with pytest.raises(ArgumentError, match="`use_sde` must be False"):
        model(env, DCActorCriticPolicy, use_sde=True)
    with pytest.raises(ArgumentError, match="`backward`"):
        model(env, DCActorCriticPolicy, policy_kwargs={"backward": "soft"})
    with pytest.raises(DTypeError, match=r"must have a DCActorCriticPolicy .* got ActorCriticPol"):
        to_packed(model(env))
    with pytest.raises(ArgumentError, match="the same bounds for every action"):
        to_packed(model(environment(BOX), DCActorCriticPolicy))
    with pytest.raises(ArgumentError, match="Box or Discrete actions to be packed, got MultiBin"):
        to_packed(model(environment(gym.spaces.MultiBinary(2)), DCActorCriticPolicy))
    with pytest.raises(ArgumentError, match="`bits`"):
        to_packed(model(env, DCActorCriticPolicy), bits=9)
