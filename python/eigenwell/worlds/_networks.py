"""A model's networks as plain operations and arrays, for what runs them without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.floating[Any]]

Kind = Literal["conv", "upconv", "dense", "affine", "act", "add", "flatten", "unflatten", "part"]
#: An activation; ``"leaky"`` has a slope below 0, which is 0 of a ReLU.
Activation = Literal["leaky", "tanh", "silu"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Operation:
    """One step of a network; what it makes is number 1, 2, ... of the values, the input is 0.

    ========= ==========================================================================
    conv      convolution without padding, weight ``(k, k, in, out)``
    upconv    transposed convolution without padding, weight ``(in, k, k, out)``
    dense     ``x @ weight + bias``, weight ``(in, out)``
    affine    ``x * weight + bias``, each number by itself
    act       an activation
    add       the sum of two values
    flatten   channels, rows, columns as one line, in this order
    unflatten a line as channels, rows, columns, of ``shape``
    part      part ``shape[0]`` of ``shape[1]`` equal ones
    ========= ==========================================================================

    Attributes:
        kind: See there.
        inputs: Numbers of the values that it takes.
        weight: See there.
        bias: Of every output.
        stride: Of a convolution, in both directions.
        activation: Which.
        slope: Of ``"leaky"``.
        shape: See there.
    """

    kind: Kind
    inputs: tuple[int, ...]
    weight: Floats | None = None
    bias: Floats | None = None
    stride: int = 1
    activation: Activation = "leaky"
    slope: float = 0.0
    shape: tuple[int, ...] = ()


#: Operations in their order; the last one makes the result.
Program: TypeAlias = tuple[Operation, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Recurrent:
    """The memory: a recurrent cell on latent and one-hot action, and a mean from its state.

    Attributes:
        cell: ``"gru"`` or ``"lstm"``.
        inputs: ``(latent + actions, gates * units)``; gates as torch orders them.
        states: ``(units, gates * units)``.
        input_bias: ``(gates * units,)``.
        state_bias: ``(gates * units,)``.
        mean: From the state to the next latent's mean, or to its change.
        residual: Whether it is the change.
    """

    cell: Literal["gru", "lstm"]
    inputs: Floats
    states: Floats
    input_bias: Floats
    state_bias: Floats
    mean: Program
    residual: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class Networks:
    """All that a meta-world model needs to see, draw and predict.

    Attributes:
        variants: Names of the worlds.
        encoders: Of each world: a frame's latent mean.
        decoders: Of each world: logits of a latent's frame.
        memories: Of each world; the same object where they share it.
        context: Frames that the memory reads before it predicts.
    """

    variants: tuple[str, ...]
    encoders: tuple[Program, ...]
    decoders: tuple[Program, ...]
    memories: tuple[Recurrent, ...]
    context: int
