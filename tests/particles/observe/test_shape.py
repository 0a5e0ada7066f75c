"""The gyration tensor of shapes whose moments are known."""

from __future__ import annotations

import numpy as np
import pytest
from tests.helpers.clouds import cloud
from tests.particles.observe.synthetic import rotation

from eigenwell.particles import observe


def test_a_line() -> None:
    x = np.outer(np.linspace(-1, 1, 1001), [0.0, 0.6, 0.8])
    found = observe.gyration(x)
    assert found.radius == pytest.approx(np.sqrt(1 / 3), rel=2e-3)
    assert found.anisotropy == pytest.approx(1)
    assert found.asphericity == pytest.approx(found.radius**2)
    assert found.acylindricity == pytest.approx(0, abs=1e-15)


def test_a_box_of_corners() -> None:
    corners = np.array([[x, y, z] for x in (-3, 3) for y in (-2, 2) for z in (-1, 1)])
    found = observe.gyration(corners)
    assert found.eigenvalues == pytest.approx([9, 4, 1])
    assert found.asphericity == pytest.approx(6.5)
    assert found.acylindricity == pytest.approx(3)
    # b^2 + 3/4 c^2 over the fourth power of the radius, the textbook's form in space.
    assert found.anisotropy == pytest.approx((6.5**2 + 0.75 * 3**2) / 14**2)


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_a_cross_of_axes_is_round(d: int) -> None:
    found = observe.gyration(np.concatenate([np.eye(d), -np.eye(d)]))
    assert found.asphericity == pytest.approx(0)
    assert found.anisotropy == pytest.approx(0 if d > 1 else 1)
    assert (found.acylindricity is None) is (d != 3)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_rigid_motions_and_scale(scale: float) -> None:
    x = cloud((30, 3)) * [3, 2, 1]
    before, after = observe.gyration(x), observe.gyration(scale * (x @ rotation().T + 4))
    assert after.eigenvalues == pytest.approx(scale**2 * before.eigenvalues)
    assert after.anisotropy == pytest.approx(before.anisotropy)


@pytest.mark.parametrize("n", [1, 2])
def test_points_in_one_place(n: int) -> None:
    found = observe.gyration(np.full((n, 3), 5.0))
    assert found.radius == 0
    assert found.anisotropy == 0
