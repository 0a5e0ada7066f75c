"""An MLP policy of Stable-Baselines3 read into plain arrays, with bounds on what rounding does."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import FlattenExtractor, MlpExtractor
from stable_baselines3.common.vec_env import VecNormalize

from eigenwell.dc.export import _text
from eigenwell.dc.torch import DCLayer
from eigenwell.errors import ArgumentError, DTypeError, ShapeError

Float64 = npt.NDArray[np.float64]

_UNIT = 2.0**-24  # half the distance from 1 to the next float32

# Methods that make up `predict`: a subclass that has its own computes something else.
_OURS_TO_READ = (
    "predict",
    "_predict",
    "get_distribution",
    "extract_features",
    "_get_action_dist_from_latent",
)


class Normaliser(NamedTuple):
    """What VecNormalize does to an observation: ``clip((obs - mean) * scale)``.

    Attributes:
        mean: ``(n,)``, float64.
        scale: ``(n,)``, ``1 / sqrt(var + epsilon)``, float64.
        clip: Bound on the absolute value.
    """

    mean: Float64
    scale: Float64
    clip: float


class Activation(NamedTuple):
    """An activation in torch and in C.

    Attributes:
        module: The torch module.
        c: Its C99 expression in the float ``x``.
        steepest: Bound on its slope.
    """

    module: torch.nn.Module
    c: str
    steepest: float


class Layer(NamedTuple):
    """``activation(x @ weights + biases)``.

    Attributes:
        weights: ``(n, m)``, float32.
        biases: ``(m,)``, float32.
        activation: None for the last one.
    """

    weights: npt.NDArray[np.float32]
    biases: npt.NDArray[np.float32]
    activation: Activation | None


@dataclass(frozen=True)
class Network:
    """A deterministic policy.

    Attributes:
        policy: What it was read from.
        vec_normalize: What normalises its observations, or None.
        normaliser: The same as numbers.
        inputs: n.
        layers: The actor's.
        kind: What becomes of the outputs: ``"clip"`` to the bounds, ``"squash"`` by tanh and on to
            the bounds, ``"choose"`` the largest of each group, ``"sign"``: 1 if above 0.
        low: ``(k,)``, of continuous actions.
        high: ``(k,)``, of continuous actions.
        choices: Sizes of the groups.
    """

    policy: ActorCriticPolicy
    vec_normalize: VecNormalize | None
    normaliser: Normaliser | None
    inputs: int
    layers: tuple[Layer, ...]
    kind: Literal["clip", "squash", "choose", "sign"]
    low: npt.NDArray[np.float32]
    high: npt.NDArray[np.float32]
    choices: tuple[int, ...]

    @property
    def continuous(self) -> bool:
        """Whether actions are floats."""
        return self.kind in ("clip", "squash")

    @property
    def actions(self) -> int:
        """Numbers in an action."""
        return len(self.choices) if self.kind == "choose" else len(self.layers[-1].biases)

    def predict(self, obs: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
        """Return Stable-Baselines3's own actions ``(t, k)`` for raw observations ``(t, n)``."""
        shape: Any = self.policy.observation_space.shape
        shaped: Any = obs.reshape(-1, *shape)
        if self.vec_normalize is not None:
            shaped = self.vec_normalize.normalize_obs(shaped)
        actions, _ = self.policy.predict(shaped, deterministic=True)
        return np.asarray(actions).reshape(len(obs), self.actions)

    @torch.no_grad()
    def outputs(self, obs: npt.NDArray[np.float32]) -> tuple[Float64, Float64]:
        """Return the last layer's outputs in float64, and how far two float32 programs differ.

        Roundings are taken as independent errors of mean 0; the bound is eight standard deviations
        of what they come to. The certain bound, of the worst case, is dozens of times as large:
        too loose to test with.

        Args:
            obs: ``(t, n)``, raw.

        Returns:
            Two arrays ``(t, m)``.

        References:
            N. J. Higham and T. Mary 2019, "A new approach to probabilistic
            rounding error analysis".
        """
        x = obs.astype(np.float64)
        if self.normaliser is not None:
            mean, scale, clip = self.normaliser
            x = np.clip((x - mean) * scale, -clip, clip)
        variance = np.square(4 * _UNIT * x)  # of the normaliser: a handful of roundings
        for weights, biases, activation in self.layers:
            wide = weights.astype(np.float64)
            squares = np.square(x) @ np.square(wide) + np.square(biases)
            x = x @ wide + biases
            # Each partial sum, of terms of either sign, is rounded; its size is about their norm.
            roundings = (len(wide) + 2) * _UNIT**2 * (squares + np.square(x)) / 3
            variance = variance @ np.square(wide) + 2 * roundings
            if activation is not None:
                x = activation.module(torch.from_numpy(x)).numpy()
                # Libraries' tanhf, expf and erff are within a few units of the last place.
                variance = np.square(activation.steepest) * variance + np.square(4 * _UNIT)
        return x, 8 * np.sqrt(variance)

    def decided(self, outputs: Float64, bound: Float64) -> tuple[npt.NDArray[Any], Float64]:
        """Return the actions ``(t, k)`` of last outputs, and bounds on what two programs differ.

        An action that rounding can change has an infinite bound.
        """
        if self.continuous:
            low, high = self.low.astype(np.float64), self.high.astype(np.float64)
            if self.kind == "clip":
                return np.clip(outputs, low, high), bound
            half = (high - low) / 2
            return low + half * (np.tanh(outputs) + 1), half * (bound + 8 * _UNIT)
        if self.kind == "sign":
            return (outputs > 0).astype(np.int64), np.where(np.abs(outputs) > bound, 0.0, np.inf)
        picked, bounds = [], []
        ends = np.cumsum(self.choices)[:-1]
        for logits, wobble in zip(
            np.split(outputs, ends, 1), np.split(bound, ends, 1), strict=True
        ):
            best = logits.argmax(1)
            others = logits.copy()
            others[np.arange(len(best)), best] = -np.inf
            margin = logits.max(1) - others.max(1)
            # Stable-Baselines3 takes the largest probability, whose float32 knows no less than u.
            sure = margin > 2 * wobble.max(1) + 8 * _UNIT
            picked.append(best)
            bounds.append(np.where(sure, 0.0, np.inf))
        return np.stack(picked, 1), np.stack(bounds, 1)


