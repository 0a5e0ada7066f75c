"""The distribution over distances: starts, updates, and what is drawn from it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eigenwell.errors import ArgumentError, DTypeError, ShapeError
from eigenwell.wells.asr import PRESETS, DistanceDistribution

torch = pytest.importorskip("torch", reason="torch is not installed")

from eigenwell.pairwise import torch as pairwise  # noqa: E402
from eigenwell.wells.asr.torch import (  # noqa: E402 - after the check that torch is there
    draw_negatives,
    draw_positives,
    pair_index,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_normal_high_is_far_with_a_floor_elsewhere() -> None:
    start = DistanceDistribution.preset("normal_high")
    width = 1.3 / 29
    assert start.centres == pytest.approx([0.1 + width * (i + 0.5) for i in range(29)])
    density = [
        max(math.exp(-(((c - 1.6) / 0.04) ** 2) / 2) / (0.04 * math.sqrt(2 * math.pi)), 1e-15)
        for c in start.centres
    ]
    assert start.weights == pytest.approx([x / sum(density) for x in density], rel=1e-9)
    assert start.weights[-1] > 0.99
    # The floor is of the densities: the weight of a floor bin is it over the sum of them.
    assert start.weights[0] == pytest.approx(1e-15 / sum(density), rel=1e-9)


@pytest.mark.parametrize(
    ("name", "mean"),
    [("normal_low", 0.5), ("normal_avg", 1.1), ("uniform_low", 0.5), ("uniform_high", 1.2)],
)
def test_the_other_starts_are_where_they_say(name: str, mean: float) -> None:
    # A bin is 0.045 wide: the uniform ones are off by half of one.
    assert DistanceDistribution.preset(name).mean == pytest.approx(mean, abs=0.023)


def test_random_draws_every_bin_alike() -> None:
    assert np.ptp(DistanceDistribution.preset("random").weights) == 0


@pytest.mark.parametrize("name", PRESETS)
def test_without_a_floor_the_weights_are_the_densities(name: str) -> None:
    with_floor = DistanceDistribution.preset(name)
    without = DistanceDistribution.preset(name, floor=0.0)
    assert without.weights.sum() == pytest.approx(1)
    heavy = with_floor.weights > 1e-6
    assert without.weights[heavy] == pytest.approx(with_floor.weights[heavy], rel=1e-5)
    if name.startswith("uniform"):
        assert (without.weights == 0).any()


def test_pairs_outside_of_the_support_count_in_the_end_bins() -> None:
    start = DistanceDistribution.preset("random", bins=4, support=(0.0, 2.0))
    assert start.bin_of([0.0, 0.49, 0.5, 1.99, 2.0, 9.0]).tolist() == [0, 0, 1, 3, 3, 3]
    near = DistanceDistribution.preset("random", bins=4, support=(1.0, 2.0))
    assert near.bin_of(0.3) == 0


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 10), st.integers(0, 2)), min_size=1, max_size=40),
    st.floats(1e-9, 1e-2),
)
def test_an_update_multiplies_and_normalises(bins: list[tuple[float, int]], floor: float) -> None:
    weights, actions = zip(*bins, strict=True)
    start = DistanceDistribution(np.array(weights), (0.1, 1.4), floor)
    moved = start.updated(np.array(actions), multipliers=(0.5, 1.0, 1.5))
    expected = np.maximum(start.weights * np.array([0.5, 1.0, 1.5])[list(actions)], floor)
    # Sums of at most 40 terms in float64.
    assert moved.weights == pytest.approx(expected / expected.sum(), rel=1e-12)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: DistanceDistribution.preset("normal"), ArgumentError, "`name` must be one of"),
        (lambda: DistanceDistribution.normal(0.5, 0.0), ArgumentError, "`sigma`"),
        (lambda: DistanceDistribution.normal(math.nan, 0.1), ArgumentError, "`mean`"),
        (lambda: DistanceDistribution.uniform(0.51, 0.52), ArgumentError, "a bin's centre"),
        (lambda: DistanceDistribution.preset("random", bins=0), ArgumentError, "`bins`"),
        (lambda: DistanceDistribution.preset("random", bins=2.5), DTypeError, "`bins`"),  # type: ignore[arg-type]
        (lambda: DistanceDistribution.preset("random", support=(1, 1)), ArgumentError, "rise"),
        (lambda: DistanceDistribution.preset("random", floor=-1.0), ArgumentError, "`floor`"),
        (lambda: DistanceDistribution(np.zeros(3), floor=0.0), ArgumentError, "not all be 0"),
        (lambda: DistanceDistribution(np.array([1, np.nan])), ArgumentError, "finite"),
        (lambda: DistanceDistribution(np.ones((2, 2))), ShapeError, r"\(bins,\)"),
        (
            lambda: DistanceDistribution.preset("random").updated(np.ones(3, int)),
            ShapeError,
            r"\(29,\)",
        ),
        (
            lambda: DistanceDistribution(np.ones(1)).updated(np.array([3])),
            ArgumentError,
            "0 to shrink",
        ),
        (
            lambda: DistanceDistribution(np.ones(1)).updated([1], multipliers=(1, 2)),
            ShapeError,
            "three",
        ),
        (
            lambda: DistanceDistribution.preset("random").bin_of([math.nan]),
            ArgumentError,
            "NaN",
        ),
    ],
)
def test_mistakes(make: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()  # type: ignore[operator]


def test_negatives_are_drawn_by_the_weight_of_their_bin() -> None:
    # Candidates 1 to 4 are negatives, in the bins 0, 1, 1 and 3; bin 2 is empty.
    weights = torch.tensor([0.1, 0.2, 0.6, 0.1], dtype=torch.float64)
    distances = torch.tensor([[0.0, 0.05, 0.3, 0.45, 0.9]]).expand(20_000, 5)
    labels = (torch.zeros(20_000, dtype=torch.int64), torch.tensor([0, 1, 1, 2, 3]))
    drawn = draw_negatives(distances, labels, weights, support=(0.0, 1.0), generator=generator())
    shares = torch.bincount(drawn, minlength=5) / 20_000
    expected = torch.tensor([0, 0.1, 0.2, 0.2, 0.1]) / 0.6
    # Five standard deviations of a share of 20,000 draws.
    assert (shares - expected).abs().max() < 5 * 0.5 / math.sqrt(20_000)
    assert shares[0] == 0


def test_an_anchor_without_a_negative_of_some_weight_has_none() -> None:
    labels = torch.tensor([0, 0, 1])
    distances = torch.tensor([[0.0, 0.2, 0.9], [0.2, 0.0, 0.1], [0.9, 0.1, 0.0]])
    weights = torch.tensor([0.0, 1.0], dtype=torch.float64)
    drawn = draw_negatives(distances, labels, weights, support=(0.0, 1.0), generator=generator())
    assert drawn.tolist() == [2, -1, 0]
    alone = draw_negatives(distances, torch.zeros(3), weights, support=(0.0, 1.0))
    assert alone.tolist() == [-1, -1, -1]
    assert draw_positives(labels).tolist() == [1, 0, -1]


def test_the_rarest_weights_still_decide_where_there_is_nothing_else() -> None:
    weights = torch.from_numpy(DistanceDistribution.preset("normal_high", floor=0.0).weights)
    distances = torch.tensor([[0.0, 0.2, 0.3, 0.4]]).expand(50, 4)
    labels = (torch.zeros(50), torch.arange(4))
    drawn = draw_negatives(distances, labels, weights, support=(0.1, 1.4), generator=generator())
    assert (drawn == 3).all()  # the farthest of them, by weights below 1e-200


def test_distances_that_are_nan_are_refused() -> None:
    distances = torch.tensor([[0.0, math.nan], [1.0, 0.0]])
    with pytest.raises(ArgumentError, match="must not be NaN"):
        draw_negatives(distances, torch.arange(2), torch.ones(2).double(), support=(0.0, 1.0))
    with pytest.raises(ShapeError, match=r"\(3, 3\)"):
        draw_negatives(distances, torch.arange(3), torch.ones(2).double(), support=(0.0, 1.0))


def test_positives_are_the_others_of_the_class_all_alike() -> None:
    labels = torch.tensor([0, 1, 0, 0, 1])
    drawn = torch.stack([draw_positives(labels, generator=generator(i)) for i in range(400)])
    assert (labels[drawn] == labels).all()
    assert (drawn != torch.arange(5)).all()
    share = (drawn[:, 0] == 2).double().mean()
    assert abs(share - 0.5) < 5 * 0.5 / math.sqrt(400)


def test_distances_of_a_batch_and_their_gradient() -> None:
    x = torch.randn(9, 128, generator=generator(), dtype=torch.float64, requires_grad=True)
    condensed = pairwise.pdist(x)
    expected = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    off = ~torch.eye(9, dtype=torch.bool)
    assert torch.allclose(condensed[pair_index(9)][off], expected[off], rtol=1e-12)
    loss = condensed[pair_index(9)[[0, 3], [5, 1]]].square().sum()
    wanted = (x[0] - x[5]).square().sum() + (x[3] - x[1]).square().sum()
    assert torch.allclose(
        torch.autograd.grad(loss, x)[0], torch.autograd.grad(wanted, x)[0], rtol=1e-10
    )
