"""One C99 header of a deterministic MLP policy, with its normaliser, bounds and test vectors."""

from __future__ import annotations

import importlib.resources
import os
from string import Template
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import stable_baselines3

from eigenwell import _files
from eigenwell._native import __version__
from eigenwell.dc.export import _names, _text
from eigenwell.errors import ArgumentError, DTypeError
from eigenwell.integrations.sb3 import _code, _network

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecNormalize

    from eigenwell.integrations.sb3._network import Network

_CANDIDATES, _VECTORS = 512, 8


def to_c(
    model: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    vec_normalize: VecNormalize | None = None,
    name: str | None = None,
) -> str:
    """Return a C99 header that gives the actions of ``predict(deterministic=True)``.

    It has the interface of the headers of DC policies. For ``name="robot"`` it defines

    * ``ROBOT_INPUTS``, ``ROBOT_ACTIONS`` and the results ``ROBOT_OK`` (0), ``ROBOT_NOT_FINITE``,
      ``ROBOT_OVERFLOW``;
    * ``robot_action``: ``float`` for a Box, ``int32_t`` for discrete actions;
    * ``robot_policy`` and ``void robot_init(robot_policy*)``, ``int robot_act(const robot_policy*,
      const float*, robot_action*)``, ``int robot_self_test(const robot_policy*)``.

    Observations and actions of more than one axis are flattened in C order.

    Args:
        model: A PPO or A2C with an ``MlpPolicy`` of any depth, or its policy. Actions may be Box
            (clipped to the space's bounds, or with gSDE squashed into them), Discrete,
            MultiDiscrete or MultiBinary.
        path: File to write, all of it or nothing; None only returns the content.
        vec_normalize: What normalised the observations in training.
        name: Prefix of everything in it, as :func:`eigenwell.dc.export.export` has it.

    Raises:
        DTypeError: The model is not a PPO or A2C, or ``vec_normalize`` is no VecNormalize.
        ArgumentError: The policy is none that can be read (a CNN, dict observations, recurrent), a
            number is not finite, or the file cannot be written.
        ShapeError: The statistics are those of other observations.

    Note:
        The header's self-test compares with what ``predict`` said at export.

    References:
        A. Raffin et al. 2021, "Stable-Baselines3: reliable reinforcement learning implementations".
    """
    if name is not None and not isinstance(name, str):
        raise DTypeError(f"`name` must be a string, got {type(name).__name__}")
    prefix = _names.identifier(_names.from_path(path) if name is None else name)
    network = _network.read(model, vec_normalize)
    vectors = _vectors(network)
    text = importlib.resources.files(__package__) / "templates" / "policy.h.in"
    content = Template(text.read_text("ascii")).substitute(_values(network, vectors, prefix))
    if path is not None:
        _files.write_atomic(path, content.encode("ascii"))
    return content


class _Vectors(NamedTuple):
    inputs: npt.NDArray[np.float32]  # (t, n)
    outputs: npt.NDArray[Any]  # (t, k)
    tolerance: float


def _vectors(network: Network) -> _Vectors:
    """Choose observations whose actions tell much, and let Stable-Baselines3 act on them."""
    drawn = np.random.default_rng(0).standard_normal((_CANDIDATES, network.inputs))
    if network.normaliser is not None:
        mean, scale, _ = network.normaliser
        drawn = mean + drawn / scale
    space: Any = network.policy.observation_space
    low, high = space.low.ravel(), space.high.ravel()
    obs: npt.NDArray[np.float32] = np.clip(drawn, low, high).astype(np.float32)
    outputs, bound = network.outputs(obs)
    actions, bounds = network.decided(outputs, bound)
    predicted = network.predict(obs)
    sure = np.asarray(np.isfinite(bounds).all(1))
    errors = np.abs(predicted[sure] - actions[sure])
    if (errors > bounds[sure]).any():
        off = errors.max()
        raise ArgumentError(
            f"`model` must compute what its layers do, but its own `predict` is off by {off:.2g}"
        )
    if network.continuous:
        # Components at a bound tell little.
        dull = ((actions <= network.low) | (actions >= network.high)).sum(1)
        order = np.argsort(dull, kind="stable")
    else:
        # In turns of the different actions, without those on which rounding decides.
        _, which = np.unique(actions, axis=0, return_inverse=True)
        turns = np.zeros(len(obs), np.int64)
        for action in range(int(which.max()) + 1):
            alike = np.flatnonzero(which == action)
            turns[alike] = np.cumsum(sure[alike])
        order = np.argsort(np.where(sure, turns, len(obs)), kind="stable")[: sure.sum()]
    chosen = order[:_VECTORS]
    if len(chosen) == 0:
        raise ArgumentError(
            "`model` must prefer some action somewhere: on random observations all are alike, "
            "up to rounding"
        )
    return _Vectors(obs[chosen], predicted[chosen], float(bounds[chosen].max()))


def _values(network: Network, vectors: _Vectors, name: str) -> dict[str, object]:
    """Fill the template's placeholders."""
    constants = _code.constants(network, name)
    widest = max(network.inputs, *(len(layer.biases) for layer in network.layers))
    statements, last = _code.forward(network, name)
    wide = network.continuous
    inputs, outputs = vectors.inputs, vectors.outputs
    expected = outputs.astype(np.float32) if wide else outputs.astype(np.int32)
    limit = _code.literal(vectors.tolerance)
    compare = (
        f"            const float error = action[k] - {name}_test_outputs[t][k];\n"
        f"            if (!(error <= {limit} && error >= -{limit})) {{"
        if wide
        else f"            if (action[k] != {name}_test_outputs[t][k]) {{"
    )
    sizes = [network.inputs, *(len(layer.biases) for layer in network.layers)]
    singles = sum(w.weights.size + w.biases.size for w in network.layers)
    singles += 3 * network.inputs * (network.normaliser is not None)
    singles += len(network.low) + len(network.high) + len(network.choices)
    version = f"Stable-Baselines3 {stable_baselines3.__version__}"
    policy = f"{type(network.policy).__name__} of {version}, {'-'.join(map(str, sizes))}"
    return {
        "name": name,
        "NAME": name.upper(),
        "version": __version__,
        "policy": _text.comment(policy),
        "maps": f"{network.inputs} numbers to {network.actions}",
        "observation": _code.observation(network),
        "action": _code.action(network),
        "flash": 4 * singles,
        "flash_test": 4 * (inputs.size + outputs.size),
        "stack": 8 * widest,
        "test_text": f"{len(inputs)} vectors of predict(deterministic=True)",
        "inputs": network.inputs,
        "actions": network.actions,
        "outputs": len(network.layers[-1].biases),
        "widest": widest,
        "action_type": "float" if wide else "int32_t",
        "constants": constants,
        "functions": _code.normalise(network, name),
        "buffers": _code.buffers(network, name),
        "forward": statements,
        "last": last,
        "head": _code.head(network, name, last),
        "tests": len(inputs),
        "test_inputs": _code.braced([_text.floats(row, "f") for row in inputs]),
        "test_outputs": _code.braced(
            [_text.floats(row, "f") if wide else [str(v) for v in row] for row in expected]
        ),
        "tolerance_text": (
            "The tolerance is eight\n"
            " * standard deviations of what rounding does, in any order of summation."
            if wide
            else "Rounding changes none of them."
        ),
        "compare": compare,
    }
