"""Rollouts of tensors: on the CPU the fast mode, on a GPU its bits."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest
import torch

from eigenwell import backend, cartpole
from eigenwell.cartpole.torch import rollout
from eigenwell.errors import ArgumentError, DeviceError, DTypeError, ShapeError

STARTS = cartpole.starts(17, seed=0)
needs_gpu = pytest.mark.skipif(
    not torch.cuda.is_available() or importlib.util.find_spec("eigenwell._cuda") is None,
    reason="there is no GPU here, or no CUDA kernels in this build",
)


def _weights(agents: int, net: cartpole.Architecture) -> torch.Tensor:
    return 2 * torch.randn(agents, net.parameters, generator=torch.Generator().manual_seed(agents))


def test_on_the_cpu_it_is_the_fast_mode() -> None:
    weights = _weights(9, cartpole.MLP())
    steps = rollout(weights, starts=STARTS)
    assert steps.dtype == torch.int32
    wanted = cartpole.rollout(weights.numpy(), starts=STARTS, mode="fast")
    np.testing.assert_array_equal(steps, wanted)


def test_mistakes() -> None:
    with pytest.raises(DTypeError, match=r"`weights` must be a float32 tensor, got torch.float64"):
        rollout(torch.zeros(2, 212, dtype=torch.float64), starts=STARTS)
    with pytest.raises(DTypeError, match="`weights` must be a float32 tensor, got ndarray"):
        rollout(np.zeros((2, 212)), starts=STARTS)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=r"`weights` must have shape \(agents, 212\)"):
        rollout(torch.zeros(2, 211), starts=STARTS)
    with pytest.raises(ArgumentError, match="`weights` must be finite"):
        rollout(torch.full((2, 212), torch.nan), starts=STARTS)
    with pytest.raises(DeviceError, match="`weights` must be on the CPU or on a CUDA device"):
        rollout(torch.zeros(2, 212, device="meta"), starts=STARTS)


@needs_gpu
@pytest.mark.parametrize("agents", [0, 1, 2, 31, 32, 33, 5000])
@pytest.mark.parametrize(
    "net",
    [
        cartpole.MLP(),
        cartpole.MLP((4, 70, 5, 2), activation="relu"),
        cartpole.MLP((4, 3, 2)),
        cartpole.DC(5),
        cartpole.DC(3, quadratic=True),
    ],
    ids=str,
)
def test_a_gpu_has_the_bits_of_the_cpu(agents: int, net: cartpole.Architecture) -> None:
    weights = _weights(agents, net)
    noisy = cartpole.Physics(observation_noise=0.05)
    fused = set(backend.available_isas()) - {"portable"}
    for episodes in (0, 1, 17):
        for options in ({}, {"actions": "sampled", "physics": noisy, "seed": 3}):
            arguments: dict[str, Any] = {
                "starts": STARTS[:episodes],
                "architecture": net,
                "cap": 200,
                **options,
            }
            found = rollout(weights.cuda(), **arguments).cpu()
            wanted = rollout(weights, **arguments)
            assert found.shape == wanted.shape
            # Baseline x86-64 does not fuse: now and then a close decision falls otherwise.
            allowed = 0 if fused else 0.02 * wanted.numel() + 1
            assert int((found != wanted).sum()) <= allowed


@needs_gpu
def test_on_a_stream() -> None:
    weights = _weights(3000, cartpole.MLP()).cuda()
    wanted = rollout(weights, starts=STARTS)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        found = rollout(weights, starts=STARTS)
    stream.synchronize()
    assert torch.equal(found, wanted)
