"""The helix fit: known helices of both hands, and what is none."""

from __future__ import annotations

import numpy as np
import pytest
from tests.particles.observe.synthetic import helix, rotation

from eigenwell.errors import ArgumentError
from eigenwell.particles import observe

ARC = np.linspace(0, 1, 400)


@pytest.mark.parametrize("hand", [1, -1])
@pytest.mark.parametrize(("radius", "pitch", "turns"), [(1, 2, 3), (0.2, 5, 1.4), (3, 0.4, 5)])
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_a_known_helix(radius: float, pitch: float, turns: float, hand: int, scale: float) -> None:
    turn = rotation(seed=3)
    x = helix(radius=radius, pitch=pitch, turns=turns, hand=hand)
    found = observe.helix_fit(scale * (x @ turn.T + 2), 7 * ARC + 1)
    assert found.radius == pytest.approx(scale * radius)
    assert found.pitch == pytest.approx(scale * pitch)
    assert found.turns == pytest.approx(turns)
    assert found.handedness == hand
    assert found.axis == pytest.approx(turn[:, 2], abs=1e-6)
    middle = turn @ [0, 0, pitch * turns / 2] + 2
    assert found.centre == pytest.approx(scale * middle, rel=1e-6)
    assert found.residual < 1e-6 * scale * radius
    assert found.explained() == pytest.approx(1)


def test_noise_stays_in_the_residual() -> None:
    found = observe.helix_fit(helix(noise=0.1), ARC)
    assert found.radius == pytest.approx(1, abs=0.03)
    assert found.pitch == pytest.approx(2, abs=0.05)
    assert found.residual == pytest.approx(0.1 * np.sqrt(3), rel=0.1)
    assert found.residual < 0.3 * min(found.line, found.arc, found.wave)
    assert found.explained(found.residual) == pytest.approx(1)
    assert found.explained(0.9 * found.residual) < 0.999


def test_with_the_principal_curve_of_shuffled_points() -> None:
    order = np.random.default_rng(0).permutation(400)
    x = helix(noise=0.1, hand=-1)[order]
    curve = observe.principal_curve(x, smooth=0.03)
    found = observe.helix_fit(x, curve.arc)
    assert found.handedness == -1
    assert found.pitch == pytest.approx(2, rel=0.05)
    assert found.explained(curve.thickness) > 0.95


def test_the_other_way_along_the_same_hand() -> None:
    forth, back = observe.helix_fit(helix(), ARC), observe.helix_fit(helix(), -ARC)
    assert (forth.handedness, back.handedness) == (1, 1)
    assert back.axis == pytest.approx(-forth.axis, abs=1e-6)


def test_an_arc_is_as_good_as_a_helix_on_an_arc() -> None:
    x = helix(pitch=0, turns=0.6, noise=0.02) @ rotation().T
    found = observe.helix_fit(x, ARC)
    assert found.arc == pytest.approx(0.02 * np.sqrt(3), rel=0.1)
    assert found.residual > 0.98 * found.arc
    assert found.line > 5 * found.arc


def test_a_wave_is_better_than_a_helix_on_a_wave() -> None:
    x = helix() * [1, 0, 1] @ rotation().T
    found = observe.helix_fit(x, ARC)
    assert found.wave < 1e-6
    assert found.residual > 0.3


def test_a_noisy_line_is_no_helix() -> None:
    x = np.outer(ARC, [1, 2, 3]) + 0.1 * np.random.default_rng(0).standard_normal((400, 3))
    found = observe.helix_fit(x, ARC)
    assert found.residual > 0.95 * found.line


@pytest.mark.parametrize(
    ("positions", "arc", "match"),
    [
        (np.outer(ARC, [1, 2, 3]), ARC, "`positions` must not all be on one straight line"),
        (np.ones((400, 3)), ARC, "`positions` must not all be on one straight line"),
        (helix(), np.ones(400), "`arc` must be finite and not the same"),
        (helix(), np.full(400, np.nan), "`arc` must be finite"),
        (helix(), ARC[:7], "`arc` must be \\(400,\\)"),
        (helix(9), ARC[:9], "`positions` must hold at least 10 points, got 9"),
    ],
)
def test_what_no_helix_can_be_laid_through(positions, arc, match) -> None:
    with pytest.raises(ValueError, match=match):
        observe.helix_fit(positions, arc)


def test_most_turns() -> None:
    assert observe.helix_fit(helix(turns=12), ARC, most_turns=14).turns == pytest.approx(12)
    with pytest.raises(ArgumentError, match="`most_turns` must be at least 1, got 0"):
        observe.helix_fit(helix(), ARC, most_turns=0)
