"""Packing indices: the identity, the article's layout, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eigenwell import backend, dc, reference
from eigenwell.errors import ArgumentError, DTypeError, ShapeError


@pytest.mark.parametrize("isa", backend.available_isas())
@given(bits=st.integers(2, 8), data=st.data())
def test_unpack_is_the_inverse_on_every_instruction_set(isa: str, bits: int, data: Any) -> None:
    indices = data.draw(st.lists(st.integers(0, 2**bits - 1), max_size=400))
    with backend.forced_isa(isa):
        words = dc.pack_indices(np.array(indices, dtype=np.int64), bits)
        assert words.dtype == np.uint64
        np.testing.assert_array_equal(words, reference.pack_indices(indices, bits))
        np.testing.assert_array_equal(dc.unpack_indices(words, len(indices), bits), indices)
        full = len(words) * (64 // bits)
        np.testing.assert_array_equal(
            dc.unpack_indices(words, full, bits), reference.unpack_indices(words, full, bits)
        )


def test_layout_of_the_article() -> None:
    # Twelve indices in a word, the first in the lowest five bits.
    assert dc.pack_indices(range(12)).tolist() == [sum(i << 5 * i for i in range(12))]
    assert dc.pack_indices([1] * 13).tolist() == [sum(1 << 5 * i for i in range(12)), 1]
    signed = np.array([0x51D9E52FCC93970], dtype=np.int64)
    assert dc.unpack_indices(signed, 3).tolist() == [
        0x970 & 31,
        0x970 >> 5 & 31,
        0x93970 >> 10 & 31,
    ]


def test_empty() -> None:
    assert dc.pack_indices([]).shape == (0,)
    assert dc.unpack_indices(np.zeros(0, dtype=np.uint64), 0).shape == (0,)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: dc.pack_indices([32]), ArgumentError, "between 0 and 31"),
        (lambda: dc.pack_indices([-1]), ArgumentError, "between 0 and 31"),
        (lambda: dc.pack_indices([1.5]), DTypeError, "integers"),
        (lambda: dc.pack_indices([1], bits=1), ArgumentError, "`bits` must be between 2 and 8"),
        (lambda: dc.pack_indices([1], bits=9), ArgumentError, "`bits` must be between 2 and 8"),
        (lambda: dc.pack_indices([1], bits=5.0), DTypeError, "`bits` must be an integer"),  # type: ignore[arg-type]
        (lambda: dc.unpack_indices([1], 13), ShapeError, "hold 13 indices of 5 bits"),
        (lambda: dc.unpack_indices([1], -1), ArgumentError, "`count`"),
        (lambda: dc.unpack_indices([[1]], 1), ShapeError, r"`words` must have shape \(w,\)"),
        (lambda: dc.unpack_indices([1.0], 1), DTypeError, "`words` must be integers"),
    ],
)
def test_refused(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()
