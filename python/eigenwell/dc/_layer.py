"""A policy unpacked to float32 arrays, and what can be asked of it in float64."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell import reference

if TYPE_CHECKING:
    from eigenwell.dc._policy import PackedPolicy

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer of DC neurons.

    Attributes:
        weights: B, ``(n, k * m)``.
        biases: A, ``(k, m)``.
        quadratic: K, ``(k, m)``, or None.
        shift: ``(n,)``, or None.
        scale: ``(n,)``, or None.
        clip: Lowest and highest action.
        input_clip: Bound on a normalised observation.
    """

    weights: Float32
    biases: Float32
    quadratic: Float32 | None
    shift: Float32 | None
    scale: Float32 | None
    clip: tuple[float, float]
    input_clip: float

    @classmethod
    def of(cls, policy: PackedPolicy) -> Layer:
        """Unpack a policy."""
        return cls(
            weights=policy.weights,
            biases=policy.biases,
            quadratic=policy.quadratic,
            shift=policy.shift,
            scale=policy.scale,
            clip=policy.clip,
            input_clip=policy.input_clip,
        )

    def actions(self, observations: npt.ArrayLike) -> Float64:
        """Return the oracle's actions, ``(..., k)``."""
        return reference.dc(
            observations,
            weights=self.weights,
            biases=self.biases,
            quadratic=self.quadratic,
            shift=self.shift,
            scale=self.scale,
            clip=self.clip,
            input_clip=self.input_clip,
        )

    def normalise(self, observations: npt.NDArray[Any]) -> Float64:
        """Return ``clip((obs - shift) * scale)``, ``(t, n)``."""
        x = observations.astype(np.float64)
        if self.shift is not None:
            x = x - self.shift
        if self.scale is not None:
            x = x * self.scale
        return np.clip(x, -self.input_clip, self.input_clip)

    def deciding(self, observations: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Say which eigenvalues are the largest or smallest of a neuron that is not clipped.

        Only those show in an action; a wrong weight of any other goes unseen.

        Returns:
            ``(t, k * m)``.
        """
        linear = self.normalise(observations) @ self.weights.astype(np.float64)
        linear = linear.reshape(len(observations), *self.biases.shape)
        spectrum = self.biases + linear
        if self.quadratic is not None:
            spectrum = spectrum + self.quadratic * linear**2
        high = spectrum.max(axis=-1, keepdims=True)
        low = spectrum.min(axis=-1, keepdims=True)
        free = (high + low > self.clip[0]) & (high + low < self.clip[1])
        deciding = ((spectrum == high) | (spectrum == low)) & free
        return np.asarray(deciding.reshape(len(observations), -1))
