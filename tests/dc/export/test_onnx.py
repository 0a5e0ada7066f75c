"""The ONNX graph, in ONNX Runtime and in the evaluator that comes with onnx."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.dc.export.support import Case, assert_agrees, deciding_weight, observations

from eigenwell.dc.export import export
from eigenwell.dc.export import onnx as exporter
from eigenwell.errors import ArgumentError, BackendUnavailableError, FormatError

if TYPE_CHECKING:
    from eigenwell import dc

onnx = pytest.importorskip("onnx")

LIMIT = 8  # test vectors in a graph


@pytest.fixture
def walker_file(walker: dc.PackedPolicy, tmp_path: Path) -> Path:
    path = tmp_path / "walker.onnx"
    export(walker, "onnx", path)
    return path


def session(model: bytes) -> Any:
    runtime = pytest.importorskip("onnxruntime")
    return runtime.InferenceSession(model, providers=["CPUExecutionProvider"])


def test_actions_agree_with_the_oracle(policy: dc.PackedPolicy) -> None:
    model = session(bytes(export(policy, "onnx")))
    obs = observations(policy)
    for rows in (1, 5, len(obs)):
        actions = model.run(["action"], {"observation": obs[-rows:]})[0]
        assert actions.dtype == np.float32
        assert actions.shape == (rows, policy.neurons)
    assert_agrees(policy, obs, actions)


def test_input_and_output_are_as_documented(walker: dc.PackedPolicy) -> None:
    model = onnx.load_model_from_string(export(walker, "onnx", name="walker"))
    onnx.checker.check_model(model, full_check=True)
    assert model.graph.name == "walker"
    (source,), (sink,) = model.graph.input, model.graph.output
    for value, name, width in ((source, "observation", 24), (sink, "action", 4)):
        batch, columns = value.type.tensor_type.shape.dim
        assert (value.name, batch.dim_param, columns.dim_value) == (name, "batch", width)
        assert value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(properties["eigenwell.metadata"]) == walker.metadata
    assert len(json.loads(properties["eigenwell.self_test_inputs"])[0]) == 24
    assert len(json.loads(properties["eigenwell.self_test_outputs"])[0]) == 4


def test_parts_that_a_policy_lacks_are_not_in_its_graph() -> None:
    def kinds(case: Case) -> set[str]:
        model = onnx.load_model_from_string(export(case.policy(), "onnx"))
        return {node.op_type for node in model.graph.node}

    bare = kinds(Case(5, 2, 3, 4, clip=(-np.inf, np.inf)))
    assert not bare & {"Sub", "Mul", "Clip"}
    assert {"Sub", "Mul", "Clip"} <= kinds(Case(5, 2, 3, 4, ("shift", "scale", "quadratic")))


def test_the_self_test_passes_with_either_runtime(
    walker_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    assert exporter.self_test(walker_file) == 0
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert exporter.self_test(walker_file) == 0


@pytest.mark.parametrize("runtime", ["onnxruntime", "reference"])
def test_the_self_test_finds_one_wrong_weight(
    walker: dc.PackedPolicy, walker_file: Path, runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if runtime == "reference":
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
    else:
        pytest.importorskip(runtime)
    for value in (5.0, np.nan):
        model = onnx.load(walker_file)
        (weights,) = (each for each in model.graph.initializer if each.name == "weights")
        changed = onnx.numpy_helper.to_array(weights).copy()
        changed[deciding_weight(walker, LIMIT)] = value
        weights.CopyFrom(onnx.numpy_helper.from_array(changed, "weights"))
        broken = walker_file.with_name("broken.onnx")
        onnx.save(model, broken)
        assert exporter.self_test(broken) in range(1, LIMIT + 1)


def test_the_self_test_refuses_what_is_not_an_export(walker_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="cannot be read"):
        exporter.self_test(tmp_path / "nothing.onnx")
    (tmp_path / "noise.onnx").write_bytes(b"\x00\x01\x02 noise")
    (tmp_path / "cut.onnx").write_bytes(walker_file.read_bytes()[:2000])
    bare = onnx.load(walker_file)
    del bare.metadata_props[:]
    onnx.save(bare, tmp_path / "bare.onnx")
    for name in ("noise.onnx", "cut.onnx", "bare.onnx"):
        with pytest.raises(FormatError, match=r"is not an ONNX graph that eigenwell exported"):
            exporter.self_test(tmp_path / name)


def test_without_onnx_the_install_line_is_named(
    walker: dc.PackedPolicy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(BackendUnavailableError, match=r'pip install "eigenwell\[onnx\]"'):
        export(walker, "onnx", tmp_path / "walker.onnx")
    assert not list(tmp_path.iterdir())
