# ruff: noqa: PLR0917 -- operators take their arguments by position

"""From tensors to the native kernels: contiguous buffers, addresses, threads, stream.

These functions stand behind the operators on the CPU and on CUDA alike. They never synchronise: on
a GPU they launch on the current stream of the tensor's device, and everything that a kernel writes
to, its workspace too, comes from torch's own allocator, which CUDA graphs and streams know of.

An output that nobody asked for is None; an operator has to return tensors and calls :func:`absent`.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from eigenwell import _native
from eigenwell.errors import ArgumentError, BackendUnavailableError

if TYPE_CHECKING:
    from eigenwell.pairwise._descend import Options

Pair = tuple[torch.Tensor | None, torch.Tensor | None]

DTYPE_NAMES = {
    torch.float32: "float32",
    torch.float64: "float64",
    torch.float16: "float16",
    torch.bfloat16: "bfloat16",
}

_MOST_SPECIES_ON_A_GPU = 256  # species_limit in cuda_problem.hpp
_HUGE = 1 << 22  # bytes from which NumPy advises the system to take huge pages


def compute_dtype(dtype: torch.dtype) -> torch.dtype:
    """Element type that energies come in: float64 for float64, else float32."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def absent(x: torch.Tensor) -> torch.Tensor:
    """Stand in for an output that was not asked for, ``(..., 0, d)``."""
    return x.new_empty((*x.shape[:-2], 0, x.shape[-1]))


