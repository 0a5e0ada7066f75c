"""Rollouts of weights that lie in a torch tensor, on its device."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Literal, SupportsIndex

import torch

from eigenwell import cartpole
from eigenwell.cartpole._arguments import options, starts_array, weights_shape
from eigenwell.errors import ArgumentError, BackendUnavailableError, DeviceError, DTypeError

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["rollout"]


def rollout(
    weights: torch.Tensor,
    *,
    starts: npt.ArrayLike,
    architecture: cartpole.Architecture = cartpole.MLP(),  # noqa: B008  (frozen)
    cap: SupportsIndex = 500,
    physics: cartpole.Physics = cartpole.Physics(),  # noqa: B008  (frozen)
    actions: Literal["argmax", "sampled"] = "argmax",
    seed: SupportsIndex | None = None,
) -> torch.Tensor:
    """Return the steps survived, as :func:`eigenwell.cartpole.rollout` in its fast mode.

    Args:
        weights: float32 ``(agents, parameters)``, on the CPU or on a CUDA device.
        starts: ``(episodes, 4)``.
        architecture: What weights mean.
        cap: Most steps of an episode.
        physics: Constants, and the noise.
        actions: ``"argmax"`` or ``"sampled"``.
        seed: Of sampled actions and of noise in observations.

    Returns:
        int32 ``(agents, episodes)``, on the same device.

    Raises:
        DTypeError: Weights are no float32 tensor, or another argument has the wrong type.
        ShapeError: Weights do not fit the architecture, or starts are not ``(episodes, 4)``.
        ArgumentError: An argument is out of range.
        DeviceError: Weights are on another kind of device, or a launch failed.
        BackendUnavailableError: Weights are on a GPU and this build has no CUDA kernels.

    Note:
        On a GPU it runs on the current stream and is not waited for, so nobody looks whether the
        weights are finite, and Ctrl-C does not stop it. The operations are those of the CPU, in
        the same order.
    """
    if not isinstance(weights, torch.Tensor) or weights.dtype != torch.float32:
        got = weights.dtype if isinstance(weights, torch.Tensor) else type(weights).__name__
        raise DTypeError(f"`weights` must be a float32 tensor, got {got}")
    settings = options(architecture, physics, cap, actions, seed)
    weights_shape(tuple(weights.shape), architecture)
    if weights.is_cpu:
        steps = cartpole.rollout(
            weights.detach().numpy(),
            starts=starts,
            architecture=architecture,
            cap=cap,
            physics=physics,
            mode="fast",
            actions=actions,
            seed=seed,
            threads=torch.get_num_threads(),
        )
        return torch.from_numpy(steps)
    if not weights.is_cuda:
        raise DeviceError(f"`weights` must be on the CPU or on a CUDA device, got {weights.device}")
    first = starts_array(starts, physics)
    if len(weights) >= 2**26 or len(first) >= 2**31:
        raise ArgumentError(
            "`weights` must be less than 2**26 agents on a GPU and `starts` less than 2**31, got "
            f"{len(weights)} and {len(first)}"
        )
    kernels = _cuda_kernels(weights.device)
    w = weights.detach().contiguous()
    here = torch.from_numpy(first).to(weights.device)
    result = torch.empty((len(w), len(first)), dtype=torch.int32, device=w.device)
    with torch.cuda.device(w.device):
        kernels.cartpole_rollout(
            w.data_ptr(),
            here.data_ptr(),
            result.data_ptr(),
            agents=len(w),
            parameters=w.shape[1],
            episodes=len(first),
            **settings,
            stream=torch.cuda.current_stream(w.device).cuda_stream,
        )
    return result


def _cuda_kernels(device: torch.device) -> ModuleType:
    try:
        return importlib.import_module("eigenwell._cuda")
    except ImportError as error:
        raise BackendUnavailableError(
            f"`weights` is on {device} and this build of eigenwell has no CUDA kernels ({error}): "
            "move it to the CPU, or build with EIGENWELL_CUDA=ON"
        ) from error
