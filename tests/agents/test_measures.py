"""Measures of an embedding: what they say of perfect, useless and copying models."""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.helpers.graded import SMALL, graded

from eigenwell.agents import measures
from eigenwell.agents.latent import canonical, shuffled
from eigenwell.agents.measures.__main__ import main
from eigenwell.errors import ArgumentError, ShapeError

pytest.importorskip("scipy", reason="SciPy is not installed")

TRAIN, HELD_OUT = graded(200).split(seed=0, held_out=0.3)


class Identity:
    """Embeds a network as its weights, and so does not know that units have no order."""

    architecture = SMALL

    def embed(self, weights: Any) -> Any:
        return np.asarray(weights, np.float32)

    def decode(self, z: Any) -> Any:
        return np.asarray(z, np.float32)


class Canonical(Identity):
    def embed(self, weights: Any) -> Any:
        return canonical(weights, SMALL)


class Mean(Identity):
    def decode(self, z: Any) -> Any:
        return np.tile(TRAIN.weights.mean(axis=0), (len(z), 1))


def test_reconstruction_of_a_perfect_and_a_useless_model() -> None:
    perfect = measures.reconstruction(Identity(), HELD_OUT, episodes=10)
    for found in (perfect.survival_ratio, perfect.survival_r2, perfect.agreement):
        assert (found.value, found.low, found.high) == (1, 1, 1)
    assert perfect.survival_error.value == 0
    useless = measures.reconstruction(Mean(), HELD_OUT, episodes=10)
    assert useless.survival_r2.high < 0.2
    assert useless.agreement.high < 0.95
    assert useless.survival_error.low > 10


def test_generation_and_novelty_of_copies_and_of_others() -> None:
    copies = measures.generation(HELD_OUT.weights, HELD_OUT)
    assert copies.wasserstein.value == 0
    assert copies.mean_ratio.value == 1
    assert copies.mean_ratio.low < 1 < copies.mean_ratio.high
    # The same by chance: within the intervals of a draw of other networks.
    other = measures.generation(graded(200, seed=5).weights, HELD_OUT)
    assert other.mean_ratio.low < 1.15
    assert other.mean_ratio.high > 0.85

    memorised = measures.novelty(TRAIN.weights, TRAIN, HELD_OUT)
    assert (memorised.generated, memorised.ratio.value, memorised.copies) == (0, 0, 1)
    fresh = measures.novelty(graded(200, seed=5).weights, TRAIN, HELD_OUT)
    assert fresh.ratio.low < 1 < fresh.ratio.high
    assert fresh.generated > 0


def test_prediction_knows_the_best_and_the_baseline() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    truth = {row.tobytes(): y for row, y in zip(HELD_OUT.weights, HELD_OUT.survival, strict=True)}
    found = measures.prediction(
        lambda w: np.array([truth[row.tobytes()] for row in w]), TRAIN, HELD_OUT
    )
    assert found.r2.value == pytest.approx(1, abs=1e-6)
    assert found.tau.value == pytest.approx(1, abs=0.01)  # rounding ties what differs by less
    assert 0.7 < found.ceiling_r2.value < 1
    assert found.statistics_r2.value < found.ceiling_r2.value


def test_invariance() -> None:
    assert measures.invariance(Canonical(), TRAIN.weights) == 0
    assert measures.invariance(Identity(), TRAIN.weights) > 1


def test_patterns_of_random_pairs() -> None:
    found = measures.frequencies(Identity(), HELD_OUT, pairs=12, episodes=10)
    assert found.pairs.shape == (12, 2)
    assert (found.pairs[:, 0] != found.pairs[:, 1]).all()
    np.testing.assert_array_equal(found.latent, found.weights)
    assert sum(share.value for share in found.latent_shares.values()) == pytest.approx(1)
    assert set(found.latent_shares) == {"slope", "valley", "hill", "neither"}
    assert found.gains.shape == (12,)


def test_matching_lowers_barriers() -> None:
    good = graded(400, seed=1)
    good = good.select(good.survival > 190)
    good = dataclasses.replace(good, weights=shuffled(good.weights, SMALL, seed=0))
    found = measures.barriers(Identity(), good, pairs=20, episodes=10)
    assert found.latent == found.weights
    assert found.aligned.high < found.weights.low


def test_the_bootstrap_draws_runs() -> None:
    values = np.repeat(np.random.default_rng(0).normal(size=50), 20)
    runs = np.repeat(np.arange(50), 20)

    def mean(x: Any) -> float:
        return float(x.mean())

    rows, clusters = (measures.bootstrap(mean, values, units=u) for u in (None, runs))
    assert rows.value == clusters.value == values.mean()
    spread = [x.high - x.low for x in (rows, clusters)]
    assert spread[1] == pytest.approx(np.sqrt(20) * spread[0], rel=0.25)  # 300 resamples
    # 2 * 1.96 standard errors of 50 independent ones
    assert spread[1] == pytest.approx(3.92 * values.std() / np.sqrt(50), rel=0.2)


def test_mistakes_of_the_bootstrap() -> None:
    with pytest.raises(ShapeError, match="must have the same length"):
        measures.bootstrap(np.mean, np.zeros(3), units=[1, 2])
    with pytest.raises(ArgumentError, match="must have at least one row"):
        measures.bootstrap(np.mean, np.zeros(0))


def test_a_whole_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    for package in ("sklearn", "pyarrow", "joblib", "safetensors"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    torch.set_num_threads(1)
    from eigenwell.agents.torch import repair

    monkeypatch.setattr("eigenwell.agents.torch.repair", functools.partial(repair, steps=5))
    graded(200).save(tmp_path / "p.parquet")
    paths = [str(tmp_path / "p.parquet"), str(tmp_path / "fit")]
    few = "--latent 3 --epochs 2 --plain-epochs 2 --jobs 1 --drawn 50 --repaired 10 --pairs 5"
    main([*paths, *few.split()])

    said = capsys.readouterr().out
    assert "160 networks to fit, 40 of other runs held out" in said
    assert said.count("fitted ") == 5
    rows = [line for line in said.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 2 + 8 + 16 + 6 + 2 + 4 + 12
    document = json.loads((tmp_path / "fit" / "report.json").read_text())
    agreement = document["reconstruction"]["agreement"]
    shown = f"{agreement['value']:.3f} [{agreement['low']:.3f}, {agreement['high']:.3f}]"
    assert f"| 1 action agreement | {shown} |  | >= 0.95 |" in rows
    assert document["generation"]["4"][0]["mean_ratio"]["value"] > 0
    assert "generated" not in document["generation"]["4"][0]  # arrays stay out
    assert document["prompts"]["r2"]["low"] <= document["prompts"]["r2"]["high"]
    assert [repair["share"] for repair in document["repairs"]] == [0.1, 0.25, 0.5]
    assert document["invariance"] < 1e-5
