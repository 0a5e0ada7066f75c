"""Bounds outside of their hypotheses: one sentence that names the argument."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from eigenwell.errors import ArgumentError, DTypeError, EigenwellError, ShapeError
from eigenwell.wells import bounds

GOOD = [0.01, 0.98, 0.01]
REWARDS = [1.0, 0.9, 0.1]


def certificate(policy: Any = GOOD, rewards: Any = REWARDS, **options: Any) -> Any:
    return bounds.escape_certificate(policy, rewards, **{"learning_rate": 0.4, **options})


CASES: list[tuple[Callable[[], Any], type[EigenwellError], str]] = [
    (lambda: certificate([0.5, 0.5]), ShapeError, "`rewards` must broadcast"),
    (lambda: certificate([0.0, 0.9, 0.1]), ArgumentError, "`policy` must be finite and above 0"),
    (lambda: certificate([0.1, 0.9, 0.1]), ArgumentError, "`policy` must sum to 1"),
    (lambda: certificate([1.0], [1.0]), ShapeError, "with K at least 2"),
    (lambda: certificate(rewards=[1, np.nan, 0]), ArgumentError, "`rewards` must be finite"),
    (lambda: certificate(rewards=[1, 1, 0]), ArgumentError, "the gap is 0"),
    (lambda: certificate(learning_rate=0), ArgumentError, "`learning_rate` must be finite"),
    (lambda: certificate(fraction=1.0), ArgumentError, "`fraction` must be above 0 and below 1"),
    (lambda: certificate(form="best"), ArgumentError, "`form` must be one of simple, sharp"),
    (lambda: certificate([0.6, 0.2, 0.2]), ArgumentError, "must start in a corner"),
    (
        lambda: bounds.escape_constant([0.2, 0.7, 0.1], REWARDS, learning_rate=1),
        ArgumentError,
        "less than a ninth",
    ),
    (lambda: bounds.corner_potential(1.0), ArgumentError, "`mass` must be above 0 and below 1"),
    (lambda: bounds.corner_potential_inverse(np.nan), ArgumentError, "`value` must be finite"),
    (lambda: bounds.corner_mass(GOOD, 3), ArgumentError, "`action` must be between 0 and 2"),
    (lambda: bounds.corner_mass(GOOD, 1.0), DTypeError, "`action` must hold integers"),
    (lambda: bounds.corner_mass(GOOD, [1, 1]), ShapeError, "`action` must broadcast to"),
    (
        lambda: bounds.corner_mass(GOOD, 1, better=[True, True, False]),
        ArgumentError,
        "`better` must name at least one action",
    ),
    (lambda: bounds.corner_mass(GOOD, 1, better=[1, 0, 0]), DTypeError, "must hold booleans"),
    (lambda: bounds.corner_mass(GOOD, 1, better=[True]), ShapeError, "`better` must broadcast to"),
    (
        lambda: bounds.logit_increment_bound(0.6, 1, 1),
        ArgumentError,
        "`mass` must be at most 0.5 for the corner lemma, got 0.6",
    ),
    (lambda: bounds.logit_increment_bound(0.1, -1, 1), ArgumentError, "`gap` must be finite"),
    (
        lambda: bounds.corner_mass_bounds(0.1, 1.0, learning_rate=1),
        ArgumentError,
        "`gaps` must have a first axis, time",
    ),
    (lambda: bounds.escape_budget(0.1, corner=0.6), ArgumentError, "`corner` must be above 0"),
    (
        lambda: bounds.worst_case_steps(GOOD, 1, learning_rate=1, action=1, corner=0.3),
        ArgumentError,
        "at most 0.25, got 0.3",
    ),
    (
        lambda: bounds.online_certificate([1, 2], [GOOD], REWARDS, learning_rate=1),
        ShapeError,
        r"`times` must have shape \(R,\)",
    ),
    (
        lambda: bounds.second_theorem(GOOD, [0, 0.1, 0], 0.1),
        ArgumentError,
        r"`base` must satisfy b_i\(t\) <= b_1\(t\)",
    ),
    (
        lambda: bounds.second_theorem([0.1, 0.8, 0.1], [0, 0, 0], 0.1),
        ArgumentError,
        "with more than 0.9, got 0.8",
    ),
    (lambda: bounds.second_theorem(GOOD, [0, 0], 0.1), ShapeError, "`base`"),
    (lambda: bounds.counterexample(gap=2), ArgumentError, "`gap` must be above 0 and at most 1"),
    (lambda: bounds.homogeneous_flow_time(GOOD, corner=1), ArgumentError, "`corner` must be"),
]


@pytest.mark.parametrize(("call", "error", "message"), CASES)
def test_bad_input(call: Callable[[], Any], error: type[EigenwellError], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
