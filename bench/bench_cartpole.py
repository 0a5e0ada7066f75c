"""Populations of pole-balancers: native rollouts and the usual ways, in one run, on one thread.

    make bench ARGS="-k cartpole"

All run the same agents from the same starts and have been seen to agree before they are timed. A
step is an action of an agent that is still up; what others compute for those that are down is not
counted. Two populations: one of every skill, and one in which all survive. The first has the length
of its episodes to find out; in the second everybody steps everything, so nothing is wasted.
"""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from eigenwell import backend, cartpole
from eigenwell.benchmarks import cartpole as contenders
from eigenwell.benchmarks import dc

pytestmark = pytest.mark.filterwarnings("default")

CAP = 200
STARTS = cartpole.starts(8, seed=5)
POPULATIONS = {
    skill: contenders.population(512, skill=skill, seed=1) for skill in ("mixed", "good")
}


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = backend.active_isa()
    with dc.one_thread():
        yield
    backend.force_isa(before)


def _names():
    with dc.one_thread():
        few = contenders.contenders(POPULATIONS["good"][:1], STARTS[:1], cap=1)
        return [contender.name for contender in few]


@pytest.mark.parametrize("skill", POPULATIONS)
@pytest.mark.parametrize("name", _names())
def test_same_population(benchmark, skill, name):
    weights = POPULATIONS[skill]
    wanted = cartpole.rollout(weights, starts=STARTS, cap=CAP)
    all_of_them = contenders.contenders(weights, STARTS, cap=CAP)
    contender = next(one for one in all_of_them if one.name == name)
    assert contenders.disagreement(contender, wanted) <= contenders.FLOAT32_TOLERANCE
    benchmark.group = f"512 agents, {skill}, 8 episodes, cap {CAP}"
    native, rounds = "eigenwell" in name, 1 if "Sync" in name else 3
    benchmark.pedantic(
        contender.call, rounds=9 if native else rounds, iterations=5 if native else 1
    )
    rate = contender.items / benchmark.stats.stats.median
    benchmark.extra_info["million steps per second"] = rate / 1e6


@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_twenty_thousand_networks(benchmark, mode):
    weights, starts = contenders.population(20_000, seed=2), cartpole.starts(100, seed=6)
    benchmark.group = "20,000 networks, 100 episodes, cap 200, two threads"
    steps = benchmark.pedantic(
        cartpole.rollout,
        (weights,),
        {"starts": starts, "cap": CAP, "mode": mode, "threads": 2},
        rounds=3,
    )
    some = np.random.default_rng(0).choice(len(weights), 20)
    wanted = contenders.numpy_reference(weights[some], starts, CAP)()
    assert (steps[some] != wanted).mean() <= (contenders.FLOAT32_TOLERANCE if mode == "fast" else 0)
    benchmark.extra_info["million steps"] = int(steps.sum()) / 1e6


def test_on_a_gpu(benchmark):
    import torch

    if not torch.cuda.is_available() or importlib.util.find_spec("eigenwell._cuda") is None:
        pytest.skip("there is no GPU here, or no CUDA kernels in this build")
    from eigenwell.cartpole.torch import rollout

    weights = torch.from_numpy(contenders.population(100_000, skill="good", seed=3)).cuda()
    starts = cartpole.starts(100, seed=6)
    wanted = rollout(weights[:100].cpu(), starts=starts, cap=CAP)
    assert (rollout(weights[:100], starts=starts, cap=CAP).cpu() != wanted).float().mean() <= 1e-3

    def call():
        steps = rollout(weights, starts=starts, cap=CAP)
        torch.cuda.synchronize()
        return steps

    benchmark.group = "100,000 good networks, 100 episodes, cap 200"
    steps = benchmark.pedantic(call, rounds=9, warmup_rounds=1)
    rate = int(steps.sum()) / benchmark.stats.stats.median
    benchmark.extra_info["billion steps per second"] = rate / 1e9
