"""``eigenwell worlds play``: a policy of world 0's latents in the other worlds."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from eigenwell._checks import require
from eigenwell.cli import _status
from eigenwell.cli._options import Options
from eigenwell.cli._output import check_writable
from eigenwell.errors import ArgumentError
from eigenwell.report import Table

if TYPE_CHECKING:
    from eigenwell.cli._output import Output
    from eigenwell.worlds.torch._model import Trained
    from eigenwell.worlds.torch._play import Interval, Played
    from eigenwell.worlds.torch._policy import Policy

# Rollouts between two lines of progress.
_SAID_EVERY = 12


@dataclass(frozen=True, kw_only=True)
class Play(Options):
    """Let a policy that learned by world 0's latents play in the other worlds."""

    model: Annotated[Path, tyro.conf.arg(metavar="FOLDER")]
    """Folder of a run, or its checkpoint."""

    policy: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """The policy: played if the file is there, else trained and written to it."""

    variants: Annotated[tuple[str, ...] | None, tyro.conf.arg(metavar="NAME NAME...")] = None
    """Worlds to play in beside world 0; all of the model if none is named."""

    courts: int = 64
    """Games side by side."""

    frames: int = 2000
    """Frames of each game."""

    train_frames: int = 1_000_000
    """Frames that a policy learns from, of all games together."""

    seed: int = 0
    """Of games and training."""

    def run(self, output: Output) -> int:
        """Train if need be, and play."""
        require("torch", extra="worlds")
        from eigenwell.worlds import torch as models
        from eigenwell.worlds.torch._play import BAR, play

        trained = models.load(self.model)
        _check_game(self.model)
        played = play(
            trained,
            self._policy(trained, output),
            variants=self.variants,
            courts=self.courts,
            frames=self.frames,
            seed=self.seed,
        )
        document = {
            "command": "worlds play",
            "bar": BAR,
            "players": [dataclasses.asdict(each) | {"passed": each.passed} for each in played],
            "passed": all(each.passed for each in played[3:]),
        }
        own = trained.variants[0]
        said = f"ratio: of world {own}'s return above the random player's; bar {BAR}"
        if math.isnan(played[2].ratio):
            said = f"no ratio: in world {own}, the policy is no better than a random player"
        columns = tuple(_row(played[0]))
        output.result(
            document,
            Table(
                f"points per 1,000 frames, {self.courts:,} courts of {self.frames:,} frames",
                columns,
                tuple(tuple(_row(each).values()) for each in played),
                tuple("left" for _ in columns),
            ),
            said,
        )
        return _status.DONE

    def _policy(self, trained: Trained, output: Output) -> Policy:
        from eigenwell.worlds.torch._policy import load_policy, train_policy

        if self.policy is not None and self.policy.exists():
            return load_policy(self.policy)
        if self.policy is not None:
            check_writable(self.policy, "--policy")
        rollouts = 0

        def say(row: dict[str, float]) -> None:
            nonlocal rollouts
            rollouts += 1
            if rollouts % _SAID_EVERY == 0:
                output.note(
                    f"{row['frames']:,.0f} frames: {row['won']:.1f} points won and "
                    f"{row['lost']:.1f} lost per 1,000"
                )

        policy = train_policy(trained, frames=self.train_frames, seed=self.seed, progress=say)
        if self.policy is not None:
            policy.save(self.policy)
            output.note(f"wrote {self.policy}")
        return policy


def _check_game(model: Path) -> None:
    """See that a checkpoint is of our Pong: the policy could not play Atari's here."""
    from eigenwell.worlds import _checkpoint
    from eigenwell.worlds.torch._train import LAST

    _, about = _checkpoint.read(model / LAST if model.is_dir() else model)
    game = about["worlds"][0]["game"]
    if game != "pong":
        raise ArgumentError(f"`--model` must be one of our Pong to be played here, got {game!r}")


def _row(played: Played) -> dict[str, str]:
    """Return the cells of a player by their headings."""
    eyes = bool(played.world)
    return {
        "player": played.player,
        "world": played.world or "-",
        "return": f"{played.result:+.2f}",
        "95 %": _shown(played.interval, "+.2f"),
        "won": f"{played.won:.2f}",
        "lost": f"{played.lost:.2f}",
        "ratio": "-" if math.isnan(played.ratio) else f"{played.ratio:.3f}",
        "95 % of it": _shown(played.ratio_interval, ".3f"),
        "same move": f"{played.agreement:.1%}" if eyes else "-",
        "bar": ("reached" if played.passed else "missed") if eyes else "-",
    }


def _shown(interval: Interval, form: str) -> str:
    low, high = interval
    return "-" if math.isnan(low) else f"{low:{form}} to {high:{form}}"
