"""Bitwise policies: the native votes against the oracle, files, C, the learner, CartPole."""

from __future__ import annotations

import copy
import ctypes
import json
import pickle
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eigenwell import reference
from eigenwell.dc import bitwise
from eigenwell.dc.bitwise import BitwisePolicy, Feature
from eigenwell.errors import (
    ArgumentError,
    BackendUnavailableError,
    DTypeError,
    FormatError,
    ShapeError,
)
from eigenwell.evaluation import evaluate

SIZES = (0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 97, 257, 1024, 1025)


def random_policy(rng: np.random.Generator, inputs: int, count: int) -> BitwisePolicy:
    features = []
    for _ in range(count):
        chosen = rng.choice(32 * inputs, size=rng.integers(0, 9), replace=False).tolist()
        features.append(Feature(tuple((q // 32, q % 32) for q in chosen), bool(rng.integers(2))))
    return BitwisePolicy(features, inputs=inputs)


def observations(rng: np.random.Generator, rows: int, inputs: int) -> np.ndarray:
    """Numbers of all magnitudes, zeros of both signs and denormals among them."""
    obs = rng.standard_normal((rows, inputs)) * 2.0 ** rng.integers(-140, 120, (rows, inputs))
    obs[rng.random(obs.shape) < 0.05] = -0.0
    return obs.astype(np.float32)


def expected(policy: BitwisePolicy, obs: np.ndarray) -> np.ndarray:
    return reference.bitwise(policy.masks, policy.inverted, obs)


# --- The native votes ----------------------------------------------------------------------------


@pytest.mark.parametrize(("inputs", "count"), [(1, 1), (1, 3), (3, 5), (4, 3), (17, 31)])
def test_native_votes_are_those_of_the_oracle(inputs, count) -> None:
    rng = np.random.default_rng(inputs * 100 + count)
    for rows in SIZES:
        policy = random_policy(rng, inputs, count)
        obs = observations(rng, rows, inputs)
        actions = policy(obs)
        assert actions.dtype == np.int64
        np.testing.assert_array_equal(actions, expected(policy, obs))
        assert [policy(row) for row in obs[:8]] == actions[:8].tolist()


@given(bits=st.integers(0, 2**32 - 1), mask=st.integers(0, 2**32 - 1), flip=st.booleans())
def test_a_single_feature_is_the_parity_of_its_bits(bits, mask, flip) -> None:
    obs = np.array([bits], dtype=np.uint32).view(np.float32)
    chosen = tuple((0, b) for b in range(32) if mask >> b & 1)
    policy = BitwisePolicy([(chosen, flip)], inputs=1)
    if np.isfinite(obs).all():
        assert policy(obs) == (bits & mask).bit_count() % 2 ^ flip


@given(st.lists(st.floats(-3, 3, width=32), min_size=4, max_size=4))
def test_inverting_every_feature_inverts_the_action(obs) -> None:
    policy = bitwise.cartpole()
    opposite = BitwisePolicy([(f.bits, not f.inverted) for f in policy.features], inputs=4)
    assert policy(obs) == 1 - opposite(obs)


def test_an_exponent_bit_is_a_threshold_on_the_magnitude() -> None:
    policy = BitwisePolicy([([(0, 25)], False)], inputs=1)
    x = np.array([0.125, 0.5, -1.99, 0.1249, -0.0079], dtype=np.float32)[:, None]
    assert policy(x).tolist() == [1, 1, 1, 0, 0]


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: x.astype(np.float64),
        np.asfortranarray,
        lambda x: np.repeat(x, 2, axis=0)[::2],
        lambda x: x.astype(">f4"),
        lambda x: x.tolist(),
    ],
    ids=["float64", "fortran", "strided", "big-endian", "list"],
)
def test_other_arrays_are_converted(convert) -> None:
    rng = np.random.default_rng(0)
    policy = random_policy(rng, 4, 3)
    obs = rng.standard_normal((33, 4)).astype(np.float32)
    np.testing.assert_array_equal(policy(convert(obs)), policy(obs))


def test_one_observation_gives_an_int() -> None:
    assert type(bitwise.cartpole()(np.zeros(4, dtype=np.float32))) is int


def test_misaligned_observations_are_read_right() -> None:
    rng = np.random.default_rng(1)
    obs = rng.standard_normal((9, 4)).astype(np.float32)
    raw = np.frombuffer(b"x" + obs.tobytes(), dtype=np.uint8)[1:].view(np.float32).reshape(9, 4)
    assert not raw.flags.aligned
    np.testing.assert_array_equal(bitwise.cartpole()(raw), bitwise.cartpole()(obs))


@pytest.mark.parametrize(
    ("obs", "error", "message"),
    [
        (np.zeros(3, np.float32), ShapeError, r"`obs` must have shape \(4,\) or \(batch, 4\)"),
        (np.zeros((2, 2, 4), np.float32), ShapeError, r"got \(2, 2, 4\)"),
        (0.0, ShapeError, r"got \(\)"),
        (np.zeros(4, np.complex64), DTypeError, "real numbers"),
        (["a"] * 4, DTypeError, "real numbers"),
        ([[0.0] * 4, [0.0]], ShapeError, "rectangular"),
        ([0.0, np.nan, 0.0, 0.0], ArgumentError, "finite in float32"),
        ([0.0, 1e39, 0.0, 0.0], ArgumentError, "finite in float32"),
    ],
)
def test_bad_observations(obs, error, message) -> None:
    with pytest.raises(error, match=message):
        bitwise.cartpole()(obs)


# --- Making one ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("features", "inputs", "error", "message"),
    [
        ([], 1, ArgumentError, "odd number, .*got 0"),
        ([([], False)] * 2, 1, ArgumentError, "odd number, .*got 2"),
        ([([(0, 32)], False)], 1, ArgumentError, "`bit` must be between 0 and 31, got 32"),
        ([([(1, 0)], False)], 1, ArgumentError, "`input` must be between 0 and 0, got 1"),
        ([([(0, 3), (0, 3)], False)], 1, ArgumentError, "must differ"),
        ([([(0, 3)], 1)], 1, DTypeError, "`inverted` must be a bool"),
        ([([(0, 3.0)], True)], 1, DTypeError, "`bit` must be an integer"),
        ([3], 1, DTypeError, "pairs"),
        ([([], False)], 0, ArgumentError, "`inputs` must be between"),
    ],
)
def test_bad_policies(features, inputs, error, message) -> None:
    with pytest.raises(error, match=message):
        BitwisePolicy(features, inputs=inputs)


def test_metadata_are_what_json_can_hold() -> None:
    with pytest.raises(ArgumentError, match="`metadata`"):
        BitwisePolicy([([], False)], inputs=1, metadata={"score": float("nan")})


def test_arrays_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        bitwise.cartpole().masks[0, 0] = 1


# --- Files and C ---------------------------------------------------------------------------------


def test_files_pickles_and_copies_keep_everything(tmp_path) -> None:
    policy = random_policy(np.random.default_rng(2), 5, 7)
    policy = BitwisePolicy(policy.features, inputs=5, metadata={"score": 12.5})
    policy.save(tmp_path / "p.json")
    for other in (
        BitwisePolicy.load(tmp_path / "p.json"),
        pickle.loads(pickle.dumps(policy)),
        copy.deepcopy(policy),
    ):
        assert other == policy
        assert hash(other) == hash(policy)
        assert other.metadata == {"score": 12.5}


def documents():
    good = json.loads(BitwisePolicy([([(2, 31)], True)] * 3, inputs=4).dumps())
    yield "{", "not JSON"
    yield "[]", "`format`"
    yield {**good, "format": "dcp"}, "`format`"
    yield {**good, "version": 2}, "`version` must be 1, got 2"
    yield {**good, "inputs": 10**9}, "`inputs` must be between"
    yield {**good, "inputs": 2}, "`input` must be between"
    yield {**good, "features": good["features"][:2]}, "odd number"
    yield {**good, "features": [{"bits": [[0, 1]]}]}, "list of objects"
    yield {**good, "features": 3}, "list of objects"
    yield {**good, "metadata": 3}, "list of objects"
    yield {k: v for k, v in good.items() if k != "inputs"}, "list of objects"


@pytest.mark.parametrize(("document", "message"), list(documents()))
def test_bad_documents(document, message) -> None:
    text = document if isinstance(document, str) else json.dumps(document)
    with pytest.raises(FormatError, match=message):
        BitwisePolicy.loads(text)


def test_a_bad_file_is_named(tmp_path) -> None:
    (tmp_path / "p.json").write_text("{}")
    with pytest.raises(FormatError, match=r"p\.json` is not a valid"):
        BitwisePolicy.load(tmp_path / "p.json")
    with pytest.raises(ArgumentError, match="cannot be read"):
        BitwisePolicy.load(tmp_path / "none.json")
    with pytest.raises(DTypeError, match="str or bytes"):
        BitwisePolicy.loads(3)


def test_the_c_function_votes_alike(tmp_path) -> None:
    rng = np.random.default_rng(3)
    constant = BitwisePolicy([([], True)], inputs=2)
    policies = [bitwise.cartpole(), constant, *(random_policy(rng, 4, 5) for _ in range(6))]
    source = "".join(
        policy.to_c(f"p{k}") + f"int call{k}(const float *x) {{ return p{k}_act(x); }}\n"
        for k, policy in enumerate(policies)
    )
    (tmp_path / "p.c").write_text(source)
    library = tmp_path / "p.so"
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-shared", "-fPIC"]
    subprocess.run(["cc", *flags, str(tmp_path / "p.c"), "-o", str(library)], check=True)
    functions = ctypes.CDLL(str(library))
    for k, policy in enumerate(policies):
        obs = observations(rng, 64, policy.inputs)
        got = [getattr(functions, f"call{k}")(ctypes.c_void_p(row.ctypes.data)) for row in obs]
        assert got == policy(obs).tolist()


@pytest.mark.parametrize("name", ["", "a b", "1a", "é"])
def test_bad_c_names(name) -> None:
    with pytest.raises(ArgumentError, match="C identifier"):
        bitwise.cartpole().to_c(name)


# --- CartPole ------------------------------------------------------------------------------------


def test_cartpole_is_perfect() -> None:
    pytest.importorskip("gymnasium")
    evaluation = evaluate(bitwise.cartpole(), "CartPole-v1", episodes=100, seed=10000)
    assert evaluation.minimum == 500.0
    assert evaluation.solved


def test_cartpole_needs_three_votes() -> None:
    """No vote balances alone, so the perfect score is no easy one."""
    pytest.importorskip("gymnasium")
    for feature in bitwise.cartpole().features:
        alone = BitwisePolicy([feature], inputs=4)
        assert evaluate(alone, "CartPole-v1", episodes=10).mean < 250


def test_the_shipped_policy_says_how_it_was_made() -> None:
    metadata = bitwise.cartpole().metadata
    assert metadata["mean_return"] == 500.0
    assert metadata["command"].startswith("eigenwell.dc.bitwise.learn('CartPole-v1', seed=")
    assert str(bitwise.cartpole()).startswith("majority of")


# --- Learning ------------------------------------------------------------------------------------


def test_annealing_finds_a_planted_majority_of_parities() -> None:
    pytest.importorskip("torch")
    from eigenwell.dc.torch._bitwise import fit_parities

    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2, (256, 10)).astype(np.float32)
    planted = np.zeros((3, 10), dtype=bool)
    planted[[0, 1, 2, 2], [1, 4, 4, 7]] = True
    flips = np.array([False, True, False])

    def votes(gates, inverted):
        return ((bits @ gates.T + inverted) % 2).sum(1) > 1.5

    truth = votes(planted, flips)
    gates, inverted = fit_parities(
        bits, np.where(truth, 1.0, -1.0), restarts=8, features=3, steps=150, closing=0.005, seed=0
    )
    assert gates.shape == (8, 3, 10)
    best = max(np.mean(votes(*pair) == truth) for pair in zip(gates, inverted, strict=True))
    assert best == 1.0


