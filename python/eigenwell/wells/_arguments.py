"""Checks of what a run is given, and its arrays on the way in and out."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError, DeviceError, ShapeError

if TYPE_CHECKING:
    from eigenwell.wells._bandit import Bandit, Float64, Int64

# A record beyond this is refused with the thinning that fits: 4 GiB.
_MOST_BYTES = 2**32
# How far a start's probabilities may sum from 1: rounding of a long sum, no typing error.
_SUM = 1e-9


def log_starts(bandit: Bandit, policy: npt.ArrayLike) -> tuple[Float64, tuple[int, ...]]:
    """Return the logarithms of the starts as ``(n, K)``, and the shape ``(...)`` of the n."""
    array = _checks.real_array(policy, "policy")
    if array.ndim == 0 or array.shape[-1] != bandit.actions:
        raise ShapeError(
            f"`policy` must have shape (..., {bandit.actions}) as the rewards have, got "
            f"{array.shape}"
        )
    try:
        shape = np.broadcast_shapes(bandit.shape, array.shape[:-1])
    except ValueError:
        raise ShapeError(
            f"`policy` of shape {array.shape} and rewards of shape "
            f"{(*bandit.shape, bandit.actions)} must broadcast against each other"
        ) from None
    if not np.isfinite(array).all():
        raise ArgumentError("`policy` must be finite, got NaN or infinity")
    if (array < 0).any():
        raise ArgumentError(f"`policy` must be probabilities, got {array.min()}")
    astray = np.abs(array.sum(axis=-1) - 1)
    if astray.size and astray.max() > _SUM:
        raise ArgumentError(
            "`policy` must sum to 1 over the actions, got a sum of "
            f"{array.sum(axis=-1).flat[astray.argmax()]}: divide by the sum"
        )
    if (array == 0).any():
        raise ArgumentError(
            "`policy` must give every action a probability above 0, got 0: no logits make a zero, "
            "and an action at zero would stay there; start from a small number such as 1e-12"
        )
    starts = np.broadcast_to(np.log(array), (*shape, bandit.actions))
    return starts.reshape(-1, bandit.actions), shape


def rates(learning_rate: npt.ArrayLike, steps: int) -> float | Float64:
    """Return the learning rate as a number, or as one number for each time."""
    array = _checks.real_array(learning_rate, "learning_rate")
    if array.shape not in {(), (steps,)}:
        raise ShapeError(
            f"`learning_rate` must be a number or have shape (steps,) = ({steps},), got "
            f"{array.shape}"
        )
    wrong = array[~((array > 0) & np.isfinite(array))]
    if wrong.size:
        raise ArgumentError(f"`learning_rate` must be finite and above 0, got {wrong.flat[0]}")
    return array if array.ndim else float(array)


def recorded_times(steps: int, every: int) -> Int64:
    """Return 1, 1 + every, ..., and the last time in any case."""
    times = np.arange(1, steps + 1, every, dtype=np.int64)
    return times if times[-1] == steps else np.append(times, steps)


def check_memory(steps: int, starts: int, actions: int, records: int, traces: int) -> None:
    """Refuse a record that memory would not hold, with the thinning that would fit.

    Raises:
        ArgumentError: It would take more than 4 GiB.
    """
    of_record, of_trace = 8 * starts * actions, 16 * starts
    needed = records * of_record + traces * of_trace
    if needed <= _MOST_BYTES:
        return
    record, trace = (-(-4 * steps * size // _MOST_BYTES) for size in (of_record, of_trace))
    raise ArgumentError(
        f"`record` and `trace` must leave a record of at most 4 GiB, got {needed / 2**30:.3g} GiB "
        f"for {starts} starts and {steps} steps: pass record={max(record, 1)}, trace="
        f"{max(trace, 1)} (escape times then come in multiples of it), or fewer starts at a time"
    )


def namespace(device: str | None) -> tuple[ModuleType, Callable[[Any], Any]]:
    """Return NumPy, or torch with what moves a NumPy array to the device.

    Raises:
        BackendUnavailableError: torch is not installed.
        DeviceError: torch has no such device here.
    """
    if device is None:
        return np, np.asarray
    torch = _checks.require("torch", extra="learn")
    try:
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError) as error:
        line = str(error).partition("\n")[0]
        raise DeviceError(
            f"`device` must be one that torch has here, got {device!r}: {line}"
        ) from None

    def to_device(array: npt.ArrayLike) -> Any:
        # A copy: what NumPy broadcast or made read-only is nothing torch takes.
        return torch.from_numpy(np.array(array)).to(device)

    return torch, to_device


def to_numpy(array: Any) -> Any:
    """Return an array of :func:`namespace` as NumPy's."""
    return array if isinstance(array, np.ndarray) else array.cpu().numpy()


def columns(rewards: Float64, shape: tuple[int, ...]) -> Float64:
    """Return rewards ``(..., K)`` as ``(K, n)``, or ``(K, 1)`` where all starts share them."""
    if rewards.ndim == 1:
        return rewards[:, np.newaxis]
    actions = rewards.shape[-1]
    wide = np.broadcast_to(rewards, (*shape, actions)).reshape(-1, actions)
    return np.ascontiguousarray(wide.T)
