"""What architectures mean, and mistakes: one clear sentence each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eigenwell import cartpole
from eigenwell.errors import ArgumentError, DTypeError, ShapeError

STARTS = cartpole.starts(3, seed=0)
WEIGHTS = np.zeros((2, 212))


def _rollout(**changes: Any) -> Any:
    arguments: dict[str, Any] = {"weights": WEIGHTS, "starts": STARTS, **changes}
    return cartpole.rollout(arguments.pop("weights"), **arguments)


def test_architectures() -> None:
    assert cartpole.MLP().parameters == 212
    assert cartpole.MLP().layers == ((4, 12), (12, 10), (10, 2))
    assert cartpole.DC(8).parameters == 80
    assert cartpole.DC(8, quadratic=True).parameters == 96
    (matrix, bias), (last, _) = cartpole.MLP((4, 3, 2)).unpack(np.arange(2 * 23).reshape(2, 23))
    assert matrix[1].tolist() == [[23, 24, 25], [26, 27, 28], [29, 30, 31], [32, 33, 34]]
    assert bias.tolist() == [[12, 13, 14], [35, 36, 37]]
    assert last[0].tolist() == [[15, 16], [17, 18], [19, 20]]
    ((b, a, k),) = cartpole.DC(1, quadratic=True).unpack(np.arange(12))
    assert (b.shape, a.tolist(), k.tolist()) == ((4, 2), [8, 9], [10, 11])


def test_starts() -> None:
    assert (cartpole.starts(5, seed=1) == cartpole.starts(5, seed=1)).all()
    assert np.abs(cartpole.starts(1000, seed=1)).max() <= 0.05
    assert np.abs(cartpole.starts(1000, seed=1, spread=0.2)).max() > 0.15


@pytest.mark.parametrize(
    ("error", "message", "changes"),
    [
        (ShapeError, r"`weights` must have shape \(agents, 212\).*got \(2, 211\)",
         {"weights": np.zeros((2, 211))}),
        (ShapeError, r"`weights` must have shape \(agents, 212\)", {"weights": np.zeros(212)}),
        (ShapeError, r"`weights` must have shape \(agents, 80\) for DC",
         {"architecture": cartpole.DC(8)}),
        (ShapeError, "`weights` must be a rectangular array", {"weights": [[1.0], [1.0, 2.0]]}),
        (DTypeError, "`weights` must hold real numbers", {"weights": np.zeros((2, 212), complex)}),
        (ArgumentError, "`weights` must be finite in float64, got agent 1",
         {"weights": np.where(np.arange(424) == 300, np.nan, 0.0).reshape(2, 212)}),
        (ArgumentError, "`weights` must be finite in float32, got agent 0",
         {"weights": np.full((2, 212), 1e39), "mode": "fast"}),
        (ShapeError, r"`starts` must have shape \(episodes, 4\), got \(4,\)",
         {"starts": np.zeros(4)}),
        (ArgumentError, "`starts` must be finite", {"starts": np.full((1, 4), np.inf)}),
        (ArgumentError, "`starts` must lie inside of the limits", {"starts": [[0, 0, 0.3, 0]]}),
        (ArgumentError, "`cap` must be between 1 and", {"cap": 0}),
        (DTypeError, "`cap` must be an integer", {"cap": 10.0}),
        (ArgumentError, "`mode` must be one of exact, fast, got 'quick'", {"mode": "quick"}),
        (ArgumentError, "`actions` must be one of argmax, sampled", {"actions": "random"}),
        (ArgumentError, "`seed` must be given for sampled", {"actions": "sampled"}),
        (ArgumentError, "`seed` must be given for sampled",
         {"physics": cartpole.Physics(observation_noise=0.1)}),
        (ArgumentError, "`seed` must be between 0", {"actions": "sampled", "seed": -1}),
        (ArgumentError, "`states` must be between 0", {"states": -1}),
        (ArgumentError, "`threads` must be between 1", {"threads": 0}),
        (DTypeError, "`physics` must be a Physics, got dict", {"physics": {}}),
        (DTypeError, "`architecture` must be an MLP or a DC, got tuple",
         {"architecture": (4, 12, 10, 2)}),
    ],
)  # fmt: skip
def test_mistakes(error: type[Exception], message: str, changes: dict[str, Any]) -> None:
    with pytest.raises(error, match=message):
        _rollout(**changes)


def test_mistakes_of_descriptions() -> None:
    with pytest.raises(ArgumentError, match="`sizes` must start with 4, end with 2"):
        cartpole.MLP((4, 8))
    with pytest.raises(ArgumentError, match="`sizes` must be between 1 and 1024"):
        cartpole.MLP((4, 0, 2))
    with pytest.raises(DTypeError, match="`sizes` must be a tuple, got int"):
        cartpole.MLP(12)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`activation` must be 'tanh' or 'relu'"):
        cartpole.MLP(activation="gelu")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`eigenvalues` must be between 1 and 512"):
        cartpole.DC(0)
    with pytest.raises(ArgumentError, match="`pole_mass` must be finite and above 0"):
        cartpole.Physics(pole_mass=0.0)
    with pytest.raises(ArgumentError, match="`observation_noise` must be finite and at least 0"):
        cartpole.Physics(observation_noise=float("nan"))
    with pytest.raises(ArgumentError, match="`angle_limit` must be at most pi / 4"):
        cartpole.Physics(angle_limit=1.0)
    with pytest.raises(ArgumentError, match="`episodes` must be between 0"):
        cartpole.starts(-1, seed=0)
    with pytest.raises(ShapeError, match="`weights` must have 212 parameters"):
        cartpole.MLP().unpack(np.zeros(3))
