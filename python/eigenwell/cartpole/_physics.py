"""The cart, its pole, and where they start."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

from eigenwell import _checks
from eigenwell.errors import ArgumentError

_MOST_EPISODES = 2**31 - 1


@dataclass(frozen=True)
class Physics:
    """Constants of the cart and its pole; the defaults are those of Gymnasium's CartPole.

    Attributes:
        gravity: m/s^2.
        cart_mass: kg.
        pole_mass: kg.
        half_length: Half the pole's length, m.
        force: Of a push, N.
        tau: Time step of explicit Euler, s.
        x_limit: An episode ends when the cart is farther from the centre, m.
        angle_limit: An episode ends when the pole leans by more, rad: 12 degrees. At most pi / 4.
        observation_noise: Half-width of the uniform noise in each number that the policy sees; its
            standard deviation is this over sqrt(3).

    Raises:
        ArgumentError: A constant is not finite or has the wrong sign.

    Example:
        >>> from eigenwell import cartpole
        >>> cartpole.Physics(half_length=1.0, force=5.0).force
        5.0
    """

    gravity: float = 9.8
    cart_mass: float = 1.0
    pole_mass: float = 0.1
    half_length: float = 0.5
    force: float = 10.0
    tau: float = 0.02
    x_limit: float = 2.4
    angle_limit: float = 12 * 2 * math.pi / 360
    observation_noise: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("observation_noise", "gravity"):
                value = _checks.not_negative(value, field.name)
            else:
                value = _checks.positive(value, field.name)
            object.__setattr__(self, field.name, value)
        if self.angle_limit > math.pi / 4:
            raise ArgumentError(f"`angle_limit` must be at most pi / 4, got {self.angle_limit}")


def starts(
    episodes: SupportsIndex, *, seed: SupportsIndex, spread: float = 0.05
) -> npt.NDArray[np.float64]:
    """Draw the states that episodes start from: uniform in ``[-spread, spread)``.

    Args:
        episodes: How many.
        seed: Of NumPy's default generator.
        spread: 0.05 is Gymnasium's.

    Returns:
        ``(episodes, 4)``: position, velocity, angle, angular velocity (m, m/s, rad, rad/s).

    Raises:
        DTypeError: An argument has the wrong type.
        ArgumentError: It is out of range.

    Example:
        >>> from eigenwell import cartpole
        >>> cartpole.starts(3, seed=0).shape
        (3, 4)
    """
    count = _checks.integer(episodes, "episodes", low=0, high=_MOST_EPISODES)
    number = _checks.integer(seed, "seed", low=0, high=2**63 - 1)
    width = _checks.not_negative(spread, "spread")
    return np.random.default_rng(number).uniform(-width, width, (count, 4))
