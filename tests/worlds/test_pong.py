"""Our Pong: what is drawn is what the labels say, and the game obeys its rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eigenwell.errors import ArgumentError, DTypeError, EigenwellError, ShapeError
from eigenwell.worlds import _policies, pong
from eigenwell.worlds.pong import _game

UP, DOWN = 2, 3


def played(policy: str, environments: int = 32, steps: int = 300, seed: int = 0) -> dict[str, Any]:
    game = pong.Pong(environments, seed=seed)
    act = _policies.make(policy, environments, np.random.default_rng(seed))
    seen: dict[str, list[Any]] = {"frames": [], "labels": [], "actions": [], "rewards": []}
    for _ in range(steps):
        labels = game.labels
        actions = act(labels)
        seen["frames"].append(game.frames)
        seen["labels"].append(labels)
        seen["actions"].append(actions)
        seen["rewards"].append(game.step(actions)[0])
    return {name: np.array(values) for name, values in seen.items()}


@pytest.fixture(scope="module")
def rallies() -> dict[str, Any]:
    return played("rally")


def test_labels_are_the_centroids_of_what_is_drawn(rallies: dict[str, Any]) -> None:
    pixels = pong.unpack(rallies["frames"][:, ::16]).reshape(-1, 64, 64).astype(np.float32)
    labels = rallies["labels"][:, ::16].reshape(-1, 3, 2)
    masks = np.zeros((2, 64), np.float32)
    masks[0, _game.PLAYER_COLUMN : _game.PLAYER_COLUMN + 2] = 1
    masks[1, _game.OPPONENT_COLUMN : _game.OPPONENT_COLUMN + 2] = 1
    ball = labels[:, 2]
    # A ball in a paddle's columns cannot be told from it by columns alone.
    apart = np.isnan(ball[:, 1]) | ((ball[:, 1] > 9) & (ball[:, 1] < 54))
    rows, columns = np.mgrid[:64, :64]
    for place, mask in enumerate(masks):
        paddle = pixels[apart] * mask
        assert (paddle.sum(axis=(1, 2)) == 14).all()
        assert np.array_equal((paddle * rows).sum(axis=(1, 2)) / 14, labels[apart, place, 0])
        assert np.array_equal((paddle * columns).sum(axis=(1, 2)) / 14, labels[apart, place, 1])
    rest = pixels[apart] * (1 - masks.sum(axis=0))
    there = ~np.isnan(ball[apart, 0])
    assert np.array_equal(rest.sum(axis=(1, 2)), 4 * there)
    assert np.array_equal((rest * rows).sum(axis=(1, 2))[there] / 4, ball[apart][there, 0])
    assert np.array_equal((rest * columns).sum(axis=(1, 2))[there] / 4, ball[apart][there, 1])
    assert 0.2 < there.mean() < 1


def test_the_ball_flies_straight_between_walls_and_paddles(rallies: dict[str, Any]) -> None:
    ball = rallies["labels"][:, :, 2]
    inside = (ball[..., 1] > 14) & (ball[..., 1] < 49) & (ball[..., 0] > 6) & (ball[..., 0] < 57)
    three = inside[:-2] & inside[1:-1] & inside[2:]
    bend = (ball[2:] - 2 * ball[1:-1] + ball[:-2])[three]
    assert three.sum() > 1000
    # Drawing rounds each of three places to a pixel.
    assert np.abs(bend).max() <= 2
    assert np.abs(bend.mean(axis=0)).max() < 0.05


def test_the_ball_leaves_the_edges_for_good(rallies: dict[str, Any]) -> None:
    ball = rallies["labels"][:, :, 2]
    inside = (ball[..., 1] > 14) & (ball[..., 1] < 49)
    down = np.diff(ball[..., 0], axis=0)
    windows = np.lib.stride_tricks.sliding_window_view(down, 5, axis=0)
    whole = np.lib.stride_tricks.sliding_window_view(inside, 6, axis=0).all(axis=-1)
    steep = windows[whole & (np.abs(np.nan_to_num(windows)) >= 1).all(axis=-1)]
    turns = (np.diff(np.sign(steep), axis=-1) != 0).sum(axis=-1)
    assert (turns == 1).sum() > 50
    assert turns.max() == 1


def test_a_point_is_scored_where_the_ball_leaves(rallies: dict[str, Any]) -> None:
    ball, rewards = rallies["labels"][..., 2, 1], rallies["rewards"]
    assert (rewards == 1).sum() > 3
    assert (rewards == -1).sum() > 3
    assert (ball[rewards == 1] < 8).all()
    assert (ball[rewards == -1] > 55).all()
    after = rallies["labels"][1:, :, 2, 0][rewards[:-1] != 0]
    assert np.isnan(after).all()


def test_who_plays_well_scores_more() -> None:
    earned = {policy: played(policy, 64, 600)["rewards"] for policy in ("random", "rally")}
    lost = {policy: (rewards < 0).sum() for policy, rewards in earned.items()}
    assert lost["rally"] < lost["random"] / 3
    assert (earned["rally"] > 0).sum() > 10  # the opponent can be beaten


@pytest.mark.parametrize(("action", "way"), [(0, 0), (1, 0), (2, -1), (3, 1), (4, -1), (5, 1)])
def test_right_is_up_and_left_is_down(action: int, way: int) -> None:
    game = pong.Pong(16, seed=3)
    before = game.labels[:, 0, 0]
    game.step(np.full(16, action))
    moved = game.labels[:, 0, 0] - before
    free = (before > 8) & (before < 55)
    assert np.array_equal(np.sign(moved[free]), np.full(free.sum(), way))


def test_fire_serves_and_waiting_serves_later() -> None:
    def waited(action: int) -> int:
        game = pong.Pong(1, seed=0)
        while game.step([0])[0][0] == 0:
            pass
        for frames in range(1, 50):
            game.step([action])
            if game.in_play[0]:
                return frames
        raise AssertionError

    assert waited(1) == 2
    assert waited(0) == _game.PAUSE


def test_a_game_ends_at_its_points_and_the_next_begins() -> None:
    game = pong.Pong(8, seed=0, points=2)
    overs = np.zeros(8, int)
    for _ in range(600):
        _, over = game.step(np.zeros(8, int))
        overs += over
        assert (game.scores < 2).all()
        assert (game.scores[over] == 0).all()
    assert overs.min() > 0


def test_the_same_seed_plays_the_same_game() -> None:
    first, second, other = (played("sticky", 4, 100, seed)["frames"] for seed in (5, 5, 6))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: pong.Pong(0), ArgumentError, "`environments` must be between 1"),
        (lambda: pong.Pong(2.0), DTypeError, "`environments` must be an integer"),
        (lambda: pong.Pong(2, points=0), ArgumentError, "`points` must be between 1"),
        (lambda: pong.Pong(2).step([0]), ShapeError, r"`actions` must have shape \(2,\)"),
        (lambda: pong.Pong(2).step([0.0, 1.0]), DTypeError, "`actions` must be integers"),
        (lambda: pong.Pong(2).step([0, 6]), ArgumentError, "`actions` must be between 0 and 5"),
        (lambda: pong.Pong(2).step([-1, 0]), ArgumentError, "`actions` must be between 0 and 5"),
        (lambda: pong.unpack(np.zeros(511, np.uint8)), ShapeError, "`frames` must have shape"),
        (lambda: pong.unpack(np.zeros(512, bool)), DTypeError, "`frames` must be uint8"),
        (lambda: pong.environment("x"), ArgumentError, "`variant` must be one of"),
        (lambda: pong.environment(points=0), ArgumentError, "`points` must be between 1"),
        (
            lambda: _policies.make("good", 2, np.random.default_rng()),
            ArgumentError,
            "`policy` must be one of random, sticky, rally",
        ),
    ],
)
def test_mistakes(call: Any, error: type[EigenwellError], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        call()


def test_the_gymnasium_environment_keeps_gymnasiums_promises() -> None:
    pytest.importorskip("gymnasium")
    from gymnasium.utils.env_checker import check_env

    environment = pong.environment("m", points=1)
    check_env(environment, skip_render_check=True)
    frame, info = environment.reset(seed=4)
    plain, plain_info = pong.environment("o", points=1).reset(seed=4)
    assert np.array_equal(frame, plain[:, ::-1])
    assert set(info) == {"player", "opponent"}
    assert info["player"][1] == 63 - plain_info["player"][1]
    over, rewards = False, []
    while not over:
        _, reward, over, _, _ = environment.step(np.int64(0))
        rewards.append(reward)
    assert sum(rewards) in {-1.0, 1.0}
