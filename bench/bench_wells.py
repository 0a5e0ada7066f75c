"""Exact softmax policy gradient of many starts: native code, NumPy and torch in one run.

    make bench ARGS="-k wells"

All run on two threads and have been seen to agree before they are timed: the same start-steps (one
update of one start) from the same starts, K = 3. `escape_times` leaves out the starts that have
escaped, so its start-steps count as done or not.
"""

from __future__ import annotations

import numpy as np
import pytest

from eigenwell import backend, wells
from eigenwell.benchmarks import pairwise as contenders

pytestmark = pytest.mark.filterwarnings("default")

BANDIT = wells.Bandit([1.0, 0.9, 0.1])
RATE = 0.4
STARTS = np.random.default_rng(0).dirichlet(np.ones(3), 100_000)
UPDATES = 1000


@pytest.fixture(scope="module", autouse=True)
def _two_threads():
    before = backend.active_isa()
    with contenders.threads(2):
        yield
    backend.force_isa(before)


def _native(isa):
    def call(steps):
        backend.force_isa(isa)
        return wells.final_policies(BANDIT, STARTS, learning_rate=RATE, steps=steps, threads=2)

    return call


def _by_arrays(device):
    def call(steps):
        run = wells.softmax_pg(
            BANDIT,
            STARTS,
            learning_rate=RATE,
            steps=steps,
            record=steps,
            trace=steps,
            device=device,
        )
        return run.policies[-1]

    return call


CONTENDERS = {f"eigenwell {isa}": _native(isa) for isa in backend.available_isas()[:3]}
CONTENDERS |= {"numpy": _by_arrays(None), "torch": _by_arrays("cpu")}


@pytest.mark.parametrize("name", CONTENDERS)
def test_same_start_steps(benchmark, name):
    benchmark.group = f"{len(STARTS):,} starts, {UPDATES} updates"
    benchmark.extra_info["start-steps per call"] = len(STARTS) * UPDATES
    call = CONTENDERS[name]
    wanted = _by_arrays(None)(11)
    np.testing.assert_allclose(call(11), wanted, rtol=0, atol=1e-14)
    benchmark.pedantic(call, args=(UPDATES + 1,), rounds=5 if "eigenwell" in name else 3)


@pytest.mark.parametrize("steps", [10_000, 100_000])
def test_map_of_escape_times(benchmark, steps):
    benchmark.group = f"map of escape times, {len(STARTS):,} starts, {steps:,} steps"
    few = STARTS[:200]
    run = wells.softmax_pg(BANDIT, few, learning_rate=RATE, steps=2000, record=2000)
    times = wells.escape_times(BANDIT, few, learning_rate=RATE, steps=2000)
    np.testing.assert_array_equal(times, wells.escape_time(run))

    def call():
        return wells.escape_times(BANDIT, STARTS, learning_rate=RATE, steps=steps, threads=2)

    times = benchmark.pedantic(call, rounds=5)
    # A start that escapes at t has made t - 1 updates, one that does not all of them.
    useful = np.where(times < 0, steps, times) - 1
    benchmark.extra_info["start-steps until escape"] = int(useful.sum())


def test_map_without_early_exit(benchmark):
    benchmark.group = f"{len(STARTS):,} starts, 10,000 steps, none left out"
    benchmark.extra_info["start-steps per call"] = len(STARTS) * 9_999
    call = _native(backend.available_isas()[-1])
    benchmark.pedantic(call, args=(10_000,), rounds=3)
