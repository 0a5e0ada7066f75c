"""An ONNX graph of a policy, and the check of such a graph against the vectors in it.

Input ``observation`` (float32, ``[batch, n]``), output ``action`` (float32, ``[batch, k]``), both
with a free batch size; opset 17. Shift, scale and clips are part of the graph. It does not look for
NaN: what comes out for one is up to the runtime.

The model's ``metadata_props`` are:

* ``eigenwell.version``: of the exporter;
* ``eigenwell.metadata``: the policy's metadata, a JSON object;
* ``eigenwell.self_test_inputs``: JSON list of observations;
* ``eigenwell.self_test_outputs``: JSON list of the actions that belong to them;
* ``eigenwell.self_test_tolerance``: largest absolute error of an action that passes, JSON number.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell import _files
from eigenwell._checks import require
from eigenwell._native import __version__
from eigenwell.dc.export import _text, _vectors
from eigenwell.errors import FormatError

if TYPE_CHECKING:
    from eigenwell.dc import PackedPolicy

_MAX_VECTORS = 8
# The last opset in which ReduceMax takes its axes as an attribute; every runtime of the last years
# has it. IR version 8 goes with it.
_OPSET, _IR_VERSION = 17, 8


def model(policy: PackedPolicy, *, name: str) -> bytes:
    """Return a serialised ONNX model that computes ``policy``.

    Args:
        policy: The policy.
        name: Of the graph; checked by the caller.

    Raises:
        BackendUnavailableError: The package ``onnx`` is not installed.
    """
    onnx = require("onnx", extra="onnx")
    graph = _Graph(onnx)
    k, m = policy.neurons, policy.eigenvalues

    x = "observation"
    if policy.shift is not None:
        x = graph.node("Sub", [x, graph.constant("shift", policy.shift)])
    if policy.scale is not None:
        x = graph.node("Mul", [x, graph.constant("scale", policy.scale)])
    x = graph.clip(x, "input_clip", (-policy.input_clip, policy.input_clip))
    linear = graph.node("MatMul", [x, graph.constant("weights", policy.weights)])
    spectrum = graph.node("Add", [linear, graph.constant("biases", policy.biases.ravel())])
    if policy.quadratic is not None:
        square = graph.node("Mul", [linear, linear])
        bend = graph.node("Mul", [square, graph.constant("quadratic", policy.quadratic.ravel())])
        spectrum = graph.node("Add", [spectrum, bend])
    shape = graph.constant("neurons_by_eigenvalues", np.array([-1, k, m], dtype=np.int64))
    by_neuron = graph.node("Reshape", [spectrum, shape])
    largest = graph.node("ReduceMax", [by_neuron], axes=[2], keepdims=0)
    smallest = graph.node("ReduceMin", [by_neuron], axes=[2], keepdims=0)
    action = graph.clip(graph.node("Add", [largest, smallest]), "clip", policy.clip)
    graph.node("Identity", [action], output="action")

    helper = onnx.helper
    made = helper.make_model(
        helper.make_graph(
            graph.nodes,
            name,
            [helper.make_tensor_value_info("observation", 1, ["batch", policy.inputs])],
            [helper.make_tensor_value_info("action", 1, ["batch", k])],
            graph.constants,
        ),
        producer_name="eigenwell",
        producer_version=__version__,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
    )
    helper.set_model_props(made, _properties(policy))
    onnx.checker.check_model(made, full_check=True)
    data: bytes = made.SerializeToString(deterministic=True)
    return data


def self_test(path: str | os.PathLike[str]) -> int:
    """Run an exported graph on the vectors in it, with ONNX Runtime or else onnx's own evaluator.

    Args:
        path: A file that ``export(policy, "onnx", path)`` has written.

    Returns:
        0 if every action agrees up to rounding, else the number, from 1, of the first vector for
        which one does not.

    Raises:
        ArgumentError: The file cannot be read.
        FormatError: It is no such graph.
        BackendUnavailableError: The package ``onnx`` is not installed.
    """
    onnx = require("onnx", extra="onnx")
    data = _files.read_bytes(path)
    try:
        loaded = onnx.load_model_from_string(data)
        properties = {entry.key: entry.value for entry in loaded.metadata_props}
        inputs, outputs, tolerance = (
            np.asarray(json.loads(properties[f"eigenwell.self_test_{key}"]), dtype=np.float32)
            for key in ("inputs", "outputs", "tolerance")
        )
        actions = _run(loaded, data, inputs)
        errors = np.abs(actions - outputs).max(axis=1)
    except Exception as error:
        raise FormatError(
            f"`{os.fspath(path)}` is not an ONNX graph that eigenwell exported: "
            f"{type(error).__name__}"
        ) from error
    # Written so that a NaN counts as a disagreement.
    failed = np.flatnonzero(~(errors <= tolerance))
    return int(failed[0]) + 1 if failed.size else 0


def _run(loaded: Any, data: bytes, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    feed = {"observation": inputs}
    if importlib.util.find_spec("onnxruntime") is not None:
        session = require("onnxruntime", extra="bench").InferenceSession(
            data, providers=["CPUExecutionProvider"]
        )
        return np.asarray(session.run(["action"], feed)[0])
    evaluator = require("onnx.reference", extra="onnx").ReferenceEvaluator(loaded)
    return np.asarray(evaluator.run(["action"], feed)[0])


def _properties(policy: PackedPolicy) -> dict[str, str]:
    vectors = _vectors.choose(policy, _MAX_VECTORS)

    def numbers(matrix: npt.NDArray[np.float32]) -> str:
        return "[" + ",".join(f"[{','.join(_text.floats(row))}]" for row in matrix) + "]"

    return {
        "eigenwell.version": __version__,
        "eigenwell.metadata": json.dumps(policy.metadata, sort_keys=True),
        "eigenwell.self_test_inputs": numbers(vectors.inputs),
        "eigenwell.self_test_outputs": numbers(vectors.outputs),
        "eigenwell.self_test_tolerance": _text.float32(vectors.tolerance),
    }


class _Graph:
    """Nodes and constants in the making; each node has one output, named after its kind."""

    def __init__(self, onnx: Any) -> None:
        self._onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, kind: str, inputs: list[str], *, output: str = "", **attributes: Any) -> str:
        output = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(self._onnx.helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, name: str, values: npt.NDArray[Any]) -> str:
        # A copy, since the arrays of a policy may be views of a file that are not contiguous.
        self.constants.append(self._onnx.numpy_helper.from_array(np.array(values), name))
        return name

    def clip(self, x: str, name: str, bounds: tuple[float, float]) -> str:
        """Clip by those bounds that are finite."""
        if all(map(math.isinf, bounds)):
            return x
        named = [
            self.constant(f"{name}_{side}", np.array(bound, dtype=np.float32))
            if math.isfinite(bound)
            else ""
            for side, bound in zip(("low", "high"), bounds, strict=True)
        ]
        return self.node("Clip", [x, *named])
