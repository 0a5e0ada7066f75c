"""The default test vectors show what a wrong weight changes, and allow no more than rounding."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from tests.helpers.policies import random_policy

from eigenwell import backend, dc
from eigenwell.errors import SelfTestError


def test_every_eigenvalue_of_the_walker_decides_an_action_that_is_not_clipped() -> None:
    policy = dc.walker()
    linear = policy.self_test_inputs.astype(np.float64) @ policy.weights
    assert policy.quadratic is not None
    spectrum = policy.biases + linear.reshape(-1, 4, 6)
    spectrum += policy.quadratic * linear.reshape(-1, 4, 6) ** 2
    high, low = spectrum.max(-1, keepdims=True), spectrum.min(-1, keepdims=True)
    shown = ((spectrum == high) | (spectrum == low)) & (np.abs(high + low) < 1)
    assert shown.any(axis=0).all()


def test_any_wrong_bias_of_the_walker_is_found() -> None:
    data = bytearray(dc.walker().dumps())
    biases = 64 + 8 * 48 + 4 * 31
    for column in range(24):
        wrong = bytearray(data)
        (bias,) = struct.unpack_from("<f", data, biases + 4 * column)
        struct.pack_into("<f", wrong, biases + 4 * column, bias + 0.5)
        wrong[-4:] = struct.pack("<I", zlib.crc32(wrong[:-4]))
        with pytest.raises(SelfTestError):
            dc.PackedPolicy.loads(bytes(wrong)).self_test()


@pytest.mark.parametrize("isa", backend.available_isas())
@pytest.mark.parametrize("options", [{}, {"quadratic": True, "shift": True, "scale": True}])
def test_tolerance_is_above_the_error_and_below_what_matters(isa: str, options: dict) -> None:
    for n in (1, 24, 500):
        policy = random_policy(n, inputs=n, **options)
        with backend.forced_isa(isa):
            assert policy.self_test() <= policy.self_test_tolerance
        assert 0 < policy.self_test_tolerance < 2e-3
        np.testing.assert_allclose(
            policy.self_test_outputs,
            policy.reference(policy.self_test_inputs),
            rtol=1e-6,
            atol=1e-7,
        )
