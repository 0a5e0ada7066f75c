"""Writing ``.dcp`` files, version 1, as ``cpp/README.md`` specifies; the native core reads them."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell import reference
from eigenwell.errors import ArgumentError

MAGIC = b"\x89DCP\r\n\x1a\n"
VERSION = 1
HEADER = struct.Struct("<8sHHIIHHBBHfffIfI12x")
MAX_INPUTS, MAX_NEURONS, MAX_EIGENVALUES, MAX_SELF_TESTS = 4096, 256, 64, 4096

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Content:
    """Everything that a file holds but the metadata and the test outputs, already checked.

    Shapes: words ``(w,)``, codebook ``(c,)``, biases and quadratic ``(k, m)``, shift and scale
    ``(n,)``, self_test_inputs ``(t, n)``.
    """

    inputs: int
    bits: int
    words: npt.NDArray[np.uint64]
    codebook: Float32
    biases: Float32
    quadratic: Float32 | None
    shift: Float32 | None
    scale: Float32 | None
    clip: tuple[float, float]
    input_clip: float
    self_test_inputs: Float32


def encode(content: Content, weights: Float32, metadata: Mapping[str, Any]) -> bytes:
    """Return the bytes of a ``.dcp`` file.

    Args:
        content: The parts of the policy.
        weights: The weights that the words stand for, ``(n, k * m)``.
        metadata: Anything that JSON can hold, names as keys.

    Raises:
        ArgumentError: The metadata are not JSON, or the file would be over 4 GiB.
    """
    neurons, eigenvalues = content.biases.shape
    parameters: dict[str, Any] = {
        "weights": weights,
        "biases": content.biases,
        "quadratic": content.quadratic,
        "shift": content.shift,
        "scale": content.scale,
        "input_clip": content.input_clip,
    }
    tests = content.self_test_inputs
    outputs = reference.dc(tests, clip=content.clip, **parameters)
    if not np.isfinite(outputs).all() or (np.abs(outputs) > np.finfo(np.float32).max).any():
        raise ArgumentError("`self_test_inputs` must give finite float32 actions")
    optional = (content.quadratic, content.shift, content.scale)
    flags = sum(1 << i for i, array in enumerate(optional) if array is not None)
    arrays = (content.codebook, content.biases, *optional, tests, outputs)
    try:
        text = json.dumps(
            dict(metadata), ensure_ascii=False, allow_nan=False, sort_keys=True
        ).encode()
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"`metadata` must be a mapping that JSON can hold: {error}") from error
    body = b"".join(
        [
            content.words.astype("<u8").tobytes(),
            *(np.asarray(a).astype("<f4").tobytes() for a in arrays if a is not None),
            text,
        ]
    )
    body += bytes(-len(body) % 4)
    size = HEADER.size + len(body) + 4
    if size >= 1 << 32:
        raise ArgumentError(f"a .dcp file holds at most 4 GiB, this policy needs {size} bytes")
    header = HEADER.pack(
        MAGIC,
        VERSION,
        HEADER.size,
        size,
        content.inputs,
        neurons,
        eigenvalues,
        content.bits,
        flags,
        content.codebook.size,
        *content.clip,
        content.input_clip,
        len(tests),
        _tolerance(tests, parameters),
        len(text),
    )
    return header + body + struct.pack("<I", zlib.crc32(header + body))


def _tolerance(tests: Float32, parameters: dict[str, Any]) -> float:
    """Bound on the float32 rounding error of any order of summation, for the test vectors.

    A sum of n products in precision u errs by at most ``n u sum|x_i B_ie|`` to first order (N. J.
    Higham, "Accuracy and Stability of Numerical Algorithms", section 3.1); the quadratic term
    doubles its share by way of the square. The factor 2 is for max plus min.
    """
    if len(tests) == 0:
        return 0.0
    n = tests.shape[1]
    x = tests.astype(np.float64)
    if parameters["shift"] is not None:
        x = x - parameters["shift"]
    if parameters["scale"] is not None:
        x = x * parameters["scale"]
    x = np.clip(x, -parameters["input_clip"], parameters["input_clip"])
    linear = np.abs(x) @ np.abs(parameters["weights"].astype(np.float64))
    size = np.abs(parameters["biases"].ravel()) + linear
    if parameters["quadratic"] is not None:
        size = size + 3 * np.abs(parameters["quadratic"].ravel()) * linear**2
    # Four roundings stand around the n of the sum: normalise (2), add the bias, add max and min.
    return float(2 * (n + 4) * 2.0**-24 * size.max())
