"""The test vectors that a policy carries: which observations, and how far off an action may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

CANDIDATES, CHOSEN = 64, 8


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A policy in float32 parameters: weights ``(n, k * m)``, biases and quadratic ``(k, m)``."""

    weights: Float32
    biases: Float32
    quadratic: Float32 | None
    shift: Float32 | None
    scale: Float32 | None
    clip: tuple[float, float]
    input_clip: float

    def normalise(self, observations: npt.NDArray[Any]) -> Float64:
        """Return ``clip((obs - shift) * scale)``, ``(t, n)``."""
        x = observations.astype(np.float64)
        if self.shift is not None:
            x = x - self.shift
        if self.scale is not None:
            x = x * self.scale
        return np.clip(x, -self.input_clip, self.input_clip)

    def spectrum(self, observations: npt.NDArray[Any]) -> Float64:
        """Return the eigenvalues E, ``(t, k, m)``."""
        linear = (self.normalise(observations) @ self.weights.astype(np.float64)).reshape(
            len(observations), *self.biases.shape
        )
        eigenvalues = self.biases + linear
        if self.quadratic is not None:
            eigenvalues = eigenvalues + self.quadratic * linear**2
        return np.asarray(eigenvalues, dtype=np.float64)


def default_inputs(layer: Layer) -> Float32:
    """Choose eight observations whose actions depend on as many eigenvalues as possible.

    An action that is clipped, and an eigenvalue that is neither largest nor smallest, would hide a
    wrong weight. So candidates of many sizes are drawn and taken greedily by how many eigenvalues
    they are the first to show.

    Returns:
        ``(8, n)``, the most telling one first.
    """
    rng = np.random.default_rng(0)
    n = len(layer.weights)
    x = rng.standard_normal((CANDIDATES, n)) * np.geomspace(0.05, 2.0, CANDIDATES)[:, None]
    if layer.scale is not None:
        x = np.divide(x, layer.scale, where=layer.scale != 0, out=np.zeros_like(x))
    if layer.shift is not None:
        x = x + layer.shift
    candidates = x.astype(np.float32)

    spectrum = layer.spectrum(candidates)
    high, low = spectrum.max(axis=-1, keepdims=True), spectrum.min(axis=-1, keepdims=True)
    action = high + low
    free = (action > layer.clip[0]) & (action < layer.clip[1])
    shown = (((spectrum == high) | (spectrum == low)) & free).reshape(CANDIDATES, -1)

    chosen: list[int] = []
    seen = np.zeros(shown.shape[1], dtype=bool)
    for _ in range(CHOSEN):
        gain = np.count_nonzero(shown & ~seen, axis=1)
        gain[chosen] = -1
        best = int(gain.argmax())
        chosen.append(best)
        seen |= shown[best]
    return candidates[chosen]


def tolerance(layer: Layer, inputs: Float32) -> float:
    """Bound the float32 rounding error of an action, whatever the order of summation.

    A sum of n products in precision u errs by at most ``n u sum|x_i B_ie|`` to first order (N. J.
    Higham, "Accuracy and Stability of Numerical Algorithms", section 3.1); the quadratic term
    doubles its share by way of the square. The factor 2 is for max plus min.
    """
    if len(inputs) == 0:
        return 0.0
    linear = np.abs(layer.normalise(inputs)) @ np.abs(layer.weights.astype(np.float64))
    size = np.abs(layer.biases.ravel()) + linear
    if layer.quadratic is not None:
        size = size + 3 * np.abs(layer.quadratic.ravel()) * linear**2
    # Four roundings stand around the n of the sum: normalise (2), add the bias, add max and min.
    return float(2 * (inputs.shape[1] + 4) * 2.0**-24 * size.max())
