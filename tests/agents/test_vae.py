"""Embeddings: invariance, fitting, the prior, files, repair, and the plain VAE beside them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.helpers.graded import SMALL, graded

from eigenwell import cartpole
from eigenwell.agents.latent import shuffled
from eigenwell.errors import ArgumentError, DTypeError, FormatError, ShapeError, TrainingError

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("safetensors", reason="safetensors is not installed")

from eigenwell.agents.torch import (  # noqa: E402
    Embedding,
    EmbeddingConfig,
    PlainConfig,
    PlainVAE,
    decision,
    fit,
    fit_all,
    fit_plain,
    imitation_loss,
    load_all,
    repair,
)

QUICK = EmbeddingConfig(
    latent=5,
    encoder=(48,),
    decoder=(48,),
    probes=48,
    own_states=8,
    shared_states=16,
    epochs=70,
    batch=40,
    couplings=4,
    prior_hidden=32,
    prior_epochs=30,
    episodes=8,
)
torch.set_num_threads(1)  # two that wait for each other on busy cores take far longer
POPULATION = graded(160)
STARTS = cartpole.starts(20, seed=11)


@pytest.fixture(scope="module")
def model() -> Embedding:
    return fit(POPULATION, config=QUICK)


def survival(weights: Any) -> Any:
    steps = cartpole.rollout(weights, architecture=SMALL, starts=STARTS, cap=200, mode="fast")
    return steps.mean(axis=1)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_decisions_are_those_of_the_logits(activation: Any) -> None:
    network = cartpole.MLP((4, 5, 3, 2), activation=activation)
    rng = np.random.default_rng(0)
    w = rng.normal(size=(6, network.parameters)).astype(np.float32)
    x = rng.normal(size=(6, 7, 4)).astype(np.float32)
    y: Any = x
    layers = network.unpack(w)
    for index, (matrix, bias) in enumerate(layers):
        y = y @ matrix + bias[:, None]
        if index < len(layers) - 1:
            y = np.tanh(y) if activation == "tanh" else np.maximum(y, 0)
    found = decision(torch.from_numpy(w), torch.from_numpy(x), network)
    np.testing.assert_allclose(found, y[..., 1] - y[..., 0], rtol=1e-4, atol=1e-5)  # float32
    shared = decision(torch.from_numpy(w), torch.from_numpy(x[0]), network)
    np.testing.assert_allclose(shared[0], found[0], rtol=1e-4, atol=1e-5)


def test_imitation_is_blind_to_scale_and_keen_near_the_boundary() -> None:
    teacher = torch.tensor([[-2.0, -0.1, 0.1, 2.0]], dtype=torch.float64)
    same = imitation_loss(3 * teacher, teacher, sharpness=8.0)
    assert same.abs().max() < 1e-5  # the root mean square has 1e-6 added
    student = teacher.clone().requires_grad_()
    moved = student + torch.tensor([[0.05, 0.05, 0.05, 0.05]])
    (gradient,) = torch.autograd.grad(imitation_loss(moved, teacher, sharpness=8.0).sum(), student)
    assert gradient[0, 1:3].abs().min() > 10 * gradient[0, [0, 3]].abs().max()
    assert (imitation_loss(moved.detach(), teacher, sharpness=8.0) > 0).any()


def test_the_embedding_does_not_see_order_and_signs(model: Embedding) -> None:
    z = model.embed(POPULATION.weights)
    assert z.shape == (160, 5)
    assert z.dtype == np.float32
    for seed in range(3):
        moved = shuffled(POPULATION.weights, SMALL, seed=seed)
        np.testing.assert_allclose(model.embed(moved), z, atol=1e-5)


def test_fitted_networks_survive_reconstruction(model: Embedding) -> None:
    again = survival(model.decode(model.embed(POPULATION.weights)))
    y = POPULATION.survival
    mean_of_all = np.abs(y - y.mean()).mean()
    assert np.abs(again - y).mean() < 0.35 * mean_of_all  # 0.16 with this seed, 1 for the mean
    predicted = model.predict_survival(model.embed(POPULATION.weights))
    assert np.abs(predicted - y).mean() < 0.35 * mean_of_all  # 0.14
    assert ((predicted >= 1) & (predicted <= 200)).all()


def test_requests_are_heard(model: Embedding) -> None:
    low, high = (
        survival(model.decode(model.sample(60, survival=s, seed=0))).mean() for s in (20, 190)
    )
    assert low < 60
    assert high > 120
    each = np.linspace(10, 200, 60)
    obtained = survival(model.decode(model.sample(60, survival=each, seed=1)))
    assert np.corrcoef(each, obtained)[0, 1] > 0.7
    first = survival(model.decode(model.sample(60, group=1, seed=1)))
    assert first.mean() < 70


def test_samples_are_determined_by_their_seed(model: Embedding) -> None:
    one = model.sample(5, seed=3)
    np.testing.assert_array_equal(model.sample(5, seed=3), one)
    assert not np.array_equal(model.sample(5, seed=4), one)
    wide, narrow = (model.sample(200, group=4, seed=0, temperature=t) for t in (1.0, 0.3))
    assert narrow.std(axis=0).mean() < 0.7 * wide.std(axis=0).mean()


@pytest.mark.parametrize("latent", [1, 2, 5])
def test_the_prior_is_a_density(latent: int) -> None:
    config = dataclasses.replace(QUICK, latent=latent)
    prior = Embedding(config, SMALL, cap=200, edges=(50.0,)).prior.double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
        prior.spread.fill_(1.7)
        prior.shift.fill_(-0.4)
    u = torch.randn(6, latent, generator=generator, dtype=torch.float64)
    condition = torch.randn(6, 3, generator=generator, dtype=torch.float64)
    z = prior.from_noise(u, condition)
    normal = -0.5 * (u.square().sum(dim=1) + latent * np.log(2 * np.pi))
    for row in range(6):  # change of variables, with the determinant by automatic differentiation
        here = condition[row : row + 1]
        jacobian = torch.autograd.functional.jacobian(
            lambda x, c=here: prior.from_noise(x[None], c)[0], u[row]
        )
        expected = normal[row] - torch.linalg.slogdet(jacobian).logabsdet
        torch.testing.assert_close(prior.log_prob(z, condition)[row], expected)


def test_likely_latents_are_those_of_the_survival(model: Embedding) -> None:
    weak, strong = (model.sample(50, survival=s, seed=0) for s in (15, 200))
    assert (model.log_prob(strong, 200) > model.log_prob(strong, 15)).mean() > 0.8
    assert (model.log_prob(weak, 15) > model.log_prob(weak, 200)).mean() > 0.8


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_files(model: Embedding, tmp_path: Path, precision: Any) -> None:
    path = tmp_path / "m.safetensors"
    model.save(path, precision=precision)
    again = Embedding.load(path)
    assert (again.config, again.architecture, again.cap) == (QUICK, SMALL, 200)
    z = model.embed(POPULATION.weights[:20])
    tolerance = 0.0 if precision == "float32" else 0.03  # 11 bits through four layers
    np.testing.assert_allclose(again.embed(POPULATION.weights[:20]), z, atol=tolerance)
    np.testing.assert_allclose(again.sample(4, seed=0), model.sample(4, seed=0), atol=5 * tolerance)


def test_damaged_files(model: Embedding, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    model.save(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(FormatError, match=r"is not a model of eigenwell\.agents"):
        Embedding.load(path)
    path.write_bytes(data.replace(b'\\"latent\\": 5', b'\\"latent\\": 6'))
    with pytest.raises(FormatError, match="is not an embedding as version 1 has it"):
        Embedding.load(path)
    path.write_bytes(data)
    with pytest.raises(FormatError, match="must hold a model of kind plain, got embedding"):
        PlainVAE.load(path)
    with pytest.raises(ArgumentError, match="cannot be read"):
        Embedding.load(tmp_path / "none")


def test_a_page_can_decode(model: Embedding) -> None:
    z = model.embed(POPULATION.weights[:4])
    x = z.astype(np.float64)
    for matrix, bias, activation in model.decoder_layers():
        x = x @ matrix + bias
        if activation == "silu":
            x = x / (1 + np.exp(-x))
    x = model.mean.numpy() + model.spread.numpy() * x
    np.testing.assert_allclose(x, model.decode(z), atol=1e-5)  # float32


def test_repair_changes_what_was_deleted_and_helps(model: Embedding) -> None:
    rng = np.random.default_rng(0)
    good = POPULATION.weights[POPULATION.survival > 150][:30]
    deleted = rng.random(good.shape) < 0.4
    garbage = np.where(deleted, np.nan, good)
    filled = repair(model, garbage, deleted, survival=200, steps=60)
    np.testing.assert_array_equal(filled[~deleted], good[~deleted])
    assert np.isfinite(filled).all()
    zero = survival(np.where(deleted, 0, good)).mean()
    assert survival(filled).mean() > zero + 10  # 20 steps with this seed
    assert all(parameter.grad is None for parameter in model.parameters())


def test_fitting_is_determined_and_reports() -> None:
    config = dataclasses.replace(QUICK, epochs=2, prior_epochs=2)
    said: list[tuple[str, int, int]] = []
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = fit(POPULATION, config=config, progress=lambda *now: said.append(now[:3]))
    assert torch.equal(torch.get_rng_state(), before)  # no global generator is touched
    assert said == [("decisions", 1, 2), ("decisions", 2, 2), ("prior", 1, 2), ("prior", 2, 2)]
    other = fit(POPULATION, config=config)
    for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_the_plain_vae(tmp_path: Path) -> None:
    said: list[int] = []
    config = PlainConfig(latent=3, hidden=(32,), epochs=150, learning_rate=5e-3)
    plain = fit_plain(
        POPULATION.weights,
        architecture=SMALL,
        config=config,
        progress=lambda _, done, of, loss: said.append(done),
    )
    assert said == list(range(1, 151))
    decoded = plain.decode(plain.embed(POPULATION.weights))
    error = ((decoded - POPULATION.weights) ** 2).mean()
    assert error < 0.95 * POPULATION.weights.var(axis=0).mean()  # 0.80: better than the mean
    assert plain.sample(7, seed=0).shape == (7, 3)
    path = tmp_path / "p.safetensors"
    plain.save(path)
    again = PlainVAE.load(path)
    np.testing.assert_array_equal(again.embed(POPULATION.weights), plain.embed(POPULATION.weights))


def test_a_plain_vae_may_put_units_in_order() -> None:
    moved = shuffled(POPULATION.weights, SMALL, seed=0)
    for canonical in (False, True):
        config = PlainConfig(latent=2, hidden=(8,), epochs=2, canonical=canonical)
        one, other = (
            fit_plain(w, architecture=SMALL, config=config) for w in (POPULATION.weights, moved)
        )
        same = np.array_equal(one.embed(POPULATION.weights), other.embed(moved))
        assert same is canonical


def test_all_models_are_fitted_once(tmp_path: Path) -> None:
    pytest.importorskip("joblib", reason="joblib is not installed")
    two = dataclasses.replace(POPULATION, edges=(100.0,))
    config = dataclasses.replace(QUICK, epochs=1, prior_epochs=1)
    plain = PlainConfig(latent=2, hidden=(8,), epochs=1)
    said: list[tuple[int, int, str]] = []

    def run(**changed: Any) -> Any:
        said.clear()
        settings = {"config": config, "plain": plain} | changed
        return fit_all(two, tmp_path, jobs=1, progress=lambda *now: said.append(now), **settings)

    fitted = run()
    assert said == [(1, 3, "embedding"), (2, 3, "plain-1"), (3, 3, "plain-2")]
    assert sorted(fitted.plain) == [1, 2]
    run()
    assert said == []  # everything was there
    (tmp_path / "plain-2.safetensors").unlink()
    run()
    assert said == [(3, 3, "plain-2")]
    run(plain=dataclasses.replace(plain, latent=3))
    assert [name for _, _, name in said] == ["plain-1", "plain-2"]
    assert load_all(tmp_path).plain[1].config.latent == 3


def test_mistakes(model: Embedding) -> None:
    with pytest.raises(ArgumentError, match="`latent` must be at most the number of networks"):
        fit(POPULATION.select(np.arange(4)), config=QUICK)
    with pytest.raises(ArgumentError, match="`latent` must be at most the number of networks"):
        fit_plain(POPULATION.weights[:4], architecture=SMALL)
    with pytest.raises(ArgumentError, match="the group is empty"):
        fit_plain(POPULATION.weights[:0], architecture=SMALL)
    dc = cartpole.DC(8)
    others = dataclasses.replace(
        POPULATION, architecture=dc, weights=np.zeros((160, dc.parameters))
    )
    with pytest.raises(DTypeError, match="`architecture` must be an MLP"):
        fit(others, config=QUICK)
    with pytest.raises(ShapeError, match="`weights` must have shape"):
        model.embed(np.zeros((2, 212)))
    with pytest.raises(ArgumentError, match="`weights` must be finite"):
        model.embed(np.full((2, SMALL.parameters), np.inf))
    for function in (model.decode, model.predict_survival):
        with pytest.raises(ShapeError, match=r"`z` must have shape \(n, 5\)"):
            function(np.zeros((2, 4)))
        with pytest.raises(ArgumentError, match="`z` must be finite"):
            function(np.full((2, 5), np.nan))
    for wrong in (np.nan, 0, 201):
        with pytest.raises(ArgumentError, match="`survival` must be between 1 and 200 steps"):
            model.sample(2, survival=wrong, seed=0)
    with pytest.raises(ShapeError, match=r"`survival` must be one number or \(2,\)"):
        model.sample(2, survival=[100] * 3, seed=0)
    with pytest.raises(ArgumentError, match="`group` must be between 1 and 4"):
        model.sample(2, group=5, seed=0)
    with pytest.raises(ArgumentError, match="cannot both be requested"):
        model.sample(2, group=1, survival=100, seed=0)
    with pytest.raises(ShapeError, match="`deleted` must be bool"):
        repair(model, POPULATION.weights, np.zeros(POPULATION.weights.shape))
    with pytest.raises(ArgumentError, match="`epochs` must be between 1"):
        EmbeddingConfig(epochs=0)
    with pytest.raises(ArgumentError, match="`sharpness` must be finite and above 0"):
        EmbeddingConfig(sharpness=float("nan"))
    with pytest.raises(TrainingError, match="the loss is no longer finite"):
        fit(POPULATION, config=dataclasses.replace(QUICK, learning_rate=1e30))


def test_an_empty_group_cannot_be_drawn_from() -> None:
    config = dataclasses.replace(QUICK, epochs=1, prior_epochs=1)
    some = POPULATION.select(POPULATION.group != 3)
    with pytest.raises(ArgumentError, match="`group` must have been among the networks"):
        fit(some, config=config).sample(3, group=3, seed=0)


def test_a_header_says_what_a_file_is(model: Embedding, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    model.save(path)
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    about = json.loads(header["__metadata__"]["eigenwell.agents"])
    assert about["config"]["latent"] == 5
    assert about["architecture"]["sizes"] == [4, 5, 2]
