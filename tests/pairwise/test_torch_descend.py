"""Descent of tensors: the bits of the NumPy path, and what only tensors can get wrong."""

from __future__ import annotations

import contextlib
import math
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from eigenwell import pairwise as front
from eigenwell.errors import ArgumentError, DeviceError, DTypeError, EigenwellError, ShapeError
from eigenwell.pairwise import Term
from eigenwell.pairwise import torch as pairwise
from eigenwell.pairwise.torch import _launch

TERMS = (
    Term(first=0, exponent=-1.0, softening=0.1),
    Term(first=1, second=1, exponent=-2.0, strength=0.5, pairs="upper", softening=0.2),
    Term(first=0, second=1, exponent=1.0, strength=-0.25, pairs="upper"),
)
SPECIES: dict[str, Any] = {"learning_rate": [1e-3, 2e-3], "terms": TERMS, "momentum": 0.9}


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator).to(dtype)


def assert_same(found: Any, expected: Any) -> None:
    """Equal bits of tensors and arrays, one or a tuple of them."""
    if isinstance(expected, tuple):
        assert isinstance(found, tuple)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif expected is None:
        assert found is None
    else:
        assert type(found) is torch.Tensor
        assert not found.requires_grad
        np.testing.assert_array_equal(found.numpy(), expected, strict=True)


