"""What torch asks of an operator: schema, tracing, compilation, batching; and that values agree."""

from __future__ import annotations

import itertools
import subprocess
import sys
from typing import Any

import pytest
import torch
from tests.helpers import torch_oracle
from tests.helpers.tolerances import HALF_GRADIENT, PAIRWISE
from torch.func import grad, jacrev, vmap

from eigenwell import pairwise as front
from eigenwell.pairwise import torch as pairwise

SIZES = (0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 97, 257)
GRADIENT = {getattr(torch, name): bound for name, bound in (PAIRWISE | HALF_GRADIENT).items()}


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator).to(dtype)


def arguments_of_operators(dtype: torch.dtype, *, wants_grad: bool) -> list[tuple[str, Any]]:
    def leaf(*shape: int, seed: int) -> torch.Tensor:
        return normal(*shape, seed=seed, dtype=dtype).requires_grad_(wants_grad)

    x, y, v, u = (leaf(2, n, 3, seed=n + k) for k, n in ((0, 5), (0, 4), (9, 5), (9, 4)))
    wx, wy = leaf(2, 5, seed=1), leaf(2, 4, seed=2)
    d_xy, d_xx = pairwise.cdist(x, y).detach(), pairwise.pdist(x).detach()
    return [
        ("riesz", (x, None, None, None, 1.0, 0.0, "all", True, False)),
        ("riesz", (x, None, wx, None, -1.5, 0.1, "upper", False, False)),
        ("riesz", (x, y, None, wy, 2.0, 0.0, "different", True, True)),
        ("riesz", (x, y, wx, wy, 2.0, 0.0, "all", False, True)),
        ("riesz_hvp", (x, None, wx, None, v, None, 1.0, 0.0, "all")),
        ("riesz_hvp", (x, y, wx, wy, v, u, -1.0, 0.2, "upper")),
        ("cdist", (x, y)),
        ("cdist_backward", (leaf(2, 5, 4, seed=3), x, y, d_xy, True, True)),
        ("cdist_backward", (leaf(2, 5, 4, seed=3), x, y, d_xy, False, True)),
        ("pdist", (x,)),
        ("pdist_backward", (leaf(2, 10, seed=4), x, d_xx)),
    ]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("wants_grad", [False, True])
def test_opcheck(dtype: torch.dtype, wants_grad: bool) -> None:
    for name, arguments in arguments_of_operators(dtype, wants_grad=wants_grad):
        if dtype == torch.bfloat16 and wants_grad:
            tests: tuple[str, ...] = ("test_schema", "test_faketensor")
        else:
            tests = (
                "test_schema",
                "test_autograd_registration",
                "test_faketensor",
                "test_aot_dispatch_dynamic",
            )
        torch.library.opcheck(getattr(torch.ops.eigenwell, name), arguments, test_utils=tests)


@pytest.mark.parametrize("dtype", list(GRADIENT))
@pytest.mark.parametrize("n", SIZES)
def test_values_at_the_edges_of_blocks(n: int, dtype: torch.dtype) -> None:
    m, allowed = max(n - 1, 0), GRADIENT[dtype]
    for d, exponent in ((3, 1.0), (2, -1.0), (1, 2.0), (5, 1.5)):
        x, y = normal(n, d, seed=1, dtype=dtype), normal(m, d, seed=2, dtype=dtype)
        x.requires_grad_()
        y.requires_grad_()
        for others in (None, y):
            leaves = (x,) if others is None else (x, y)
            expected = torch_oracle.energy(x, others, exponent=exponent)
            gradients = torch.autograd.grad(expected, leaves, allow_unused=True)
            value, *found = pairwise.energy_and_gradient(
                *(leaf.detach() for leaf in leaves), exponent=exponent
            )
            assert value.shape == ()
            # The energy is summed from the points as they came, in float64.
            limit = min(allowed, PAIRWISE["float32"])
            assert torch_oracle.relative_error(value, expected) <= limit
            for gradient, reference in zip(found, gradients, strict=True):
                assert gradient.dtype == dtype
                assert reference is not None
                assert torch_oracle.relative_error(gradient, reference) <= allowed or n < 2
                assert gradient.isfinite().all()


@pytest.mark.parametrize("exponent", [1.0, -1.0, 2.0, 0.5, -2.0])
@pytest.mark.parametrize("pairs", ["all", "upper", "different"])
def test_values_of_every_pair_set(exponent: float, pairs: str) -> None:
    x, y, wx, wy = normal(3, 9, 3), normal(3, 7, 3, seed=1), normal(3, 9), normal(3, 7, seed=1)
    options: dict[str, Any] = {"exponent": exponent, "pairs": pairs, "softening": 0.25}
    torch.testing.assert_close(
        pairwise.energy(x, weights=wx, **options), torch_oracle.energy(x, weights=wx, **options)
    )
    torch.testing.assert_close(
        pairwise.energy(x, y, weights=(wx, wy), **options),
        torch_oracle.energy(x, y, weights=(wx, wy), **options),
    )


