"""Training in stages: the same bits after a kill, in threads, and with shared eyes."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("zarr")
pytest.importorskip("safetensors")

from eigenwell.errors import ArgumentError, DTypeError, FormatError, TrainingError  # noqa: E402
from eigenwell.worlds import StagedConfig  # noqa: E402
from eigenwell.worlds import torch as models  # noqa: E402
from eigenwell.worlds.torch import _align, _batches, _eyes, _phases, _staged  # noqa: E402
from eigenwell.worlds.torch._model import Translator, Upwards  # noqa: E402

if TYPE_CHECKING:
    from eigenwell import worlds

TINY = StagedConfig(
    widths=(2, 2, 2, 2),
    latent=3,
    vision_steps=4,
    vision_batch=4,
    encoded=600,
    timeline_steps=4,
    timeline_batch=8,
    reach=4,
    align_steps=4,
    starts=2,
    start_steps=2,
    blur_steps=2,
    align_batch=8,
    hidden=8,
    units=4,
    memory_steps=4,
    memory_batch=3,
    memory_length=6,
    report_every=2,
    checkpoint_every=2,
)


@pytest.fixture(scope="module")
def trained(three: list[worlds.World], tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("whole") / "run"
    models.train(three, TINY, output=output)
    return output


def weights(path: Path) -> dict[str, Any]:
    return {name: value.numpy() for name, value in models.load(path).model.state_dict().items()}


def same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return first.keys() == second.keys() and all(
        np.array_equal(value, second[name]) for name, value in first.items()
    )


@pytest.mark.parametrize(("edge", "size"), [(5, 1), (6, 1), (5, 5), (6, 13), (4, 3)])
def test_spreading_channels_is_a_transposed_convolution(edge: int, size: int) -> None:
    torch.manual_seed(0)
    ours = Upwards(3, 2, edge, 2)
    theirs = torch.nn.ConvTranspose2d(3, 2, edge, 2)
    theirs.load_state_dict(ours.state_dict())
    pixels = torch.randn(4, 3, size, size)
    torch.testing.assert_close(ours(pixels), theirs(pixels))


def test_a_folded_translator_is_the_same_map() -> None:
    torch.manual_seed(0)
    scales = [(torch.randn(3), torch.rand(3) + 0.5) for _ in range(2)]
    translator, latents = Translator(3, 8, scales[0], scales[1]), torch.randn(5, 3)
    torch.testing.assert_close(translator.folded()(latents), translator(latents))


def test_a_white_world_is_seen_like_a_black_one(three: list[worlds.World]) -> None:
    for world, level in ((three[0], 0), (three[2], 1)):
        stage = _eyes.VisionStage(world, TINY)
        stage.start()
        frames = stage.frames()
        torch.testing.assert_close(
            stage.eyes().encode(frames)[0], stage.vision.encode(frames - level)[0]
        )
        # What it draws at first is the usual shade.
        shade = stage.vision.decode(torch.zeros(1, 3)).sigmoid().mean()
        assert abs(float(shade.detach()) - level) < 0.1


def test_rare_things_weigh_more(three: list[worlds.World]) -> None:
    world = three[1]
    lengths = world.block.lengths[:3]
    episodes, times = (indices.ravel() for indices in np.mgrid[:3, : lengths.min()])
    usual = _batches.usual_picture(world).numpy()
    often = np.abs(world.frames(episodes, times) - usual).mean(axis=0)
    alike = _eyes.VisionStage(world, dataclasses.replace(TINY, rarity=0.0))
    assert alike._weights.unique().numpy() == pytest.approx([TINY.foreground])
    weights = _eyes.VisionStage(world, TINY)._weights.numpy()
    # The mean over what differs stays as it was asked for; paddles pay for the ball.
    assert (often * weights).sum() / often.sum() == pytest.approx(TINY.foreground, rel=0.03)
    paddles = often.mean(axis=0) > 0.05
    assert 4 <= paddles.sum() <= 10
    field = (often > 0) & (often < 0.01)
    field[:, paddles] = False
    assert np.median(weights[field]) > 3 * weights[:, paddles].mean()


def test_decoders_are_not_surer_than_they_may_be(three: list[worlds.World]) -> None:
    stage = _eyes.VisionStage(three[0], dataclasses.replace(TINY, surest=2.0))
    latents = 100 * torch.randn(4, 3)
    free, bounded = stage.vision.unbounded(latents), stage.vision.decode(latents)
    assert float(free.detach().abs().max()) > 2
    assert torch.equal(bounded, free.clamp(-2, 2))
    # Training sees the free ones: a pixel that is sure and wrong must be able to change.
    frames = stage.frames()[:4]
    weights = 1 + stage._weights * (frames - stage._usual).abs()
    wanted = _phases.cross_entropy(free, frames, weights)
    torch.testing.assert_close(stage.pixels(latents, frames), wanted)


def test_places_count_through_all_training_episodes(three: list[worlds.World]) -> None:
    world = three[0]
    stage = _eyes.VisionStage(world, TINY)
    assert world.block.lengths[:3].tolist() == [300, 300, 300]  # the fourth is held out
    assert stage._ends[-1] == 900
    places = np.array([0, 299, 300, 599, 600, 899])
    wanted = world.frames(np.repeat(np.arange(3), 2), np.tile([0, 299], 3))
    assert np.array_equal(stage._pictures(places), wanted)


def test_tracks_are_the_games_in_latents(three: list[worlds.World]) -> None:
    world, config = three[1], dataclasses.replace(TINY, encoded=900)
    vision = _eyes.VisionStage(world, config).eyes()
    track = _eyes.track(world, vision, config)
    taken = world.block.actions[:3, :300].ravel()
    assert np.array_equal(track.actions, taken)
    frames = torch.from_numpy(world.frames(np.full(300, 1), np.arange(300)))
    torch.testing.assert_close(track.latents[300:600], vision.encode(frames)[0])
    # Windows have their actions before and after, in the same episode.
    around = track.starts[:, None] + torch.tensor([-config.reach, config.window + config.reach - 1])
    assert (around // 300 == track.starts[:, None] // 300).all()
    assert len(track.starts) == 3 * (300 - 2 * config.reach - config.window + 1)
    shuffled = _eyes.track(world, vision, dataclasses.replace(config, shuffle_actions=True))
    assert not np.array_equal(shuffled.actions, taken)
    assert np.array_equal(np.sort(shuffled.actions), np.sort(taken))


def test_the_model_has_what_the_stages_learnt(
    three: list[worlds.World], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, list[Any]] = {}

    def keep(name: str) -> None:
        kind = getattr(_staged, name)

        def keeping(*arguments: Any) -> Any:
            made.setdefault(name, []).append(kind(*arguments))
            return made[name][-1]

        monkeypatch.setattr(_staged, name, keeping)

    for name in ("AlignStage", "BlurStage", "MemoryStage"):
        keep(name)
    model = models.train(three[:2], TINY).model
    (align,), (memory,) = made["AlignStage"], made["MemoryStage"]
    latents = torch.randn(5, 3)
    torch.testing.assert_close(model.vision(1).there(latents), align.kept(latents))
    torch.testing.assert_close(model.vision(1).back(latents), align.back(latents))
    assert not torch.allclose(align.kept(latents), align.back(latents))
    for number, blur in enumerate(made["BlurStage"]):
        decoded = model.vision(number).decoder(latents), blur.vision.decoder(latents)
        torch.testing.assert_close(*decoded)
        assert blur.done == TINY.blur_steps
    assert torch.equal(memory.tracks[0].latents, align.tracks[0].latents)
    torch.testing.assert_close(memory.tracks[1].latents, align.kept(align.tracks[1].latents))


def test_runs_are_reproducible_in_threads_and_after_a_kill(
    three: list[worlds.World], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models.train(three, TINY, output=tmp_path / "threads", jobs=3)
    assert same(weights(trained), weights(tmp_path / "threads"))

    calls = 0
    whole = _align.AlignStage.losses

    def killed(stage: _align.AlignStage) -> dict[str, float]:
        nonlocal calls
        calls += 1
        if calls == 4:  # in the first translator, between two checkpoints
            raise KeyboardInterrupt
        return whole(stage)

    monkeypatch.setattr(_align.AlignStage, "losses", killed)
    with pytest.raises(KeyboardInterrupt):
        models.train(three, TINY, output=tmp_path / "killed")
    assert not (tmp_path / "killed" / "last.safetensors").exists()
    resumed = models.train(three, TINY, output=tmp_path / "killed", resume=True)
    assert resumed.iteration == TINY.steps(3)
    assert same(weights(trained), weights(tmp_path / "killed"))


def test_stages_are_shared_and_not_trained_again(
    three: list[worlds.World], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_stage: Any) -> dict[str, float]:
        raise AssertionError("trained again")

    monkeypatch.setattr(_eyes.VisionStage, "losses", never)
    monkeypatch.setattr(_eyes.TimelineStage, "losses", never)
    monkeypatch.setattr(_align.AlignStage, "losses", never)
    models.train(three[:2], TINY, output=tmp_path / "pair", shared=trained)
    names = {path.name for path in (tmp_path / "pair").glob("*.safetensors")}
    assert names == {"memory.safetensors", "last.safetensors"}
    # World m's translator knows nothing of world c.
    whole, pair = weights(trained), weights(tmp_path / "pair")
    assert np.array_equal(whole["visions.1.there.skip.weight"], pair["visions.1.there.skip.weight"])


def test_world_0_speaks_its_own_latents_and_the_others_are_translated(
    three: list[worlds.World], trained: Path
) -> None:
    loaded = models.load(trained)
    assert loaded.variants == ("o", "m", "c")
    frames = torch.from_numpy(three[0].frames(np.zeros(2, int), np.arange(2)))
    for number in range(3):
        vision = loaded.model.vision(number)
        own = vision.encoder(frames[:, None])[:, :3]
        assert torch.equal(vision.encode(frames)[0], own) == (number == 0)


def test_metrics_name_the_stage(trained: Path) -> None:
    header = (trained / "metrics.csv").read_text().splitlines()[0]
    for name in ("vision-o: kl", "timeline-c: timeline", "translator-o-m: top_1", "memory: step"):
        assert name in header


def test_controls_have_no_adversary_and_no_timeline(
    three: list[worlds.World], tmp_path: Path
) -> None:
    config = dataclasses.replace(TINY, matching_only=True)
    rows = models.train(three[:2], config, output=tmp_path / "run").rows
    names = {name for row in rows for name in row if name.startswith("translator")}
    assert names == {
        f"translator-o-m: {name}" for name in ("step", "of", "cycle", "moments", "top_1")
    }


def test_a_loss_that_is_not_finite_keeps_the_last_good_checkpoint(
    three: list[worlds.World], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cross_entropy, calls = _phases.cross_entropy, 0

    def breaks(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        return cross_entropy(*arguments) * (float("nan") if calls == 4 else 1)

    monkeypatch.setattr(_eyes, "cross_entropy", breaks)
    with pytest.raises(TrainingError, match=r"nan in step 3 of vision-o; .* has step 2"):
        models.train(three, TINY, output=tmp_path / "run")
    monkeypatch.setattr(_eyes, "cross_entropy", cross_entropy)
    models.train(three, TINY, output=tmp_path / "run", resume=True)


def test_what_cannot_be_resumed(three: list[worlds.World], trained: Path, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="holds a run: resume it"):
        models.train(three, TINY, output=trained)
    with pytest.raises(ArgumentError, match="holds no run to resume"):
        models.train(three, TINY, output=tmp_path / "none", resume=True)
    with pytest.raises(ArgumentError, match="resumed with the worlds o, m, c, got o, c, m"):
        models.train([three[0], three[2], three[1]], TINY, output=trained, resume=True)
    changed = dataclasses.replace(TINY, cycle=3.0)
    with pytest.raises(ArgumentError, match=r"resumed with cycle = 10\.0, got 3\.0"):
        models.train(three, changed, output=trained, resume=True)
    # Eyes of other settings are not taken for these.
    changed = dataclasses.replace(TINY, kl_weight=3.0)
    with pytest.raises(ArgumentError, match=r"made with kl_weight = 0\.5, not 3\.0"):
        models.train(three, changed, output=tmp_path / "other", shared=trained)
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    half = (copy / "vision-o.safetensors").read_bytes()[:500]
    (copy / "vision-o.safetensors").write_bytes(half)
    with pytest.raises(FormatError, match="not a checkpoint"):
        models.train(three, TINY, output=copy, resume=True)


def test_what_is_no_config(three: list[worlds.World]) -> None:
    with pytest.raises(DTypeError, match="unknown fields: wings"):
        StagedConfig.from_dict({"wings": 2})
    with pytest.raises(ArgumentError, match="`blur` must be"):
        dataclasses.replace(TINY, blur=-1)
    with pytest.raises(ArgumentError, match="episodes of at least"):
        models.train(three, dataclasses.replace(TINY, reach=200))
