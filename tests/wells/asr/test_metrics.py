"""The measures of an embedding: against pytorch-metric-learning, and by hand where that is easy."""

from __future__ import annotations

import numpy as np
import pytest

from eigenwell.errors import ArgumentError, DTypeError, ShapeError
from eigenwell.wells.asr import metrics

pytest.importorskip("sklearn")

# Sums of float32 in another order.
CLOSE = 1e-6


def cloud(seed: int, *, dtype: type = np.float32, spread: float = 1.5) -> tuple:
    """Classes of unlike sizes, one of them a single sample, as unit vectors that overlap."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.repeat(np.arange(12), np.arange(1, 13)))
    points = generator.standard_normal((12, 16))[labels]
    points += spread * generator.standard_normal(points.shape)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points.astype(dtype), labels


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_pytorch_metric_learning(seed: int) -> None:
    torch = pytest.importorskip("torch")
    calculators = pytest.importorskip("pytorch_metric_learning.utils.accuracy_calculator")
    pytest.importorskip("faiss")
    points, labels = cloud(seed)
    clusters = metrics.cluster(points, 12, seed=seed)
    theirs = calculators.AccuracyCalculator(
        include=(
            "precision_at_1",
            "r_precision",
            "mean_average_precision_at_r",
            "NMI",
            "AMI",
        ),
        k="max_bin_count",
        device=torch.device("cpu"),
        kmeans_func=lambda *_: torch.from_numpy(clusters),
    ).get_accuracy(torch.from_numpy(points), torch.from_numpy(labels))
    ours = metrics.evaluate(points, labels, clusters=clusters)
    assert ours["recall_1"] == pytest.approx(theirs["precision_at_1"], abs=CLOSE)
    assert ours["map_r"] == pytest.approx(theirs["mean_average_precision_at_r"], abs=CLOSE)
    assert ours["nmi"] == pytest.approx(theirs["NMI"], abs=CLOSE)
    assert ours["ami"] == pytest.approx(theirs["AMI"], abs=CLOSE)
    r_precision = metrics.neighbours(points, labels).r_precision
    assert r_precision == pytest.approx(theirs["r_precision"], abs=CLOSE)


def test_retrieval_by_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_ROWS", 7)  # several blocks, the last one shorter
    points, labels = cloud(5, dtype=np.float64)
    found = metrics.neighbours(points, labels)
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    recalls, scores = [], []
    for query in np.flatnonzero(np.bincount(labels)[labels] > 1):
        order = [i for i in np.argsort(distances[query]) if i != query]
        hits = (labels[order] == labels[query]).astype(float)
        recalls.append([hits[:k].any() for k in (1, 2, 4, 8)])
        needed = int(hits.sum())
        scores.append(sum(hits[i] * hits[: i + 1].mean() for i in range(needed)) / needed)
    assert list(found.recall.values()) == pytest.approx(np.mean(recalls, axis=0).tolist())
    assert found.map_r == pytest.approx(np.mean(scores))
    other = ~np.eye(len(points), dtype=bool)
    alike = (labels[:, None] == labels) & other
    assert found.distance == pytest.approx(distances[other].mean())
    assert found.distance_intra == pytest.approx(distances[alike].mean())
    assert found.distance_inter == pytest.approx(distances[other & ~alike].mean())


def test_equal_distances_go_by_index() -> None:
    found = metrics.neighbours(np.zeros((12, 2)), np.arange(12) % 2)
    # The nearest of 0 is 1, of all others 0, and 2, 4 ... 10 are of its class.
    assert found.recall[1] == pytest.approx(5 / 12)
    assert found.distance == 0


def test_a_collapsed_cloud_keeps_its_neighbours() -> None:
    points, labels = cloud(1, dtype=np.float64)
    tiny = (np.eye(16)[0] + 1e-4 * points).astype(np.float32)
    exact = metrics.neighbours(tiny.astype(np.float64), labels)
    found = metrics.neighbours(tiny, labels)
    assert found.recall == exact.recall
    assert found.distance == pytest.approx(exact.distance, rel=1e-4)
    assert metrics.effective_rank(tiny) < 1.01


def test_spectrum_and_effective_rank() -> None:
    points = np.diag([4.0, 2.0, 2.0, 0.0])
    assert metrics.spectrum(points).tolist() == [4, 2, 2, 0]
    # Shares 1/2, 1/4, 1/4: an entropy of 1.5 ln 2.
    assert metrics.effective_rank(points) == pytest.approx(2**1.5)
    assert metrics.effective_rank(points[:2]) == pytest.approx(metrics.effective_rank(points[:2].T))
    assert metrics.effective_rank(np.zeros((3, 2))) == 1


def test_clusters_are_found_again_and_by_the_seed() -> None:
    points, labels = cloud(2, spread=0.05)
    assert metrics.evaluate(points, labels, seed=3)["nmi"] > 0.9
    first, again = (metrics.cluster(points, 12, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert metrics.clustering(labels, labels) == pytest.approx((1, 1))


def test_fewer_distinct_points_than_clusters() -> None:
    labels = np.repeat(np.arange(4), 3)
    found = metrics.evaluate(np.ones((12, 5), np.float32), labels)
    assert found["nmi"] == 0
    assert found["effective_rank"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("embeddings", "labels", "error", "words"),
    [
        (np.zeros(3), [0, 1, 1], ShapeError, "`embeddings` must have shape"),
        (np.zeros((0, 3)), [], ShapeError, "`embeddings` must have shape"),
        (np.zeros((3, 2)), [0, 1], ShapeError, "`labels` must have shape"),
        (np.zeros((3, 2)), [[0, 1, 1]], ShapeError, "`labels` must have shape"),
        (np.zeros((3, 2)), [0.0, 1.0, 1.0], DTypeError, "`labels` must be integers"),
        (np.full((3, 2), np.nan), [0, 1, 1], ArgumentError, "diverged"),
        (np.zeros((3, 2)), [0, 1, 2], ArgumentError, "a class of two samples"),
        ([["a"]], [0], DTypeError, "`embeddings` must hold real numbers"),
    ],
)
def test_mistakes(embeddings, labels, error, words) -> None:
    with pytest.raises(error, match=words):
        metrics.evaluate(embeddings, labels)


def test_clusters_of_another_length() -> None:
    with pytest.raises(ShapeError, match="`clusters` must have shape"):
        metrics.clustering([0, 1, 1], [0, 1])
