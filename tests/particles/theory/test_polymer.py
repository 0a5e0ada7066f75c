"""The share of neutrons that the polymer holds, against the article's loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eigenwell import pairwise
from eigenwell.errors import ArgumentError, DTypeError
from eigenwell.particles import polymer, theory


def held(n: int, steps: int) -> Any:
    """Whether each neutron is near the electrons, after so many steps."""
    rng = np.random.default_rng(0)
    start = [rng.normal(size=(n, 3)) * 20 for _ in range(3)]
    electrons, _, neutrons = pairwise.descend(
        start, steps=steps, learning_rate=1e-4 * 60 / n, terms=polymer(n).terms()
    ).x
    return np.linalg.norm(neutrons - np.median(electrons, axis=0), axis=1) < 3


def test_the_triangular_mask_holds_between_the_early_and_the_late_share() -> None:
    """Late, the first two thirds are held and the others gone; a few at the seam are undecided."""
    bound = held(40, 60_000)
    early, late = theory.bound_fraction(escaped="near"), theory.bound_fraction()
    assert (early, late) == (1 / 2, 2 / 3)
    assert early < bound.mean() < late + 0.02  # measured 0.6
    assert bound[: int(early * 40)].all()
    assert not bound[int(late * 40) + 2 :].any()


def test_shares_of_other_numbers_of_attractors() -> None:
    assert theory.bound_fraction(1) == 1 / 2
    assert theory.bound_fraction(1, escaped="near") == 0
    assert theory.bound_fraction(3) == 3 / 4


def test_mistakes() -> None:
    with pytest.raises(ArgumentError, match="`attractors` must be between 1"):
        theory.bound_fraction(0)
    with pytest.raises(DTypeError, match="`attractors` must be an integer"):
        theory.bound_fraction(2.0)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`escaped` must be near or far, got 'gone'"):
        theory.bound_fraction(escaped="gone")