def test_the_same_bits_with_and_without_a_recorded_gradient_and_for_any_number_of_threads() -> None:
    x, before = normal(2, 301, 3, dtype=torch.float32), torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(pairwise.energy_and_gradient(x))
            recorded = pairwise.energy(x.clone().requires_grad_())
            assert torch.equal(recorded.detach(), results[0][0])
    finally:
        torch.set_num_threads(before)
    for value, gradient in results[1:]:
        assert torch.equal(value, results[0][0])
        assert torch.equal(gradient, results[0][1])


def everything(x: torch.Tensor, y: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """One number that needs every operator."""
    value, gradient = pairwise.energy_and_gradient(x, exponent=-1.0, weights=w)
    hx, hy = pairwise.hessian_vector_product(x, (x, y), y, exponent=1.5)
    return (
        pairwise.energy(x, y, softening=0.1, pairs="upper").sum()
        + value.sum()
        + gradient.square().sum()
        + (hx.square().sum() + hy.sum())
        + pairwise.cdist(x, y).square().sum()
        + pairwise.pdist(x).sum()
    )


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")  # torch's own
@pytest.mark.filterwarnings("ignore:Skipping serialization of skipfiles:UserWarning")  # torch 2.6
@pytest.mark.parametrize(
    ("backend", "dynamic"),
    # Inductor once: it calls the C++ compiler for every graph.
    [
        ("eager", False),
        ("eager", True),
        ("aot_eager", False),
        ("aot_eager", True),
        ("inductor", False),
    ],
)
def test_compiles_into_one_graph(backend: str, dynamic: bool) -> None:
    torch.compiler.reset()
    leaves = [normal(2, 5, 3), normal(2, 4, 3, seed=1), normal(2, 5, seed=2)]
    for leaf in leaves:
        leaf.requires_grad_()
    compiled = torch.compile(everything, fullgraph=True, backend=backend, dynamic=dynamic)
    for n in (5, 6):
        if n == 6:
            leaves[0], leaves[2] = (torch.cat([t, t[:, :1] + 1], 1).detach() for t in leaves[::2])
            leaves[0].requires_grad_()
            leaves[2].requires_grad_()
        found, expected = compiled(*leaves), everything(*leaves)
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(
            torch.autograd.grad(found, leaves), torch.autograd.grad(expected, leaves)
        )
        if not dynamic:
            break


def test_compiles_through_the_front_for_arrays_and_tensors() -> None:
    torch.compiler.reset()
    x = normal(5, 3).requires_grad_()
    compiled = torch.compile(front.energy, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), pairwise.energy(x))
    torch.testing.assert_close(
        torch.autograd.grad(compiled(x), x), torch.autograd.grad(pairwise.energy(x), x)
    )


def test_vmap_is_the_batch() -> None:
    x, y = normal(4, 5, 3), normal(4, 6, 3, seed=1)
    w, v = normal(4, 5, seed=2), normal(4, 5, 3, seed=3)
    torch.testing.assert_close(vmap(pairwise.energy)(x), pairwise.energy(x))
    torch.testing.assert_close(vmap(pairwise.energy)(x, y), pairwise.energy(x, y))
    torch.testing.assert_close(
        vmap(pairwise.energy, in_dims=(None, 0))(x[0], y), pairwise.energy(x[:1], y)
    )
    torch.testing.assert_close(
        vmap(pairwise.energy, in_dims=(2, 0))(x.permute(1, 2, 0), y), pairwise.energy(x, y)
    )
    torch.testing.assert_close(
        vmap(lambda x, w: pairwise.energy_and_gradient(x, weights=w), in_dims=(None, 0))(x[0], w),
        pairwise.energy_and_gradient(x[0], weights=w),
    )
    torch.testing.assert_close(
        vmap(pairwise.hessian_vector_product, in_dims=(None, 0))(x[0], v),
        pairwise.hessian_vector_product(x[:1].expand_as(x), v),
    )
    torch.testing.assert_close(vmap(pairwise.cdist)(x, y), pairwise.cdist(x, y))
    torch.testing.assert_close(
        vmap(pairwise.cdist, in_dims=(0, None))(x, y[0]), pairwise.cdist(x, y[0])
    )
    torch.testing.assert_close(vmap(pairwise.pdist)(x), pairwise.pdist(x))
    twice = vmap(vmap(pairwise.energy, in_dims=(0, None)), in_dims=(None, 0))(x, y)
    torch.testing.assert_close(twice, pairwise.energy(x[None], y[:, None]))
    for name, arguments in arguments_of_operators(torch.float64, wants_grad=False):
        operator = getattr(torch.ops.eigenwell, name)
        in_dims = tuple(0 if isinstance(value, torch.Tensor) else None for value in arguments)
        torch.testing.assert_close(
            vmap(operator, in_dims=in_dims)(*arguments), operator(*arguments)
        )


