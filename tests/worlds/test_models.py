"""Models: the article's sizes and phases, resumption to the bit, and what stops a run."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("zarr")
pytest.importorskip("safetensors")

from eigenwell.errors import (  # noqa: E402
    ArgumentError,
    DTypeError,
    EigenwellError,
    FormatError,
    TrainingError,
)
from eigenwell.worlds import MetaConfig, StagedConfig, _checkpoint  # noqa: E402
from eigenwell.worlds import torch as models  # noqa: E402
from eigenwell.worlds.torch import _batches, _phases, _train  # noqa: E402
from eigenwell.worlds.torch._model import kl_from_unit  # noqa: E402
from eigenwell.worlds.torch._trainer import Trainer  # noqa: E402

if TYPE_CHECKING:
    from eigenwell import worlds

TINY = MetaConfig(
    iterations=4,
    sequences=2,
    length=4,
    widths=(2, 2, 2, 2),
    latent=3,
    units=4,
    adversary_units=8,
    report_every=2,
    checkpoint_every=2,
)
ARTICLE = MetaConfig.article(
    slim=True,
    iterations=2,
    sequences=2,
    length=4,
    widths=(2, 2, 2, 2),
    latent=3,
    prediction_steps=2,
    reconstruction_steps=1,
)
ANCHORED = dataclasses.replace(TINY, head_start=2, straightness=1.0, motion=2.0)


def weights(model: Any) -> dict[str, Any]:
    return {name: tensor.numpy().copy() for name, tensor in model.state_dict().items()}


def moved(before: dict[str, Any], after: dict[str, Any], start: str) -> bool:
    names = [name for name in before if name.startswith(start)]
    assert names
    return any(not np.array_equal(before[name], after[name]) for name in names)


def test_the_articles_vision_model_has_its_size() -> None:
    vision = models.Vision(MetaConfig.article())
    # World models' V has 4,348,547 for three colours; 3,330 of them are the other two's.
    assert sum(parameter.numel() for parameter in vision.parameters()) == 4_345_217
    mean, log_variance = vision.encode(torch.zeros(2, 64, 64))
    assert mean.shape == log_variance.shape == (2, 32)
    assert vision.decode(mean).shape == (2, 64, 64)


@pytest.mark.parametrize(
    ("config", "unseen"),
    [(MetaConfig.article(slim=True), [62, 63]), (MetaConfig(), []), (StagedConfig(), [])],
)
def test_only_the_articles_eyes_are_blind_to_two_edges(config: Any, unseen: list[int]) -> None:
    frames = torch.rand((4, 64, 64), generator=torch.Generator().manual_seed(0))
    frames.requires_grad_(True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vision = models.Vision(config)
    vision.encode(frames)[0].square().sum().backward()
    seen = frames.grad.abs().sum(dim=0)
    for axis in (0, 1):
        assert (seen.sum(dim=axis) == 0).nonzero().flatten().tolist() == unseen


def test_the_memory_predicts_from_what_was_before_alone() -> None:
    memory = models.Memory(TINY, 6)
    latents, actions = torch.randn(2, 5, 3), torch.zeros(2, 5, 6)
    said, spread = memory(latents, actions)
    assert said.shape == spread.shape == (2, 5, 3)
    later = latents.clone()
    later[:, 3:] += 1
    assert torch.equal(memory(later, actions)[0][:, :3], said[:, :3])
    assert not torch.equal(memory(later, actions)[0][:, 3:], said[:, 3:])


def test_divergence_against_torchs_own() -> None:
    mean, log_variance = torch.randn(7, 5), torch.randn(7, 5)
    gaussian = torch.distributions.Normal(mean, (log_variance / 2).exp())
    expected = torch.distributions.kl_divergence(gaussian, torch.distributions.Normal(0, 1))
    assert torch.allclose(kl_from_unit(mean, log_variance), expected.sum(dim=1), rtol=1e-5)


def test_phases_train_what_the_article_says(pair: list[worlds.World]) -> None:
    def after(**changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        trainer = Trainer(dataclasses.replace(ARTICLE, **changes), pair)
        before = weights(trainer.model)
        trainer.step()
        return before, weights(trainer.model)

    # `steps=0` is out of range, so a phase is left out by rates that move nothing.
    p = after(vision_rate=1e-30)
    assert moved(*p, "memories")
    r = after(memory_rate=1e-30, matching_only=True)
    assert moved(*r, "visions.0.encoder")
    assert moved(*r, "visions.1.decoder")
    assert not moved(*r, "memories")


def test_the_floor_and_the_matching_of_the_r_phase(pair: list[worlds.World]) -> None:
    trainer = Trainer(ARTICLE, pair)
    batch, generator = trainer.sampler.draw(0), torch.Generator()
    losses = _phases.reconstruction_phase(trainer.model, batch, ARTICLE, generator)
    assert float(losses["kl"].detach()) == pytest.approx(2 * 16)  # both worlds are below it
    means = [
        trainer.model.vision(i).encode(frames.flatten(0, 1))[0].mean(dim=0)
        for i, frames in enumerate(batch.frames)
    ]
    expected = ((means[1] - means[0]) ** 2).sum()
    assert torch.allclose(losses["matching"], expected)
    assert torch.allclose(
        losses["total"], losses["reconstruction"] + losses["kl"] + 0.1 * losses["matching"]
    )
    # World 0 is where the others go; it does not come to meet them.
    losses["matching"].backward()
    assert trainer.model.vision(0).encoder[0].weight.grad is None
    assert trainer.model.vision(1).encoder[0].weight.grad is not None


def test_world_0_stays_after_its_head_start(pair: list[worlds.World]) -> None:
    trainer = Trainer(ANCHORED, pair)
    snapshots = [weights(trainer.model)]
    for _ in range(3):
        trainer.step()
        snapshots.append(weights(trainer.model))
    first, alone, last = snapshots[0], snapshots[2], snapshots[3]
    assert moved(first, alone, "visions.0")
    assert moved(first, alone, "memories")
    assert not moved(first, alone, "visions.1")
    assert not moved(alone, last, "visions.0")
    assert not moved(alone, last, "memories")
    assert moved(alone, last, "visions.1")


def test_the_adversary_sees_worlds_and_the_encoders_fool_it() -> None:
    torch.manual_seed(0)
    aligner = _phases.Aligner(TINY, 2, 6)
    latents = torch.randn(2, 4, 5, 3)
    actions = torch.nn.functional.one_hot(torch.randint(6, (2, 4, 5)), 6).float()
    logits = aligner.telling(latents, actions)
    assert logits.shape == (2, 4 * 3, 2)
    told = aligner.adversary_loss(latents, actions)
    fooled = aligner.fooling_loss(latents, actions, to_first=False)
    log = logits.log_softmax(dim=2)
    assert torch.allclose(told, -(log[0, :, 0].mean() + log[1, :, 1].mean()) / 2)
    assert torch.allclose(fooled, -(log[0, :, 1].mean() + log[1, :, 0].mean()) / 2)
    anchored = aligner.fooling_loss(latents, actions, to_first=True)
    assert torch.allclose(anchored, -log[1, :, 0].mean())


def test_straight_lines_do_not_bend() -> None:
    line = torch.arange(6.0)[None, :, None] * torch.randn(4, 1, 3) + torch.randn(4, 1, 3)
    assert float(_phases._bend(line)) < 1e-9
    noise = torch.randn(500, 20, 3)
    assert float(_phases._bend(noise)) == pytest.approx(6, rel=0.05)  # 1 + 4 + 1 variances
    assert float(_phases._bend(100 * noise)) == pytest.approx(float(_phases._bend(noise)), rel=1e-4)


@pytest.mark.parametrize("config", [TINY, ARTICLE, ANCHORED])
def test_a_killed_run_resumes_to_the_same_bits(
    pair: list[worlds.World], tmp_path: Path, config: MetaConfig
) -> None:
    config = dataclasses.replace(config, report_every=1, checkpoint_every=1)
    whole = models.train(pair, config, output=tmp_path / "whole")

    class KilledError(Exception):
        pass

    def kill(row: dict[str, float]) -> None:
        if row["iteration"] == config.iterations:
            raise KilledError

    with pytest.raises(KilledError):
        models.train(pair, config, output=tmp_path / "run", progress=kill)
    assert models.load(tmp_path / "run").iteration == config.iterations - 1
    resumed = models.train(pair, config, output=tmp_path / "run", resume=True)
    assert not moved(weights(whole.model), weights(resumed.model), "")
    assert [row["total"] for row in whole.rows] == [row["total"] for row in resumed.rows]
    loaded = models.load(tmp_path / "run")
    assert not moved(weights(whole.model), weights(loaded.model), "")
    assert (loaded.config, loaded.variants) == (config, ("o", "m"))
    table = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    assert len(table) == 1 + config.iterations


def test_tensorboard_has_the_losses_and_the_grid(pair: list[worlds.World], tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    models.train(pair, TINY, output=tmp_path)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    tags = events.Tags()
    assert [event.step for event in events.Scalars("worlds/total")] == [2, 4]
    assert "worlds/top_1" in tags["scalars"]
    picture = events.Images("worlds/grid")[-1]
    assert (picture.step, picture.width, picture.height) == (4, 4 * 64, 2 * 5 * 64)


def test_nan_stops_and_the_last_good_checkpoint_stays(
    pair: list[worlds.World], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Trainer.step

    def breaking(self: Trainer) -> dict[str, float]:
        if self.iteration == 3:
            with torch.no_grad():
                self.model.vision(1).encoder[0].weight.fill_(float("nan"))
        return step(self)

    monkeypatch.setattr(Trainer, "step", breaking)
    with pytest.raises(TrainingError, match=r"the loss is nan in iteration 3; .*has iteration 2"):
        models.train(pair, TINY, output=tmp_path / "run")
    trained = models.load(tmp_path / "run")
    assert trained.iteration == 2
    assert all(np.isfinite(array).all() for array in weights(trained.model).values())
    with pytest.raises(TrainingError, match=r"the loss is nan in iteration 3$"):
        models.train(pair, TINY)


def test_a_weight_that_is_not_finite_is_never_saved(pair: list[worlds.World]) -> None:
    trainer = Trainer(TINY, pair)
    with torch.no_grad():
        trainer.model.memory(0).gaussian.bias[0] = float("inf")
    with pytest.raises(TrainingError, match=r"`model.memories.0.gaussian.bias` is not finite"):
        trainer.arrays()


def other(world: worlds.World, **changes: Any) -> worlds.World:
    return dataclasses.replace(world, origin=dataclasses.replace(world.origin, **changes))


def test_worlds_that_do_not_go_together(pair: list[worlds.World]) -> None:
    def refused(sentence: str, *chosen: worlds.World, **changes: Any) -> None:
        with pytest.raises(ArgumentError, match=sentence):
            models.train(chosen, dataclasses.replace(TINY, **changes))

    o, m = pair
    refused("`worlds` must be at least two, got 1", o)
    refused("the same number of actions, got 6 in 'o' and 4 in 'm'", o, other(m, actions=4))
    refused("must be of one game, got 'pong' and 'atari'", o, other(m, game="atari"))
    refused("must be different variants, got o, o", o, other(m, variant="o"))
    refused("must hold different games", o, other(m, stream=o.origin.stream))
    refused("at least `length` = 301 frames", o, m, length=301)
    short = dataclasses.replace(
        m, block=type(m.block)(**{k: v[:1] for k, v in vars(m.block).items()})
    )
    refused("at least two episodes", o, short)


def test_resuming_something_else_is_refused(pair: list[worlds.World], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(ArgumentError, match="holds no run to resume"):
        models.train(pair, TINY, output=folder, resume=True)
    with pytest.raises(ArgumentError, match="`output` must be given to resume"):
        models.train(pair, TINY, resume=True)
    models.train(pair, TINY, output=folder)
    with pytest.raises(ArgumentError, match="holds a run: resume it, or name another folder"):
        models.train(pair, TINY, output=folder)

    def refused(sentence: str, chosen: list[worlds.World], **changes: Any) -> None:
        changed = dataclasses.replace(TINY, **changes)
        with pytest.raises(ArgumentError, match=sentence):
            models.train(chosen, changed, output=folder, resume=True)

    o, m = pair
    refused("with the worlds o, m, got o, t", [o, other(m, variant="t")])
    refused("with the games that it was trained on", [o, other(m, seed=5)])
    refused("with latent = 3, got 4", pair, latent=4)
    more = models.train(pair, dataclasses.replace(TINY, iterations=6), output=folder, resume=True)
    assert more.iteration == 6


def test_damaged_checkpoints(pair: list[worlds.World], tmp_path: Path) -> None:
    models.train(pair, TINY, output=tmp_path)
    file = tmp_path / _train.LAST
    data = file.read_bytes()
    arrays, about = _checkpoint.read(file)
    with pytest.raises(ArgumentError, match="cannot be read"):
        models.load(tmp_path / "absent")
    file.write_bytes(data[:-9])
    with pytest.raises(FormatError, match=r"is not a checkpoint of eigenwell\.worlds"):
        models.load(file)
    _checkpoint.write(file, {**arrays, "model.visions.0.encoder.0.bias": np.zeros(3)}, about)
    with pytest.raises(FormatError, match="the checkpoint is of another model"):
        models.load(file)
    _checkpoint.write(file, arrays, {})
    with pytest.raises(FormatError, match="is damaged: KeyError"):
        models.load(file)


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"recipe": "both"}, ArgumentError, "`recipe` must be alternating or joint, got 'both'"),
        ({"memory": "rnn"}, ArgumentError, "`memory` must be lstm or gru"),
        ({"widths": (1, 2)}, ArgumentError, "`widths` must be four numbers"),
        ({"first_kernel": 6.0}, DTypeError, "`first_kernel` must be an integer, got float"),
        ({"first_kernel": 5}, ArgumentError, "`first_kernel` must be 4 or 6, got 5"),
        ({"length": 2}, ArgumentError, "`length` must be between 3"),
        ({"latent": 0}, ArgumentError, "`latent` must be between 1"),
        ({"cycle": -1}, ArgumentError, "`cycle` must be finite and at least 0"),
        ({"vision_rate": 0}, ArgumentError, "`vision_rate` must be finite and above 0"),
        ({"seed": 0.5}, DTypeError, "`seed` must be an integer"),
        (
            {"recipe": "alternating", "head_start": 5},
            ArgumentError,
            "`head_start` must be 0 for the alternating recipe",
        ),
    ],
)
def test_mistakes(changes: dict[str, Any], error: type[EigenwellError], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        MetaConfig(**changes)


def test_configs_go_through_json() -> None:
    values = dataclasses.asdict(ANCHORED) | {"widths": [2, 2, 2, 2]}
    assert MetaConfig.from_dict(values) == ANCHORED
    with pytest.raises(DTypeError, match="unknown fields: depth"):
        MetaConfig.from_dict({"depth": 3})


def test_batches_are_training_frames_of_both_worlds(pair: list[worlds.World]) -> None:
    sampler = _batches.Sampler(pair, dataclasses.replace(TINY, sequences=40))
    batch, again, next_one = sampler.draw(3), sampler.draw(3), sampler.draw(4)
    assert batch.frames.shape == (2, 40, 4, 64, 64)
    assert torch.equal(batch.frames, again.frames)
    assert not torch.equal(batch.frames, next_one.frames)
    for world, frames, actions in zip(pair, batch.frames, batch.actions, strict=True):
        episodes, times = np.mgrid[:3, :300]  # the fourth episode is held out
        known = {
            (f.tobytes(), a)
            for f, a in zip(
                world.frames(episodes.ravel(), times.ravel()),
                world.block.actions[:3].ravel().tolist(),
                strict=True,
            )
        }
        drawn = zip(frames.flatten(0, 1).numpy(), actions.flatten().tolist(), strict=True)
        assert all((f.tobytes(), a) in known for f, a in drawn)
    episodes, times = _batches.held_out(pair[0], 100, 0, before=7, after=1)
    assert set(episodes.ravel()) == {3}
    assert (np.diff(times, axis=1) == 1).all()
    assert times.max() < 300
    pictures = pair[0].block.frames[episodes[:, 0], times[:, 7]]
    assert len(np.unique(pictures, axis=0)) == 100
    shuffled = _batches.Sampler(pair, dataclasses.replace(TINY, sequences=40, shuffle_actions=True))
    assert torch.equal(shuffled.draw(3).frames, batch.frames)
    assert not torch.equal(shuffled.draw(3).actions, batch.actions)
