"""Species, interactions, systems and the presets: what they hold and what they refuse."""

from __future__ import annotations

import json

import numpy as np
import pytest

from eigenwell import particles
from eigenwell.errors import ArgumentError, DTypeError, FormatError
from eigenwell.particles import Interaction, Species, System

A, B = Species("a", 3, 0.1), Species("b", 4, 0.2, "uniform", 1.5)


def test_a_system_survives_json() -> None:
    system = System((A, B), (Interaction("a", "b", -1.0, 0.5, "all"),), 2)
    assert System.from_dict(json.loads(json.dumps(system.to_dict()))) == system


def test_numpys_numbers_become_pythons() -> None:
    a = Species("a", np.int64(3), np.float32(0.5), spread=np.float64(2))
    pull = Interaction("a", "a", np.int32(1), np.float32(0.5))
    values = System((a,), (pull,), np.int64(3)).to_dict()
    assert System.from_dict(json.loads(json.dumps(values))) == System((a,), (pull,))


def test_the_terms_are_the_interactions_by_index() -> None:
    system = System((A, B), (Interaction("b", "a", -1.0, 0.5, "different"), Interaction("b", "b")))
    first, second = system.terms()
    assert (first.first, first.second, first.exponent, first.strength) == (1, 0, -1.0, 0.5)
    assert (first.pairs, second.pairs) == ("different", "upper")
    assert (second.first, second.second) == (1, 1)


def test_the_presets_are_the_articles() -> None:
    (points,) = particles.sphere(10).species
    assert (points.learning_rate, points.initial, points.spread) == (1e-3, "normal", 20.0)
    upper, every = particles.polymer(10), particles.polymer(10, pairs="all")
    assert {species.learning_rate for species in upper.species} == {1e-4}
    assert {pull.pairs for pull in every.interactions} == {"all"}
    for one, half in zip(upper.interactions, every.interactions, strict=True):
        assert half.weight == one.weight / 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Species("a", -1, 0.1), r"count` must be between 1 and \d+, got -1"),
        (lambda: Species("a", 0, 0.1), r"count` must be between 1 and \d+, got 0"),
        (lambda: Species("a b", 3, 0.1), "`name` of a species must be a word, got 'a b'"),
        (lambda: Species("a", 3, -0.1), "learning_rate` must be finite and above 0, got -0.1"),
        (lambda: Species("a", 3, float("nan")), "learning_rate` must be finite and above 0"),
        (lambda: Species("a", 3, 0.1, "gamma"), "must be one of normal, uniform, got 'gamma'"),
        (lambda: Species("a", 3, 0.1, "normal", 0.0), "spread` must be finite and above 0"),
        (lambda: Interaction("a", "a", 0.0), "exponent` must be finite and not 0, got 0"),
        (lambda: Interaction("a", "a", pairs="lower"), "must be one of all, upper, different"),
        (lambda: System((), ()), "`species` of a system must have at least one"),
        (lambda: System((A, A), ()), "`species` must have names of their own, got a, a"),
        (lambda: System((A,), (Interaction("a", "c"),)), "the species 'c', but there is only a"),
        (lambda: System((A,), (), 0), "`dimension` must be between 1 and 65536, got 0"),
        (lambda: particles.polymer(3, pairs="different"), "`pairs` must be upper or all"),
    ],
)
def test_a_mistake_is_one_sentence(make, message) -> None:
    with pytest.raises(ArgumentError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_count_must_be_an_integer() -> None:
    with pytest.raises(DTypeError, match="count` must be an integer, got float"):
        Species("a", 3.5, 0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"species": 3, "interactions": [], "dimension": 3},
        {"species": [{"name": "a"}], "interactions": [], "dimension": 3},
        {"species": [{"name": "a", "count": -1, "learning_rate": 1}], "interactions": []},
    ],
)
def test_something_else_is_no_system(values) -> None:
    with pytest.raises(FormatError, match="this is no particle system"):
        System.from_dict(values)
