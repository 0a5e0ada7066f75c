"""``eigenwell worlds collect | train | mirror``: worlds that look different and act alike."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from eigenwell._checks import require
from eigenwell._files import make_folder
from eigenwell.cli import _status
from eigenwell.cli._options import Options
from eigenwell.cli._output import check_writable
from eigenwell.errors import ArgumentError
from eigenwell.report import Table
from eigenwell.report._worlds_grid import draw_cross_decoding

if TYPE_CHECKING:
    from eigenwell.cli._output import Output
    from eigenwell.worlds import MetaConfig
    from eigenwell.worlds.mirror import Mirror

_Data = Annotated[tuple[Path, ...], tyro.conf.arg(metavar="STORE STORE...")]
# Losses that a line of progress shows, where the recipe has them.
_SHOWN = ("reconstruction", "prediction", "kl", "cycle", "top_1")


@dataclass(frozen=True, kw_only=True)
class Collect(Options):
    """Play Pong and store what each world sees of it, packed, with labels."""

    output: Annotated[Path, tyro.conf.arg(metavar="FOLDER", aliases=("-o",))]
    """Folder for one store per world, VARIANT.zarr."""

    variants: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME NAME...")] = ("o", "m")
    """Worlds: o, t, h, v, c, m, r, r<degrees>, p<seed>, or several of them joined by +."""

    game: Literal["pong", "atari"] = "pong"
    """Our Pong, or Atari's by the extra of that name, whose ale-py is licensed under GPL-2.0."""

    policy: Literal["random", "sticky", "rally"] = "rally"
    """Who plays; rally returns the ball most of the time."""

    episodes: int = 256
    """Episodes of each world; the last tenth is never trained on."""

    length: int = 1000
    """Most frames of an episode."""

    seed: int = 0
    """Of games and players."""

    paired: bool = False
    """Show the same games in every world, instead of different ones."""

    resume: bool = False
    """Go on with the stores that are there."""

    def run(self, output: Output) -> int:
        """Collect world after world."""
        from eigenwell import worlds
        from eigenwell.worlds._storage import Store

        # What is wrong with a later world should be said before an earlier one is played.
        for name in self.variants:
            worlds.variants.parse(name)
        make_folder(self.output, "--output")
        rows, stores = [], {}
        for name in self.variants:

            def say(done: int, of: int, name: str = name) -> None:
                output.note(f"{name}: {done:,} of {of:,} episodes")

            path = worlds.collect(
                self.output / f"{name}.zarr",
                variant=name,
                game=self.game,
                policy=self.policy,
                episodes=self.episodes,
                length=self.length,
                seed=self.seed,
                paired=self.paired,
                resume=self.resume,
                progress=say,
            )
            frames = Store.open(path).frames
            size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            rows.append((name, f"{frames:,}", f"{size / frames:.1f}", str(path)))
            stores[name] = {"frames": frames, "bytes": size, "path": str(path)}
        output.result(
            {"command": "worlds collect", "worlds": stores},
            Table(
                "worlds",
                ("world", "frames", "bytes per frame", "store"),
                tuple(rows),
                ("left", "right", "right", "left"),
            ),
        )
        return _status.DONE


@dataclass(frozen=True, kw_only=True)
class Train(Options):
    """Train a vision model for each world and the memory that they share."""

    data: _Data
    """Stores of the worlds; the first one is world 0."""

    output: Annotated[Path, tyro.conf.arg(metavar="FOLDER", aliases=("-o",))]
    """Folder of the run."""

    recipe: Literal["joint", "article", "article-slim"] = "joint"
    """All losses at once, or the article's phases with its vision model or a slim one."""

    iterations: int | None = None
    """Gradient steps of joint training, or rounds of both phases."""

    seed: int = 0
    """Of weights and batches."""

    set: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=VALUE...")] = ()
    """Any other setting of eigenwell.worlds.MetaConfig, such as separate_memory=true."""

    resume: bool = False
    """Go on with the run in the folder; its settings need not be given again."""

    def run(self, output: Output) -> int:
        """Train; 1 if a loss was not finite."""
        require("torch", extra="worlds")
        from eigenwell import worlds
        from eigenwell.worlds import torch as models

        loaded = [worlds.load(path) for path in self.data]
        if self.resume:
            config = models.load(self.output).config
            if self.iterations is not None:
                config = dataclasses.replace(config, iterations=self.iterations)
        else:
            config = self._config(len(loaded))

        def say(row: dict[str, float]) -> None:
            values = [f"{name} {row[name]:.4g}" for name in _SHOWN if name in row]
            done = f"{row['iteration']:,.0f} of {config.iterations:,}"
            output.note(f"iteration {done}, {row['seconds']:.0f} s: {', '.join(values)}")

        trained = models.train(loaded, config, output=self.output, resume=self.resume, progress=say)
        last = trained.rows[-1] if trained.rows else {}
        facts = [("worlds", ", ".join(trained.variants)), ("iterations", f"{trained.iteration:,}")]
        facts += [(name, f"{value:.5g}") for name, value in last.items() if name != "iteration"]
        output.result(
            {"command": "worlds train", "folder": str(self.output), "last": last},
            Table.of_facts(str(self.output), facts),
        )
        return _status.DONE

    def _config(self, count: int) -> MetaConfig:
        from eigenwell.worlds import MetaConfig

        changes = dict(map(_setting, self.set)) | {"seed": self.seed}
        if self.iterations is not None:
            changes["iterations"] = self.iterations
        if self.recipe == "joint":
            return MetaConfig.from_dict(changes)
        whole = dataclasses.asdict(MetaConfig.article(count, slim=self.recipe == "article-slim"))
        return MetaConfig.from_dict(whole | changes)


