"""Experiments measure what the claims ask for, and systems are what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from eigenwell.particles import polymer, simulate
from eigenwell.particles.findings import claims, polymer_experiments, sphere_experiments
from eigenwell.particles.findings._polymer import PAIRS, system

if TYPE_CHECKING:
    from eigenwell.studies import Experiment

EXPERIMENTS = {e.name: e for e in (*sphere_experiments(), *polymer_experiments())}
# So that every kind of experiment runs in a moment.
SMALL = {"n": 60, "steps": 500}


def kind(experiment: Experiment) -> tuple[Any, ...]:
    return experiment.measure.func, experiment.parameters.get("dimension", 3)


def test_names_are_unique() -> None:
    assert len(EXPERIMENTS) == len(sphere_experiments()) + len(polymer_experiments())
    names = [claim.name for claim in claims()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", {kind(e): e.name for e in EXPERIMENTS.values()}.values())
def test_an_experiment_measures_what_is_asked_of_its_kind(name: str) -> None:
    experiment = EXPERIMENTS[name]
    asked = {
        check.quantity
        for claim in claims()
        for check in claim.checks
        if kind(EXPERIMENTS[check.experiment]) == kind(experiment)
    }
    small = {**experiment.measure.keywords, **SMALL}
    if experiment.measure.func.__module__.endswith("_polymer"):
        small |= {"n": 100, "steps": 10_000}  # a few neutrons are slow to find each other
    values = experiment.measure.func(seed=0, **small)
    assert asked <= set(values)
    assert all(np.isfinite(np.asarray(values[quantity])).all() for quantity in asked)


def test_all_masks_are_the_article() -> None:
    assert system(10, "+".join(PAIRS)) == polymer(10)
    assert system(10, "") == polymer(10, pairs="all")


def test_a_mask_within_a_species_changes_nothing() -> None:
    within = simulate(system(20, "ee+pp+nn"), steps=100, record_every=100, dtype="float64")
    none = simulate(system(20, ""), steps=100, record_every=100, dtype="float64")
    for name, x in none.last.items():
        np.testing.assert_allclose(within.last[name], x, rtol=1e-12)
    between = simulate(system(20, "ne"), steps=100, record_every=100, dtype="float64")
    assert not np.allclose(between.last["neutrons"], none.last["neutrons"], rtol=1e-3)