def policy_of(model: Any) -> ActorCriticPolicy:
    """Return the policy of a model or of itself.

    Raises:
        DTypeError: It is not one of PPO or A2C.
    """
    policy = getattr(model, "policy", model)
    if not isinstance(policy, ActorCriticPolicy):
        raise DTypeError(
            f"`model` must be a PPO or A2C of Stable-Baselines3, got {type(model).__name__}"
        )
    return policy


def normaliser_of(
    policy: ActorCriticPolicy, vec_normalize: VecNormalize | None
) -> Normaliser | None:
    """Return what normalises the observations, or None.

    Raises:
        DTypeError: It is not a VecNormalize.
        ShapeError: It is that of other observations.
        ArgumentError: A number is not finite.
    """
    if vec_normalize is None:
        return None
    if not isinstance(vec_normalize, VecNormalize):
        raise DTypeError(
            f"`vec_normalize` must be a VecNormalize, got {type(vec_normalize).__name__}"
        )
    if not vec_normalize.norm_obs:
        return None
    moments: Any = vec_normalize.obs_rms
    shape = policy.observation_space.shape
    got = {key: m.mean.shape for key, m in moments.items()} if isinstance(moments, dict) else None
    if got is not None or moments.mean.shape != shape:
        raise ShapeError(
            f"`vec_normalize` must have statistics of shape {shape}, those of the model's "
            f"observations, got {got or moments.mean.shape}"
        )
    mean = np.asarray(moments.mean, np.float64).ravel()
    scale = 1.0 / np.sqrt(np.asarray(moments.var, np.float64).ravel() + vec_normalize.epsilon)
    clip = float(vec_normalize.clip_obs)
    if not (np.isfinite([mean, scale]).all() and clip > 0):
        raise ArgumentError("`vec_normalize` must have finite statistics and a positive `clip_obs`")
    return Normaliser(mean, scale, clip)