def assert_like_numpy(x: Any, velocity: Any = None, **options: Any) -> None:
    def array(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return value.detach().numpy()
        return None if value is None else [array(part) for part in value]

    found = front.descend(x, velocity=velocity, **options)
    expected = front.descend(array(x), velocity=array(velocity), **options)
    for name in ("x", "records", "velocity"):
        assert_same(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("every", [None, 1, 2, 9])
def test_the_bits_of_the_numpy_path(dtype: torch.dtype, every: int | None) -> None:
    x, y = normal(40, 3, dtype=dtype), normal(25, 3, seed=1, dtype=dtype)
    v, u = normal(40, 3, seed=2, dtype=dtype), normal(25, 3, seed=3, dtype=dtype)
    for steps in (0, 7):
        options: dict[str, Any] = {"steps": steps, "record_every": every}
        assert_like_numpy(x, learning_rate=1e-2, pairs="upper", **options)
        assert_like_numpy(x, v, learning_rate=1e-2, exponent=-1.0, softening=0.1, **options)
        assert_like_numpy([x, y], **options, **SPECIES)
        assert_like_numpy((x, y), [v, u], **options, **SPECIES)
        assert_like_numpy([x], learning_rate=[1e-2], **options)


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("n", [0, 1, 2, 17])
def test_species_of_any_size_next_to_one_without_points(n: int, d: int) -> None:
    x, nothing = normal(n, d), torch.empty(0, d)
    options: dict[str, Any] = {"steps": 3, "record_every": 1}
    assert_like_numpy(x, learning_rate=1e-2, **options)
    assert_like_numpy([x, nothing], **options, **SPECIES)
    assert_like_numpy([nothing, x], **options, **SPECIES)
    assert_like_numpy([nothing, nothing], **options, **SPECIES)


def test_threads_are_those_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(_launch._native, "descend", lambda *_, **options: asked.append(options))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 5)
    pairwise.descend(normal(4, 3), steps=1, learning_rate=0.1)
    assert asked[0]["threads"] == 5


def test_views_leaves_and_graphs_give_the_same_bits_and_stay_as_they_are() -> None:
    x = normal(9, 3)
    wide = torch.full((18, 6), math.nan)
    wide[::2, 1::2] = x
    leaf = x.clone().requires_grad_()
    negated = torch.complex(x, -x).conj().imag
    assert negated.is_neg()
    options: dict[str, Any] = {"steps": 3, "learning_rate": 1e-2, "momentum": 0.5}
    expected = pairwise.descend(x, velocity=x, **options)

    class Subclass(torch.Tensor):
        pass

    for view in (
        x.mT.contiguous().mT,
        wide[::2, 1::2],
        x.flip(0).flip(0),
        leaf,
        leaf * 1,
        leaf.view(9, 3)[:],
        torch.nn.Parameter(x),
        x.as_subclass(Subclass),
        negated,
    ):
        before, version = view.detach().clone(), view._version
        found = pairwise.descend(view, velocity=view, **options)
        for name in ("x", "velocity"):
            assert_same(getattr(found, name), getattr(expected, name).numpy())
        assert torch.equal(view.detach(), before)
        assert view._version == version
    assert leaf.grad is None


def test_a_descent_goes_on_where_it_stopped() -> None:
    x = normal(30, 3)
    options: dict[str, Any] = {"learning_rate": 1e-2, "momentum": 0.9}
    whole = pairwise.descend(x, steps=6, **options)
    half = pairwise.descend(x, steps=2, **options)
    rest = pairwise.descend(half.x, velocity=half.velocity, steps=4, **options)
    assert torch.equal(rest.x, whole.x)  # type: ignore[arg-type]


def test_under_inference_mode_and_autocast() -> None:
    x = normal(30, 3)
    expected = pairwise.descend(x, steps=2, learning_rate=1e-2).x
    assert isinstance(expected, torch.Tensor)
    with torch.inference_mode():
        inside = pairwise.descend(x, steps=2, learning_rate=1e-2).x
    with torch.autocast("cpu", dtype=torch.bfloat16):
        casting = pairwise.descend(x, steps=2, learning_rate=1e-2).x
    assert_same(inside, expected.numpy())
    assert_same(casting, expected.numpy())


def test_a_compiled_function_breaks_its_graph_there() -> None:
    torch.compiler.reset()

    def work(x: torch.Tensor) -> torch.Tensor:
        moved = front.descend(2 * x, steps=2, learning_rate=1e-2).x
        assert isinstance(moved, torch.Tensor)
        return moved + 1

    x = normal(9, 3)
    torch.testing.assert_close(torch.compile(work, backend="aot_eager")(x), work(x))


X, F64 = torch.eye(3, 2), torch.eye(3, 2, dtype=torch.float64)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": X.int()}, DTypeError, "`x` must be float32, .*got torch.int32"),
        ({"x": X.half()}, DTypeError, "`x` must be float32 or float64, got torch.float16"),
        ({"x": X[0]}, ShapeError, r"`x` must have shape \(..., n, d\)"),
        ({"x": X[None]}, ShapeError, r"`x` must have shape \(n, d\), got \(1, 3, 2\)"),
        ({"x": X[:, :0]}, ShapeError, "`x` must have at least one coordinate"),
        ({"x": X.to("meta")}, DeviceError, "`x` must be on the CPU or a CUDA device, got meta"),
        ({"x": X.to_sparse()}, ArgumentError, "`x` must be dense"),
        ({"x": X / 0}, ArgumentError, r"`x` must be finite, got inf at index \(0, 0\)"),
        ({"x": [X, X.numpy()]}, DTypeError, r"`x\[1\]` must be a torch tensor, got ndarray"),
        ({"x": X.numpy(), "velocity": X}, DTypeError, "`x` must be a torch tensor, got ndarray"),
        ({"x": [X, torch.eye(3)]}, ShapeError, r"`x\[1\]` must be \(3, 2\) and float32 as x\[0\]"),
        ({"x": [X, F64]}, ShapeError, r"`x\[1\]` must be .*float32 .*got \(3, 2\) and float64"),
        ({"x": [X, X]}, ArgumentError, "`terms` must say how the species act"),
        ({"velocity": X.numpy()}, DTypeError, "`velocity` must be a torch tensor, got ndarray"),
        ({"velocity": X[:2]}, ShapeError, r"`velocity` must be \(3, 2\) and float32 as its points"),
        ({"velocity": F64}, ShapeError, r"`velocity` must be \(3, 2\) and float32"),
        ({"velocity": X * math.nan}, ArgumentError, "`velocity` must be finite, got nan"),
        ({"x": [X], "velocity": [X, X]}, ShapeError, "`velocity` must be 1 tensors as `x` is"),
        ({"x": [X], "velocity": X}, ShapeError, "`velocity` must be 1 tensors as `x` is"),
        ({"steps": -1}, ArgumentError, "`steps` must be between 0"),
        ({"learning_rate": [1.0, 2.0]}, ShapeError, "`learning_rate` must be one number or 1"),
        ({"learning_rate": X[0, 0]}, DTypeError, "`learning_rate` must be plain numbers, got Tens"),
        ({"momentum": X[0, 0]}, DTypeError, "`momentum` must be plain numbers, got Tensor"),
        ({"record_every": 0}, ArgumentError, "`record_every` must be between 1"),
        ({"exponent": 0}, ArgumentError, r"`terms\[0\].exponent` must be finite and not 0"),
        ({"momentum": math.inf}, ArgumentError, "`momentum` must be finite"),
    ],
)
def test_mistakes(change: dict[str, Any], error: type[EigenwellError], message: str) -> None:
    arguments: dict[str, Any] = {"x": X, "steps": 1, "learning_rate": 0.1, **change}
    with pytest.raises(error, match=message) as caught:
        front.descend(arguments.pop("x"), **arguments)
    assert "\n" not in str(caught.value)


