"""From a float policy to a packed one: what is computed, what is kept, mistakes."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from tests.ppo import toys  # noqa: F401  (registers the environments)

from eigenwell.dc import PackedPolicy
from eigenwell.dc.torch import fit_codebook
from eigenwell.errors import ArgumentError, DTypeError, EigenwellError, FormatError, TrainingError
from eigenwell.evaluation import environment_fingerprint
from eigenwell.ppo import PPOConfig, TrainedPolicy, train
from eigenwell.ppo._backends import Step
from eigenwell.ppo._environments import Environments
from eigenwell.ppo._spaces import Actions
from eigenwell.ppo.distil import (
    DistilConfig,
    DistilResult,
    Progress,
    Teacher,
    _distil,
    distil,
    kmeans_codebook,
    sweep,
)
from eigenwell.ppo.distil._pack import pack
from eigenwell.ppo.torch._distil import Imitation, imitation_loss
from eigenwell.ppo.torch._quantised_layer import QuantisedLayer

TARGET = "ppo/Target-v0"
# Of two roundings to float32 of numbers of order 1, in sums of a few terms.
ROUNDING = 1e-5


def teacher(n=1, *, low=-2.0, high=4.0, m=4, environment=TARGET, **changes):
    """The best policy for Target, whose action is the observation: two of the pieces decide."""
    shift, scale = 0.01, 1.1
    half, centre = (high - low) / 2, (high + low) / 2
    weights = np.random.default_rng(0).normal(0, 0.3, (n, m)).astype(np.float32)
    weights[0, 0], weights[0, 1] = 0.55, 1 / (half * scale) - 0.55
    biases = np.zeros((1, m), np.float32)
    biases[0, :2] = 2, (shift - centre) / half - 2
    policy = TrainedPolicy(
        PPOConfig(environment, actor="dc", eigenvalues=m, environments=4, rollout_steps=16),
        Actions(1, discrete=False, low=(low,), high=(high,)),
        {"weights": weights, "biases": biases},
        np.full(n, shift, np.float32),
        np.full(n, scale, np.float32),
        np.zeros(1, np.float32),
    )
    return dataclasses.replace(policy, **changes)


def small(**changes):
    settings = {
        "bits": 2,
        "steps": 4 * 1024,
        "environments": 4,
        "candidates": 2,
        "candidate_episodes": 4,
        "episodes": 5,
    }
    return DistilConfig(**{**settings, **changes})


@pytest.fixture
def run(tmp_path):
    """Folder of a short run of the real thing."""
    config = PPOConfig(
        TARGET, actor="dc", eigenvalues=4, total_steps=128, environments=4, rollout_steps=16,
        minibatch=32, epochs=1,
    )  # fmt: skip
    train(config, output=tmp_path / "run")
    return tmp_path / "run"


def test_the_packed_policy_acts_in_the_environments_units() -> None:
    for low, high in ((-2.0, 4.0), (-1.0, 1.0), (0.0, 0.5)):
        policy = teacher(5, low=low, high=high, m=6)
        layer = QuantisedLayer.of(policy, bits=4, codebook="affine")
        packed = pack(layer, Teacher(policy), bits=4)
        decoded = dataclasses.replace(policy, weights=layer.acting(policy))
        obs = np.random.default_rng(1).normal(0, 8, (200, 5)).astype(np.float32)
        wanted = np.stack([decoded(row) for row in obs])
        np.testing.assert_allclose(packed(obs), wanted, atol=ROUNDING)
        assert packed.clip == (low, high)
        assert {low, high} < set(np.unique(wanted).tolist())  # both clips were seen
        assert (packed.bits, packed.quadratic, packed.input_clip) == (4, None, 10.0)


@pytest.mark.parametrize("codebook", ["affine", "kmeans"])
def test_the_layer_is_the_packed_policy_and_learns_its_codebook(codebook) -> None:
    policy = teacher(5, low=-1, high=1, m=6)
    layer = QuantisedLayer.of(policy, bits=3, codebook=codebook)
    assert len(layer.entries) == {"affine": 2, "kmeans": 7}[codebook]
    obs = torch.randn(64, 5, generator=torch.Generator().manual_seed(0))
    x = torch.from_numpy(policy.normalise(obs.numpy()))
    packed = pack(layer, Teacher(policy), bits=3)
    outputs = layer(x)
    np.testing.assert_allclose(packed(obs), outputs.detach().clamp(-1, 1), atol=ROUNDING)
    outputs.sum().backward()
    double = layer.double()
    for i, slope in enumerate(layer.entries.grad.tolist()):
        # Piecewise linear, and too short a step for a weight to change its entry.
        step, ends = 1e-7, []
        for sign in (1, -1):
            with torch.no_grad():
                double.entries[i] += sign * step
                ends.append(float(double(x.double()).sum()))
                double.entries[i] -= sign * step
        assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(slope, rel=1e-3, abs=1e-3)
    # Straight through: B has the gradient that Q(B) has.
    quantised = double.quantised().detach().requires_grad_()
    values = (x.double() @ quantised + double.biases.flatten()).reshape(64, 1, 6)
    (values.amax(-1) + values.amin(-1)).sum().backward()
    np.testing.assert_allclose(layer.weights.grad, quantised.grad, atol=ROUNDING)
    assert layer.codebook()[-1] == 0
    if codebook == "affine":
        np.testing.assert_allclose(np.diff(layer.codebook()[:-1].detach(), 2), 0, atol=1e-6)


def test_free_levels_are_nearer_than_equally_spaced_ones() -> None:
    weights = np.random.default_rng(0).standard_t(3, 600)
    for bits in (2, 3, 5, 8):
        book = kmeans_codebook(weights, bits=bits)
        assert (len(book), book[-1]) == (2**bits, 0)
        assert (np.diff(book[:-1]) >= 0).all()
        error = np.square(weights[:, None] - book).min(axis=1).sum()
        fitted = fit_codebook(weights, bits=bits)
        assert error < np.square(fitted.weights - weights).sum()
    few = np.repeat([-1.5, 0.25, 3.0], 7)
    assert set(kmeans_codebook(few, bits=2).tolist()) == {-1.5, 0.25, 3.0, 0.0}
    with pytest.raises(ArgumentError, match="`weights` must be finite, and at least one"):
        kmeans_codebook([np.nan])
    with pytest.raises(ArgumentError, match="`bits` must be between 2 and 8, got 9"):
        kmeans_codebook([1.0], bits=9)


def test_only_the_clipped_action_counts() -> None:
    targets = torch.tensor([[3.0], [3.0], [-3.0], [-3.0], [0.5], [0.5]])
    outputs = torch.tensor([[5.0], [0.5], [-5.0], [0.0], [1.5], [0.5]], requires_grad=True)
    loss = imitation_loss(outputs, targets)
    assert loss.item() == pytest.approx((0.25 + 1 + 1) / 6)
    loss.backward()
    slopes = torch.tensor([[0], [-1 / 6], [0], [1 / 3], [1 / 3], [0]])
    torch.testing.assert_close(outputs.grad, slopes)


@pytest.mark.parametrize("codebook", ["affine", "kmeans"])
def test_imitation_wins_back_what_rounding_lost(codebook) -> None:
    policy = teacher(m=6)  # more weights than entries
    result = distil(policy, small(codebook=codebook))
    lost = [-evaluation.mean for evaluation in (result.rounded_score, result.score)]
    assert result.float_score.mean == pytest.approx(0, abs=ROUNDING)
    assert result.candidate > 0
    # Only two of the six weights matter, and the codebook can have them both.
    assert lost[1] < 0.1 * lost[0]
    assert result.loss.mean == pytest.approx(lost[1], abs=ROUNDING)


def test_the_same_settings_give_the_same_bytes() -> None:
    first, second, other = (distil(teacher(), small(seed=seed)) for seed in (1, 1, 2))
    assert first.policy.dumps() == second.policy.dumps()
    assert first.policy.biases.tobytes() != other.policy.biases.tobytes()


def test_the_file_says_where_it_comes_from(run, tmp_path) -> None:
    written = json.loads((run / "config.json").read_text())
    threads = torch.get_num_threads()
    result = distil(run, small(fine_tune="none", bits=6))
    assert torch.get_num_threads() == threads
    result.policy.save(tmp_path / "toy.dcp")
    packed = PackedPolicy.load(tmp_path / "toy.dcp")
    packed.self_test()
    about = packed.metadata
    assert about["environment"] == TARGET
    assert about["environment_fingerprint"] == environment_fingerprint(TARGET)
    assert about["score"] == {
        "mean": result.score.mean, "std": result.score.std, "episodes": 5, "first_seed": 10_000,
    }  # fmt: skip
    assert about["float_score"]["mean"] == result.float_score.mean != result.score.mean
    assert about["training"]["git"] == written["git"]
    assert about["training"]["versions"] == written["versions"]
    assert about["training"]["config"]["total_steps"] == 128
    assert about["training"]["steps"] == 128
    assert about["distil"]["bits"] == 6
    assert {"eigenwell", "gymnasium", "numpy", "torch", "python"} <= set(about["versions"])
    assert [episode.seed for episode in result.score.episodes] == list(range(10_000, 10_005))
    assert result.file_bytes == (tmp_path / "toy.dcp").stat().st_size
    # One word of four indices, 64 levels, four biases, shift and scale.
    assert result.constant_bytes == 8 + 4 * (64 + 4 + 1 + 1)
    assert (result.candidate, result.candidate_scores) == (0, ())
    assert result.score is result.rounded_score


def test_imitation_goes_where_the_quantised_policy_goes_and_forgets_nothing() -> None:
    class Recorder:
        """Observations that say which step they are of."""

        count = 2

        def __init__(self) -> None:
            self.actions = []

        def restart(self, _):
            return np.full((2, 1), -1.0, np.float32)

        def step(self, actions):
            self.actions.append(actions)
            none = np.zeros(2, np.bool_)
            obs = np.full((2, 1), len(self.actions) / 300 - 1, np.float32)
            return Step(obs, np.zeros(2), none, none, np.zeros((0, 1)))

    policy, environments = teacher(), Recorder()
    layer = QuantisedLayer.of(policy, bits=2, codebook="affine")
    rounded = pack(layer, Teacher(policy), bits=2)
    tuner = Imitation(layer, Teacher(policy), environments, small(steps=1024, learning_rate=0.01))
    tuner.advance()
    obs = np.arange(256, dtype=np.float32)[:, None] / 300 - 1
    acted = np.stack(environments.actions)[:, 0]
    np.testing.assert_allclose(acted, rounded(obs), atol=ROUNDING)
    assert np.abs(acted[:, 0] - [policy(row)[0] for row in obs]).max() > 0.01
    assert tuner._adam.param_groups[0]["lr"] == pytest.approx(0.005)
    tuner.advance()
    assert (tuner.steps, tuner._adam.param_groups[0]["lr"]) == (1024, 0)
    x = np.concatenate(tuner._x)
    assert len(x) == 1024
    np.testing.assert_allclose(np.concatenate(tuner._targets), policy.output(x), atol=ROUNDING)


def test_no_score_decides_on_seeds_of_another(monkeypatch) -> None:
    made = []

    class Noted(Environments):
        def __init__(self, env_id, count, seed, **options) -> None:
            made.append((count, seed))
            super().__init__(env_id, count, seed, **options)

    monkeypatch.setattr(_distil, "Environments", Noted)
    result = distil(teacher(), small(seed=3, candidate_episodes=6))
    assert made[1:] == [(6, 2_000_000), (4, 3)]
    assert result.score.episodes[0].seed == 10_000


def test_ppo_goes_on_from_the_last_checkpoint(run) -> None:
    floats = Teacher.of(run).policy
    result = distil(run, small(fine_tune="ppo", steps=320, learning_rate=0.02, candidates=5))
    assert len(result.candidate_scores) == 6
    tensors, _ = Teacher.of(run).last_checkpoint()
    np.testing.assert_array_equal(result.policy.shift, floats.shift)
    np.testing.assert_array_equal(result.policy.scale, floats.scale)
    assert "critic.0.weight" in tensors


def test_ppo_begins_where_the_run_ended(run) -> None:
    source = Teacher.of(run)
    layer = QuantisedLayer.of(source.policy, bits=8, codebook="affine")
    tuner = _distil._tuner(layer, source, small(fine_tune="ppo", steps=320, learning_rate=0.02))
    tensors, _ = source.last_checkpoint()
    learnt = tuner._learner.weights()
    for name in ("critic.0.weight", "critic.4.bias", "log_std"):
        np.testing.assert_array_equal(learnt[name], tensors[name])
    tuner.advance()
    assert (tuner._policy.log_std != source.policy.log_std).all()
    np.testing.assert_array_equal(tuner._policy.log_std, tuner._learner.weights()["log_std"])
    assert tuner.steps == 64
    obs = np.float32([[0.4]])
    np.testing.assert_allclose(
        tuner._collector._scaled(obs), source.policy.normalise(obs), rtol=1e-5
    )
    assert tuner._collector.returns.moments.count == 128 + 64  # those of the run, and new ones
    assert (layer.weights.detach().numpy() != source.policy.weights["weights"]).all()
    for name, array in layer.acting(source.policy).items():
        np.testing.assert_array_equal(tuner._policy.weights[name], array)
    rates = [tuner._learner._adam.param_groups[0]["lr"]]
    tuner.advance()
    tuner.close()
    # Of five updates, the first two.
    assert [*rates, tuner._learner._adam.param_groups[0]["lr"]] == pytest.approx([0.02, 0.016])


@pytest.mark.parametrize(("scores", "best"), [((1, 3, 2), 1), ((4, 3, 2), 0), ((1, 2, 3), 2)])
def test_the_best_candidate_is_kept(monkeypatch, scores, best) -> None:
    packed = []

    def first_returns(policy, environments, show):
        packed.append(policy)
        assert environments.count == 4
        return np.full(4, float(scores[len(packed) - 1]))

    monkeypatch.setattr(_distil, "first_returns", first_returns)
    result = distil(teacher(), small())
    assert len({policy.biases.tobytes() for policy in packed}) == 3
    assert (result.candidate, result.candidate_scores) == (best, scores)
    assert result.policy.biases.tobytes() == packed[best].biases.tobytes()
    assert result.policy.words.tobytes() == packed[best].words.tobytes()


def test_first_returns_are_of_first_episodes() -> None:
    seen = []
    for environment in ("ppo/Terminates-v0", "ppo/Truncates-v0"):
        environments = Environments(environment, 3, 0)
        returns = _distil.first_returns(
            lambda obs: np.zeros((3, 1), np.float32),
            environments,
            lambda *n: seen.append(n),
        )
        environments.close()
        assert returns.tolist() == [4, 4, 4]
    assert seen == 2 * [(0, 3), (0, 3), (0, 3), (3, 3)]


def test_what_comes_after_a_first_episode_does_not_count() -> None:
    class Uneven:
        """Episodes of one step in the first environment, of three in the second."""

        count, t = 2, 0

        def restart(self, _):
            return np.zeros((2, 1))

        def step(self, _):
            self.t += 1
            done = np.array([True, self.t == 3])
            return Step(np.zeros((2, 1)), np.ones(2), done, done, np.zeros((0, 1)))

    assert _distil.first_returns(lambda obs: obs, Uneven()).tolist() == [1, 3]


def test_a_sweep_scores_the_float_policy_once() -> None:
    stages = []
    results = list(
        sweep(
            teacher(),
            small(fine_tune="none"),
            widths=(2, 8),
            progress=lambda progress: stages.append(progress.stage),
        )
    )
    assert [result.config.bits for result in results] == [2, 8]
    assert stages == 5 * ["score in float"] + 5 * ["score in 2 bits"] + 5 * ["score in 8 bits"]
    coarse, fine = results
    assert isinstance(fine, DistilResult)
    assert fine.loss.mean < coarse.loss.mean
    assert fine.float_score is coarse.float_score


def test_progress_counts_and_what_it_raises_leaves() -> None:
    seen: list[Progress] = []

    def progress(now) -> None:
        seen.append(now)
        if now.stage == "candidate 2 of 2":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distil(teacher(), small(steps=3000), progress=progress)
    tuning = [p for p in seen if p.stage == "fine-tune (distil)"]
    assert tuning == [Progress("fine-tune (distil)", done, 3000) for done in (1024, 2048, 3000)]
    assert seen[4] == Progress("score in float", 5, 5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bits": 1}, "`bits` must be between 2 and 8, got 1"),
        ({"bits": 5.0}, "`bits` must be an integer, got float"),
        ({"codebook": "kmean"}, "`codebook` must be one of .*: did you mean 'kmeans'?"),
        ({"fine_tune": "dstil"}, "`fine_tune` must be one of .*: did you mean 'distil'?"),
        ({"backend": "gym"}, "`backend` must be one of gymnasium, envpool, got 'gym'"),
        ({"steps": 0}, "`steps` must be between 1 and"),
        ({"learning_rate": 0}, "`learning_rate` must be finite and above 0"),
        ({"candidates": 0}, "`candidates` must be between 1 and"),
        ({"first_seed": -1}, "`first_seed` must be between 0 and"),
    ],
)
def test_mistakes_in_the_settings(settings, message) -> None:
    with pytest.raises(EigenwellError, match=message):
        DistilConfig(**settings)


def mlp():
    return teacher(config=PPOConfig(TARGET, actor="mlp"))


def discrete():
    return teacher(actions=Actions(3, discrete=True))


def uneven():
    return teacher(actions=Actions(2, discrete=False, low=(-1, -1), high=(1, 2)))


def hollow(value):
    policy = teacher()
    weights = {**policy.weights, "weights": np.full((1, 4), value, np.float32)}
    return dataclasses.replace(policy, weights=weights)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (3, DTypeError, "`run` must be a run's folder, .* got int"),
        (mlp(), ArgumentError, "`run` must have an actor of DC neurons to be packed, got an MLP"),
        (discrete(), ArgumentError, "must have continuous actions .* got 3 discrete ones in ppo/T"),
        (uneven(), ArgumentError, r"must have the same bounds .* got \(-1, -1\) to \(1, 2\)"),
        (hollow(np.nan), FormatError, r"must have finite weights of shape \(1, 4\) .*got \(1, 4\)"),
        (
            teacher(weights={"weights": np.zeros((1, 4))}),
            FormatError,
            r"finite biases of shape \(1, 4\) .*, got None",
        ),
        (teacher(2), ArgumentError, "must be of the environment `ppo/Target-v0` as it is here"),
        (
            teacher(environment="ppo/Closed-v0"),
            TrainingError,
            "raised ZeroDivisionError in episode 1 of 'score in float': the ground",
        ),
    ],
)
def test_runs_that_do_not_pack(source, error, message) -> None:
    with pytest.raises(error, match=message):
        distil(source, small())


def test_an_environment_that_breaks_while_fine_tuning() -> None:
    with pytest.raises(TrainingError, match=r"`ppo/Broken-v0` raised ZeroDivisionError in step"):
        distil(teacher(environment="ppo/Broken-v0"), small())


def test_runs_that_are_not_there_or_damaged(run, tmp_path) -> None:
    for path in (tmp_path / "absent", tmp_path / "absent.safetensors"):
        with pytest.raises(ArgumentError, match=f"got {path}, which is not there"):
            distil(path)
    with pytest.raises(ArgumentError, match=r"a folder without best\.safetensors and last\."):
        distil(tmp_path)
    best, last = run / "best.safetensors", run / "last.safetensors"
    assert Teacher.of(best).about == Teacher.of(run).about
    with pytest.raises(ArgumentError, match=r"a folder with last\.safetensors to go on with PPO"):
        distil(teacher(), small(fine_tune="ppo"))
    last.write_bytes(best.read_bytes())
    with pytest.raises(FormatError, match=r"`critic\.0\.weight` in the checkpoint must have shape"):
        distil(run, small(fine_tune="ppo"))
    best.write_bytes(best.read_bytes()[:-1])
    with pytest.raises(FormatError, match="is not a checkpoint of eigenwell"):
        distil(run)
    best.unlink()
    assert Teacher.of(run).policy.config.total_steps == 128


def test_a_loss_that_diverges_is_named() -> None:
    with pytest.raises(TrainingError, match="loss is no longer finite: try a smaller"):
        distil(teacher(), small(learning_rate=1e30))


def test_a_config_of_another_kind() -> None:
    with pytest.raises(DTypeError, match="`config` must be a DistilConfig, got int"):
        distil(teacher(), 5)
