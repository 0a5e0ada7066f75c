"""Takes a model apart into operations and arrays.

The networks are followed as they compute (torch.fx), so whatever they consist of is found, in
whatever order, as long as the operations are known here.
"""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from eigenwell.errors import ArgumentError
from eigenwell.worlds._networks import Networks, Operation, Program, Recurrent
from eigenwell.worlds.torch._evaluate import _CONTEXT

if TYPE_CHECKING:
    from eigenwell.worlds.torch._model import Memory, Trained, Vision

_KNOWN = (
    *(nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Flatten, nn.Unflatten, nn.Identity),
    *(nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.SiLU),
)
# What changes no number and no order: the value goes on.
_SAME = {"unsqueeze", "squeeze", "contiguous", "float", "to"}
_SUMS: dict[Any, int] = {
    operator.add: 1,
    operator.iadd: 1,
    torch.add: 1,
    operator.sub: -1,
    torch.sub: -1,
}
_PRODUCTS: dict[Any, int] = {operator.mul: 1, torch.mul: 1, operator.truediv: -1, torch.div: -1}


def networks(trained: Trained) -> Networks:
    """Return a model's networks as operations and arrays.

    Raises:
        ArgumentError: It has an operation that is not known here.
    """
    model, worlds = trained.model, range(len(trained.variants))
    recurrent = functools.cache(_recurrent)
    return Networks(
        variants=trained.variants,
        encoders=tuple(_program(_Eyes(model.vision(world))) for world in worlds),
        decoders=tuple(_program(_Hand(model.vision(world))) for world in worlds),
        memories=tuple(recurrent(model.memory(world)) for world in worlds),
        context=_CONTEXT,
    )


class _Eyes(nn.Module):
    def __init__(self, vision: Vision) -> None:
        super().__init__()
        self.vision = vision

    def forward(self, frames: Tensor) -> Tensor:
        return self.vision.encode(frames)[0]


class _Hand(nn.Module):
    def __init__(self, vision: Vision) -> None:
        super().__init__()
        self.vision = vision

    def forward(self, latents: Tensor) -> Tensor:
        return self.vision.unbounded(latents)


class _Mean(nn.Module):
    def __init__(self, memory: Memory) -> None:
        super().__init__()
        self.gaussian = memory.gaussian

    def forward(self, states: Tensor) -> Tensor:
        mean: Tensor = self.gaussian(states).chunk(2, dim=1)[0]
        return mean


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        # Also our own kinds of a known one, which compute the same in another way.
        return isinstance(m, _KNOWN) or super().is_leaf_module(m, module_qualified_name)


def _recurrent(memory: Memory) -> Recurrent:
    cell: Any = memory.cell
    if cell.num_layers != 1 or cell.bidirectional or not cell.bias:
        raise _unknown(str(cell))
    return Recurrent(
        cell="lstm" if isinstance(cell, nn.LSTM) else "gru",
        inputs=_array(cell.weight_ih_l0.T),
        states=_array(cell.weight_hh_l0.T),
        input_bias=_array(cell.bias_ih_l0),
        state_bias=_array(cell.bias_hh_l0),
        mean=_program(_Mean(memory)),
        residual=memory.residual,
    )


def _program(root: nn.Module) -> Program:
    """Return what a module of one input computes."""
    try:
        graph = fx.GraphModule(root, _Tracer().trace(root)).graph
    except fx.proxy.TraceError as error:
        raise _unknown(str(error)) from None
    graph.eliminate_dead_code()
    program, made, halves = list[Operation](), dict[fx.Node, int](), dict[fx.Node, int]()
    for node in graph.nodes:
        first: Any = node.args[0] if node.args else None
        inputs = tuple(made[a] for a in node.args if isinstance(a, fx.Node) and a in made)
        module = root.get_submodule(node.target) if node.op == "call_module" else None
        if node.op == "placeholder":
            made[node] = 0
        elif node.op in ("get_attr", "output"):
            continue
        elif node.target in _SAME or isinstance(module, nn.Identity):
            made[node] = inputs[0]
        elif node.target in ("chunk", torch.chunk):
            made[node], halves[node] = inputs[0], int(node.args[1])
        else:
            if module is not None:
                made_of = _of_module(module)
            elif node.target is operator.getitem and first in halves:
                made_of = {"kind": "part", "shape": (int(node.args[1]), halves[first])}
            else:
                made_of = _arithmetic(root, node)
            program.append(Operation(inputs=inputs, **made_of))
            made[node] = len(program)
    return tuple(program)


