"""Lines through the latent space, the rule for their patterns, and neighbours by behaviour."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.graded import SMALL, graded

from eigenwell import agents, cartpole
from eigenwell.agents import _decisions
from eigenwell.agents.latent import Line, classify, interpolate, line, nearest
from eigenwell.errors import ArgumentError, ShapeError

T = np.linspace(0, 1, 11)


class Identity:
    """Embeds a network as its weights."""

    architecture = SMALL

    def embed(self, weights: Any) -> Any:
        return np.asarray(weights, np.float32)

    def decode(self, z: Any) -> Any:
        return np.asarray(z, np.float32)


def noisy(means: Any, *, spread: float = 10.0, episodes: int = 100) -> Any:
    """Survivals around means, with what is common to all points of a start and what is not."""
    rng = np.random.default_rng(0)
    common = rng.normal(scale=spread, size=episodes)
    return np.asarray(means)[:, None] + common + rng.normal(size=(len(means), episodes))


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        (60 + 100 * T, "slope"),
        (160 - 100 * T, "slope"),
        (100 - 200 * T * (1 - T), "valley"),
        (100 + 200 * T * (1 - T), "hill"),
        (60 + 80 * T + 240 * T * (1 - T), "hill"),
        (np.full(11, 100.0), "neither"),
        (100 + 60 * np.sin(2 * np.pi * T), "neither"),  # a hill and a valley
        # Back by more than the margin, but between the ends: not monotone.
        (np.array([20, 40, 60, 80, 60, 60, 80, 90, 100, 110, 120.0]), "neither"),
        # Back by less than the margin of 10 steps.
        (np.array([20, 40, 60, 70, 66, 70, 80, 90, 100, 110, 120.0]), "slope"),
        # Above both ends, but by less than the margin.
        (100 + 32 * T * (1 - T), "neither"),
    ],
)
def test_patterns(means: Any, expected: str) -> None:
    assert classify(noisy(means), T, cap=200).name == expected
    back = classify(noisy(means)[::-1], T, cap=200)
    assert back.name == expected
    assert classify(noisy(means)[::-1], T[::-1], cap=200).name == expected


def test_a_pattern_says_how_far_it_goes() -> None:
    found = classify(noisy([100, 40, 150, 120]), [0, 0.3, 0.6, 1], cap=200)
    assert found.name == "neither"
    assert (found.rise, found.dip, found.bump) == pytest.approx((20, 60, 30), abs=1)


def test_differences_are_taken_start_by_start() -> None:
    means = 100 - 72 * T * (1 - T)  # 18 steps deep
    paired = noisy(means, spread=60.0, episodes=30)
    rng = np.random.default_rng(1)
    shuffled = np.stack([rng.permutation(row) for row in paired])
    assert classify(paired, T, cap=200).name == "valley"
    assert classify(shuffled, T, cap=200).name == "neither"


def test_a_dip_must_be_larger_than_chance_makes_it() -> None:
    dip = np.random.default_rng(0).normal(size=20)
    dip = 40 + 140 * (dip - dip.mean()) / dip.std()  # 60 steps below, the standard error is 32
    ends = np.full(20, 100.0)
    assert classify(np.stack([ends, dip, ends]), [0, 0.5, 1], cap=200).name == "neither"
    calmer = 40 + (dip - 40) / 4
    assert classify(np.stack([ends, calmer, ends]), [0, 0.5, 1], cap=200).name == "valley"


def test_what_is_outside_of_the_ends_does_not_count() -> None:
    y = noisy(np.concatenate([[1.0], 60 + 100 * T, [1.0]]))
    assert classify(y, [-0.5, *T, 1.5], cap=200).name == "slope"


def test_chance_is_rarely_called_a_pattern() -> None:
    rng = np.random.default_rng(2)
    names = [
        classify(rng.normal(100, 30, (11, 50)), T, cap=200, margin=0.0).name for _ in range(200)
    ]
    # Nominal: 5 % of flat lines at most, for hills and valleys each below both ends.
    assert sum(name != "neither" for name in names) <= 20


def test_lines_through_latent_space_and_weights() -> None:
    population = graded(20)
    t = [-0.5, 0.0, 0.5, 1.0, 1.5]
    starts = cartpole.starts(12, seed=0)
    first, second = population.weights[:2]
    found = line(Identity(), first, second, t=t, starts=starts)
    np.testing.assert_array_equal(found.latent, found.weights)
    own = cartpole.rollout(
        population.weights[:2], architecture=SMALL, starts=starts, cap=200, mode="fast"
    )
    np.testing.assert_array_equal(found.latent[[1, 3]], own)
    assert found.pattern() == found.weight_pattern() == classify(found.latent, t, cap=200)


def test_extrapolation_gains_over_the_better_end() -> None:
    steps = noisy([10, 60, 80, 100, 130]).round().astype(np.int32)
    found = Line(t=np.array([-1, 0, 0.5, 1, 2.0]), latent=steps, weights=steps, cap=200)
    assert found.extrapolation_gain() == pytest.approx(30, abs=2)
    inside = Line(t=found.t[1:4], latent=steps[1:4], weights=steps[1:4], cap=200)
    assert np.isnan(inside.extrapolation_gain())


def test_interpolate() -> None:
    ends = np.array([[0.0, 2.0], [1.0, 0.0]])
    np.testing.assert_allclose(
        interpolate(ends, [-1, 0, 0.25, 1]), [[-1, 4], [0, 2], [0.25, 1.5], [1, 0]]
    )


def test_nearest_by_behaviour() -> None:
    population = graded(30)
    states = np.random.default_rng(0).normal(scale=0.2, size=(200, 4))
    copy = agents.latent.shuffled(population.weights[[7, 3]], SMALL, seed=0)
    index, agreement = nearest(copy, population.weights, states=states, architecture=SMALL, count=2)
    assert index[:, 0].tolist() == [7, 3]
    assert agreement[:, 0].tolist() == [1, 1]
    assert (agreement[:, 1] <= agreement[:, 0]).all()


def test_visited_states_are_those_of_own_episodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_decisions, "_CHUNK", 4)  # of ten agents, more than one at a time
    weights = graded(10).weights
    states = _decisions.visited_states(weights, SMALL, count=40, cap=200, seed=5)
    assert states.shape == (10, 40, 4)
    for one, found in zip(weights, states, strict=True):
        visits = cartpole.rollout(
            one[None],
            architecture=SMALL,
            starts=cartpole.starts(8, seed=5),
            cap=200,
            mode="fast",
            states=3,
        )
        own = {row.tobytes() for row in visits.observations}
        assert {row.tobytes() for row in found} <= own
        # Drawn from all of them, not from the first.
        assert len({row.tobytes() for row in found}) > min(len(own), 40) / 3


def test_mistakes() -> None:
    y = noisy(100 * T)
    for t in (T[1:], T[:-1]):
        with pytest.raises(ArgumentError, match="`t` must hold 0, 1 and points between them"):
            classify(y[: len(t)], t, cap=200)
    with pytest.raises(ArgumentError, match="`t` must hold 0, 1"):
        classify(y[:2], [0, 1], cap=200)
    with pytest.raises(ShapeError, match="`steps` must have shape"):
        classify(y[:, :1], T, cap=200)
    with pytest.raises(ArgumentError, match="`steps` must be finite"):
        classify(np.full_like(y, np.nan), T, cap=200)
    with pytest.raises(ArgumentError, match="`confidence` must be in"):
        classify(y, T, cap=200, confidence=1.0)
    weights = graded(4).weights
    starts = cartpole.starts(2, seed=0)
    with pytest.raises(ShapeError, match="`weights` must have shape"):  # another architecture
        line(Identity(), weights[0], np.zeros(212), t=T, starts=starts)
    with pytest.raises(ShapeError, match="`ends` must have shape"):
        interpolate(weights[:3], T)
    with pytest.raises(ArgumentError, match="`t` must be finite"):
        interpolate(weights[:2], [np.inf])
    with pytest.raises(ArgumentError, match="`count` must be between 1 and 4"):
        nearest(weights, weights, states=np.zeros((3, 4)), architecture=SMALL, count=5)
    with pytest.raises(ShapeError, match="`states` must have shape"):
        nearest(weights, weights, states=np.zeros((3, 3)), architecture=SMALL)
