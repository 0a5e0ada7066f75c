"""Packed DC policies under pytest-benchmark: every contender of a group in the same run.

    make bench                     # this, and the numbers that bench/README.md explains

Correctness is asserted before anything is timed. ``eigenwell bench dc`` prints the same contenders
as one table.
"""

from __future__ import annotations

import numpy as np
import pytest

from eigenwell import backend, dc, reference
from eigenwell.benchmarks import dc as contenders

# The competitors' warnings are not ours to mend: torch.compile gives some while it compiles.
pytestmark = pytest.mark.filterwarnings("default")

POLICY = dc.walker()
CASES = [
    pytest.param(
        contender,
        x,
        id=f"{'one' if single else len(x)}-{contender.name}",
        marks=[
            pytest.mark.benchmark(group="one observation" if single else f"batch of {len(x)}"),
        ],
    )
    for single, rows in [
        (True, 1),
        (False, 1),
        (False, 16),
        (False, 256),
        (False, 4096),
        (False, 65536),
    ]
    for x in [contenders.observations(rows, POLICY.inputs)]
    for contender in contenders.contenders(POLICY, x, single=single)
]
LOOP = contenders.observations(4096, POLICY.inputs)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with contenders.one_thread():
        yield


@pytest.mark.parametrize(("contender", "x"), CASES)
def test_act(benchmark, contender, x):
    assert contenders.error_of(POLICY, contender, x) <= contenders.TOLERANCE
    benchmark.extra_info["actions per call"] = contender.items
    benchmark(contender.call)


@pytest.mark.benchmark(group="C++ loop over 4096 observations")
@pytest.mark.parametrize(
    ("isa", "contender"),
    [pytest.param(i, c, id=c.name) for i, c in contenders.native_loops(POLICY, LOOP)],
)
def test_native_loop(benchmark, isa, contender):
    assert contenders.error_of(POLICY, contender, LOOP) <= contenders.TOLERANCE
    assert backend.active_isa() == isa
    benchmark.extra_info["actions per call"] = contender.items
    benchmark(contender.call)
    backend.force_isa(None)


@pytest.mark.benchmark(group="unpack a million 5-bit indices")
@pytest.mark.parametrize("isa", ["NumPy", *backend.available_isas()])
def test_unpack(benchmark, isa):
    words = np.random.default_rng(0).integers(0, 2**60, 10**6 // 12, dtype=np.uint64)
    count = 12 * len(words)
    shifts = np.arange(0, 60, 5, dtype=np.uint64)

    def in_numpy():
        return ((words[:, None] >> shifts) & np.uint64(31)).astype(np.uint8).ravel()

    np.testing.assert_array_equal(in_numpy()[:600], reference.unpack_indices(words, 600))
    if isa == "NumPy":
        benchmark(in_numpy)
        return
    with backend.forced_isa(isa):
        np.testing.assert_array_equal(dc.unpack_indices(words, count), in_numpy())
        benchmark(dc.unpack_indices, words, count)
