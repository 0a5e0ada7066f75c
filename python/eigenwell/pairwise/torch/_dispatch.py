"""How an operator is registered with torch, and how it is called.

Its autograd is registered twice. The dispatcher's registration serves ``torch.compile``, and who
calls ``torch.ops.eigenwell.*`` by name; it gives up under nested ``torch.func`` transforms, such as
``vmap(grad(f))``. An ``autograd.Function`` of the same formulas does not, so eager calls take it.
And where nobody records or transforms anything the kernel is called as it is, because the
dispatcher's way into Python takes longer than the kernel does for a hundred points.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.autograd import forward_ad

from eigenwell.pairwise.torch._launch import absent

LIBRARY: Any = torch.library.Library("eigenwell", "FRAGMENT")  # type: ignore[no-untyped-call]

_kernels: dict[str, Callable[..., Any]] = {}
_functions: dict[str, Any] = {}
_transformable: dict[str, Any] = {}
PLAIN = (torch.Tensor, torch.nn.Parameter)


def _always() -> bool:
    return True


# Not public, in every torch from 2.6 on so far; where they are gone every call is dispatched.
_transforming = getattr(torch._C, "_are_functorch_transforms_active", _always)
_modes = getattr(torch._C, "_len_torch_dispatch_stack", _always)
_traced = getattr(torch._C, "_get_tracing_state", _always)


def call(name: str, *args: Any) -> Any:
    """Call an operator so that every transform of torch sees its derivatives.

    An output that was not asked for is None or has no elements.
    """
    if torch.compiler.is_compiling():
        return getattr(torch.ops.eigenwell, name)(*args)
    if _transforming():
        return _transformable[name].apply(*args)
    recording = torch.is_grad_enabled() and any(
        isinstance(arg, torch.Tensor) and arg.requires_grad for arg in args
    )
    if recording or tangents():
        # Without `setup_context`, which torch.func needs, `apply` is 20 us faster.
        return _functions[name].apply(*args)
    if _is_plain(args):
        return _kernels[name](*args)
    return getattr(torch.ops.eigenwell, name)(*args)


def tangents() -> bool:
    """Whether this is a dual level: a tangent in it `apply` refuses, and a kernel would lose it."""
    return bool(getattr(forward_ad, "_current_level", 0) >= 0)


def observed() -> bool:
    """Whether a transform, a mode or a tracer wants to see what is called."""
    return bool(_transforming() or _modes() or _traced())


def _is_plain(args: tuple[Any, ...]) -> bool:
    """Whether a kernel can take the arguments itself and no mode wants to see the call."""
    if _modes() or _traced():
        return False
    return all(
        type(arg) in PLAIN and (arg.is_cpu or arg.is_cuda) and not arg.is_neg()
        for arg in args
        if isinstance(arg, torch.Tensor)
    )


def register(
    schema: str,
    *,
    kernel: Callable[..., Any],
    fake: Callable[..., object],
    setup: Callable[..., None],
    backward: Callable[..., object],
) -> None:
    """Define an operator, for the CPU and for CUDA.

    Args:
        schema: Name, arguments and results. Every tensor among them has the batch first.
        kernel: Computes it; its result may be None where the schema has a tensor of points.
        fake: Gives the shapes of the results.
        setup: Keeps what the backward needs: ``setup(ctx, inputs, output)``.
        backward: Gives the gradients of all inputs: ``backward(ctx, *grads)``.
    """
    LIBRARY.define(schema, tags=(torch.Tag.pt2_compliant_tag,))
    name = schema.partition("(")[0]
    operator = getattr(torch.ops.eigenwell, name)

    def batched_by(apply: Callable[..., Any]) -> Callable[..., Any]:
        def batched(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> tuple[Any, Any]:
            pairs = zip(args, in_dims, strict=True)
            outputs = apply(*(_batch_first(arg, dim, info.batch_size) for arg, dim in pairs))
            return outputs, 0 if isinstance(outputs, torch.Tensor) else (0,) * len(outputs)

        return batched

    x_position = schema[schema.index("(") + 1 : schema.index(")")].split(", ").index("Tensor x")

    def run(*args: Any) -> Any:
        outputs = kernel(*args)
        if isinstance(outputs, torch.Tensor):
            return outputs
        x = args[x_position]
        return tuple(absent(x) if output is None else output for output in outputs)

    def forward(ctx: Any, *args: Any) -> Any:
        outputs = run(*args) if _is_plain(args) else operator(*args)
        setup(ctx=ctx, inputs=args, output=outputs)
        return outputs

    def transform(*args: Any) -> Any:
        return _transformable[name].apply(*args)

    _kernels[name] = kernel
    _functions[name] = _function(f"Eigenwell_{name}", forward=forward, backward=backward)
    _transformable[name] = _function(
        f"Eigenwell_{name}_transformable",
        forward=operator,
        setup_context=setup,
        backward=backward,
        vmap=batched_by(transform),
    )
    for device in ("CPU", "CUDA"):
        LIBRARY.impl(name, run, device)
    qualified = f"eigenwell::{name}"
    torch.library.register_fake(qualified, fake, lib=LIBRARY)
    torch.library.register_autograd(qualified, backward, setup_context=setup, lib=LIBRARY)
    torch.library.register_vmap(qualified, batched_by(operator), lib=LIBRARY)


def _function(name: str, **members: Callable[..., Any]) -> Any:
    methods = {member: staticmethod(function) for member, function in members.items()}
    return type(name, (torch.autograd.Function,), methods)


def _batch_first(value: Any, dim: int | None, size: int) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    return value.expand(size, *value.shape) if dim is None else value.movedim(dim, 0)
