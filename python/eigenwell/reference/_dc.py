"""Difference-of-convex (DC) neurons in plain NumPy, float64.

The model is the one of the walker article: the spectrum of a diagonal pencil, of which the largest
and the smallest eigenvalue are added (A. Shtoff, "Eigenvalues as models"; the untied form is the
linear dilation-erosion regressor, arXiv 2107.05682).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def dc(
    observations: npt.ArrayLike,
    *,
    weights: npt.ArrayLike,
    biases: npt.ArrayLike,
    quadratic: npt.ArrayLike | None = None,
    shift: npt.ArrayLike | None = None,
    scale: npt.ArrayLike | None = None,
    clip: tuple[float, float] = (-1.0, 1.0),
    input_clip: float = np.inf,
) -> npt.NDArray[np.float64]:
    """Actions ``clip(max_e E_e + min_e E_e)`` with ``E = A + L + K L**2`` and ``L = x B``.

    Args:
        observations: ``(..., n)``; normalised to ``x = clip((obs - shift) * scale)`` first.
        weights: ``B``, ``(n, k * m)``: the m eigenvalues of neuron 0, then those of neuron 1, ...
        biases: ``A``, ``(k, m)``.
        quadratic: ``K``, ``(k, m)``; None is zero.
        shift: ``(n,)``, in units of the observation; None is zero.
        scale: ``(n,)``, one over units of the observation; None is one.
        clip: Lowest and highest action.
        input_clip: The normalised observation is clipped to ``[-input_clip, input_clip]``.

    Returns:
        Actions, ``(..., k)``, float64. A row with a NaN or an infinity gives NaN in every action.
    """
    obs = np.asarray(observations, dtype=np.float64)
    a = np.asarray(biases, dtype=np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        x = obs
        if shift is not None:
            x = x - np.asarray(shift, dtype=np.float64)
        if scale is not None:
            x = x * np.asarray(scale, dtype=np.float64)
        x = np.clip(x, -input_clip, input_clip)
        linear = (x @ np.asarray(weights, dtype=np.float64)).reshape(*obs.shape[:-1], *a.shape)
        eigenvalues = a + linear
        if quadratic is not None:
            eigenvalues = eigenvalues + np.asarray(quadratic, dtype=np.float64) * linear**2
        action = np.clip(eigenvalues.max(axis=-1) + eigenvalues.min(axis=-1), *clip)
    finite = np.isfinite(obs).all(axis=-1, keepdims=True)
    return np.where(finite, action, np.nan)


def pack_indices(indices: npt.ArrayLike, bits: int = 5) -> npt.NDArray[np.uint64]:
    """Pack small integers into 64-bit words, ``64 // bits`` in a word, least significant first."""
    flat = [int(index) for index in np.asarray(indices).ravel()]
    per_word = 64 // bits
    words = [
        sum(index << (bits * j) for j, index in enumerate(flat[start : start + per_word]))
        for start in range(0, len(flat), per_word)
    ]
    return np.array(words, dtype=np.uint64)


def unpack_indices(words: npt.ArrayLike, count: int, bits: int = 5) -> npt.NDArray[np.uint8]:
    """Return the first ``count`` indices of :func:`pack_indices`."""
    per_word, mask = 64 // bits, (1 << bits) - 1
    flat = [int(word) for word in np.asarray(words, dtype=np.uint64).ravel()]
    indices = [flat[q // per_word] >> (bits * (q % per_word)) & mask for q in range(count)]
    return np.array(indices, dtype=np.uint8)
