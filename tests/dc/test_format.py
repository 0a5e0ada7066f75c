"""Reading and writing .dcp files: round trips, damage, hostile content, golden files."""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.helpers.policies import random_policy
from tests.helpers.repository import ROOT

from eigenwell import dc
from eigenwell.errors import (
    ArgumentError,
    DTypeError,
    EigenwellError,
    FormatError,
    SelfTestError,
    ShapeError,
)


def seal(data: bytearray) -> bytes:
    """Make the checksum right again after an edit."""
    return bytes(data[:-4]) + struct.pack("<I", zlib.crc32(data[:-4]))


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("options", [{}, {"quadratic": True, "shift": True, "scale": True}])
def test_round_trip(tmp_path: Path, bits: int, options: dict[str, Any]) -> None:
    metadata = {"environment": "Test-v0", "score": {"mean": 1.5}, "name": "ü ∞"}
    policy = random_policy(3, bits=bits, input_clip=10.0, metadata=metadata, **options)
    path = tmp_path / "policy.dcp"
    policy.save(path)
    again = dc.PackedPolicy.load(path)
    assert again.dumps() == policy.dumps() == path.read_bytes()
    assert again.metadata == metadata
    assert again.input_clip == 10.0
    rebuilt = dc.PackedPolicy.from_arrays(
        again.indices,
        again.codebook,
        again.biases,
        eigenvalues=again.eigenvalues,
        quadratic=again.quadratic,
        shift=again.shift,
        scale=again.scale,
        clip=again.clip,
        input_clip=again.input_clip,
        bits=again.bits,
        metadata=again.metadata,
        self_test_inputs=again.self_test_inputs,
    )
    assert rebuilt.dumps() == policy.dumps()
    assert [p.name for p in tmp_path.iterdir()] == ["policy.dcp"]  # no temporary file is left


def test_golden_file_of_version_1_still_loads_and_acts() -> None:
    policy = dc.PackedPolicy.load(ROOT / "tests" / "golden" / "version_1.dcp")
    assert policy.self_test() <= 1e-6
    assert policy.metadata == {"name": "golden", "environment": "Test-v0"}
    assert (policy.inputs, policy.neurons, policy.eigenvalues, policy.bits) == (5, 3, 4, 3)
    np.testing.assert_array_equal(policy.indices[0, :4], [6, 4, 4, 6])


def test_truncated_at_every_byte() -> None:
    data = dc.walker().dumps()
    for size in range(len(data)):
        with pytest.raises(FormatError, match=r"not a valid \.dcp policy"):
            dc.PackedPolicy.loads(data[:size])
    with pytest.raises(FormatError, match="size"):
        dc.PackedPolicy.loads(data + b"\0")


def test_every_flipped_bit() -> None:
    data = random_policy(inputs=3, neurons=2, eigenvalues=2).dumps()
    for position in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[position // 8] ^= 1 << position % 8
        with pytest.raises(FormatError):
            dc.PackedPolicy.loads(bytes(flipped))


@pytest.mark.parametrize(
    ("offset", "code", "value", "text"),
    [
        (0, "B", 0, "signature"),
        (8, "H", 2, "version"),
        (16, "I", 0, "limits"),
        (16, "I", 4097, "limits"),
        (16, "I", 4096, "size"),  # legal alone, but not with this file
        (20, "H", 257, "limits"),
        (22, "H", 65, "limits"),
        (24, "B", 9, "limits"),
        (26, "H", 33, "limits"),
        (28, "f", math.nan, "NaN"),
        (40, "I", 0xFFFFFFFF, "limits"),
        (48, "I", 0xFFFFFFFF, "size"),
        (52, "B", 1, "limits"),
        (64, "Q", (1 << 60) - 1, "codebook"),
    ],
)
def test_hostile_counts(offset: int, code: str, value: float, text: str) -> None:
    data = bytearray(dc.walker().dumps())
    struct.pack_into("<" + code, data, offset, value)
    with pytest.raises(FormatError, match=text):
        dc.PackedPolicy.loads(seal(data))


@pytest.mark.parametrize("text", [b"[1]", b"{", b"nul", b"\xff\xfe{}", b"[" * 100_000])
def test_metadata_that_are_no_json_object(text: bytes) -> None:
    data = bytearray(random_policy().dumps())
    assert data[-8:-4] == b"{}\0\0"
    data[-8:] = text + bytes(-len(text) % 4) + bytes(4)
    struct.pack_into("<I", data, 48, len(text))
    struct.pack_into("<I", data, 12, len(data))
    with pytest.raises(FormatError, match="metadata are not"):
        dc.PackedPolicy.loads(seal(data))


def test_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "broken.dcp"
    path.write_bytes(b"\x89DCP")
    with pytest.raises(FormatError, match=r"broken\.dcp` is not a valid"):
        dc.PackedPolicy.load(path)
    with pytest.raises(ArgumentError, match="cannot be read: No such file"):
        dc.PackedPolicy.load(tmp_path / "absent.dcp")
    with pytest.raises(ArgumentError, match="cannot be read"):
        dc.PackedPolicy.load(tmp_path)
    with pytest.raises(DTypeError, match="must be bytes, got str"):
        dc.PackedPolicy.loads("walker")  # type: ignore[arg-type]


def test_saving_where_it_cannot_be_saved_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="cannot be written: No such file"):
        dc.walker().save(tmp_path / "no" / "walker.dcp")
    (tmp_path / "folder.dcp").mkdir()
    with pytest.raises(ArgumentError, match="cannot be written: Is a directory"):
        dc.walker().save(tmp_path / "folder.dcp")
    assert [p.name for p in tmp_path.iterdir()] == ["folder.dcp"]


