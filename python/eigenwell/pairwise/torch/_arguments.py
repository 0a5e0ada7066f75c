"""Checks of what users pass in, and broadcasting of the batch: type, shape, dtype, device."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch

from eigenwell.errors import ArgumentError, DeviceError, DTypeError, ShapeError
from eigenwell.pairwise.torch._launch import DTYPE_NAMES

PAIRS = ("all", "upper", "different")


class Configuration(NamedTuple):
    """Arguments of a Riesz operator, of one batch shape."""

    x: torch.Tensor
    y: torch.Tensor | None
    x_weights: torch.Tensor | None
    y_weights: torch.Tensor | None
    exponent: float
    softening: float
    pairs: str


def configuration(
    x: Any, y: Any, *, exponent: Any, softening: Any, pairs: Any, weights: Any
) -> Configuration:
    """Check the arguments of an energy and give all tensors the same batch shape."""
    points(x, "x")
    if y is not None:
        points(y, "y", like=x)
    if y is None and isinstance(weights, tuple):
        raise DTypeError("`weights` must be one tensor where `y` is not given, got a tuple")
    if y is not None and weights is not None and not _is_pair(weights):
        raise DTypeError(
            "`weights` must be a tuple (weights of x, weights of y) where `y` is given, "
            f"got {type(weights).__name__}"
        )
    x_weights, y_weights = (weights, None) if y is None or weights is None else weights
    x_name, y_name = ("weights", "") if y is None else ("weights[0]", "weights[1]")
    _weights(x_weights, x_name, x, "x")
    _weights(y_weights, y_name, y, "y")
    x, y, x_weights, y_weights = _one_batch(
        (x, "x", 2), (y, "y", 2), (x_weights, x_name, 1), (y_weights, y_name, 1)
    )
    if pairs not in PAIRS:
        raise ArgumentError(f"`pairs` must be one of {', '.join(PAIRS)}, got {pairs!r}")
    power = number(exponent, "exponent")
    if power == 0 or not abs(power) < math.inf:
        raise ArgumentError(f"`exponent` must be finite and not 0, got {power}")
    soft = number(softening, "softening")
    if not 0 <= soft < math.inf:
        raise ArgumentError(f"`softening` must be finite and at least 0, got {soft}")
    return Configuration(x, y, x_weights, y_weights, power, soft, pairs)


def two_sets(x: Any, y: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Check two sets of points and give them the same batch shape."""
    points(x, "x")
    points(y, "y", like=x)
    x, y = _one_batch((x, "x", 2), (y, "y", 2))
    return x, y


def points(value: Any, name: str, *, like: torch.Tensor | None = None) -> None:
    """Check a set of points ``(..., n, d)``, against another one if there is one."""
    if not isinstance(value, torch.Tensor):
        raise DTypeError(f"`{name}` must be a torch tensor, got {type(value).__name__}")
    if value.dim() < 2:
        raise ShapeError(f"`{name}` must have shape (..., n, d), got {tuple(value.shape)}")
    if value.shape[-1] == 0:
        raise ShapeError(f"`{name}` must have at least one coordinate, got {tuple(value.shape)}")
    if like is not None and value.shape[-1] != like.shape[-1]:
        raise ShapeError(
            f"`{name}` must have as many coordinates as `x`, {like.shape[-1]}, "
            f"got {tuple(value.shape)}"
        )
    if value.dtype not in DTYPE_NAMES:
        raise DTypeError(
            f"`{name}` must be float32, float64, float16 or bfloat16, got {value.dtype}: "
            f"convert it, e.g. `{name}.float()`"
        )
    if like is not None:
        _same_kind(value, name, like)
    elif value.device.type not in ("cpu", "cuda", "meta"):
        raise DeviceError(f"`{name}` must be on the CPU or a CUDA device, got {value.device}")
    if value.layout != torch.strided:
        raise ArgumentError(f"`{name}` must be dense, got {value.layout}: call `.to_dense()`")


def direction(value: Any, name: str, of: torch.Tensor, of_name: str) -> torch.Tensor:
    """Check a direction, one vector for each point that it moves, and broadcast its batch."""
    if not isinstance(value, torch.Tensor):
        raise DTypeError(f"`{name}` must be a torch tensor, got {type(value).__name__}")
    if value.dim() < 2 or value.shape[-2:] != of.shape[-2:] or value.dim() > of.dim():
        raise ShapeError(
            f"`{name}` must have the shape of `{of_name}`, {tuple(of.shape)}, "
            f"got {tuple(value.shape)}"
        )
    _same_kind(value, name, of, of_name)
    if value.shape == of.shape:
        return value
    try:
        return value.expand(of.shape)
    except RuntimeError:
        raise ShapeError(
            f"`{name}` must have the batch of `{of_name}`, {tuple(of.shape)}, "
            f"got {tuple(value.shape)}"
        ) from None


def number(value: Any, name: str) -> float:
    """Return a real number as a float; a tensor is none, since its gradient would be lost."""
    if isinstance(value, (torch.Tensor, str)):
        raise _no_number(value, name)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise _no_number(value, name) from None


def _no_number(value: Any, name: str) -> DTypeError:
    return DTypeError(f"`{name}` must be a number, got {type(value).__name__}")


def _weights(value: Any, name: str, of: torch.Tensor, of_name: str) -> None:
    if value is None:
        return
    if not isinstance(value, torch.Tensor):
        raise DTypeError(f"`{name}` must be a torch tensor, got {type(value).__name__}")
    if value.dim() < 1 or value.shape[-1] != of.shape[-2]:
        raise ShapeError(
            f"`{name}` must have shape (..., {of.shape[-2]}), one number for each point, "
            f"got {tuple(value.shape)}"
        )
    _same_kind(value, name, of, of_name)


def _same_kind(value: torch.Tensor, name: str, of: torch.Tensor, of_name: str = "x") -> None:
    if value.dtype != of.dtype:
        raise DTypeError(
            f"`{name}` must have the dtype of `{of_name}`, {of.dtype}, got {value.dtype}"
        )
    if value.device != of.device:
        raise DeviceError(
            f"`{name}` must be on the device of `{of_name}`, {of.device}, got {value.device}"
        )


def _is_pair(weights: Any) -> bool:
    return isinstance(weights, tuple) and len(weights) == 2


def _one_batch(*named: tuple[torch.Tensor | None, str, int]) -> list[Any]:
    """Broadcast tensors, each with its name and how many trailing dimensions it keeps."""
    shapes = [value.shape[: value.dim() - keep] for value, _, keep in named if value is not None]
    if all(shape == shapes[0] for shape in shapes[1:]):
        return [value for value, _, _ in named]
    try:
        batch = torch.broadcast_shapes(*shapes)  # type: ignore[no-untyped-call]
    except RuntimeError:
        found = ", ".join(f"`{n}` {tuple(v.shape)}" for v, n, _ in named if v is not None)
        raise ShapeError(f"the batch dimensions must broadcast to one shape, got {found}") from None
    return [
        None if value is None else value.expand((*batch, *value.shape[value.dim() - keep :]))
        for value, _, keep in named
    ]
