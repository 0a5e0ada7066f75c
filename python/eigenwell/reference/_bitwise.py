"""The oracle of bitwise policies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def bitwise(
    masks: npt.ArrayLike, inverted: npt.ArrayLike, obs: npt.ArrayLike
) -> npt.NDArray[np.int64]:
    """``majority_f(inverted_f ^ parity(bits(obs) & masks_f))``, one bit after the other.

    Args:
        masks: ``(features, n)``, the bits that each feature takes.
        inverted: ``(features,)``, which features are negated.
        obs: ``(batch, n)``, rounded to float32.

    Returns:
        ``(batch,)`` of 0 and 1.
    """
    patterns = np.ascontiguousarray(obs, dtype=np.float32).view(np.uint32)
    chosen = patterns[:, None, :] & np.asarray(masks, dtype=np.uint32)
    bits = (chosen[..., None] >> np.arange(32, dtype=np.uint32)) & 1
    features = (bits.sum(axis=(2, 3)) + np.asarray(inverted)) % 2
    return np.asarray(2 * features.sum(axis=1) > features.shape[1], dtype=np.int64)
