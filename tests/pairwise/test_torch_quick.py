"""The short way of small clouds against the way of everything else."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.overrides import TorchFunctionMode

from eigenwell.pairwise import torch as pairwise
from eigenwell.pairwise.torch import _quick


def normal(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, dtype=torch.float64, generator=generator).to(dtype)


@pytest.fixture
def general(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Functions that never take the short way."""

    def call(function: Any, *args: Any, **options: Any) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(_quick, "_is_ordinary", lambda *_: False)
            return function(*args, **options)

    return call


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"exponent": -1.0, "pairs": "upper"},
        {"exponent": 1.5, "softening": 0.1, "pairs": "different"},
    ],
)
def test_the_same_bits_as_the_general_way(
    general: Any, dtype: torch.dtype, options: dict[str, Any]
) -> None:
    for n, d in ((1, 1), (2, 3), (100, 3), (1365, 3), (3, 128)):
        x = normal(n, d, dtype=dtype)
        assert _quick.energy(x, 1.0, 0.0, "all") is not None
        leaf = x.clone().requires_grad_()
        expected, gradient = general(pairwise.energy_and_gradient, x, **options)
        for given in (x, leaf):  # a gradient to come changes the last bits of the energy
            found = pairwise.energy(given, **options)
            assert torch.equal(found, general(pairwise.energy, given, **options))
            assert found.dtype == dtype
        (3 * pairwise.energy(leaf, **options)).backward()
        assert leaf.grad is not None
        assert torch.equal(leaf.grad, 3 * gradient)
        value, found = pairwise.energy_and_gradient(x, **options)  # type: ignore[misc]
        assert torch.equal(value, expected)
        assert torch.equal(found, gradient)


@pytest.mark.parametrize("exponent", [1.0, -1.0, 2.0, 0.5])
def test_first_and_second_order(exponent: float) -> None:
    x = normal(5, 3, dtype=torch.float64).requires_grad_()

    def energy(x: torch.Tensor) -> torch.Tensor:
        return pairwise.energy(x, exponent=exponent, softening=0.1)

    assert gradcheck(energy, x)
    assert gradcheck(energy, x, check_batched_grad=True)
    assert gradgradcheck(energy, x)
    third = torch.func.jacrev(torch.func.jacrev(torch.func.grad(energy)))(x)
    hessian = torch.autograd.functional.hessian(energy, x, create_graph=True)
    (again,) = torch.autograd.grad(hessian[0, 0, 1, 2], x)  # type: ignore[call-overload]
    torch.testing.assert_close(again, third[0, 0, 1, 2])


def test_what_a_graph_keeps() -> None:
    x = normal(5, 3).requires_grad_()
    value = pairwise.energy(x)
    value.backward()
    with pytest.raises(RuntimeError, match="second time"):
        value.backward()
    value = pairwise.energy(x)
    with torch.no_grad():
        x += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        value.backward()


class Subclass(torch.Tensor):
    pass


@pytest.mark.parametrize(
    "change",
    [
        {"x": normal(5, 3).half()},
        {"x": normal(5, 3).int()},
        {"x": normal(2, 5, 3)},
        {"x": normal(0, 3)},
        {"x": normal(1366, 3)},
        {"x": normal(3, 5).mT},
        {"x": normal(5, 3).to("meta")},
        {"x": normal(5, 3).to_sparse()},
        {"x": normal(5, 3).as_subclass(Subclass)},
        {"x": torch._neg_view(normal(5, 3))},
        {"x": normal(5, 3).to_mkldnn()},
        {"x": normal(5, 3).numpy()},
        {"exponent": 0.0},
        {"exponent": math.nan},
        {"exponent": math.inf},
        {"exponent": 1},
        {"exponent": torch.tensor(1.0)},
        {"softening": -1.0},
        {"softening": math.nan},
        {"softening": None},
        {"pairs": "some"},
        {"pairs": None},
    ],
)
def test_what_is_out_of_the_ordinary(change: dict[str, Any]) -> None:
    arguments = {"x": normal(5, 3), "exponent": 1.0, "softening": 0.0, "pairs": "all", **change}
    assert _quick.energy(*arguments.values()) is None
    assert _quick.energy_and_gradient(*arguments.values()) is None


def test_who_wants_to_see_the_call() -> None:
    from torch.utils._python_dispatch import TorchDispatchMode

    seen = []

    class Mode(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            seen.append(func)
            return func(*args, **(kwargs or {}))

    x = normal(5, 3)
    with Mode():
        pairwise.energy(x)
    assert torch.ops.eigenwell.riesz.default in seen
    leaf = x.clone().requires_grad_()
    assert _quick.energy_and_gradient(leaf, 1.0, 0.0, "all") is None
    torch.autograd.grad(pairwise.energy_and_gradient(leaf)[1].sum(), leaf)
    with torch.no_grad():
        assert _quick.energy_and_gradient(leaf, 1.0, 0.0, "all") is not None


def test_an_energy_beyond_float32_and_what_is_not_finite(general: Any) -> None:
    huge = torch.tensor([[0.0], [1e30]])
    assert pairwise.energy(huge, exponent=2.0) == math.inf
    for bad in (math.nan, math.inf):
        x = normal(5, 3)
        x[1, 2] = bad
        for found, expected in zip(
            pairwise.energy_and_gradient(x), general(pairwise.energy_and_gradient, x), strict=True
        ):
            torch.testing.assert_close(found, expected, equal_nan=True, rtol=0, atol=0)


def test_whatever_device_is_the_default() -> None:
    x = normal(5, 3)
    expected = pairwise.energy_and_gradient(x)
    with torch.device("meta"):
        for found, value in zip(pairwise.energy_and_gradient(x), expected, strict=True):
            assert torch.equal(found, value)


def test_modes_that_change_what_functions_do() -> None:
    class Mode(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            return func(*args, **(kwargs or {}))

    x = normal(5, 3)
    expected = pairwise.energy(x)
    with Mode():
        assert torch.equal(pairwise.energy(x), expected)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(pairwise.energy(x), expected)
        leaf = x.clone().requires_grad_()
        pairwise.energy(leaf).backward()
        assert leaf.grad is not None
        assert torch.equal(leaf.grad, pairwise.energy_and_gradient(x)[1])
    with torch.inference_mode():
        inside = pairwise.energy(x)
        assert torch.equal(inside, expected)
        assert inside.is_inference()


def test_threads_are_those_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(_quick._native, "riesz_at", lambda *args: asked.append(args) or 0.0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 5)
    pairwise.energy(normal(4, 3))
    assert asked[0][-1] == 5