def read(model: Any, vec_normalize: VecNormalize | None) -> Network:
    """Read the actor of an MLP policy.

    Raises:
        DTypeError: The model is not a PPO or A2C.
        ArgumentError: Its policy is none that can be read; the message says what it must be.
        ShapeError: The statistics are those of other observations.
    """
    policy = policy_of(model)
    for method in _OURS_TO_READ:
        if getattr(type(policy), method) is not getattr(ActorCriticPolicy, method):
            raise ArgumentError(
                f"`model` must have an MlpPolicy, got {type(policy).__name__}, which has a "
                f"`{method}` of its own"
            )
    space = policy.observation_space
    if not isinstance(space, spaces.Box) or (is_image_space(space) and policy.normalize_images):
        raise ArgumentError(f"`model` must have observations in a Box of numbers, got {space}")
    if type(policy.pi_features_extractor) is not FlattenExtractor:
        raise ArgumentError(
            "`model` must take its observations as they are, got the features extractor "
            f"{type(policy.pi_features_extractor).__name__}"
        )
    if type(policy.mlp_extractor) is not MlpExtractor:
        raise ArgumentError(
            f"`model` must have an MlpExtractor, got {type(policy.mlp_extractor).__name__}"
        )
    if isinstance(policy.action_net, DCLayer):
        raise ArgumentError("`model` must have an MlpPolicy, got a DC policy: use to_packed")
    actions = policy.action_space
    kind: Literal["clip", "squash", "choose", "sign"] = "choose"
    low = high = np.empty(0, np.float32)
    choices: tuple[int, ...] = ()
    if isinstance(actions, spaces.Box):
        kind = "squash" if policy.squash_output else "clip"
        low, high = (np.asarray(b, np.float32).ravel() for b in (actions.low, actions.high))
    elif isinstance(actions, spaces.Discrete):
        choices = (int(actions.n),)
    elif isinstance(actions, spaces.MultiDiscrete):
        choices = tuple(actions.nvec.ravel().tolist())
    else:
        kind = "sign"  # MultiBinary: there is no policy for any other space
    statistics = normaliser_of(policy, vec_normalize)
    return Network(
        policy=policy,
        vec_normalize=None if statistics is None else vec_normalize,
        normaliser=statistics,
        inputs=math.prod(space.shape),
        layers=tuple(_layers([*policy.mlp_extractor.policy_net, policy.action_net])),
        kind=kind,
        low=low,
        high=high,
        choices=choices,
    )


def _layers(modules: list[torch.nn.Module]) -> list[Layer]:
    layers: list[Layer] = []
    for module in modules:
        if isinstance(module, torch.nn.Linear):
            weights = module.weight.detach().cpu().float().numpy().T
            width = weights.shape[1]
            biases = np.zeros(width, np.float32)
            if module.bias is not None:
                biases = module.bias.detach().cpu().float().numpy()
            layers.append(Layer(np.ascontiguousarray(weights), biases, None))
        elif layers and layers[-1].activation is None:
            layers[-1] = layers[-1]._replace(activation=_activation(module))
        else:
            _activation(module)  # may be unknown; if it is known there are two in a row
            raise ArgumentError("`model` must have one activation behind each of its layers")
    if not all(np.isfinite(layer.weights).all() for layer in layers):
        raise ArgumentError("`model` must have finite weights")
    return layers


def _activation(module: torch.nn.Module) -> Activation:
    make = _ACTIVATIONS.get(type(module).__name__)
    if make is None or not type(module).__module__.startswith("torch.nn."):
        raise ArgumentError(
            f"`model` must have activations of {', '.join(_ACTIVATIONS)}, "
            f"got {type(module).__name__}"
        )
    return Activation(module, *make(module))


def _f(value: float) -> str:
    return _text.float32(value, "f")


def _gelu(module: Any) -> tuple[str, float]:
    if module.approximate == "tanh":
        inner = f"{_f(math.sqrt(2 / math.pi))} * (x + {_f(0.044715)} * x * x * x)"
        return f"0.5f * x * (1.0f + tanhf({inner}))", 1.13
    return f"0.5f * x * (1.0f + erff({_f(math.sqrt(0.5))} * x))", 1.13


# Comparisons are such that a NaN stays one.
_ACTIVATIONS: dict[str, Callable[[Any], tuple[str, float]]] = {
    "Tanh": lambda _: ("tanhf(x)", 1.0),
    "ReLU": lambda _: ("x < 0.0f ? 0.0f : x", 1.0),
    "LeakyReLU": lambda m: (
        f"x < 0.0f ? {_f(m.negative_slope)} * x : x",
        max(1.0, abs(m.negative_slope)),
    ),
    "ELU": lambda m: (f"x < 0.0f ? {_f(m.alpha)} * expm1f(x) : x", max(1.0, abs(m.alpha))),
    "SELU": lambda _: (
        f"{_f(1.0507009873554805)} * (x < 0.0f ? {_f(1.6732632423543772)} * expm1f(x) : x)",
        1.76,
    ),
    "GELU": _gelu,
    "SiLU": lambda _: ("x / (1.0f + expf(-x))", 1.1),
    "Sigmoid": lambda _: ("1.0f / (1.0f + expf(-x))", 0.25),
    "Softplus": lambda m: (
        f"{_f(m.beta)} * x > {_f(m.threshold)} ? x : log1pf(expf({_f(m.beta)} * x)) / {_f(m.beta)}",
        1.0,
    ),
    "Identity": lambda _: ("x", 1.0),
}
