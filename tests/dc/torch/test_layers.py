"""The layers: exact forward, three rules of gradient, transforms, bad input."""

from __future__ import annotations

import copy
import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eigenwell import reference
from eigenwell.dc.torch import DCLayer, SymmetricLayer, TridiagonalLayer
from eigenwell.dc.torch._extremes import RULES, largest, sparsemax
from eigenwell.errors import ArgumentError, DeviceError, DTypeError, EigenwellError, ShapeError

LAYERS = (DCLayer, TridiagonalLayer, SymmetricLayer)
DOUBLE: Any = {"dtype": torch.float64}


def seeded(kind: Any, *sizes: int, seed: int = 0, **options: Any) -> Any:
    """Make a layer in float64 whose every parameter is random, K too."""
    generator = torch.Generator().manual_seed(seed)
    layer = kind(*sizes, generator=generator, **DOUBLE, **options)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator, **DOUBLE)
    return layer


def normal(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("quadratic", [False, True])
@pytest.mark.parametrize("shape", [(), (7,), (2, 3), (0,)])
def test_forward_is_the_reference_under_every_rule(
    rule: str, quadratic: bool, shape: tuple[int, ...]
) -> None:
    layer = seeded(DCLayer, 5, 3, 4, quadratic=quadratic, backward=rule)
    x = normal(*shape, 5)
    expected = reference.dc(
        x.numpy(),
        weights=layer.weights.detach().numpy(),
        biases=layer.biases.detach().numpy(),
        quadratic=layer.quadratic.detach().numpy() if quadratic else None,
        clip=(-math.inf, math.inf),
    )
    found = layer(x).detach().numpy()
    assert found.shape == (*shape, 3)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)  # a few roundings of order 1


@pytest.mark.parametrize("kind", [TridiagonalLayer, SymmetricLayer])
@pytest.mark.parametrize("tied", [True, False])
def test_spectral_forward_is_numpys(kind: Any, tied: bool) -> None:
    layer = seeded(kind, 3, 2, 4, tied=tied)
    x = normal(6, 3)
    rows, columns = kind._entries(4).numpy()

    def matrices(diagonal: torch.Tensor, coupling: torch.Tensor) -> np.ndarray:
        pencils = 2 * layer.pencils
        out = np.zeros((len(diagonal), pencils, 4, 4))
        out[..., range(4), range(4)] = diagonal.detach().reshape(-1, pencils, 4)
        out[..., rows, columns] = coupling.detach().reshape(-1, pencils, len(rows))
        out[..., columns, rows] = out[..., rows, columns]
        return out

    a = matrices(layer.biases.reshape(1, -1), layer.coupling_biases.reshape(1, -1))
    b = matrices(layer.weights, layer.coupling_weights)
    spectrum = np.linalg.eigvalsh(a + np.einsum("ti,ipab->tpab", x.numpy(), b))
    spectrum = spectrum.reshape(6, 2, layer.pencils, 4)
    expected = spectrum[:, :, 0].max(-1) + spectrum[:, :, -1].min(-1)
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=0, atol=1e-13)


def test_without_couplings_the_siblings_are_the_dc_layer() -> None:
    diagonal = seeded(DCLayer, 5, 3, 4)
    for kind in (TridiagonalLayer, SymmetricLayer):
        sibling = kind(5, 3, 4, **DOUBLE)
        state = {name: torch.zeros_like(p) for name, p in sibling.state_dict().items()}
        sibling.load_state_dict(state | dict(diagonal.state_dict()))
        torch.testing.assert_close(sibling(normal(9, 5)), diagonal(normal(9, 5)))


def test_untied_takes_the_extremes_of_different_pieces() -> None:
    layer = DCLayer(1, 1, 1, tied=False, **DOUBLE)
    with torch.no_grad():
        layer.weights.copy_(torch.tensor([[2.0, 3.0]]))
        layer.biases.copy_(torch.tensor([[10.0, 20.0]]))
    assert layer(torch.tensor([1.0], **DOUBLE)).item() == 12 + 23