def _of_module(module: nn.Module) -> dict[str, Any]:
    """Return the fields of its operation, without inputs."""
    match module:
        case nn.Linear():
            return {"kind": "dense", "weight": _array(module.weight.T), **_bias(module)}
        case nn.Conv2d() | nn.ConvTranspose2d():
            stride, size = module.stride[0], module.kernel_size[0]
            odd = (module.dilation, module.groups, module.padding, module.output_padding)
            if odd != ((1, 1), 1, (0, 0), (0, 0)) or {*module.stride, *module.kernel_size} != {
                *(stride, size)
            }:
                raise _unknown(str(module))
            up = isinstance(module, nn.ConvTranspose2d)
            weight = _array(module.weight.permute((0, 2, 3, 1) if up else (2, 3, 1, 0)))
            kind = "upconv" if up else "conv"
            return {"kind": kind, "weight": weight, "stride": stride, **_bias(module)}
        case nn.ReLU():
            return {"kind": "act"}
        case nn.LeakyReLU():
            return {"kind": "act", "slope": float(module.negative_slope)}
        case nn.Tanh() | nn.SiLU():
            return {"kind": "act", "activation": type(module).__name__.lower()}
        case nn.Flatten():
            return {"kind": "flatten"}
        case nn.Unflatten() if len(module.unflattened_size) == 3:
            return {"kind": "unflatten", "shape": tuple(map(int, module.unflattened_size))}
    raise _unknown(str(module))


def _arithmetic(root: nn.Module, node: fx.Node) -> dict[str, Any]:
    """Return the fields of a sum of two values, or of one value's sum or product with constants."""
    sign = _SUMS.get(node.target) or _PRODUCTS.get(node.target)
    if sign is None or len(node.args) != 2:
        raise _unknown(str(node.target))
    constants = [_constant(root, value) for value in node.args]
    adds, backwards = node.target in _SUMS, constants[0] is not None
    constant = constants[0] if backwards else constants[1]
    if constant is None and node.target in (operator.add, operator.iadd, torch.add):
        return {"kind": "add"}
    if constant is None or (sign < 0 and backwards and not adds):
        raise _unknown(f"{node.target} of two values")
    one = np.ones_like(constant)
    if not adds:
        return {"kind": "affine", "weight": constant**sign, "bias": 0 * one}
    if backwards:
        return {"kind": "affine", "weight": sign * one, "bias": constant}
    return {"kind": "affine", "weight": one, "bias": sign * constant}


def _constant(root: nn.Module, value: Any) -> Any:
    """Return a number or a tensor of the module as one line, None for what is computed."""
    if isinstance(value, fx.Node):
        if value.op != "get_attr":
            return None
        value = operator.attrgetter(str(value.target))(root)
    return np.ravel(_array(torch.as_tensor(value)))


def _bias(module: Any) -> dict[str, Any]:
    outputs = getattr(module, "out_features", None) or module.out_channels
    return {"bias": np.zeros(outputs, np.float32) if module.bias is None else _array(module.bias)}


def _array(tensor: Tensor) -> Any:
    return np.ascontiguousarray(tensor.detach().float().numpy())


def _unknown(what: str) -> ArgumentError:
    return ArgumentError(f"`trained` must consist of known operations, got {what}")
