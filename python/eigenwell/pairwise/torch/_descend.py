"""Gradient descent of tensors, the whole loop in native code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsIndex

import torch

from eigenwell import _native
from eigenwell.errors import ArgumentError, DeviceError, DTypeError, ShapeError
from eigenwell.pairwise._descend import Descent, Term, as_tuple, options_of, result
from eigenwell.pairwise.torch import _launch
from eigenwell.pairwise.torch._arguments import points
from eigenwell.pairwise.torch._dispatch import observed


def descend(
    x: torch.Tensor | Sequence[torch.Tensor],
    *,
    steps: SupportsIndex,
    learning_rate: float | Sequence[float],
    exponent: float = 1.0,
    pairs: str = "all",
    softening: float = 0.0,
    terms: Sequence[Term] | None = None,
    momentum: float = 0.0,
    velocity: torch.Tensor | Sequence[torch.Tensor] | None = None,
    record_every: SupportsIndex | None = None,
) -> Descent[torch.Tensor]:
    """Gradient descent ``x <- x - rate * v``, ``v <- momentum * v + dE/dx``, all points at once.

    Not differentiable: x and the velocity may require a gradient, but the results are detached from
    their graph, and ``torch.compile`` breaks its graph here.

    Args:
        x: Points ``(n, d)``, or a list or tuple of species, each ``(n_a, d)``; float32 or float64,
            all on one device. It is not changed.
        steps: Number of steps, at least 0.
        learning_rate: One for all, or one for each species.
        exponent: s of the energy, unless there are terms.
        pairs: Its pair set, unless there are terms.
        softening: Its softening, unless there are terms.
        terms: The energy as a sum over species and pairs of species; None is one term within the
            only species.
        momentum: Of the velocity, as in ``torch.optim.SGD``; 0 is plain descent.
        velocity: v before the first step, as ``x``: what an earlier descent returned. None is 0.
        record_every: Record every k-th state; None records nothing.

    Returns:
        The last state, the records and the velocity, on the device of x.

    Raises:
        DTypeError: Not tensors of float32 or float64.
        ShapeError: Species of different d or dtype, or not ``(n, d)``; a velocity of another shape.
        DeviceError: Not on the CPU or on CUDA, or not all on one device.
        ArgumentError: A coordinate on the CPU is not finite, or an option is not allowed, or it is
            called inside of a ``torch.func`` transform or a tracer.
        BackendUnavailableError: A tensor is on a GPU and this build has no kernels for it.

    Note:
        On the CPU the same bits as of NumPy arrays, for every number of threads; Ctrl-C stops it.
        On a GPU the steps go to the current stream, many of them as CUDA graphs of a few each:
        nothing waits for them, nothing stops them, and NaN and infinite coordinates propagate,
        since looking for them would wait. In a graph that torch captures they become part of it.

    Example:
        >>> import torch
        >>> from eigenwell.pairwise import torch as pairwise
        >>> ends = torch.tensor([[0.0], [1.0]])
        >>> pairwise.descend(ends, steps=1, learning_rate=0.25, pairs="upper").x.tolist()
        [[0.25], [0.75]]
    """
    # Where torch compiles, the graph breaks here and not somewhere inside, with a warning.
    compiling = torch.compiler.is_compiling()
    run = torch.compiler.disable(_run) if compiling else _run  # type: ignore[no-untyped-call]
    found: Descent[torch.Tensor] = run(
        x,
        velocity,
        steps=steps,
        learning_rate=learning_rate,
        exponent=exponent,
        pairs=pairs,
        softening=softening,
        terms=terms,
        momentum=momentum,
        record_every=record_every,
    )
    return found


def _run(x: Any, velocity: Any, **options_in: Any) -> Descent[torch.Tensor]:
    if observed():
        raise ArgumentError(
            "`descend` cannot be traced or transformed by torch: call it outside of the transform"
        )
    for name, value in options_in.items():
        if isinstance(value, torch.Tensor):  # whose gradient would be lost
            raise DTypeError(f"`{name}` must be plain numbers, got Tensor")
    several = isinstance(x, list | tuple)
    species = [_species(v, f"x[{i}]" if several else "x") for i, v in enumerate(as_tuple(x))]
    if not species:
        raise ShapeError("`x` must have at least one species")
    first = species[0]
    for i, tensor in enumerate(species):
        _alike(tensor, (len(tensor), first.shape[1]), first, f"x[{i}]", "x[0] is")
    options = options_of(len(species), **options_in)
    velocities = _velocities(velocity, species, several=several)
    records = [first.new_empty((options.records, *tensor.shape)) for tensor in species]
    for record, tensor in zip(records, species, strict=True):
        record[:1] = tensor
    _launch.descend(species, velocities, records, options)
    return result(species, records, velocities, several=several)


def _species(value: Any, name: str) -> torch.Tensor:
    """Check points ``(n, d)`` and copy them."""
    points(value, name)
    if value.dim() != 2:
        raise ShapeError(f"`{name}` must have shape (n, d), got {tuple(value.shape)}")
    if value.dtype not in (torch.float32, torch.float64):
        raise DTypeError(f"`{name}` must be float32 or float64, got {value.dtype}")
    if value.is_meta:
        raise DeviceError(f"`{name}` must be on the CPU or a CUDA device, got {value.device}")
    # Into new memory: of a view, a subclass or a pending sign nothing is left.
    tensor = torch.empty(value.shape, dtype=value.dtype, device=value.device)
    tensor.copy_(value.detach())
    if tensor.is_cpu and not _native.all_finite(
        tensor.data_ptr(), tensor.numel(), _launch.DTYPE_NAMES[tensor.dtype]
    ):
        where = (~tensor.isfinite()).nonzero()[0].tolist()
        raise ArgumentError(
            f"`{name}` must be finite, got {tensor[tuple(where)]} at index {tuple(where)}"
        )
    return tensor


def _velocities(velocity: Any, species: list[torch.Tensor], *, several: bool) -> list[torch.Tensor]:
    if velocity is None:
        return [torch.zeros_like(tensor) for tensor in species]
    if several and not (isinstance(velocity, list | tuple) and len(velocity) == len(species)):
        raise ShapeError(f"`velocity` must be {len(species)} tensors as `x` is")
    velocities = []
    for i, tensor in enumerate(species):
        name = f"velocity[{i}]" if several else "velocity"
        moving = _species(velocity[i] if several else velocity, name)
        _alike(moving, tuple(tensor.shape), tensor, name, "its points are")
        velocities.append(moving)
    return velocities


def _alike(
    tensor: torch.Tensor, shape: tuple[int, ...], like: torch.Tensor, name: str, whom: str
) -> None:
    """Demand a shape, and the dtype and device of another tensor."""
    if tensor.shape != shape or tensor.dtype != like.dtype:
        names = _launch.DTYPE_NAMES
        raise ShapeError(
            f"`{name}` must be {shape} and {names[like.dtype]} as {whom}, "
            f"got {tuple(tensor.shape)} and {names[tensor.dtype]}"
        )
    if tensor.device != like.device:
        raise DeviceError(f"`{name}` must be on {like.device} as {whom}, got {tensor.device}")
