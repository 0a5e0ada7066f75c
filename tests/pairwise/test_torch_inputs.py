"""What comes in: views, leaves, sizes, and everything that an error has to name."""

from __future__ import annotations

import contextlib
import math
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from tests.helpers import torch_oracle

from eigenwell.errors import (
    ArgumentError,
    BackendUnavailableError,
    DeviceError,
    DTypeError,
    EigenwellError,
    ShapeError,
)
from eigenwell.pairwise import torch as pairwise

X, Y = torch.eye(4, 3), torch.zeros(5, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pairwise.energy([[1.0]]), DTypeError, "`x` must be a torch tensor, got list"),
        (lambda: pairwise.energy(X, Y.numpy()), DTypeError, "`y` must be a torch tensor, got nd"),
        (lambda: pairwise.energy(X[0]), ShapeError, r"`x` must have shape \(..., n, d\), got \(3,"),
        (lambda: pairwise.energy(X[:, :0]), ShapeError, "`x` must have at least one coordinate"),
        (lambda: pairwise.energy(X, Y[:, :2]), ShapeError, "`y` must have as many coordinates as"),
        (
            lambda: pairwise.energy(X.int()),
            DTypeError,
            r"`x` must be float32, .*got torch.int32: c",
        ),
        (lambda: pairwise.energy(X.bool()), DTypeError, "got torch.bool"),
        (lambda: pairwise.energy(X.to(torch.complex64)), DTypeError, "got torch.complex64"),
        (lambda: pairwise.energy(X, Y.double()), DTypeError, "`y` must have the dtype of `x`"),
        (lambda: pairwise.energy(X, Y.to("meta")), DeviceError, "`y` must be on the device of `x`"),
        (lambda: pairwise.energy(X.to_sparse()), ArgumentError, "`x` must be dense"),
        (
            lambda: pairwise.energy(torch.ones(2, 4, 3), torch.ones(3, 5, 3)),
            ShapeError,
            "the batch dimensions must broadcast",
        ),
        (
            lambda: pairwise.energy(X, exponent=0),
            ArgumentError,
            "`exponent` must be finite and not",
        ),
        (lambda: pairwise.energy(X, exponent=math.nan), ArgumentError, "`exponent`"),
        (lambda: pairwise.energy(X, exponent=math.inf), ArgumentError, "`exponent`"),
        (lambda: pairwise.energy(X, exponent=X.sum()), DTypeError, "must be a number, got Tensor"),
        (lambda: pairwise.energy(X, exponent="1"), DTypeError, "must be a number, got str"),
        (lambda: pairwise.energy(X, exponent=None), DTypeError, "must be a number, got NoneType"),
        (lambda: pairwise.energy(X, softening=-1.0), ArgumentError, "`softening` must be finite"),
        (lambda: pairwise.energy(X, softening=math.nan), ArgumentError, "`softening` must be"),
        (lambda: pairwise.energy(X, pairs="lower"), ArgumentError, "`pairs` must be one of all, u"),
        (lambda: pairwise.energy(X, pairs=None), ArgumentError, "`pairs` must be one of"),
        (lambda: pairwise.energy(X, weights=[1.0]), DTypeError, "`weights` must be a torch tensor"),
        (lambda: pairwise.energy(X, weights=(X, X)), DTypeError, "one tensor where `y` is not"),
        (
            lambda: pairwise.energy(X, weights=X[0]),
            ShapeError,
            r"`weights` must have shape \(..., 4",
        ),
        (lambda: pairwise.energy(X, Y, weights=X), DTypeError, "`weights` must be a tuple"),
        (lambda: pairwise.energy(X, Y, weights=(None, X[:, 0])), ShapeError, r"`weights\[1\]` mus"),
        (lambda: pairwise.energy(X, weights=X[:, 0].half()), DTypeError, "`weights` must have the"),
        (lambda: pairwise.hessian_vector_product(X, Y), ShapeError, "`v` must have the shape of"),
        (lambda: pairwise.hessian_vector_product(X, X.half()), DTypeError, "`v` must have the dt"),
        (lambda: pairwise.hessian_vector_product(X, X, Y), DTypeError, "`v` must be a tuple"),
        (lambda: pairwise.hessian_vector_product(X, (X, X), Y), ShapeError, r"`v\[1\]` must have"),
        (
            lambda: pairwise.hessian_vector_product(X, None),
            DTypeError,
            "`v` must be a torch tensor",
        ),
        (lambda: pairwise.cdist(X, Y.half()), DTypeError, "`y` must have the dtype"),
        (lambda: pairwise.cdist(X, None), DTypeError, "`y` must be a torch tensor"),
        (lambda: pairwise.pdist(X.long()), DTypeError, "`x` must be float32"),
        (lambda: pairwise.pdist(X[0]), ShapeError, "`x` must have shape"),
    ],
)
def test_errors(call: Callable[[], Any], error: type[EigenwellError], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_gpu_without_kernels_is_an_error_of_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from eigenwell.pairwise.torch import _launch

    def no_module(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(_launch.importlib, "import_module", no_module)
    with pytest.raises(BackendUnavailableError, match="no CUDA kernels"):
        _launch._cuda_kernels(torch.device("cuda:0"))


def test_what_a_kernel_on_a_gpu_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call without a GPU: addresses, sizes, workspace and stream, inside of its device."""
    from eigenwell.pairwise.torch import _launch

    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
    devices: list[Any] = []

    @contextlib.contextmanager
    def device(which: Any) -> Iterator[None]:
        devices.append(which)
        yield
        devices.append(None)

    def called(name: str) -> Callable[..., int]:
        def record(*args: Any, **options: Any) -> int:
            assert devices[-1] == "cuda:7"
            calls.append((name, args, options))
            return 4096

        return record

    names = ("riesz_workspace", "riesz", "pdist")
    kernels = types.SimpleNamespace(**{name: called(name) for name in names})
    memory, empty = X.clone(), torch.empty
    x = types.SimpleNamespace(is_cpu=False, shape=(2, 4, 3), dtype=torch.float16, device="cuda:7")
    x.contiguous, x.data_ptr = lambda: x, lambda: 1024
    stream = types.SimpleNamespace(cuda_stream=77)
    monkeypatch.setattr(_launch, "_cuda_kernels", lambda _: kernels)
    monkeypatch.setattr(torch.cuda, "device", device)
    monkeypatch.setattr(torch.cuda, "current_stream", {"cuda:7": stream}.__getitem__)
    monkeypatch.setattr(torch, "empty", lambda size, dtype, device: empty(size, dtype=dtype))

    _launch._call("riesz", (x, None), (memory, None), m=4, exponent=1.0)  # type: ignore[arg-type]
    _launch._call("pdist", (x,), (memory,))  # type: ignore[arg-type]
    sizes = {"batch": 2, "n": 4, "d": 3, "dtype": "float16"}
    assert [call[0] for call in calls] == ["riesz_workspace", "riesz", "riesz_workspace", "pdist"]
    assert calls[0][2] == calls[2][2] == {**sizes, "m": 4}
    for (_, args, options), addresses, more in (
        (calls[1], (1024, 0, memory.data_ptr(), 0), {"m": 4, "exponent": 1.0}),
        (calls[3], (1024, memory.data_ptr()), {}),
    ):
        assert args == addresses
        assert options.pop("workspace") != 0
        assert options == {**sizes, **more, "stream": 77}


def views(x: torch.Tensor) -> list[torch.Tensor]:
    """The same numbers lying differently in memory."""
    n, d = x.shape
    wide = torch.full((2 * n, 2 * d), math.nan, dtype=x.dtype)
    wide[::2, 1::2] = x
    buffer = torch.full((n * d + 3,), math.nan, dtype=x.dtype)
    buffer[3:] = x.flatten()
    return [x, x.mT.contiguous().mT, wide[::2, 1::2], x.flip(0).flip(0), buffer[3:].view(n, d)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_views_and_leaves_give_the_same_bits(dtype: torch.dtype) -> None:
    x = torch.randn(9, 3, generator=torch.Generator().manual_seed(0)).to(dtype)
    expected = pairwise.energy_and_gradient(x)
    product, distances = pairwise.hessian_vector_product(x, x), pairwise.cdist(x, x)
    for view in (*views(x), torch.nn.Parameter(x)):
        before = view.detach().clone()
        value, gradient = pairwise.energy_and_gradient(view)
        assert torch.equal(value, expected[0])
        assert torch.equal(gradient, expected[1])
        assert gradient.is_contiguous()
        assert torch.equal(pairwise.hessian_vector_product(view, view), product)
        assert torch.equal(pairwise.cdist(view, view), distances)
        assert torch.equal(view.detach(), before)  # nothing is written to


def test_a_view_that_wants_a_gradient_hands_it_to_its_base() -> None:
    base = torch.randn(2, 9, 6, dtype=torch.float64, requires_grad=True)
    view = base[1, ::2, 1:4]
    pairwise.energy(view).backward()
    assert base.grad is not None
    torch.testing.assert_close(base.grad[1, ::2, 1:4], pairwise.energy_and_gradient(view)[1])
    assert base.grad[0].count_nonzero() == 0


def test_a_view_with_a_pending_sign() -> None:
    x = torch.randn(4, 3, dtype=torch.complex64).conj().imag
    assert x.is_neg()
    torch.testing.assert_close(pairwise.pdist(x + 0), pairwise.pdist(x))
    moved = x + torch.randn(4, 3)
    torch.testing.assert_close(
        pairwise.cdist(x, moved), torch_oracle.cdist(x, moved).float(), rtol=1e-6, atol=0
    )


def test_an_expanded_batch() -> None:
    x, y = torch.randn(6, 3), torch.randn(2, 4, 5, 3)
    expected = torch_oracle.energy(x.expand(2, 4, 6, 3), y).float()
    torch.testing.assert_close(pairwise.energy(x, y), expected)
    weights = torch.rand(4, 1, 6)
    assert pairwise.energy(x, weights=weights).shape == (4, 1)
    _, gradient = pairwise.energy_and_gradient(x, weights=weights)
    assert gradient.shape == (4, 1, 6, 3)


@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("exponent", [1.0, -1.0])
def test_no_pair_at_all(n: int, exponent: float) -> None:
    x, y = torch.randn(2, n, 3, requires_grad=True), torch.randn(2, 0, 3, requires_grad=True)
    value = pairwise.energy(x, exponent=exponent)
    assert torch.equal(value, torch.zeros(2))
    value.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, torch.zeros_like(x))
    across = pairwise.energy(x, y, exponent=exponent)
    assert torch.equal(across, torch.zeros(2))
    for gradient, leaf in zip(torch.autograd.grad(across.sum(), (x, y)), (x, y), strict=True):
        assert torch.equal(gradient, torch.zeros_like(leaf))
    product = pairwise.hessian_vector_product(x, (x, y), y, exponent=exponent)
    assert torch.equal(product[0], torch.zeros_like(x))
    assert pairwise.energy(torch.randn(0, 4, 3)).shape == (0,)
    assert pairwise.energy(torch.randn(3, 0, 4, 3)).shape == (3, 0)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_propagates(bad: float) -> None:
    x = torch.randn(2, 5, 3)
    x[1, 2, 0] = bad
    value, gradient = pairwise.energy_and_gradient(x)
    assert value[0].isfinite()
    assert not value[1].isfinite()
    assert gradient[0].isfinite().all()
    assert not gradient[1, 2, 0].isfinite()


def test_under_inference_mode_and_no_grad() -> None:
    x = torch.randn(5, 3, requires_grad=True)
    with torch.no_grad():
        assert not pairwise.energy(x).requires_grad
    with torch.inference_mode():
        assert not pairwise.energy(x).requires_grad
        assert pairwise.cdist(x, x).shape == (5, 5)


def test_double_backward_after_a_call_that_kept_no_gradient() -> None:
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    value = torch.ops.eigenwell.riesz(x, None, None, None, -1.0, 0.0, "all", False, False)[0]
    (gradient,) = torch.autograd.grad(value, x, create_graph=True)
    torch.testing.assert_close(gradient, pairwise.energy_and_gradient(x, exponent=-1.0)[1])
    (second,) = torch.autograd.grad(gradient, x, torch.ones_like(x), create_graph=True)
    product = pairwise.hessian_vector_product(x, torch.ones_like(x), exponent=-1.0)
    torch.testing.assert_close(second, product)