def test_self_test_finds_a_wrong_weight() -> None:
    data = bytearray(dc.walker().dumps())
    codebook = 64 + 8 * 48
    struct.pack_into("<f", data, codebook, 1.0)  # index 0 stood for -1.272
    with pytest.raises(SelfTestError, match="off by"):
        dc.PackedPolicy.loads(seal(data)).self_test()


GOOD: dict[str, Any] = {
    "indices": np.zeros((3, 4), dtype=int),
    "codebook": [0.5, 1.0],
    "biases": [0.0] * 4,
    "eigenvalues": 2,
}


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"indices": [[2] * 4] * 3}, ArgumentError, "below the 2 entries"),
        ({"indices": np.zeros((3, 5), dtype=int)}, ShapeError, r"\(n, k \* 2\)"),
        ({"indices": np.zeros(4, dtype=int)}, ShapeError, r"\(n, k \* 2\)"),
        ({"indices": np.zeros((0, 4), dtype=int)}, ShapeError, r"\(n, k \* 2\)"),
        ({"indices": np.zeros((3, 4))}, DTypeError, "integers"),
        ({"indices": np.zeros((4097, 4), dtype=int)}, ArgumentError, "4096"),
        ({"indices": np.zeros((1, 514), dtype=int)}, ArgumentError, "256"),
        ({"codebook": []}, ArgumentError, "codebook size"),
        ({"codebook": [0.0] * 33}, ArgumentError, "between 1 and 32"),
        ({"codebook": [0.0, np.nan]}, ArgumentError, "`codebook` must be finite"),
        ({"codebook": [0.0, 1e39]}, ArgumentError, "`codebook` must be finite in float32"),
        ({"codebook": ["a", "b"]}, DTypeError, "`codebook` must hold real numbers"),
        ({"biases": [0.0] * 3}, ShapeError, r"`biases` must have shape \(4,\), got \(3,\)"),
        ({"biases": [[0.0] * 4]}, ShapeError, r"`biases` must have shape \(2, 2\)"),
        ({"quadratic": [np.inf] * 4}, ArgumentError, "`quadratic` must be finite"),
        ({"shift": [0.0] * 2}, ShapeError, "`shift`"),
        ({"scale": [[1.0] * 3]}, ShapeError, "`scale`"),
        ({"eigenvalues": 0}, ArgumentError, "`eigenvalues`"),
        ({"eigenvalues": 65}, ArgumentError, "`eigenvalues`"),
        ({"eigenvalues": 2.0}, DTypeError, "`eigenvalues` must be an integer"),
        ({"bits": 1}, ArgumentError, "`bits`"),
        ({"clip": (1.0, -1.0)}, ArgumentError, "`clip`"),
        ({"clip": (np.nan, 1.0)}, ArgumentError, "`clip`"),
        ({"input_clip": 0.0}, ArgumentError, "`input_clip` must be positive"),
        ({"input_clip": np.nan}, ArgumentError, "`input_clip` must be positive"),
        ({"metadata": {"a": object()}}, ArgumentError, "`metadata`"),
        ({"metadata": {"a": np.nan}}, ArgumentError, "`metadata`"),
        ({"self_test_inputs": [[np.nan] * 3]}, ArgumentError, "`self_test_inputs`"),
        ({"self_test_inputs": [[0.0] * 2]}, ShapeError, "`self_test_inputs`"),
    ],
)
def test_from_arrays_refuses(
    change: dict[str, Any], error: type[EigenwellError], text: str
) -> None:
    dc.PackedPolicy.from_arrays(**GOOD)
    with pytest.raises(error, match=text):
        dc.PackedPolicy.from_arrays(**{**GOOD, **change})


def test_the_largest_shapes_of_the_format() -> None:
    wide = random_policy(inputs=4096, neurons=16, eigenvalues=2, bits=2)
    many = random_policy(inputs=2, neurons=256, eigenvalues=64, bits=8)
    for policy in (wide, many):
        again = dc.PackedPolicy.loads(policy.dumps())
        assert again.self_test() <= policy.self_test_tolerance
