"""Many multilayer perceptrons at once: starting weights, and the gradient of their log-policies.

An array of weights is [runs, parameters] as :func:`eigenwell.cartpole.rollout` takes it: of each
layer the matrix [in, out] row by row, then the bias.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from eigenwell import cartpole

Array = npt.NDArray[np.float32]


def initial_weights(
    architecture: cartpole.MLP, scale: npt.ArrayLike, rng: np.random.Generator
) -> Array:
    """Draw weights and biases uniformly from ``±scale / sqrt(in)`` of their layer.

    Args:
        architecture: Of the networks.
        scale: Of each of them, above 0, [n].
        rng: Source of the draw.

    Returns:
        float32 [n, p].

    References:
        LeCun et al. 1998, "Efficient backprop", section 4.6, for scale = sqrt(3).
    """
    factors = np.asarray(scale, dtype=np.float32)[:, None]
    bounds = [
        np.full((size + 1) * width, size**-0.5, np.float32) for size, width in architecture.layers
    ]
    row = np.concatenate(bounds)
    return factors * row * rng.uniform(-1, 1, (len(factors), row.size)).astype(np.float32)


def log_policy_gradient(
    weights: Array,
    architecture: cartpole.MLP,
    observations: Array,
    actions: npt.NDArray[np.integer[Any]],
    advantages: Array,
) -> Array:
    """Return the gradient of ``sum_n advantages[n] log pi(actions[n] | observations[n])`` per run.

    Args:
        weights: Of each run, float32 [runs, p].
        architecture: With tanh or ReLU between the layers and a softmax behind the last.
        observations: Of each run, float32 [runs, n, in].
        actions: What was done there, integers [runs, n].
        advantages: Weight of each; 0 leaves it out, float32 [runs, n].

    Returns:
        float32 [runs, p].

    Note:
        One batched matrix product per layer and direction for all runs.
    """
    tanh = architecture.activation == "tanh"
    layers = architecture.unpack(weights)
    inputs = [observations]
    for index, (matrix, bias) in enumerate(layers):
        z = inputs[-1] @ matrix
        z += bias[:, None]
        if index < len(layers) - 1:
            np.tanh(z, out=z) if tanh else np.maximum(z, 0, out=z)
        inputs.append(z)

    logits = inputs.pop()
    logits -= logits.max(axis=-1, keepdims=True)
    np.exp(logits, out=logits)
    chosen = np.arange(logits.shape[-1]) == actions[..., None]
    delta = (chosen - logits / logits.sum(axis=-1, keepdims=True)) * advantages[..., None]

    pieces: list[Array] = []
    for index in range(len(layers) - 1, -1, -1):
        x = inputs[index]
        gradient = np.swapaxes(x, 1, 2) @ delta
        pieces[:0] = [gradient.reshape(len(weights), -1), delta.sum(axis=1)]
        if index:
            delta = delta @ np.swapaxes(layers[index][0], 1, 2)
            delta *= 1 - x * x if tanh else x > 0
    return np.concatenate(pieces, axis=1)


class Adam:
    """Ascent by Adam with a learning rate of its own for each run.

    Args:
        learning_rate: [runs].
        parameters: Of each run.

    References:
        Kingma and Ba 2015, "Adam", algorithm 1.
    """

    def __init__(self, learning_rate: npt.ArrayLike, parameters: int) -> None:
        self._rate = np.asarray(learning_rate, dtype=np.float32)[:, None]
        self._mean = np.zeros((len(self._rate), parameters), np.float32)
        self._square = np.zeros_like(self._mean)
        self._steps = 0

    def step(self, gradient: Array) -> Array:
        """Return what to add to the weights, float32 [runs, p]."""
        self._steps += 1
        self._mean += (1 - 0.9) * (gradient - self._mean)
        self._square += (1 - 0.999) * (gradient * gradient - self._square)
        mean = self._mean / (1 - 0.9**self._steps)
        square = self._square / (1 - 0.999**self._steps)
        return np.asarray(self._rate * mean / (np.sqrt(square) + 1e-8), dtype=np.float32)
