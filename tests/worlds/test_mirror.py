"""The mirror test's numbers on cases whose answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eigenwell.errors import ArgumentError, EigenwellError, ShapeError
from eigenwell.worlds import mirror, pong, variants

RNG = np.random.default_rng(0)


def test_retrieval_finds_what_is_near_and_nothing_among_equals() -> None:
    keys = RNG.normal(size=(200, 5))
    assert mirror.retrieval(keys, keys) == 1
    assert mirror.retrieval(keys + 1e-3 * RNG.normal(size=keys.shape), keys) == 1
    assert mirror.retrieval(np.zeros((50, 3)), np.zeros((50, 3)), 5) == 0
    assert mirror.retrieval(RNG.normal(size=keys.shape), keys) < 0.05
    # Row i is nearest to key i + 1, and its own key is next.
    line = np.arange(10.0)[:, None]
    assert mirror.retrieval(line + 0.6, line) == pytest.approx(0.1)
    assert mirror.retrieval(line + 0.6, line, 2) == 1


def frames() -> tuple[Any, Any]:
    game = pong.Pong(64, seed=0)
    for _ in range(20):
        game.step(RNG.integers(6, size=64))
    return pong.unpack(game.frames).astype(np.float32), game.labels


@pytest.mark.parametrize("name", ["o", "t", "h", "v", "c", "m", "p3"])
def test_true_frames_have_no_errors_in_any_world(name: str) -> None:
    shown, labels = frames()
    errors = mirror.object_errors(variants.parse(name).frames(shown), labels, name)
    # A ball that touches a paddle moves the centroid of its columns a little.
    away = ~(np.abs(labels[:, 2, 1] - 31.5) > 20)
    assert errors.player[away].max() == errors.opponent[away].max() == 0
    assert max(errors.player.max(), errors.opponent.max()) < 1
    assert np.nanmax(errors.ball) == 0
    assert (~np.isnan(errors.ball)).sum() > 30
    assert np.isnan(errors.ball[np.isnan(labels[:, 2, 0])]).all()


def test_errors_are_distances_in_pixels() -> None:
    shown, labels = frames()
    errors = mirror.object_errors(np.roll(shown, 1, axis=1), labels)
    there = ~np.isnan(errors.ball)
    # Where nothing wraps around.
    inner = there & (labels[:, 2, 0] < 60)
    assert (errors.ball[inner] == 1).all()
    assert np.median(errors.player) == np.median(errors.opponent) == 1
    nothing = mirror.object_errors(np.zeros_like(shown), labels)
    assert np.isinf(nothing.player).all()
    assert np.isinf(nothing.ball[there]).all()
    # Only what is more light than dark is seen.
    assert np.isinf(mirror.object_errors(0.4 * shown, labels).player).all()
    assert (mirror.object_errors(0.6 * shown, labels).player == 0).all()


def pair(**changes: Any) -> mirror.Mirror:
    good = {
        "source": "o",
        "target": "m",
        "top_1": 0.8,
        "top_5": 0.95,
        "own_loss": 10.0,
        "cross_loss": 12.5,
        "own_predicted": 20.0,
        "cross_predicted": 25.0,
        "player_pixels": 1.0,
        "opponent_pixels": 0.2,
        "ball_found": 0.9,
        "ball_frames": 700,
        "own_ball_found": 1.0,
        "frames": 1000,
    }
    return mirror.Mirror(**(good | changes))


def test_every_bar_counts() -> None:
    assert pair().passed
    for name, value, bar in (
        ("top_1", 0.79, "retrieval"),
        ("top_5", 0.94, "retrieval"),
        ("cross_loss", 12.6, "decoding"),
        ("cross_predicted", 25.1, "decoding"),
        ("player_pixels", 1.01, "paddles"),
        ("opponent_pixels", float("inf"), "paddles"),
        ("ball_found", 0.89, "ball"),
    ):
        missed = pair(**{name: value})
        assert [key for key, met in missed.bars.items() if not met] == [bar]
        assert not missed.passed


def test_wilson_intervals_against_published_values() -> None:
    # Brown, Cai and DasGupta 2001 print none, so: NIST's formula by hand for 9 of 10 and 4 of 20.
    assert mirror.wilson(9, 10) == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert mirror.wilson(4, 20) == pytest.approx((0.0807, 0.4160), abs=1e-4)
    assert mirror.wilson(0, 3)[0] == 0
    assert mirror.wilson(3, 3)[1] == 1
    for trials in (1, 7, 40):
        for k in range(trials + 1):
            low, high = mirror.wilson(k, trials)
            assert 0 <= low <= k / trials <= high <= 1
            mirrored = mirror.wilson(trials - k, trials)
            assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: mirror.retrieval(np.eye(3), np.eye(4)), ShapeError, "must be"),
        (lambda: mirror.retrieval(np.eye(3), np.eye(3), 4), ArgumentError, "`within` must be"),
        (lambda: mirror.retrieval([[np.nan]], [[1.0]]), ArgumentError, "must be finite"),
        (lambda: mirror.wilson(1, 0), ArgumentError, "`trials` must be"),
        (lambda: mirror.wilson(3, 2), ArgumentError, "`successes` must be"),
        (lambda: mirror.wilson(1, 2, -1.0), ArgumentError, "`z` must be"),
        (
            lambda: mirror.object_errors(np.zeros((2, 64, 64)), np.zeros((3, 3, 2), "f4")),
            ShapeError,
            "`frames` and `labels` must be",
        ),
        (
            lambda: mirror.object_errors(
                np.zeros((2, 64, 64)), np.zeros((2, 3, 2), "f4"), game="tennis"
            ),
            ArgumentError,
            "`game` must be pong or atari, got 'tennis'",
        ),
    ],
)
def test_mistakes(call: Any, error: type[EigenwellError], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        call()
