"""One court as a Gymnasium environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eigenwell import _checks
from eigenwell.worlds import variants
from eigenwell.worlds.pong._game import ACTIONS, SIZE, Pong, unpack

if TYPE_CHECKING:
    import gymnasium
    import numpy as np
    import numpy.typing as npt

_OBJECTS = ("player", "opponent", "ball")


def environment(
    variant: str = "o", *, points: int = 21
) -> gymnasium.Env[npt.NDArray[np.uint8], np.int64]:
    """Return a court as somebody in the world ``variant`` sees it.

    Observations are pixels 0 or 1, uint8 ``(64, 64)``; rewards 1 and -1 for a point; an episode
    ends with the game. ``info`` has the centres (row, column) of ``player``, ``opponent`` and, if
    there is one, ``ball`` in that world.

    Args:
        variant: Name of the world, see :func:`eigenwell.worlds.variants.parse`.
        points: With which a side wins.

    Raises:
        ArgumentError: There is no such world.
        BackendUnavailableError: Gymnasium is not installed.
    """
    gym = _checks.require("gymnasium", extra="worlds")
    import numpy as np

    world = variants.parse(variant)
    win = _checks.integer(points, "points", low=1, high=2**15 - 1)

    class Court(gym.Env):  # type: ignore[misc, name-defined]
        metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - as Gymnasium has it

        def __init__(self) -> None:
            self.observation_space = gym.spaces.Box(0, 1, (SIZE, SIZE), np.uint8)
            self.action_space = gym.spaces.Discrete(len(ACTIONS))
            self._game: Pong | None = None

        def reset(
            self, *, seed: int | None = None, options: dict[str, Any] | None = None
        ) -> tuple[npt.NDArray[np.uint8], dict[str, Any]]:
            super().reset(seed=seed, options=options)
            self._game = Pong(1, seed=int(self.np_random.integers(2**63)), points=win)
            return self._seen()

        def step(
            self, action: Any
        ) -> tuple[npt.NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
            if self._game is None:
                raise gym.error.ResetNeeded("call reset() before step()")
            rewards, over = self._game.step([action])
            frame, info = self._seen()
            return frame, float(rewards[0]), bool(over[0]), False, info

        def _seen(self) -> tuple[npt.NDArray[np.uint8], dict[str, Any]]:
            assert self._game is not None
            frame = world.frames(unpack(self._game.frames))[0]
            centres = zip(_OBJECTS, world.labels(self._game.labels)[0], strict=True)
            return frame, {name: at for name, at in centres if not np.isnan(at).any()}

    return Court()
