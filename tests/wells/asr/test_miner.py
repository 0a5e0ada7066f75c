"""The adaptive miner in pytorch-metric-learning, and the comparison of miners."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from tests.helpers.repository import ROOT

from eigenwell.errors import ArgumentError, DTypeError, ShapeError
from eigenwell.studies import Result
from eigenwell.wells import asr
from eigenwell.wells.asr import _mining

torch = pytest.importorskip("torch")
losses = pytest.importorskip("pytorch_metric_learning.losses")
miners = pytest.importorskip("eigenwell.wells.asr.torch.miner")
torch.set_num_threads(1)


def batch(seed: int = 0, *, dimensions: int = 3):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(30) // 3
    embeddings = torch.randn(30, dimensions, generator=generator, requires_grad=True)
    return embeddings, labels


def config(**changes) -> asr.ASRConfig:
    return asr.ASRConfig(**{"start": "uniform_low", "bins": 13, **changes})


def test_triplets_are_what_they_are_called() -> None:
    embeddings, labels = batch()
    anchors, positives, negatives = miners.AdaptiveDistanceMiner(config())(embeddings, labels)
    assert sorted(anchors.tolist()) == list(range(30))
    assert (labels[anchors] == labels[positives]).all()
    assert (anchors != positives).all()
    assert (labels[anchors] != labels[negatives]).all()
    loss = losses.TripletMarginLoss(margin=0.2)(embeddings, labels, (anchors, positives, negatives))
    loss.backward()
    assert embeddings.grad.abs().sum() > 0


def test_negatives_come_from_the_bins_with_weight() -> None:
    embeddings, labels = batch(dimensions=2)
    miner = miners.AdaptiveDistanceMiner(
        config(start="normal", mean=0.55, sigma=1e-3, bins=13, floor=0.0)
    )
    unit = torch.nn.functional.normalize(embeddings)
    distances = torch.cdist(unit, unit)
    inside = (distances >= 0.5) & (distances <= 0.6) & (labels[:, None] != labels)
    drawn = [miner(embeddings, labels) for _ in range(20)]
    for anchors, _, negatives in drawn:
        assert inside[anchors, negatives].all()
    # Anchors without a candidate there are left out, and only they.
    assert set(drawn[0][0].tolist()) == set(inside.any(1).nonzero()[:, 0].tolist())
    assert len({tuple(negatives.tolist()) for _, _, negatives in drawn}) > 1


def test_is_deterministic_whatever_else_is_drawn() -> None:
    embeddings, labels = batch()
    first, second = (miners.AdaptiveDistanceMiner(config(seed=3)) for _ in range(2))
    for _ in range(3):
        ours = first(embeddings, labels)
        torch.rand(5)
        np.random.default_rng().random()
        for mine, theirs in zip(ours, second(embeddings, labels), strict=True):
            assert torch.equal(mine, theirs)
    other = miners.AdaptiveDistanceMiner(config(seed=4))(embeddings, labels)
    assert not torch.equal(ours[2], other[2])


def test_references_and_similarities() -> None:
    distances = pytest.importorskip("pytorch_metric_learning.distances")
    embeddings, labels = batch()
    others, other_labels = batch(1)
    start = config(start="normal", mean=0.5, sigma=1e-2, floor=0.0)
    miner = miners.AdaptiveDistanceMiner(start)
    anchors, positives, negatives = miner(embeddings, labels, others, other_labels)
    assert (labels[anchors] == other_labels[positives]).all()
    assert (labels[anchors] != other_labels[negatives]).all()
    cosine = miners.AdaptiveDistanceMiner(start, distance=distances.CosineSimilarity())
    for mine, theirs in zip(
        (anchors, positives, negatives),
        cosine(embeddings, labels, others, other_labels),
        strict=True,
    ):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize(
    ("policy", "moves"), [("learn", True), ("random", True), ("frozen", False)]
)
def test_updates_move_the_distribution(policy: str, moves: bool) -> None:
    miner = miners.AdaptiveDistanceMiner(config(policy=policy))
    before, network = miner.distribution.weights, miner.network.actor.weight.clone()
    for step in range(3):
        miner.update(0.1 * step, 0.2 * step, progress=step / 3)
    assert np.array_equal(before, miner.distribution.weights) is not moves
    assert torch.equal(network, miner.network.actor.weight) is (policy != "learn")
    assert miner.distribution.weights.sum() == pytest.approx(1)


def test_goes_on_from_its_state(tmp_path: Path) -> None:
    embeddings, labels = batch()
    miner = miners.AdaptiveDistanceMiner(config())

    def step(each) -> list[list[int]]:
        each.update(0.1 * (len(each.policy.scores) % 3), 0.4)
        return [indices.tolist() for indices in each(embeddings, labels)]

    step(miner)
    step(miner)
    torch.save(miner.state_dict(), tmp_path / "miner.pt")
    again = miners.AdaptiveDistanceMiner(config())
    again.load_state_dict(torch.load(tmp_path / "miner.pt", weights_only=True))
    assert [step(again) for _ in range(3)] == [step(miner) for _ in range(3)]
    np.testing.assert_array_equal(again.distribution.weights, miner.distribution.weights)
    assert torch.equal(again.network.actor.weight, miner.network.actor.weight)
    with pytest.raises((ShapeError, RuntimeError), match=r"bins|shape|size"):
        miners.AdaptiveDistanceMiner(config(bins=5)).load_state_dict(miner.state_dict())


def test_batches_without_triplets() -> None:
    miner = miners.AdaptiveDistanceMiner(config())
    embeddings, _ = batch()
    for labels in (torch.zeros(30, dtype=torch.int64), torch.arange(30)):
        assert [len(indices) for indices in miner(embeddings, labels)] == [0, 0, 0]


def test_mistakes() -> None:
    miner = miners.AdaptiveDistanceMiner(config())
    embeddings, labels = batch()
    with pytest.raises(ArgumentError, match="`distances` must not be NaN"):
        miner(embeddings * math.nan, labels)
    with pytest.raises(ArgumentError, match="`nmi` must be finite"):
        miner.update(0.5, math.nan)
    with pytest.raises(DTypeError, match="`recall` must be a number"):
        miner.update(None, 0.5)


def test_the_example_of_the_documentation_runs(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn")
    page = (ROOT / "docs" / "wells_asr_miner.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(code, "wells_asr_miner.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert float(lines[-1].split()[1].rstrip(",")) > 0.8


def test_the_comparison_runs_every_miner(tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("sklearn")
    before = torch.random.get_rng_state()
    small = {"dataset": "digits", "epochs": 1, "batches": 2, "classes": 4, "images": 3}
    for experiment in _mining.mining_experiments(**small):
        measured = experiment.measure(seed=1)
        assert len(measured["recall_1"]) == 2
        if experiment.name in {"miner-semihard", "miner-distance"}:
            with torch.random.fork_rng(devices=[]):
                torch.rand(3)
                assert measured["recall_1"] == experiment.measure(seed=1)["recall_1"]
        assert 0 < measured["final"] <= 1
    assert torch.equal(before, torch.random.get_rng_state())


def test_one_triplet_of_each_anchor() -> None:
    anchors = torch.tensor([4, 4, 2, 4, 2, 7])
    seen = set()
    for seed in range(20):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            kept = _mining.one_of_each(anchors)
        assert sorted(anchors[kept].tolist()) == [2, 4, 7]
        seen |= set(kept.tolist())
    assert seen == set(range(6))
    assert len(_mining.one_of_each(anchors[:0])) == 0


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [
        ((0.80, 0.82, 0.81), "better"),
        ((0.70, 0.72, 0.72), "at least as good"),
        ((0.60, 0.62, 0.61), "worse"),
        ((0.80,), "not run"),
        ((), "not run"),
    ],
)
def test_the_rule(ours: tuple[float, ...], verdict: str) -> None:
    def runs(name: str, finals: tuple[float, ...]) -> list[Result]:
        return [Result(name, seed, {}, {"final": f}, 0.0) for seed, f in enumerate(finals)]

    results = [
        *runs("miner-random", (0.5, 0.5, 0.5)),
        *runs("miner-semihard", (0.70, 0.72, 0.71)),
        *runs("miner-semihard-all", (0.9, 0.9, 0.9)),  # no part of the rule
        *runs("miner-adaptive", ours),
    ]
    found = _mining.mining_verdict(results)
    assert found.verdict == verdict
    if ours:
        assert found.best == "miner-semihard"
        assert found.difference.mean == pytest.approx(
            np.mean(ours) - np.mean((0.70, 0.72, 0.71)[: len(ours)])
        )


def test_resnet() -> None:
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    from eigenwell.wells.asr.torch import _resnet

    encoder = _resnet.resnet50(16, weights=None)
    embeddings = encoder(torch.zeros(2, 3, 64, 64))
    assert embeddings.shape == (2, 16)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(2))
    with pytest.raises(ArgumentError, match="`weights` 'none such' cannot be had"):
        _resnet.resnet50(16, weights="none such")
