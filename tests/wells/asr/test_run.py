"""Runs: what they keep, how they go on, and what they do with bad input."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eigenwell.errors import ArgumentError, EigenwellError, FormatError, TrainingError
from eigenwell.wells import asr
from eigenwell.wells.asr.datasets import Dataset

for module in ("torch", "sklearn", "safetensors"):
    pytest.importorskip(module, reason=f"{module} is not installed")

SMALL = {
    "embedding": 8,
    "epochs": 3,
    "batches": 4,
    "classes": 4,
    "images": 3,
    "update_every": 2,
    "learning_rate": 1e-3,
}


def config(**changes: Any) -> asr.ASRConfig:
    return asr.ASRConfig.from_mapping(SMALL | changes)


def made(sizes: tuple[int, ...] = (12,) * 6, *, tested: int = 4, validated: int = 3) -> Dataset:
    """Noisy pictures of classes; the last ones are to test."""
    generator = np.random.default_rng(0)
    sizes = (*sizes, *((8,) * tested))
    labels = np.repeat(np.arange(len(sizes)), sizes)
    patterns = generator.integers(0, 100, (len(sizes), 9, 10))
    images = patterns[labels] + generator.integers(0, 155, (len(labels), 9, 10))
    of_test = labels >= len(sizes) - tested
    order = np.arange(len(labels)) - np.searchsorted(labels, labels)  # within the class
    validation = ~of_test & (order < validated)
    parts = {"test": of_test, "validation": validation, "train": ~of_test & ~validation}
    return Dataset(
        "made",
        images.astype(np.uint8),
        labels,
        tuple(f"class {i}" for i in range(len(sizes))),
        **{name: np.flatnonzero(mask) for name, mask in parts.items()},
    )


DATASET = made()


def run(tmp: Path | None = None, **changes: Any) -> asr.ASRRun:
    return asr.run(config(**changes), dataset=DATASET, output=tmp)


def same(a: asr.ASRRun, b: asr.ASRRun) -> bool:
    curves = a.curves.keys() == b.curves.keys() and all(
        np.array_equal(a.curves[name], b.curves[name], equal_nan=True) for name in a.curves
    )
    return curves and np.array_equal(a.histogram, b.histogram)


def test_every_measure_is_there_before_training_and_after_each_epoch() -> None:
    found = run()
    named = "recall_1 recall_2 recall_4 recall_8 nmi ami map_r distance distance_intra "
    named += "distance_inter effective_rank sampler_mean loss active used drawn rare"
    assert set(named.split()) <= set(found.curves)
    assert {len(curve) for curve in found.curves.values()} == {4}
    assert math.isnan(found.curves["loss"][0])
    assert all(np.isfinite(curve[1:]).all() for curve in found.curves.values())
    assert found.histogram.shape == (4, 29)
    assert found.curves["sampler_mean"][-1] == pytest.approx(
        found.histogram[-1] @ found.config.distribution().centres
    )
    assert found.curves["used"][1:] == [1.0, 1.0, 1.0]
    assert found.summary()["final"] == pytest.approx(np.mean(found.curves["recall_1"]))


def test_training_lowers_the_loss_and_separates_the_classes() -> None:
    found = run(epochs=12, batches=8)
    assert found.curves["loss"][-1] < 0.5 * found.curves["loss"][1]
    ratio = [
        a / b
        for a, b in zip(found.curves["distance_intra"], found.curves["distance_inter"], strict=True)
    ]
    assert ratio[-1] < ratio[0]


def test_runs_of_a_seed_share_all_but_the_sampler() -> None:
    first, second = run(policy="frozen"), run(start="normal_high", policy="frozen")
    assert first.curves["recall_1"][0] == second.curves["recall_1"][0]
    assert first.curves["distance"][0] == second.curves["distance"][0]
    assert first.curves["loss"][1] != second.curves["loss"][1]
    assert second.curves["drawn"][1] > first.curves["drawn"][1]
    assert run(seed=1).curves["distance"][0] != first.curves["distance"][0]


def test_policy_modes() -> None:
    frozen, learnt, chance = (run(policy=mode) for mode in ("frozen", "learn", "random"))
    assert np.ptp(frozen.histogram, axis=0).max() == 0
    for moved in (learnt, chance):
        # Three rounds of the three multipliers and a sum.
        assert (np.diff(moved.histogram, axis=0) != 0).any(axis=1).all()
    assert not np.array_equal(learnt.histogram, chance.histogram)


@pytest.mark.parametrize("changes", [{}, {"loss": "margin", "policy": "random"}])
def test_an_interrupted_run_goes_on_to_the_same_bits(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    whole = run(**changes)

    def stop(at: asr.Epoch) -> None:
        assert at.seconds_left >= 0
        if at.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        asr.run(config(**changes), dataset=DATASET, output=tmp_path, progress=stop)
    assert caught.value.__notes__ == [f"2 of 3 epochs are in {tmp_path}"]
    half = asr.ASRRun.load(tmp_path)
    assert half.epochs == 2
    resumed = asr.run(config(**changes), dataset=DATASET, output=tmp_path, resume=True)
    assert same(resumed, whole)
    assert asr.ASRRun.load(tmp_path).config == resumed.config == whole.config
    again = asr.run(config(**changes), dataset=DATASET, output=tmp_path, resume=True)
    assert same(again, whole)
    document = json.loads((tmp_path / "curves.json").read_text())
    assert document["curves"]["loss"][0] is None  # JSON has no NaN
    assert document["summary"]["final"] == whole.summary()["final"]


def test_a_run_is_not_resumed_with_other_settings(tmp_path: Path) -> None:
    run(tmp_path, epochs=1)
    with pytest.raises(ArgumentError, match=r"`bins` must be 29 to resume the run in .*, got 10"):
        asr.run(config(epochs=1, bins=10), dataset=DATASET, output=tmp_path, resume=True)
    with pytest.raises(ArgumentError, match="holds a run: resume it"):
        run(tmp_path, epochs=1)
    with pytest.raises(ArgumentError, match="`resume` needs `output`"):
        asr.run(config(), dataset=DATASET, resume=True)
    with pytest.raises(ArgumentError, match="cannot be read"):
        asr.run(config(), dataset=DATASET, output=tmp_path / "none", resume=True)


def test_a_damaged_checkpoint_is_said_to_be_one(tmp_path: Path) -> None:
    run(tmp_path, epochs=1)
    path = tmp_path / "last.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FormatError, match=r"is not a checkpoint of eigenwell\.wells\.asr"):
        asr.run(config(epochs=1), dataset=DATASET, output=tmp_path, resume=True)
    (tmp_path / "curves.json").write_text("[]")
    with pytest.raises(FormatError, match="curves of a run"):
        asr.ASRRun.load(tmp_path)


def test_an_anchor_whose_negatives_have_no_weight_is_left_out() -> None:
    # Without a floor only negatives in one bin can be drawn, which not every anchor has.
    found = run(start="normal", mean=0.7, sigma=1e-3, floor=0.0, policy="frozen")
    assert 0 < found.curves["used"][1] < 1
    assert found.curves["drawn"][1] == pytest.approx(0.7, abs=1.3 / 29)
    assert np.isfinite(found.curves["loss"][1:]).all()


def test_a_class_of_one_image_is_left_out_of_the_batches() -> None:
    dataset = made((12, 12, 12, 12, 1), validated=0)
    with pytest.warns(UserWarning, match="1 of 5 training classes have one image"):
        found = asr.run(config(policy="frozen"), dataset=dataset)
    assert "validation_recall_1" not in found.curves
    with (
        pytest.warns(UserWarning, match="have one image"),
        pytest.raises(ArgumentError, match="`classes` must be at most 4"),
    ):
        asr.run(config(policy="frozen", classes=5), dataset=dataset)


def test_a_class_of_two_images_fills_its_place_in_a_batch() -> None:
    found = asr.run(config(policy="frozen"), dataset=made((2, 2, 2, 2), validated=0))
    assert found.curves["used"][1:] == [1.0, 1.0, 1.0]


def test_a_policy_that_learns_needs_validation_images() -> None:
    with pytest.raises(ArgumentError, match="validation images"):
        asr.run(config(), dataset=made(validated=0))


def test_validation_of_unseen_classes_is_refused() -> None:
    with pytest.raises(ArgumentError, match="`validation` must hold training classes"):
        Dataset(
            "made",
            DATASET.images,
            DATASET.labels,
            DATASET.classes,
            train=DATASET.train,
            validation=DATASET.test,
            test=DATASET.test,
        )


def test_a_run_that_diverges_says_so() -> None:
    with pytest.raises(TrainingError, match=r"epoch 1, batch \d: .*: lower `learning_rate`"):
        run(learning_rate=1e38, epochs=1)
    with pytest.raises(TrainingError, match="the loss is inf: lower"):
        run(loss="margin", beta_learning_rate=1e38)


def test_another_miner_takes_the_place_of_the_distribution() -> None:
    import torch

    seen = []

    def first_pairs(embeddings: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        seen.append(len(labels))
        assert not embeddings.requires_grad
        return torch.tensor([0, 0]), torch.tensor([1, 2]), torch.tensor([3, 4])

    found = asr.run(config(), dataset=DATASET, miner=first_pairs)  # type: ignore[arg-type]
    assert len(seen) == 12
    assert found.curves["used"][1:] == pytest.approx([1 / 12] * 3)
    assert np.ptp(found.histogram, axis=0).max() == 0

    def none(embeddings: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (torch.empty(0, dtype=torch.int64),) * 3

    idle = asr.run(config(), dataset=DATASET, miner=none)  # type: ignore[arg-type]
    assert len(set(idle.curves["recall_1"])) == 1
    assert idle.curves["used"][1:] == [0, 0, 0]


def test_settings_go_through_toml_and_json(tmp_path: Path) -> None:
    settings = config(start="normal", mean=0.5, sigma=0.05, floor=1e-6, multipliers=(0.5, 1, 1.5))
    (tmp_path / "a.toml").write_text(settings.as_toml())
    (tmp_path / "a.json").write_text(json.dumps(settings.as_json()))
    assert asr.ASRConfig.load(tmp_path / "a.toml") == settings
    assert asr.ASRConfig.load(tmp_path / "a.json") == settings
    (tmp_path / "a.toml").write_text("epochs = ")
    with pytest.raises(FormatError, match="cannot be read as settings"):
        asr.ASRConfig.load(tmp_path / "a.toml")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epoch": 3}, "did you mean 'epochs'"),
        ({"start": "normal_hihg"}, "did you mean 'normal_high'"),
        ({"start": "normal"}, "`mean` and `sigma`"),
        ({"mean": 0.5, "sigma": 0.1}, "`mean` and `sigma`"),
        ({"classes": 1}, "`classes` must be between 2"),
        ({"images": 1}, "`images` must be between 2"),
        ({"policy": "learnt"}, "did you mean 'learn'"),
        ({"recall_weight": 0, "nmi_weight": 0}, "must not both be 0"),
        ({"multipliers": (0.5, 1.0)}, "three numbers"),
        ({"multipliers": (0.0, 1.0, 1.5)}, "`multipliers` must be finite and above 0"),
        ({"learning_rate": math.nan}, "`learning_rate`"),
        ({"start": "uniform_low", "support": (1.0, 1.4)}, "a bin's centre"),
    ],
)
def test_mistakes(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(EigenwellError, match=words):
        config(**changes)


def test_a_run_can_begin_with_an_encoder_that_has_learnt() -> None:
    settings, dataset = config(epochs=1), made()
    state = asr.warmed(settings, epochs=1, dataset=dataset)
    begun = asr.run(settings, dataset=dataset, encoder=state)
    # One epoch of the warming is one of a frozen run from `random`.
    uniform = config(epochs=1, start="random", policy="frozen")
    learnt = asr.run(uniform, dataset=dataset)
    assert begun.curves["distance"][0] == learnt.curves["distance"][1]
    assert begun.curves["distance"][0] != learnt.curves["distance"][0]