def test_transforms_compose() -> None:
    x, v = normal(4, 5, 3), normal(4, 5, 3, seed=1)

    def energy(x: torch.Tensor) -> torch.Tensor:
        return pairwise.energy(x, exponent=-1.0)

    gradients = vmap(grad(energy))(x)
    torch.testing.assert_close(gradients, pairwise.energy_and_gradient(x, exponent=-1.0)[1])
    hessians = vmap(jacrev(grad(energy)))(x)
    torch.testing.assert_close(
        torch.einsum("bijkl,bkl->bij", hessians, v),
        pairwise.hessian_vector_product(x, v, exponent=-1.0),
    )
    torch.testing.assert_close(
        vmap(grad(lambda x: pairwise.pdist(x).sum()))(x),
        2**-1 * pairwise.energy_and_gradient(x)[1],
    )
    torch.testing.assert_close(
        vmap(grad(lambda x, y: pairwise.cdist(x, y).sum()), in_dims=(0, None))(x, v[0]),
        pairwise.energy_and_gradient(x, v[0])[1],
    )


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")  # torch's own
def test_forward_mode_says_that_there_is_none() -> None:
    x = normal(4, 3)
    with pytest.raises((RuntimeError, NotImplementedError), match=r"(?i)forward|jvp"):
        torch.func.jvp(pairwise.energy, (x,), (x,))
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, x)
        for call in (pairwise.energy, pairwise.energy_and_gradient, pairwise.pdist):
            with pytest.raises((RuntimeError, NotImplementedError), match=r"(?i)forward|jvp"):
                call(dual)
        assert torch.equal(
            pairwise.energy(x),
            torch.ops.eigenwell.riesz(x, None, None, None, 1.0, 0.0, "all", False, False)[0],
        )


def test_meta_and_fake_tensors_give_shapes() -> None:
    x, y = torch.empty(7, 5, 3, device="meta"), torch.empty(4, 3, device="meta").half()
    assert pairwise.energy(x).shape == (7,)
    assert pairwise.pdist(x).shape == (7, 10)
    assert pairwise.cdist(x.half(), y).shape == (7, 5, 4)
    assert pairwise.energy(y).dtype == torch.float32
    assert pairwise.energy(x.double()).dtype == torch.float64
    value, gx, gy = pairwise.energy_and_gradient(x.half(), y)
    assert (value.shape, gx.shape, gy.shape) == ((7,), (7, 5, 3), (7, 4, 3))


def test_make_fx_sees_the_operators() -> None:
    from torch.fx.experimental.proxy_tensor import make_fx

    graph = make_fx(lambda x: pairwise.energy(x, exponent=3.0))(normal(4, 3))
    called = [node.target for node in graph.graph.nodes if node.op == "call_function"]
    assert torch.ops.eigenwell.riesz.default in called
    x = normal(4, 3, seed=5)
    torch.testing.assert_close(graph(x), pairwise.energy(x, exponent=3.0))


def test_the_front_gives_tensors_for_tensors() -> None:
    x, y = normal(5, 3), normal(4, 3, seed=1)
    assert torch.equal(front.energy(x), pairwise.energy(x))
    assert torch.equal(front.energy(x, y), pairwise.energy(x, y))
    assert torch.equal(front.cdist(x, y), pairwise.cdist(x, y))
    assert torch.equal(front.pdist(x), pairwise.pdist(x))
    product = front.hessian_vector_product(x, x)
    assert torch.equal(product, pairwise.hessian_vector_product(x, x))
    for found, expected in itertools.zip_longest(
        front.energy_and_gradient(x, y), pairwise.energy_and_gradient(x, y)
    ):
        assert torch.equal(found, expected)


def test_arrays_do_not_import_torch() -> None:
    program = (
        "import sys, numpy as np, eigenwell; from eigenwell import pairwise;"
        "pairwise.energy_and_gradient(np.eye(3)); pairwise.cdist(np.eye(3), np.eye(3));"
        "pairwise.pdist(np.eye(3));"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