class TestGradients:
    @pytest.mark.parametrize("kind", LAYERS)
    @pytest.mark.parametrize("tied", [True, False])
    def test_hard_is_the_derivative(self, kind: Any, tied: bool) -> None:
        layer = seeded(kind, 3, 2, 4, tied=tied, backward="hard")
        names = list(dict(layer.named_parameters()))

        def call(x: torch.Tensor, *values: torch.Tensor) -> Any:
            return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (x,))

        # Random pieces are far from ties compared with gradcheck's step of 1e-6.
        inputs = [normal(5, 3).requires_grad_(), *layer.parameters()]
        assert torch.autograd.gradcheck(call, inputs)

    def test_hard_of_the_quadratic_term(self) -> None:
        layer = seeded(DCLayer, 3, 2, 4, quadratic=True, backward="hard")
        assert torch.autograd.gradcheck(layer, normal(5, 3).requires_grad_())

    @pytest.mark.parametrize("temperature", [0.1, 1.0])
    def test_softmax_is_the_one_of_logsumexp(self, temperature: float) -> None:
        values = normal(5, 4).requires_grad_()
        smooth = temperature * (values / temperature).logsumexp(-1).sum()
        (expected,) = torch.autograd.grad(smooth, values)
        found = largest(values, "softmax", temperature)
        assert torch.equal(found, values.amax(-1))
        torch.testing.assert_close(torch.autograd.grad(found.sum(), values)[0], expected)

    def test_softmax_of_a_layer_has_weights_of_both_signs(self) -> None:
        layer = seeded(DCLayer, 3, 1, 4, temperature=0.7)
        x = normal(3)
        spectrum = layer.spectrum(x)[0, 0] / 0.7
        layer(x).sum().backward()
        expected = spectrum.softmax(-1) + (-spectrum).softmax(-1)
        torch.testing.assert_close(layer.biases.grad[0], expected.detach())

    @settings(max_examples=50, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.integers(1, 7))
    def test_sparsemax_is_the_projection_on_the_simplex(self, seed: int, m: int) -> None:
        z = normal(m, seed=seed)
        p = sparsemax(z)
        assert p.min() >= 0
        assert abs(p.sum().item() - 1) < 1e-12
        # Optimality: (z - p).(q - p) <= 0 for every corner q of the simplex.
        assert ((z - p) @ (torch.eye(m, **DOUBLE) - p).mT).max() < 1e-12

    def test_sparsemax_leaves_out_what_is_far_below(self) -> None:
        values = torch.tensor([0.0, 0.9, 1.0], requires_grad=True)
        largest(values, "sparsemax", 0.5).backward()
        assert values.grad is not None
        torch.testing.assert_close(values.grad, torch.tensor([0.0, 0.4, 0.6]))

    def test_cold_rules_approach_the_hard_one(self) -> None:
        x = normal(20, 3)
        gradients = []
        for rule in RULES:
            layer = seeded(DCLayer, 3, 2, 4, backward=rule, temperature=1e-6)
            layer(x).sum().backward()
            gradients.append(layer.weights.grad)
        torch.testing.assert_close(gradients[0], gradients[2])
        torch.testing.assert_close(gradients[1], gradients[2])

    @pytest.mark.parametrize("kind", LAYERS)
    def test_equal_eigenvalues_give_finite_gradients(self, kind: Any) -> None:
        layer = kind(3, 2, 4, **DOUBLE)
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.zero_()
        layer(normal(5, 3)).sum().backward()
        assert all(p.grad.isfinite().all() for p in layer.parameters())


