"""The test vectors that an export carries: few of the policy's own, chosen to reach much of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from eigenwell.dc import PackedPolicy


# A policy may carry any number; all eigenvalues of this many fit in memory for every policy.
_MAX_CANDIDATES = 256


@dataclass(frozen=True)
class Vectors:
    """Observations and the actions that a correct export gives for them.

    Attributes:
        inputs: ``(t, n)``, at least one row.
        outputs: ``(t, k)``.
        tolerance: Largest absolute error of an action that still passes.
        reached: How many eigenvalues decide an action in one of the vectors: they are the largest
            or the smallest of a neuron that is not clipped. A fault in the others cannot show.
    """

    inputs: npt.NDArray[np.float32]
    outputs: npt.NDArray[np.float32]
    tolerance: float
    reached: int


def choose(policy: PackedPolicy, limit: int) -> Vectors:
    """Pick at most ``limit`` test vectors, greedily those that reach most new eigenvalues.

    Of a policy that carries none, the ones that it would have been packed with by default.
    """
    if len(policy.self_test_inputs) == 0:
        policy = type(policy).from_arrays(
            policy.indices,
            policy.codebook,
            policy.biases,
            eigenvalues=policy.eigenvalues,
            quadratic=policy.quadratic,
            shift=policy.shift,
            scale=policy.scale,
            clip=policy.clip,
            input_clip=policy.input_clip,
            bits=policy.bits,
        )
    inputs = policy.self_test_inputs[:_MAX_CANDIDATES]
    outputs = policy.self_test_outputs[:_MAX_CANDIDATES]
    deciding = _deciding(policy, inputs)
    reached = np.zeros(deciding.shape[1], dtype=bool)
    chosen: list[int] = []
    while len(chosen) < min(limit, len(inputs)):
        gains = (deciding & ~reached).sum(axis=1)
        gains[chosen] = -1
        best = int(gains.argmax())
        # Two at least: one vector alone would pass a policy that ignores its input.
        if gains[best] == 0 and len(chosen) >= 2:
            break
        chosen.append(best)
        reached |= deciding[best]
    return Vectors(
        inputs[chosen], outputs[chosen], float(policy.self_test_tolerance), int(reached.sum())
    )


def _deciding(policy: PackedPolicy, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Which eigenvalues ``(t, k * m)`` are largest or smallest in a neuron that is not clipped."""
    k, m = policy.neurons, policy.eigenvalues
    x = inputs.astype(np.float64)
    if policy.shift is not None:
        x = x - policy.shift
    if policy.scale is not None:
        x = x * policy.scale
    x = np.clip(x, -policy.input_clip, policy.input_clip)
    linear = (x @ policy.weights.astype(np.float64)).reshape(-1, k, m)
    spectrum = linear + policy.biases
    if policy.quadratic is not None:
        spectrum = spectrum + policy.quadratic * linear**2
    largest, smallest = spectrum.max(axis=2), spectrum.min(axis=2)
    low, high = policy.clip
    free = (largest + smallest > low) & (largest + smallest < high)
    extreme = (spectrum == largest[:, :, None]) | (spectrum == smallest[:, :, None])
    # At x = 0 the biases decide, whatever the weights are.
    weighted = free & np.any(x != 0, axis=1, keepdims=True)
    return np.asarray((extreme & weighted[:, :, None]).reshape(-1, k * m))