def _matrix(x: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Return new memory for distances; of much of it on the CPU NumPy asks for huge pages.

    The page faults of fresh small pages would cost as much as the distances.
    """
    size = math.prod(shape) * x.element_size()
    if not x.is_cpu or size < _HUGE:
        return x.new_empty(shape)
    return torch.from_numpy(np.empty(size, np.uint8)).view(x.dtype).view(shape)


def riesz(
    x: torch.Tensor,  # (..., n, d)
    y: torch.Tensor | None,  # (..., m, d); None is x itself
    x_weights: torch.Tensor | None,  # (..., n)
    y_weights: torch.Tensor | None,  # (..., m)
    exponent: float,
    softening: float,
    pairs: str,
    x_gradient: bool,
    y_gradient: bool,
) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
    """Energy (...,) and the gradients asked for, in one pass over the pairs."""
    energy = x.new_empty(x.shape[:-2], dtype=torch.float64)
    gx = _new(x) if x_gradient else None
    gy = _new(y) if y_gradient and y is not None else None
    results = (energy, gx, gy)
    if _no_pairs(x, y):
        _zero(results)
    else:
        _call(
            "riesz",
            (x, y, x_weights, y_weights),
            results,
            m=x.shape[-2] if y is None else y.shape[-2],
            exponent=exponent,
            softening=softening,
            pairs=pairs,
        )
    return energy if x.dtype == torch.float64 else energy.float(), gx, gy


def riesz_hvp(
    x: torch.Tensor,  # (..., n, d)
    y: torch.Tensor | None,  # (..., m, d)
    x_weights: torch.Tensor | None,  # (..., n)
    y_weights: torch.Tensor | None,  # (..., m)
    vx: torch.Tensor,  # (..., n, d)
    vy: torch.Tensor | None,  # (..., m, d)
    exponent: float,
    softening: float,
    pairs: str,
) -> Pair:
    """Derivative of both gradients along (vx, vy)."""
    results = (_new(x), None if y is None else _new(y))
    if _no_pairs(x, y):
        _zero(results)
    else:
        _call(
            "riesz_hvp",
            (x, y, x_weights, y_weights, vx, vy),
            results,
            m=x.shape[-2] if y is None else y.shape[-2],
            exponent=exponent,
            softening=softening,
            pairs=pairs,
        )
    return results


def cdist(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Distances ``(..., n, m)``."""
    out = _matrix(x, (*x.shape[:-1], y.shape[-2]))
    if out.numel():
        _call("cdist", (x, y), (out,), m=y.shape[-2])
    return out


def cdist_backward(
    grad: torch.Tensor,  # (..., n, m)
    x: torch.Tensor,  # (..., n, d)
    y: torch.Tensor,  # (..., m, d)
    distances: torch.Tensor,  # (..., n, m)
    x_gradient: bool,
    y_gradient: bool,
) -> Pair:
    """Gradients of ``sum(grad * cdist(x, y))``, those asked for."""
    results = (_new(x) if x_gradient else None, _new(y) if y_gradient else None)
    if distances.numel():
        _call("cdist_backward", (x, y, grad, distances), results, m=y.shape[-2])
    else:
        _zero(results)
    return results


def pdist(x: torch.Tensor) -> torch.Tensor:
    """Distances of the pairs i < j, ``(..., n (n - 1) / 2)``, row by row."""
    n = x.shape[-2]
    out = _matrix(x, (*x.shape[:-2], n * (n - 1) // 2))
    if out.numel():
        _call("pdist", (x,), (out,))
    return out


def pdist_backward(
    grad: torch.Tensor,  # (..., n (n - 1) / 2)
    x: torch.Tensor,  # (..., n, d)
    distances: torch.Tensor,  # (..., n (n - 1) / 2)
) -> torch.Tensor:
    """Gradient of ``sum(grad * pdist(x))``, ``(..., n, d)``."""
    gx = _new(x)
    if distances.numel():
        _call("pdist_backward", (x, grad, distances), (gx,))
    else:
        gx.zero_()
    return gx


def descend(
    species: Sequence[torch.Tensor],  # each (n, d), moved in place
    velocities: Sequence[torch.Tensor],  # each (n, d), changed in place
    records: Sequence[torch.Tensor],  # each (0 or 1 + steps // record_every, n, d), from 1 on
    options: Options,
) -> None:
    """Run a descent of contiguous tensors on one device."""
    # A species without points moves nothing, and its address of 0 would stand for something else.
    places = [i for i, x in enumerate(species) if len(x)]
    if not places:
        return
    native_species = [
        (
            species[i].data_ptr(),
            velocities[i].data_ptr(),
            records[i][1:].data_ptr() if len(records[i]) > 1 else 0,
            len(species[i]),
            options.rates[i],
        )
        for i in places
    ]
    native_terms = [
        (places.index(term[0]), places.index(term[1]), *term[2:])
        for term in options.terms
        if term[0] in places and term[1] in places
    ]
    x = species[places[0]]
    shape: dict[str, Any] = {"d": x.shape[1], "dtype": DTYPE_NAMES[x.dtype]}
    loop: dict[str, Any] = {
        "steps": options.steps,
        "record_every": options.record_every,
        "momentum": options.momentum,
    }
    if x.is_cpu:
        threads = torch.get_num_threads()
        _native.descend(native_species, native_terms, **shape, **loop, threads=threads)
        return
    if len(places) > _MOST_SPECIES_ON_A_GPU:
        raise ArgumentError(
            f"`x` must be at most {_MOST_SPECIES_ON_A_GPU} species on a GPU, got {len(places)}"
        )
    kernels = _cuda_kernels(x.device)
    with torch.cuda.device(x.device):
        size = kernels.descend_workspace(native_species, native_terms, **shape)
        workspace = torch.empty(size, dtype=torch.uint8, device=x.device)
        kernels.descend(
            native_species,
            native_terms,
            **shape,
            **loop,
            workspace=workspace.data_ptr(),
            stream=torch.cuda.current_stream(x.device).cuda_stream,
        )


def _new(x: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(x) if x.is_contiguous() else x.new_empty(x.shape)


def _no_pairs(x: torch.Tensor, y: torch.Tensor | None) -> bool:
    # The address of an empty tensor is 0, which the kernels take for an absent argument.
    return x.numel() == 0 or (y is not None and y.numel() == 0)


def _zero(results: Sequence[torch.Tensor | None]) -> None:
    for result in results:
        if result is not None:
            result.zero_()


def _call(
    name: str,
    inputs: Sequence[torch.Tensor | None],  # the first is x
    results: Sequence[torch.Tensor | None],  # contiguous
    **options: float | str,
) -> None:
    """Run the native function ``name``; None is an absent argument."""
    x = inputs[0]
    assert x is not None
    # Copies live as long as this list, and so until the kernel has run or stands in the stream.
    tensors = [None if tensor is None else tensor.contiguous() for tensor in inputs]
    addresses = [0 if tensor is None else tensor.data_ptr() for tensor in (*tensors, *results)]
    *batch, n, d = x.shape
    options.update(batch=math.prod(batch), n=n, d=d, dtype=DTYPE_NAMES[x.dtype])
    if x.is_cpu:
        getattr(_native, name)(*addresses, **options, threads=torch.get_num_threads())
        return
    kernels = _cuda_kernels(x.device)
    with torch.cuda.device(x.device):
        sizes = {key: options.get(key, n) for key in ("batch", "n", "m", "d", "dtype")}
        workspace = torch.empty(
            kernels.riesz_workspace(**sizes), dtype=torch.uint8, device=x.device
        )
        getattr(kernels, name)(
            *addresses,
            **options,
            workspace=workspace.data_ptr(),
            stream=torch.cuda.current_stream(x.device).cuda_stream,
        )


def _cuda_kernels(device: torch.device) -> ModuleType:
    try:
        return importlib.import_module("eigenwell._cuda")
    except ImportError as error:
        raise BackendUnavailableError(
            f"`x` is on {device} and this build of eigenwell has no CUDA kernels ({error}): "
            "move it to the CPU, or build with EIGENWELL_CUDA=ON"
        ) from error