class TestTransforms:
    @pytest.mark.parametrize("kind", LAYERS)
    @pytest.mark.parametrize("rule", RULES)
    def test_compile_and_vmap(self, kind: Any, rule: str) -> None:
        torch.compiler.reset()
        layer = seeded(kind, 3, 2, 4, backward=rule)
        x = normal(6, 3)
        # Traced and differentiated as by the default backend, without its C++ compiler.
        compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(x), layer(x), rtol=0, atol=1e-14)
        compiled(x).sum().backward()
        found = [p.grad.clone() for p in layer.parameters()]
        layer.zero_grad()
        layer(x).sum().backward()
        for gradient, parameter in zip(found, layer.parameters(), strict=True):
            torch.testing.assert_close(gradient, parameter.grad)
        by_row = torch.func.vmap(torch.func.grad(lambda row: layer(row).sum()))(x)
        leaf = x.clone().requires_grad_()
        layer(leaf).sum().backward()
        torch.testing.assert_close(by_row, leaf.grad)

    # torch warns of itself, on the first use of forward mode.
    @pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
    @pytest.mark.parametrize("rule", RULES)
    def test_forward_mode_agrees_with_reverse(self, rule: str) -> None:
        layer = seeded(DCLayer, 3, 2, 4, backward=rule)
        x = normal(3)
        torch.testing.assert_close(torch.func.jacfwd(layer)(x), torch.func.jacrev(layer)(x))

    @pytest.mark.parametrize("kind", LAYERS)
    def test_state_dicts_are_plain(self, kind: Any) -> None:
        layer, other = kind(3, 2, 4), kind(3, 2, 4)
        state = layer.state_dict()
        assert set(state) == {name for name, _ in layer.named_parameters()}
        assert all(t.is_contiguous() and t.numel() > 0 for t in state.values())
        assert len({t.untyped_storage().data_ptr() for t in state.values()}) == len(state)
        other.load_state_dict(state)
        x = torch.ones(3)
        assert torch.equal(other(x), layer(x))
        assert torch.equal(copy.deepcopy(layer)(x), layer(x))

    @pytest.mark.parametrize("kind", LAYERS)
    def test_devices_and_dtypes(self, kind: Any) -> None:
        layer = kind(3, 2, 4)
        assert layer.double()(torch.ones(3, **DOUBLE)).dtype == torch.float64
        moved = layer.to("meta")
        assert all(t.is_meta for t in (*moved.parameters(), *moved.buffers()))
        assert kind(3, 2, 4, device="meta").weights.is_meta

    def test_the_same_generator_gives_the_same_layer(self) -> None:
        state = torch.get_rng_state()
        one, other = (seeded(DCLayer, 3, 2, seed=7) for _ in range(2))
        assert torch.equal(one.weights, other.weights)
        assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: DCLayer(0, 4), ArgumentError, "`in_features` must be between 1 and"),
        (lambda: DCLayer(3, 4.0), DTypeError, "`out_features` must be an integer, got float"),  # type: ignore[arg-type]
        (lambda: DCLayer(3, 4, 0), ArgumentError, "`eigenvalues` must be between 1"),
        (lambda: DCLayer(3, 4, temperature=0), ArgumentError, "`temperature` must be finite and a"),
        (lambda: DCLayer(3, 4, temperature="x"), DTypeError, "`temperature` must be a number"),  # type: ignore[arg-type]
        (
            lambda: TridiagonalLayer(3, 4, backward="soft"),  # type: ignore[arg-type]
            ArgumentError,
            "`backward` must be one of softmax, sparsemax, hard, got 'soft'",
        ),
        (lambda: DCLayer(3, 4)([1.0]), DTypeError, "`x` must be a torch tensor, got list"),
        (
            lambda: DCLayer(3, 4)(torch.ones(5, 4)),
            ShapeError,
            r"`x` must have shape \(..., 3\), got \(5, 4\)",
        ),
        (lambda: SymmetricLayer(3, 4)(torch.ones(())), ShapeError, r"\(..., 3\), got \(\)"),
        (
            lambda: DCLayer(3, 4)(torch.ones(3, **DOUBLE)),
            DTypeError,
            r"dtype, torch.float32, got torch.float64: convert it with .to\(torch.float32\)",
        ),
        (
            lambda: DCLayer(3, 4)(torch.ones(3, device="meta")),
            DeviceError,
            "`x` must be on the layer's device, cpu, got meta",
        ),
    ],
)
def test_errors(call: Callable[[], Any], error: type[EigenwellError], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_wrong_setting_later_on_is_an_error_too() -> None:
    layer = DCLayer(3, 4)
    layer.temperature = 0.5
    assert layer.temperature == 0.5
    with pytest.raises(ArgumentError, match="`temperature`"):
        layer.temperature = -1.0
    assert "eigenvalues=6, tied=True, backward='softmax', temperature=0.5" in repr(layer)


def test_without_torch_the_import_says_what_to_install() -> None:
    code = "import sys; sys.modules['torch'] = None; import eigenwell.dc.torch"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "BackendUnavailableError: `torch` is needed here" in run.stderr
    assert 'pip install "eigenwell[learn]"' in run.stderr


class TestPiecesThatWin:
    def test_alive_says_which(self) -> None:
        layer = DCLayer(1, 1, 3, **DOUBLE)
        with torch.no_grad():  # 1 + x and 1 - x over 0.5, which is never an extreme of [-3, 3] but
            layer.weights.copy_(torch.tensor([[1.0, -1.0, 0.0]]))
            layer.biases.copy_(torch.tensor([[1.0, 1.0, 0.5]]))
        inside, outside = normal(500, 1).clamp(-0.4, 0.4), 2 + normal(500, 1).square()
        assert layer.alive(inside).flatten().tolist() == [True, True, True]
        assert layer.alive(outside).flatten().tolist() == [True, True, False]
        assert layer.alive(outside[0]).shape == (1, 1, 3)

    def test_alive_of_untied_pieces(self) -> None:
        layer = DCLayer(1, 1, 2, tied=False, **DOUBLE)
        with torch.no_grad():  # pieces 0 and 1 of the maximum, 5 and 5 + x of the minimum
            layer.weights.copy_(torch.tensor([[0.0, 0.0, 0.0, 1.0]]))
            layer.biases.copy_(torch.tensor([[0.0, 1.0, 5.0, 5.0]]))
        x = normal(50, 1).square()
        assert layer.alive(x).tolist() == [[[False, True], [True, False]]]

    @pytest.mark.parametrize("n", [1, 2, 3, 8, 24])
    @pytest.mark.parametrize("tied", [True, False])
    @pytest.mark.parametrize("m", [2, 6, 12])
    def test_nearly_all_do_at_first(self, n: int, tied: bool, m: int) -> None:
        layer = DCLayer(n, 50, m, tied=tied, generator=torch.Generator().manual_seed(0))
        x = normal(4096, n).float()
        # Measured: at least 0.985 of the pieces.
        assert layer.alive(x).double().mean() > 0.97