@dataclass(frozen=True, kw_only=True)
class MirrorTest(Options):
    """Ask how much of one world's latents the other worlds' decoders understand."""

    model: Annotated[Path, tyro.conf.arg(metavar="FOLDER")]
    """Folder of a run, or its checkpoint."""

    data: _Data
    """Stores of its worlds, in their order."""

    frames: int = 1000
    """Distinct held-out frames."""

    seed: int = 0
    """Of their choice."""

    picture: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Draw the cross-decoding grid (PNG)."""

    def run(self, output: Output) -> int:
        """Measure, and draw if asked to."""
        require("torch", extra="worlds")
        from eigenwell import worlds
        from eigenwell.worlds import torch as models

        if self.picture is not None:
            check_writable(self.picture, "--picture")
        trained = models.load(self.model)
        loaded = [worlds.load(path) for path in self.data]
        if self.picture is not None:  # first: it is quick, and needs an extra
            draw_cross_decoding(models.grid(trained, loaded, seed=self.seed), self.picture)
            output.note(f"wrote {self.picture}")
        found = models.mirror_test(trained, loaded, frames=self.frames, seed=self.seed)
        document = {
            "command": "worlds mirror",
            "pairs": [_document(pair) for pair in found.pairs],
            "cycle": found.cycle,
            "prediction": found.prediction,
            "score": found.score,
            "passed": found.passed,
        }
        columns = tuple(_row(found.pairs[0]))
        output.result(
            document,
            Table(
                f"mirror test over {found.pairs[0].frames:,} frames",
                columns,
                tuple(tuple(_row(pair).values()) for pair in found.pairs),
                tuple("left" for _ in columns),
            ),
            f"unsupervised score {found.score:.4g} (cycle {found.cycle:.4g}, prediction "
            f"{found.prediction:.4g}; lower is better)",
        )
        return _status.DONE


def _row(pair: Mirror) -> dict[str, str]:
    """Return the cells of a pair by their headings; the last says which bars it missed."""
    return {
        "from, to": f"{pair.source}, {pair.target}",
        "top 1": f"{pair.top_1:.1%}",
        "top 5": f"{pair.top_5:.1%}",
        "loss ratio": f"{pair.cross_decode_ratio:.2f}",
        "predicted": f"{pair.predicted_ratio:.2f}",
        "player px": f"{pair.player_pixels:.2f}",
        "opponent px": f"{pair.opponent_pixels:.2f}",
        "ball found": f"{pair.ball_found:.1%}",
        "own ball": f"{pair.own_ball_found:.1%}",
        "missed": ", ".join(name for name, met in pair.bars.items() if not met) or "-",
    }


def _document(pair: Mirror) -> dict[str, Any]:
    from eigenwell.worlds import mirror

    found = round(pair.ball_found * pair.ball_frames) if pair.ball_frames else 0
    return dataclasses.asdict(pair) | {
        "cross_decode_ratio": pair.cross_decode_ratio,
        "predicted_ratio": pair.predicted_ratio,
        "ball_interval": mirror.wilson(found, pair.ball_frames) if pair.ball_frames else None,
        "bars": pair.bars,
    }


def _setting(text: str) -> tuple[str, Any]:
    """Return name and value of ``name=value``."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ArgumentError(f"`--set` must be NAME=VALUE, got {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


#: The steps, each a subcommand.
Worlds = (
    Annotated[Collect, tyro.conf.subcommand("collect")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[MirrorTest, tyro.conf.subcommand("mirror")]
)
