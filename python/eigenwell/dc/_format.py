"""Writing ``.dcp`` files, version 1, as ``cpp/README.md`` specifies; the native core reads them."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell.dc import _self_tests
from eigenwell.errors import ArgumentError

if TYPE_CHECKING:
    from eigenwell.dc._layer import Float32, Layer

MAGIC = b"\x89DCP\r\n\x1a\n"
VERSION = 1
HEADER = struct.Struct("<8sHHIIHHBBHfffIfI12x")
MAX_INPUTS, MAX_NEURONS, MAX_EIGENVALUES, MAX_SELF_TESTS = 4096, 256, 64, 4096


def encode(
    layer: Layer,
    *,
    bits: int,
    words: npt.NDArray[np.uint64],
    codebook: Float32,
    self_test_inputs: Float32,
    metadata: Mapping[str, Any],
) -> bytes:
    """Return the bytes of a ``.dcp`` file; the arguments are already checked.

    Args:
        layer: The policy, unpacked.
        bits: Of an index.
        words: ``(w,)``, the packed indices of its weights.
        codebook: ``(c,)``, what the indices stand for.
        self_test_inputs: ``(t, n)``.
        metadata: Anything that JSON can hold, names as keys.

    Raises:
        ArgumentError: The metadata are not JSON, a test action overflows float32, or the file would
            be over 4 GiB.
    """
    outputs = layer.actions(self_test_inputs)
    if not (np.abs(outputs) <= np.finfo(np.float32).max).all():
        raise ArgumentError("`self_test_inputs` must give finite float32 actions")
    try:
        text = json.dumps(
            dict(metadata), ensure_ascii=False, allow_nan=False, sort_keys=True
        ).encode()
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"`metadata` must be a mapping that JSON can hold: {error}") from error

    optional = (layer.quadratic, layer.shift, layer.scale)
    flags = sum(1 << i for i, array in enumerate(optional) if array is not None)
    arrays = (codebook, layer.biases, *optional, self_test_inputs, outputs)
    body = words.astype("<u8").tobytes()
    body += b"".join(np.asarray(a).astype("<f4").tobytes() for a in arrays if a is not None)
    body += text
    body += bytes(-len(body) % 4)
    size = HEADER.size + len(body) + 4
    if size >= 1 << 32:
        raise ArgumentError(f"a .dcp file holds at most 4 GiB, this policy needs {size} bytes")
    neurons, eigenvalues = layer.biases.shape
    header = HEADER.pack(
        MAGIC,
        VERSION,
        HEADER.size,
        size,
        len(layer.weights),
        neurons,
        eigenvalues,
        bits,
        flags,
        codebook.size,
        *layer.clip,
        layer.input_clip,
        len(self_test_inputs),
        _self_tests.tolerance(layer, self_test_inputs),
        len(text),
    )
    return header + body + struct.pack("<I", zlib.crc32(header + body))
