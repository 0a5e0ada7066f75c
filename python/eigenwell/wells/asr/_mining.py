"""The adaptive sampler beside fixed miners, as registered in the page of findings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from eigenwell._checks import require
from eigenwell.studies import Experiment, Interval, Measured, Result
from eigenwell.wells.asr._config import ASRConfig
from eigenwell.wells.asr._run import run
from eigenwell.wells.asr._study import rounded

if TYPE_CHECKING:
    import torch

    from eigenwell.wells.asr.torch import Miner

#: Name of the file with the results, in the study's folder.
MINING_STORE = "adaptive_sampling_miners.jsonl"
#: Seeds of each.
MINING_SEEDS = 5
#: The adaptive sampler's name among the experiments.
ADAPTIVE = "miner-adaptive"

# By name: settings that differ, the miner (none is the distribution of the settings), whether each
# anchor keeps one of its triplets, and words.
_MINERS: dict[str, tuple[dict[str, Any], str | None, bool, str]] = {
    ADAPTIVE: ({"start": "uniform_low"}, None, True, "adaptive, from uniform_low"),
    "miner-random": ({"start": "random", "policy": "frozen"}, None, True, "random negatives"),
    "miner-semihard": ({}, "semihard", True, "semi-hard"),
    "miner-distance": ({}, "distance", True, "distance-weighted"),
    "miner-semihard-all": ({}, "semihard", False, "semi-hard, all triplets"),
    "miner-distance-all": ({}, "distance", False, "distance-weighted, one for each positive pair"),
}
#: What the rule compares with the adaptive sampler: a triplet for each anchor, as it has.
FIXED = ("miner-random", "miner-semihard", "miner-distance")


def mining_experiments(**changes: Any) -> list[Experiment]:
    """Return an experiment for each miner.

    Two use a miner's triplets as pytorch-metric-learning has them, several for an anchor. The rule
    leaves them out: with another number of triplets the loss is another.

    Args:
        **changes: Settings of all of them, such as fewer ``epochs``.
    """
    listed = []
    for name, (different, miner, each, words) in _MINERS.items():
        settings = ASRConfig.from_mapping(different | changes).as_json()
        del settings["seed"]
        measure = partial(mine, settings=settings, miner=miner, each=each)
        listed.append(Experiment(name, words, measure, MINING_SEEDS))
    return listed


def mine(seed: int, *, settings: Mapping[str, Any], miner: str | None, each: bool) -> Measured:
    """Train with a miner on one thread; return the curves and the numbers read off them."""
    torch = require("torch", extra="learn")
    torch.set_num_threads(1)
    config = ASRConfig.from_mapping({**settings, "seed": seed})
    with torch.random.fork_rng(devices=[]):  # the miners draw from torch's global generator
        torch.manual_seed(seed)
        found = run(config, miner=None if miner is None else _miner(miner, config, each=each))
    values: Measured = {name: list(map(rounded, curve)) for name, curve in found.curves.items()}
    return values | found.summary() | {f"seconds_{k}": v for k, v in found.seconds.items()}


def _miner(name: str, config: ASRConfig, *, each: bool) -> Miner:
    miners = require("pytorch_metric_learning.miners", extra="metric-learning")
    distances = require("pytorch_metric_learning.distances", extra="metric-learning")
    chosen: Callable[..., tuple[torch.Tensor, ...]]
    if name == "semihard":
        chosen = miners.TripletMarginMiner(
            margin=config.margin,
            type_of_triplets="semihard",
            distance=distances.LpDistance(power=2),  # the loss's
        )
    else:
        chosen = miners.DistanceWeightedMiner()

    def mined(
        embeddings: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        anchors, positives, negatives = chosen(embeddings, labels)
        if each:
            kept = one_of_each(anchors)
            anchors, positives, negatives = anchors[kept], positives[kept], negatives[kept]
        return anchors, positives, negatives

    return mined


def one_of_each(anchors: torch.Tensor) -> torch.Tensor:
    """Return the index of one triplet of each anchor, all alike, by torch's global generator."""
    import torch

    shuffled = torch.randperm(len(anchors))
    order = torch.sort(anchors[shuffled], stable=True)
    first = torch.ones(len(anchors), dtype=torch.bool)
    first[1:] = order.values[1:] != order.values[:-1]
    return shuffled[order.indices[first]]


@dataclass(frozen=True)
class MiningVerdict:
    """How the adaptive sampler stands beside the best fixed miner.

    Attributes:
        best: Name of the fixed miner with the best mean final Recall@1; empty without results.
        difference: Final Recall@1 of the adaptive sampler minus its, paired by seed.
        verdict: ``"better"`` if all of the interval lies above 0, ``"at least as good"`` if it
            reaches 0, ``"worse"`` otherwise; ``"not run"`` with fewer than two seeds.
    """

    best: str
    difference: Interval
    verdict: str


def mining_verdict(results: Iterable[Result]) -> MiningVerdict:
    """Compare the adaptive sampler with the best fixed miner, as registered."""
    finals: dict[str, dict[int, float]] = {}
    for result in results:
        final = result.values["final"]
        assert isinstance(final, float | int)
        finals.setdefault(result.experiment, {})[result.seed] = final
    fixed = {name: finals[name] for name in FIXED if name in finals}
    ours = finals.get(ADAPTIVE, {})
    if not fixed or not ours:
        return MiningVerdict("", Interval.of([]), "not run")
    best = max(fixed, key=lambda name: math.fsum(fixed[name].values()) / len(fixed[name]))
    shared = sorted(ours.keys() & fixed[best].keys())
    difference = Interval.of([ours[seed] - fixed[best][seed] for seed in shared])
    if difference.count < 2:
        return MiningVerdict(best, difference, "not run")
    if difference.high < 0:
        verdict = "worse"
    else:
        verdict = "better" if difference.low > 0 else "at least as good"
    return MiningVerdict(best, difference, verdict)
