"""The test vectors that an export carries: few of the policy's own, chosen to reach much of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from eigenwell.dc import _self_tests
from eigenwell.dc._layer import Layer

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
    layer = Layer.of(policy)
    if len(policy.self_test_inputs) > 0:
        inputs = policy.self_test_inputs[:_MAX_CANDIDATES]
        outputs = policy.self_test_outputs[:_MAX_CANDIDATES]
        tolerance = policy.self_test_tolerance
    else:
        inputs = _self_tests.default_inputs(layer)
        outputs = layer.actions(inputs).astype(np.float32)
        tolerance = _self_tests.tolerance(layer, inputs)
    # At x = 0 the biases decide, whatever the weights are.
    deciding = layer.deciding(inputs) & np.any(layer.normalise(inputs) != 0, axis=1, keepdims=True)
    # Two at least: one vector alone would pass a policy that ignores its input.
    chosen = _self_tests.most_telling(deciding, least=2, most=limit)
    reached = int(np.count_nonzero(deciding[chosen].any(axis=0)))
    return Vectors(inputs[chosen], outputs[chosen], float(tolerance), reached)