SMALL = {"rounds": 1, "restarts": 4, "steps": 40}


def test_learning_is_deterministic_and_describes_itself() -> None:
    pytest.importorskip("torch")
    seen = []
    first = bitwise.learn(seed=3, on_round=seen.append, **SMALL)
    again = bitwise.learn(seed=3, **SMALL)
    assert first.policy == again.policy
    assert first.mean_return == again.mean_return
    np.testing.assert_array_equal(first.teacher, again.teacher)
    assert list(first.rounds) == seen
    assert first.policy.metadata["mean_return"] == first.mean_return
    # Random bits fall after 20 steps or so, the sign of the angle alone after 42.
    assert first.mean_return > 60


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"features": 2}, "`features` must be odd"),
        ({"rounds": 0}, "`rounds`"),
        ({"restarts": 0}, "`restarts`"),
        ({"steps": 0}, "`steps`"),
        ({"first_bit": 32}, "`first_bit`"),
        ({"seed": -1}, "`seed`"),
        ({"env_id": "NoSuchWorld-v0"}, "cannot be created"),
        ({"env_id": "Acrobot-v1"}, r"Discrete\(2\)"),
    ],
)
def test_bad_arguments_of_learning(arguments, message) -> None:
    pytest.importorskip("torch")
    with pytest.raises(ArgumentError, match=message):
        bitwise.learn(**arguments)


def test_without_torch_the_extra_is_named(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(BackendUnavailableError, match=r"eigenwell\[learn\]"):
        bitwise.learn()
