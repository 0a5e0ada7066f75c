"""Arguments that the bounds share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError, DTypeError, ShapeError

Float64 = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

# Certificates give up this share of what they compare, so that rounding cannot lengthen them. The
# sums and logarithms behind a budget are good to some 1e-14.
ROUNDING = 1e-12


def policies(value: npt.ArrayLike, name: str = "policy") -> Float64:
    """Return policies ``(..., K)``, each inside of the simplex."""
    array = _checks.real_array(value, name)
    if array.ndim < 1 or array.shape[-1] < 2:
        raise ShapeError(f"`{name}` must have shape (..., K) with K at least 2, got {array.shape}")
    if not (np.isfinite(array) & (array > 0)).all():
        raise ArgumentError(f"`{name}` must be finite and above 0: softmax reaches no edge")
    off = float(np.abs(array.sum(axis=-1) - 1).max(initial=0))
    if off > 1e-9:
        raise ArgumentError(f"`{name}` must sum to 1 over its last axis, one is off by {off:.3g}")
    return array


def rewards_like(value: npt.ArrayLike, policy: Float64, name: str = "rewards") -> Float64:
    """Return finite rewards whose last axis is that of the policy and that broadcast with it."""
    array = _checks.real_array(value, name)
    if array.shape[-1:] != policy.shape[-1:] or not _broadcast(array.shape, policy.shape):
        raise ShapeError(
            f"`{name}` must broadcast with the policy's shape {policy.shape}, got {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ArgumentError(f"`{name}` must be finite")
    return array


def _broadcast(*shapes: tuple[int, ...]) -> bool:
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True


def _broadcasts_to(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    return _broadcast(shape, target) and np.broadcast_shapes(shape, target) == target


def masses(value: npt.ArrayLike, name: str = "mass") -> Float64:
    """Return numbers inside of (0, 1)."""
    array = _checks.real_array(value, name)
    if not ((array > 0) & (array < 1)).all():
        raise ArgumentError(f"`{name}` must be above 0 and below 1")
    return array


def corner_of(value: npt.ArrayLike, name: str = "corner") -> Float64:
    """Return corner sizes in (0, 1/2]: the corner lemma holds no further out."""
    array = _checks.real_array(value, name)
    if not ((array > 0) & (array <= 0.5)).all():
        raise ArgumentError(f"`{name}` must be above 0 and at most 0.5, where the lemma ends")
    return array


def not_negative(value: npt.ArrayLike, name: str) -> Float64:
    """Return finite numbers, each at least 0."""
    array = _checks.real_array(value, name)
    if not ((array >= 0) & np.isfinite(array)).all():
        raise ArgumentError(f"`{name}` must be finite and at least 0")
    return array


def positive(value: npt.ArrayLike, name: str) -> Float64:
    """Return finite numbers above 0."""
    array = _checks.real_array(value, name)
    if not ((array > 0) & np.isfinite(array)).all():
        raise ArgumentError(f"`{name}` must be finite and above 0")
    return array


def actions_of(value: npt.ArrayLike, policy: Float64, name: str = "action") -> Indices:
    """Return action indices that broadcast with the policy's leading axes."""
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        raise DTypeError(f"`{name}` must hold integers, got dtype {array.dtype}")
    if not _broadcasts_to(array.shape, policy.shape[:-1]):
        raise ShapeError(f"`{name}` must broadcast to {policy.shape[:-1]}, got {array.shape}")
    count = policy.shape[-1]
    if not ((array >= 0) & (array < count)).all():
        raise ArgumentError(f"`{name}` must be between 0 and {count - 1}")
    return np.broadcast_to(array, policy.shape[:-1]).astype(np.intp)


def better_mask(
    value: npt.ArrayLike | None, policy: Float64, action: Indices
) -> npt.NDArray[np.bool_]:
    """Return which actions may ever be better than the corner's; by default every other one."""
    own: npt.NDArray[np.bool_] = np.arange(policy.shape[-1]) == action[..., None]
    if value is None:
        return ~own
    array = np.asarray(value)
    if array.dtype.kind != "b":
        raise DTypeError(f"`better` must hold booleans, got dtype {array.dtype}")
    if array.shape[-1:] != policy.shape[-1:] or not _broadcasts_to(array.shape, policy.shape):
        raise ShapeError(f"`better` must broadcast to {policy.shape}, got {array.shape}")
    mask: npt.NDArray[np.bool_] = np.broadcast_to(array, policy.shape)
    if (mask & own).any() or not mask.any(axis=-1).all():
        raise ArgumentError("`better` must name at least one action, and not the corner's own")
    return mask


def choice(value: str, name: str, options: tuple[str, ...]) -> str:
    """Return one of the options."""
    if value not in options:
        raise ArgumentError(f"`{name}` must be one of {', '.join(options)}, got {value!r}")
    return value


def take(array: Any, action: Indices) -> Float64:
    """Return ``array[..., action]`` along the last axis."""
    return np.asarray(np.take_along_axis(array, action[..., None], axis=-1)[..., 0])
