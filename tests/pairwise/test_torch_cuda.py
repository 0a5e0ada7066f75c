"""The torch operators on a GPU: against the CPU, on streams, in graphs, without waiting."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
import torch
from tests.helpers import torch_oracle
from tests.helpers.tolerances import PAIRWISE
from torch.autograd import gradcheck, gradgradcheck

from eigenwell.pairwise import Descent, Term
from eigenwell.pairwise import torch as pairwise

if not torch.cuda.is_available():
    REASON = "torch sees no GPU here"
elif importlib.util.find_spec("eigenwell._cuda") is None:
    REASON = "this build of eigenwell has no CUDA kernels"
else:
    REASON = ""
pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON)

SIZES = (0, 1, 2, 3, 31, 32, 33, 127, 128, 129, 257, 1025)


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator).to("cuda", dtype)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("d", [1, 2, 3, 5, 128])
def test_values_and_gradients(n: int, d: int) -> None:
    x, y = normal(2, n, d).requires_grad_(), normal(2, max(n - 1, 0), d, seed=1).requires_grad_()
    for exponent in (1.0, -1.0, 2.0, 1.5):
        expected = torch_oracle.energy(x, y, exponent=exponent)
        gradients = torch.autograd.grad(expected.sum(), (x, y))
        value, *found = pairwise.energy_and_gradient(x.detach(), y.detach(), exponent=exponent)
        assert torch_oracle.relative_error(value, expected) <= PAIRWISE["float32"]
        for gradient, reference in zip(found, gradients, strict=True):
            assert torch_oracle.relative_error(gradient, reference) <= PAIRWISE["float32"]
    expected = torch_oracle.cdist(x, y)
    assert torch_oracle.relative_error(pairwise.cdist(x, y), expected) <= PAIRWISE["float32"]
    found = torch.autograd.grad(pairwise.cdist(x, y).sum(), (x, y))
    for gradient, reference in zip(found, torch.autograd.grad(expected.sum(), (x, y)), strict=True):
        assert torch_oracle.relative_error(gradient, reference) <= PAIRWISE["float32"]
    expected = torch_oracle.pdist(x)
    assert torch_oracle.relative_error(pairwise.pdist(x), expected) <= PAIRWISE["float32"]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_agrees_with_the_cpu(dtype: torch.dtype) -> None:
    x, v = normal(2, 70, 3, dtype=dtype), normal(2, 70, 3, seed=1, dtype=dtype)
    weights = normal(2, 70, seed=2, dtype=dtype).abs()
    for exponent, pairs in ((1.0, "all"), (-1.0, "upper"), (2.0, "different")):
        options = {"exponent": exponent, "pairs": pairs, "softening": 0.1}
        here = pairwise.energy_and_gradient(x, weights=weights, **options)
        there = pairwise.energy_and_gradient(x.cpu(), weights=weights.cpu(), **options)
        torch.testing.assert_close(here, there, check_device=False)
        torch.testing.assert_close(
            pairwise.hessian_vector_product(x, v, **options),
            pairwise.hessian_vector_product(x.cpu(), v.cpu(), **options),
            check_device=False,
        )


@pytest.mark.parametrize("exponent", [1.0, -1.0, 2.0, 0.5, -2.0])
def test_first_and_second_order(exponent: float) -> None:
    x = normal(2, 5, 3, dtype=torch.float64).requires_grad_()
    y = normal(2, 4, 3, seed=1, dtype=torch.float64).requires_grad_()
    w = normal(2, 5, seed=2, dtype=torch.float64).requires_grad_()
    for check in (gradcheck, gradgradcheck):
        assert check(lambda x, w: pairwise.energy(x, weights=w, exponent=exponent), (x, w))
        assert check(lambda x, y: pairwise.energy(x, y, exponent=exponent), (x, y))
        assert check(pairwise.cdist, (x, y))
        assert check(pairwise.pdist, (x,))


def test_operators_pass_opcheck_and_compile() -> None:
    x = normal(2, 5, 3).requires_grad_()
    torch.library.opcheck(
        torch.ops.eigenwell.riesz, (x, None, None, None, 1.0, 0.0, "all", True, False)
    )
    torch.compiler.reset()
    compiled = torch.compile(pairwise.energy, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), pairwise.energy(x))


def test_the_same_bits_every_time() -> None:
    x = normal(3000, 3)
    first = pairwise.energy_and_gradient(x)
    for _ in range(5):
        for found, expected in zip(pairwise.energy_and_gradient(x), first, strict=True):
            assert torch.equal(found, expected)


def test_work_goes_to_the_current_stream() -> None:
    x, stream = normal(500, 3), torch.cuda.Stream()
    expected = pairwise.energy(2 * x)
    torch.cuda.synchronize()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(100_000_000)  # a kernel on another stream would see x as it was
        x.mul_(2)
        found = pairwise.energy(x)
    torch.cuda.current_stream().wait_stream(stream)
    assert torch.equal(found, expected)


@pytest.mark.filterwarnings("ignore:.*[Ss]ynchronization debug mode.*")
def test_nothing_waits_for_the_gpu() -> None:
    x = normal(100, 3).requires_grad_()
    torch.cuda.set_sync_debug_mode("error")
    try:
        value = pairwise.energy(x)
        (gradient,) = torch.autograd.grad(value, x, torch.ones_like(value), create_graph=True)
        torch.autograd.grad(gradient, x, torch.ones_like(x))
        distances = pairwise.cdist(x, x)
        torch.autograd.grad(distances, x, torch.ones_like(distances))
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_runs_in_a_cuda_graph() -> None:
    x = normal(1000, 3)

    def work() -> tuple[torch.Tensor, ...]:
        return (
            *pairwise.energy_and_gradient(x),
            pairwise.cdist(x, x[:7]),
            pairwise.pdist(x[:9]),
            pairwise.hessian_vector_product(x, x),  # type: ignore[return-value]
        )

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = work()
    x.copy_(normal(1000, 3, seed=5))
    graph.replay()
    for found, expected in zip(captured, work(), strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_descends_as_the_cpu_does(dtype: torch.dtype) -> None:
    x, y = normal(129, 3, dtype=dtype), normal(70, 3, seed=1, dtype=dtype)
    nothing = x.new_empty(0, 3)
    terms = (
        Term(first=0, exponent=-1.0, softening=0.1),
        Term(first=1, pairs="upper", strength=0.5),
        Term(first=0, second=1, pairs="upper", strength=-0.25),
        Term(first=1, second=2),
    )

    def run(*species: torch.Tensor) -> Descent[torch.Tensor]:
        return pairwise.descend(
            species, steps=7, learning_rate=1e-4, terms=terms, momentum=0.9, record_every=3
        )

    here, there = run(x, y, nothing), run(x.cpu(), y.cpu(), nothing.cpu())
    for name in ("x", "records", "velocity"):
        for found, expected in zip(getattr(here, name), getattr(there, name), strict=True):
            assert found.device == x.device
            if len(expected):
                bound = PAIRWISE[str(dtype).partition(".")[2]]
                assert torch_oracle.relative_error(found, expected) <= bound
    again = run(x, y, nothing)
    assert all(torch.equal(one, other) for one, other in zip(here.x, again.x, strict=True))


@pytest.mark.parametrize("record_every", [1, 7, 40, None])
def test_a_long_descent_has_the_bits_of_short_ones(record_every: int | None) -> None:
    """Its steps go as graphs, those of a short one kernel by kernel."""
    species = [normal(129, 3), normal(70, 3, seed=1)]
    terms = (Term(first=0), Term(first=0, second=1, pairs="upper", strength=-0.25))
    options: dict[str, Any] = {"learning_rate": 1e-4, "terms": terms, "momentum": 0.9}
    long = pairwise.descend(species, steps=100, record_every=record_every, **options)
    short: Any = Descent(tuple(species), None, tuple(torch.zeros_like(x) for x in species))
    states = [species]
    for _ in range(100):
        short = pairwise.descend(short.x, steps=1, velocity=short.velocity, **options)
        states.append(list(short.x))
    for place in range(2):
        assert torch.equal(long.x[place], short.x[place])
        assert torch.equal(long.velocity[place], short.velocity[place])
        if record_every is not None:
            assert long.records is not None
            kept = torch.stack([state[place] for state in states[::record_every]])
            assert torch.equal(long.records[place], kept)


@pytest.mark.filterwarnings("ignore:.*[Ss]ynchronization debug mode.*")
@pytest.mark.parametrize("steps", [3, 100])
def test_a_descent_waits_for_nothing_and_runs_on_the_current_stream(steps: int) -> None:
    x, stream = normal(300, 3), torch.cuda.Stream()
    expected = pairwise.descend(2 * x, steps=steps, learning_rate=1e-3).x
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        with torch.cuda.stream(stream):
            torch.cuda._sleep(1_000_000_000)
            x.mul_(2)
            found = pairwise.descend(x, steps=steps, learning_rate=1e-3).x
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.cuda.current_stream().wait_stream(stream)
    assert isinstance(found, torch.Tensor)
    assert isinstance(expected, torch.Tensor)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("steps", [2, 100])  # the second would make a graph of its own
def test_a_descent_runs_in_a_cuda_graph(steps: int) -> None:
    x = normal(300, 3)
    warm = pairwise.descend(x, steps=steps, learning_rate=1e-3, record_every=1)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = pairwise.descend(x, steps=steps, learning_rate=1e-3, record_every=1)
    graph.replay()
    assert isinstance(captured.records, torch.Tensor)
    assert isinstance(warm.records, torch.Tensor)
    assert torch.equal(captured.records, warm.records)


def test_devices_do_not_mix() -> None:
    from eigenwell.errors import DeviceError

    x = normal(4, 3)
    with pytest.raises(DeviceError, match="`y` must be on the device of `x`, cuda:0, got cpu"):
        pairwise.energy(x, x.cpu())
    options: dict[str, Any] = {"steps": 1, "learning_rate": 0.1}
    with pytest.raises(DeviceError, match=r"`x\[1\]` must be on cuda:0 as x\[0\] is, got cpu"):
        pairwise.descend([x, x.cpu()], **options, terms=[Term()])
    with pytest.raises(DeviceError, match="`velocity` must be on cuda:0 as its points are, got c"):
        pairwise.descend(x, velocity=x.cpu(), **options)


def test_another_device_than_the_current_one() -> None:
    if torch.cuda.device_count() < 2:
        pytest.skip("there is one GPU only")
    x = normal(100, 3)
    other = pairwise.energy(x.to("cuda:1"))
    assert other.device == torch.device("cuda:1")
    torch.testing.assert_close(other.cpu(), pairwise.energy(x).cpu())