def test_no_species_at_all() -> None:
    with pytest.raises(ShapeError, match="`x` must have at least one species"):
        pairwise.descend([], steps=1, learning_rate=0.1)


def test_transforms_and_tracers_are_refused() -> None:
    from torch.fx.experimental.proxy_tensor import make_fx

    def work(x: torch.Tensor) -> torch.Tensor:
        moved = pairwise.descend(x, steps=1, learning_rate=0.1).x
        assert isinstance(moved, torch.Tensor)
        return moved.sum()

    for transformed in (torch.func.grad(work), torch.func.vmap(work), make_fx(work)):
        with pytest.raises(ArgumentError, match="`descend` cannot be traced or transformed"):
            transformed(X)


def test_what_a_gpu_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The launch without a GPU: addresses, terms, workspace and stream, inside of its device."""
    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
    devices: list[Any] = []

    @contextlib.contextmanager
    def device(which: Any) -> Iterator[None]:
        devices.append(which)
        yield
        devices.append(None)

    def called(name: str) -> Any:
        def record(*args: Any, **options: Any) -> int:
            assert devices[-1] == "cuda:7"
            calls.append((name, args, options))
            return 4096

        return record

    class OnDevice:
        is_cpu, dtype, device = False, torch.float64, "cuda:7"

        def __init__(self, address: int, n: int) -> None:
            self.shape, self.address = (n, 3), address

        def __len__(self) -> int:
            return self.shape[0]

        def __getitem__(self, rest: slice) -> OnDevice:
            assert rest == slice(1, None)
            return OnDevice(self.address + 8, len(self) - 1)

        def data_ptr(self) -> int:
            return self.address

    names = ("descend_workspace", "descend")
    kernels = types.SimpleNamespace(**{name: called(name) for name in names})
    empty = torch.empty
    monkeypatch.setattr(_launch, "_cuda_kernels", lambda _: kernels)
    monkeypatch.setattr(torch.cuda, "device", device)
    stream = types.SimpleNamespace(cuda_stream=77)
    monkeypatch.setattr(torch.cuda, "current_stream", {"cuda:7": stream}.__getitem__)
    monkeypatch.setattr(torch, "empty", lambda size, dtype, device: empty(size, dtype=dtype))

    rule = (2.0, -1.0, 0.5, "all")
    options = front._descend.Options([0.1, 0.2, 0.3], [(0, 2, *rule), (1, 2, *rule)], 9, 4, 0.5)
    _launch.descend(
        [OnDevice(100, 4), OnDevice(0, 0), OnDevice(300, 5)],  # type: ignore[list-item]
        [OnDevice(110, 4), OnDevice(0, 0), OnDevice(310, 5)],  # type: ignore[list-item]
        [OnDevice(120, 3), OnDevice(0, 3), OnDevice(320, 1)],  # type: ignore[list-item]
        options,
    )
    species = [(100, 110, 128, 4, 0.1), (300, 310, 0, 5, 0.3)]
    terms = [(0, 1, *rule)]
    sizes = {"d": 3, "dtype": "float64"}
    assert calls[0] == ("descend_workspace", (species, terms), sizes)
    name, args, told = calls[1]
    assert (name, args) == ("descend", (species, terms))
    assert told.pop("workspace") != 0
    loop = {"steps": 9, "record_every": 4, "momentum": 0.5}
    assert told == {**sizes, **loop, "stream": 77}

    monkeypatch.setattr(_launch, "_MOST_SPECIES_ON_A_GPU", 1)
    with pytest.raises(ArgumentError, match="`x` must be at most 1 species on a GPU, got 2"):
        _launch.descend(*[[OnDevice(1, 4)] * 2] * 3, options)  # type: ignore[arg-type]
