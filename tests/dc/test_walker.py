"""The bundled walker is the article's: its words, its numbers, its actions."""

from __future__ import annotations

import json
import runpy
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tests.helpers.repository import ROOT
from tests.helpers.tolerances import ARTICLE_ACTION, WALKER_ACTION

from eigenwell import backend, dc
from eigenwell.errors import ArgumentError

CONSTANTS: dict[str, Any] = json.loads((ROOT / "tools" / "article_walker.json").read_text())


def article_policy(state: npt.NDArray[Any], *, quadratic: bool = True) -> npt.NDArray[np.float64]:
    """The article's policy, written anew from its description: float64, decoded on every call."""
    words = np.array([int(word, 16) for word in CONSTANTS["words"]], dtype=np.int64)
    fields = words[:, None] >> np.arange(0, 60, 5)
    book = np.append(np.linspace(-1.272, 1.491, 30), 0.0)
    linear = state @ book[(fields & 31).reshape(24, 24)]
    bend = np.array(CONSTANTS["K"]) if quadratic else 0.0
    spectrum = (np.array(CONSTANTS["A"]) + linear + bend * linear**2).reshape(4, 6)
    return np.clip(spectrum.max(axis=1) + spectrum.min(axis=1), -1, 1)


def test_is_what_the_committed_script_builds(tmp_path: Any) -> None:
    script = runpy.run_path(str(ROOT / "tools" / "build_article_walker.py"))
    metadata = json.loads((ROOT / "tools" / "article_walker_metadata.json").read_text())
    assert script["build"](CONSTANTS, metadata).dumps() == dc.walker().dumps()


def test_words_are_bit_compatible_with_the_article() -> None:
    policy = dc.walker()
    assert policy.words.tolist() == [int(word, 16) for word in CONSTANTS["words"]]
    assert (policy.inputs, policy.neurons, policy.eigenvalues, policy.bits) == (24, 4, 6, 5)
    assert np.count_nonzero(policy.indices == 30) == 90  # the article's exact zeros
    assert policy.indices.max() == 30  # index 31 is unused
    assert policy.quadratic is not None
    assert policy.clip == (-1.0, 1.0)
    assert policy.shift is None


@pytest.mark.parametrize("quadratic", [True, False])
def test_acts_as_the_article(quadratic: bool) -> None:
    policy = dc.walker() if quadratic else dc.walker().without_quadratic()
    states = np.random.default_rng(1).normal(size=(500, 24))
    wanted = np.array([article_policy(state, quadratic=quadratic) for state in states])
    assert np.abs(policy(states) - wanted).max() < ARTICLE_ACTION
    assert np.abs(wanted).min() < 0.1  # not all of them clipped, or the test could not fail


@pytest.mark.parametrize("isa", backend.available_isas())
def test_error_over_a_million_observations(isa: str) -> None:
    policy = dc.walker()
    states = np.random.default_rng(2).standard_normal((1_000_000, 24), dtype=np.float32)
    with backend.forced_isa(isa):
        error = np.abs(policy(states) - policy.reference(states)).max()
    assert 0 < error <= WALKER_ACTION


def test_lanes_with_fused_multiply_add_agree_to_the_bit() -> None:
    fused = [isa for isa in backend.available_isas() if isa != "portable"]
    states = np.random.default_rng(3).standard_normal((1000, 24), dtype=np.float32)
    actions = []
    for isa in fused:
        with backend.forced_isa(isa):
            actions.append(dc.walker()(states))
    for other in actions[1:]:
        np.testing.assert_array_equal(other, actions[0])


def test_the_trained_walker_is_a_run_of_the_preset_at_five_bits() -> None:
    from eigenwell.ppo import PPOConfig

    policy = dc.walker("trained")
    assert (policy.inputs, policy.neurons, policy.eigenvalues, policy.bits) == (24, 4, 6, 5)
    assert not policy.quadratic
    policy.run_self_test()
    about = policy.metadata
    stored = PPOConfig.from_mapping(about["training"]["config"])
    assert stored == PPOConfig.preset("walker", backend="envpool", seed=stored.seed)
    assert about["score"]["episodes"] == 100
    assert about["score"]["mean"] > dc.walker().metadata["score"]["mean"]


def test_a_walker_of_another_name() -> None:
    with pytest.raises(ArgumentError, match="`name` must be one of article, trained, got 'best'"):
        dc.walker("best")
