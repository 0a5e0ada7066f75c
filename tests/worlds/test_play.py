"""A policy of world 0's latents: it learns, plays by equal eyes as well, and by wrong ones not."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from eigenwell.errors import (  # noqa: E402
    ArgumentError,
    EigenwellError,
    FormatError,
    TrainingError,
)
from eigenwell.worlds import MetaConfig, _checkpoint, pong, variants  # noqa: E402
from eigenwell.worlds.torch import Trained  # noqa: E402
from eigenwell.worlds.torch._play import _Games, _judged, play  # noqa: E402
from eigenwell.worlds.torch._policy import (  # noqa: E402
    Eyes,
    Policy,
    load_policy,
    train_policy,
)

WORLDS = ("o", "t+c", "m", "h", "c")
# Shorter training leaves the player near random, where a ratio says nothing.
FRAMES = 200_000


class Places:
    """Eyes whose latents are the rows of both paddles and row and column of the ball, exactly.

    They are sums of small whole numbers over the light pixels: no order of adding rounds.
    """

    def __init__(self, variant: str, *, swapped: bool = False, blind: bool = False) -> None:
        self.swapped, self.blind = swapped, blind
        row, column = np.indices((64, 64), np.float32)
        field = (column >= 8) & (column < 56)
        weights = np.stack(
            [row * (column == 56), row * (column == 6), row * field, column * field, field]
        )
        seen = variants.parse(variant).frames(np.concatenate([weights, np.zeros((1, 64, 64))]))
        self.dark = float(seen[5, 0, 0])
        weights = abs(self.dark - seen[:5]).reshape(5, -1)
        self.weights = torch.from_numpy(weights.T.copy()).float()

    def encode(self, frames: Any) -> tuple[Any, Any]:
        sums = (self.dark - frames).abs().reshape(len(frames), -1) @ self.weights
        paddles, ball, light = sums[:, :2] / 7, sums[:, 2:4], sums[:, 4:]
        mean = torch.cat([paddles, ball / light.clamp(min=1)], dim=1) / 32 - 1
        mean = mean.flip(1) if self.swapped else mean
        mean = torch.zeros_like(mean) if self.blind else mean
        return mean, torch.zeros_like(mean)


class Model:
    """As much of a MetaModel as a player needs."""

    def __init__(self, *eyes: Any) -> None:
        self.actions, self.eyes = len(pong.ACTIONS), eyes

    def vision(self, world: int) -> Any:
        return self.eyes[world]


def a_model(*eyes: Any, names: tuple[str, ...] = WORLDS) -> Trained:
    model: Any = Model(*eyes)
    return Trained(model, MetaConfig(latent=4), names, 0, ())


@pytest.fixture(scope="module")
def trained() -> Trained:
    wrong = Places("h", swapped=True), Places("c", blind=True)
    return a_model(*map(Places, WORLDS[:3]), *wrong)


@pytest.fixture(scope="module")
def learned(trained: Trained) -> tuple[Policy, list[dict[str, float]]]:
    rows: list[dict[str, float]] = []
    return train_policy(trained, frames=FRAMES, seed=0, progress=rows.append), rows


@pytest.fixture(scope="module")
def novice(trained: Trained) -> Policy:
    return train_policy(trained, frames=1)


def test_it_learns_from_points_alone(learned: tuple[Policy, list[dict[str, float]]]) -> None:
    policy, rows = learned
    assert policy.frames == rows[-1]["frames"] >= FRAMES
    assert (policy.world, policy.seed) == ("o", 0)
    # Random play loses 31 points in 1,000 frames; that it still tries things costs it some.
    assert rows[0]["lost"] > 25
    assert rows[-1]["lost"] < 10, rows


def test_equal_eyes_play_the_same_games_and_wrong_ones_do_not(
    trained: Trained, learned: tuple[Policy, list[dict[str, float]]]
) -> None:
    played = play(trained, learned[0], courts=16, frames=400, seed=1)
    assert [(each.player, each.world) for each in played] == [
        ("random", ""),
        ("rally", ""),
        *(("policy", name) for name in WORLDS),
    ]
    random, rally, own, *others = played
    assert random.ratio == 0
    assert rally.ratio > 0.6
    assert own.result > random.result + 15
    assert own.ratio == own.agreement == 1
    for each in others[:2]:  # the same to the bit
        assert dataclasses.replace(each, world="o") == own
        assert each.passed
    for each in others[2:]:
        assert not each.passed
        # Near 0: such players stand in places better or worse than random ones.
        assert -0.5 < each.ratio < 0.7
        assert each.ratio_interval[0] <= each.ratio <= each.ratio_interval[1]
        assert each.agreement < 0.85
    for each in played:
        assert each.result == pytest.approx(each.won - each.lost)
        assert each.interval[0] <= each.result <= each.interval[1]
        assert each.frames == 16 * 400


def test_ratios_and_intervals() -> None:
    def games(*lost: float) -> _Games:
        return _Games(np.full(len(lost), 2.0), np.array(lost), np.empty(0))

    rows = {("random", ""): games(31, 33), ("rally", ""): games(2, 12)}
    rows |= {("policy", "o"): games(1, 3), ("policy", "m"): games(6, 10)}
    rows["policy", "v"] = games(4, 6)
    agreement = (np.nan, np.nan, 1.0, 0.7, 0.8)
    random, rally, own, m, v = _judged(rows, agreement, 500, 0)
    assert [each.result for each in (random, rally, own, m, v)] == [-30, -5, 0, -6, -3]
    assert [each.ratio for each in (random, rally, own, m, v)] == [0, 25 / 30, 1, 24 / 30, 27 / 30]
    assert [each.passed for each in (own, m, v)] == [True, False, True]
    assert (m.won, m.lost, m.agreement, m.frames) == (2, 8, 0.7, 1000)
    # Of two courts, a resample may hold one of them twice.
    assert m.interval == pytest.approx((-8, -4))
    assert m.ratio_interval == pytest.approx((23 / 30, 25 / 30), abs=0.04)

    rows["policy", "o"] = games(40, 40)
    for each in _judged(rows, agreement, 500, 0):
        assert np.isnan([each.ratio, *each.ratio_interval]).all()
        assert not each.passed


def test_eyes_remember_changes() -> None:
    model: Any = Model(Places("m"))
    eyes, game = Eyes(model, 0, "m"), pong.Pong(3)
    seen = []
    for _ in range(30):
        seen.append(eyes.look(game.frames))
        game.step([2, 3, 2])
    assert seen[0].shape == (3, 12)
    assert not seen[0][:, 4:].any()
    z = [each[:, :4] for each in seen]
    assert any((z[t] != z[t - 1]).any() for t in range(1, 30))
    for t in range(2, 30):
        np.testing.assert_array_equal(seen[t][:, 4:8], z[t] - z[t - 1])
        np.testing.assert_array_equal(seen[t][:, 8:], z[t - 1] - z[t - 2])


def test_seeds_and_files_keep_it(trained: Trained, novice: Policy, tmp_path: Path) -> None:
    file = tmp_path / "policy.safetensors"
    novice.save(file)
    kept = load_policy(file)
    assert (kept.world, kept.frames, kept.seed) == ("o", 8192, 0)
    x = np.linspace(-1, 1, 24, dtype=np.float32).reshape(2, 12)
    logits = novice.logits(x)
    assert logits.std() > 0
    np.testing.assert_array_equal(logits, kept.logits(x))
    np.testing.assert_array_equal(logits, train_policy(trained, frames=1, seed=0).logits(x))
    assert (logits != train_policy(trained, frames=1, seed=5).logits(x)).all()
    # Of the network, for four latents, a few tens of kB.
    assert file.stat().st_size < 40_000


def test_it_knows_the_eyes_that_it_learned_with(trained: Trained, novice: Policy) -> None:
    other = a_model(Places("o", swapped=True), Places("m"), names=("o", "m"))
    with pytest.raises(ArgumentError, match="`policy` must have learned with this model's world"):
        play(other, novice)
    with pytest.raises(ArgumentError, match="one that learned in 'o' of another model"):
        play(dataclasses.replace(trained, variants=("t", *WORLDS[1:])), novice)
    wider = dataclasses.replace(trained, config=MetaConfig(latent=5))
    with pytest.raises(ArgumentError, match=r"must read latents of size 5, .* got one for 4"):
        play(wider, novice)


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"variants": ["o", "r"]}, ArgumentError, "`variants` must be worlds of the model, o, t"),
        ({"courts": 1}, ArgumentError, "`courts` must be between 2"),
        ({"frames": 0}, ArgumentError, "`frames` must be between 1"),
        ({"seed": -1}, ArgumentError, "`seed` must be between 0"),
    ],
)
def test_mistakes(
    trained: Trained,
    novice: Policy,
    options: dict[str, Any],
    error: type[EigenwellError],
    sentence: str,
) -> None:
    with pytest.raises(error, match=sentence):
        play(trained, novice, **options)


def test_mistakes_of_training(trained: Trained) -> None:
    with pytest.raises(ArgumentError, match="`frames` must be between 1"):
        train_policy(trained, frames=0)
    with pytest.raises(ArgumentError, match="`seed` must be between 0"):
        train_policy(trained, seed=-1)
    model: Any = Model(Places("o"))
    model.actions = 4
    with pytest.raises(ArgumentError, match=r"`trained` must be a model of 6 actions, .* got 4"):
        train_policy(dataclasses.replace(trained, model=model), frames=1)

    class Lost(Places):
        def encode(self, frames: Any) -> tuple[Any, Any]:
            mean, log_variance = super().encode(frames)
            return mean * float("nan"), log_variance

    with pytest.raises(TrainingError, match="the latents of world 'o' are not finite"):
        train_policy(a_model(Lost("o"), names=("o",)), frames=1)


def test_damaged_files(tmp_path: Path, novice: Policy) -> None:
    with pytest.raises(ArgumentError, match="cannot be read"):
        load_policy(tmp_path / "absent")
    file = tmp_path / "file"
    _checkpoint.write(file, {}, {"config": {}})
    with pytest.raises(FormatError, match="must hold a policy, got a model's checkpoint"):
        load_policy(file)
    novice.save(file)
    data = file.read_bytes()
    file.write_bytes(data[:-9])
    with pytest.raises(FormatError, match=r"is not a checkpoint of eigenwell\.worlds"):
        load_policy(file)
    file.write_bytes(data)
    arrays, about = _checkpoint.read(file)
    for lacking in ({**arrays, "actor.0.weight": arrays["actor.4.weight"]}, {}):
        _checkpoint.write(file, lacking, about)
        with pytest.raises(FormatError, match="is a damaged policy"):
            load_policy(file)


def test_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("tyro", "rich", "zarr"):
        pytest.importorskip(module, reason=f"{module} is not installed")
    import tyro

    from eigenwell import worlds
    from eigenwell.cli._output import Output
    from eigenwell.cli._worlds_play import Play
    from eigenwell.worlds import torch as models

    monkeypatch.chdir(tmp_path)
    data = [
        worlds.load(worlds.collect(f"{name}.zarr", variant=name, episodes=2, length=120))
        for name in ("o", "m")
    ]
    tiny = {"widths": (2, 2, 2, 2), "latent": 3, "units": 4, "length": 4, "sequences": 2}
    models.train(data, MetaConfig(iterations=1, **tiny), output="run")  # type: ignore[arg-type]
    line = "--model run --policy p.safetensors --train-frames 1 --courts 4 --frames 40 --seed 3"

    def run(arguments: str, output: Output) -> str:
        capsys.readouterr()
        verb = tyro.cli(Play, args=arguments.split())
        assert verb.run(output) == 0
        return capsys.readouterr().out

    first = run(line, Output(json=True, quiet=True))
    document = json.loads(first)
    assert [each["world"] for each in document["players"]] == ["", "", "o", "m"]
    assert document["bar"] == 0.9
    assert document["passed"] is document["players"][3]["passed"]
    assert Path("p.safetensors").exists()
    # The file is played, and not trained again: --train-frames would be refused.
    again = line.replace("--train-frames 1", "--train-frames 0")
    assert run(again, Output(json=True, quiet=True)) == first
    shown = run(again + " --variants m", Output())
    assert "4 courts of 40 frames" in shown
    assert "same move" in shown

    for arguments, sentence in (
        ("--model run --policy absent/p", "`--policy` cannot be written"),
        ("--model run --train-frames 0", "`frames` must be between 1"),
        (f"{line} --variants t", "`variants` must be worlds of the model, o, m, got 't'"),
        ("--model absent", "cannot be read"),
    ):
        with pytest.raises(ArgumentError, match=sentence):
            tyro.cli(Play, args=arguments.split()).run(Output(quiet=True))
    arrays, about = _checkpoint.read("run/last.safetensors")
    about["worlds"][0]["game"] = "atari"
    _checkpoint.write("atari", arrays, about)
    with pytest.raises(ArgumentError, match=r"must be one of our Pong .* here, got 'atari'"):
        tyro.cli(Play, args=["--model", "atari"]).run(Output(quiet=True))
