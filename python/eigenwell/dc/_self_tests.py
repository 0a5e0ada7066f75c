"""The test vectors that a policy carries: which observations, and how far off an action may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from eigenwell.dc._layer import Float32, Layer

CANDIDATES, CHOSEN = 64, 8


def default_inputs(layer: Layer) -> Float32:
    """Choose eight observations whose actions depend on as many eigenvalues as possible.

    Candidates are standard normal in normalised units, times factors from 0.05 to 2: large ones
    reach outer eigenvalues, small ones are not clipped.

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
    return candidates[most_telling(layer.deciding(candidates), least=CHOSEN, most=CHOSEN)]


def most_telling(deciding: npt.NDArray[np.bool_], *, least: int, most: int) -> list[int]:
    """Pick rows greedily, each time the one that is the first to show most eigenvalues.

    Args:
        deciding: ``(t, e)``, which eigenvalues each observation shows.
        least: How many rows, if there are so many, even if the last ones show nothing new.
        most: How many at the most.

    Returns:
        Their indices, the most telling one first.
    """
    seen = np.zeros(deciding.shape[1], dtype=bool)
    chosen: list[int] = []
    while len(chosen) < min(most, len(deciding)):
        gain = np.count_nonzero(deciding & ~seen, axis=1)
        gain[chosen] = -1
        best = int(gain.argmax())
        if gain[best] == 0 and len(chosen) >= least:
            break
        chosen.append(best)
        seen |= deciding[best]
    return chosen


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
