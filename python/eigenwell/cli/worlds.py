"""``eigenwell worlds``: collect, train, mirror, play, study; worlds that differ and act alike."""

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
from eigenwell.cli._worlds_page import Page
from eigenwell.cli._worlds_play import Play
from eigenwell.cli._worlds_study import Study
from eigenwell.errors import ArgumentError
from eigenwell.report import Table
from eigenwell.report._worlds_grid import draw_cross_decoding
from eigenwell.report._worlds_tables import pair_cells
from eigenwell.report._worlds_text import cross_decoding_lines

if TYPE_CHECKING:
    from eigenwell.cli._output import Output
    from eigenwell.worlds import MetaConfig, StagedConfig
    from eigenwell.worlds.mirror import Mirror

_Data = Annotated[tuple[Path, ...], tyro.conf.arg(metavar="STORE STORE...")]
# Losses that a line of progress shows, where the recipe has them.
_TOTALS = ("iteration", "seconds")
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

    recipe: Literal["staged", "joint", "article", "article-slim"] = "staged"
    """Eyes first and then translators, or all losses at once, or the article's phases with its
    vision model or a slim one."""

    iterations: int | None = None
    """Gradient steps of joint training, or rounds of both phases; staged has its own settings."""

    seed: int = 0
    """Of weights and batches."""

    set: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=VALUE...")] = ()
    """Any other setting of eigenwell.worlds.StagedConfig, or of MetaConfig, such as
    shuffle_actions=true."""

    jobs: int = 1
    """Stages of the staged recipe that run at once."""

    shared: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """Folder for what the staged recipe learns of one world or two, which runs can share."""

    resume: bool = False
    """Go on with the run in the folder; its settings need not be given again."""

    def run(self, output: Output) -> int:
        """Train; 1 if a loss was not finite."""
        require("torch", extra="worlds")
        from eigenwell import worlds
        from eigenwell.worlds import torch as models

        loaded = [worlds.load(path) for path in self.data]
        if self.resume:
            config = models.config_of(self.output)
            if self.iterations is not None and isinstance(config, worlds.MetaConfig):
                config = dataclasses.replace(config, iterations=self.iterations)
        else:
            config = self._config(len(loaded))

        def say(row: dict[str, float]) -> None:
            if isinstance(config, worlds.MetaConfig):
                shown = [(name, row[name]) for name in _SHOWN if name in row]
                done = f"iteration {row['iteration']:,.0f} of {config.iterations:,}"
            else:
                shown = [item for item in row.items() if item[0] not in _TOTALS]
                done = f"step {row['iteration']:,.0f} of {config.steps(len(loaded)):,}"
            values = ", ".join(f"{name} {value:.4g}" for name, value in shown)
            output.note(f"{done}, {row['seconds']:.0f} s: {values}")

        trained = models.train(
            loaded,
            config,
            output=self.output,
            resume=self.resume,
            shared=self.shared,
            jobs=self.jobs,
            progress=say,
        )
        last = trained.rows[-1] if trained.rows else {}
        facts = [("worlds", ", ".join(trained.variants)), ("iterations", f"{trained.iteration:,}")]
        facts += [(name, f"{value:.5g}") for name, value in last.items() if name != "iteration"]
        output.result(
            {"command": "worlds train", "folder": str(self.output), "last": last},
            Table.of_facts(str(self.output), facts),
        )
        return _status.DONE

    def _config(self, count: int) -> MetaConfig | StagedConfig:
        from eigenwell.worlds import MetaConfig, StagedConfig

        changes = dict(map(_setting, self.set)) | {"seed": self.seed}
        if self.recipe == "staged":
            if self.iterations is not None:
                raise ArgumentError(
                    "`--iterations` must not be given for the staged recipe: set vision_steps, "
                    "timeline_steps, align_steps and memory_steps"
                )
            return StagedConfig.from_dict(changes)
        if self.iterations is not None:
            changes["iterations"] = self.iterations
        if self.recipe == "joint":
            return MetaConfig.from_dict(changes)
        whole = dataclasses.asdict(MetaConfig.article(count, slim=self.recipe == "article-slim"))
        return MetaConfig.from_dict(whole | changes)


@dataclass(frozen=True, kw_only=True)
class MirrorTest(Options):
    """Ask how much of one world's latents the other worlds' decoders understand."""

    model: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """Folder of a run, or its checkpoint."""

    data: _Data = ()
    """Stores of its worlds, in their order."""

    demo: bool = False
    """Play fresh games instead of reading stores, take the model that comes with eigenwell unless
    --model names another, and show pictures here."""

    frames: int = 1000
    """Distinct held-out frames."""

    seed: int = 0
    """Of their choice."""

    picture: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Draw the cross-decoding grid (PNG)."""

    def run(self, output: Output) -> int:
        """Measure, and draw if asked to."""
        if self.demo == bool(self.data) or not (self.demo or self.model):
            raise ArgumentError(
                "`--model` and `--data` must be given, or `--demo` without `--data`"
            )
        require("torch", extra="worlds")
        from eigenwell import worlds
        from eigenwell.worlds import torch as models
        from eigenwell.worlds.torch._shrink import demo

        if self.picture is not None:
            check_writable(self.picture, "--picture")
        if self.demo:
            shown = demo(self.model)
            trained, loaded = shown.trained, list(shown.worlds)
        else:
            assert self.model is not None
            trained = models.load(self.model)
            loaded = [worlds.load(path) for path in self.data]
        pictures = models.grid(trained, loaded, seed=self.seed)  # first: it is quick
        if self.picture is not None:
            draw_cross_decoding(pictures, self.picture)
            output.note(f"wrote {self.picture}")
        lines = list[str]()
        if self.demo and "utf" in output.out.encoding:
            lines = cross_decoding_lines(pictures, output.out.width)
        found = models.mirror_test(trained, loaded, frames=self.frames, seed=self.seed)
        document = {
            "command": "worlds mirror",
            "pairs": [_document(pair) for pair in found.pairs],
            "cycle": found.cycle,
            "prediction": found.prediction,
            "score": found.score,
            "passed": found.passed,
        }
        columns = tuple(pair_cells(found.pairs[0]))
        output.result(
            document,
            Table(
                f"mirror test over {found.pairs[0].frames:,} frames",
                columns,
                tuple(tuple(pair_cells(pair).values()) for pair in found.pairs),
                tuple("left" for _ in columns),
            ),
            f"unsupervised score {found.score:.4g} (cycle {found.cycle:.4g}, prediction "
            f"{found.prediction:.4g}; lower is better)",
            *lines,
        )
        return _status.DONE


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
    | Annotated[Page, tyro.conf.subcommand("page")]
    | Annotated[Play, tyro.conf.subcommand("play")]
    | Annotated[Study, tyro.conf.subcommand("study")]
)
