"""Training in stages: every world's eyes alone, then the translators, then the shared memory."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import nn
from torch.nn import functional

from eigenwell.worlds import mirror
from eigenwell.worlds.torch._align import AlignStage
from eigenwell.worlds.torch._batches import check_worlds, held_out
from eigenwell.worlds.torch._evaluate import WATCHED
from eigenwell.worlds.torch._eyes import (
    BlurStage,
    TimelineStage,
    Track,
    VisionStage,
    frozen,
    seeded,
    track,
)
from eigenwell.worlds.torch._model import MetaModel, Residual, Row, Trained, Vision, encode
from eigenwell.worlds.torch._stage import Stage, run

if TYPE_CHECKING:
    from eigenwell.worlds import _storage
    from eigenwell.worlds._staged_config import StagedConfig

_MEMORY = 4
_T = TypeVar("_T")


class MemoryStage(Stage):
    """Trains the memory on the shared latents of all worlds."""

    def __init__(self, model: MetaModel, tracks: Sequence[Track], config: StagedConfig) -> None:
        super().__init__("memory", config.memory_steps, (config.seed, _MEMORY), {})
        self.model, self.tracks, self.config = model, tracks, config
        self.modules = {"memories": model.memories}
        adam = torch.optim.Adam(model.memories.parameters())
        self.optimisers = {"memory": (adam, config.memory_rate)}
        self._deviation = tracks[0].latents.std(dim=0).clamp(min=1e-3)

    def losses(self) -> dict[str, float]:
        """Gaussian log likelihood of the next latents, in world 0's deviations."""
        config, losses = self.config, []
        for world, seen in enumerate(self.tracks):
            starts = seen.short[self.draw(len(seen.short), config.memory_batch)]
            latents, times = seen.windows(starts, config.memory_length)
            actions = functional.one_hot(seen.actions[times[:, :-1]], self.model.actions).float()
            mean, spread = self.model.memory(world)(latents[:, :-1], actions)
            error = ((latents[:, 1:] - mean) / self._deviation).square()
            losses.append(0.5 * (error / spread.exp() + spread).sum(dim=2).mean())
        return {"likelihood": self.descend(torch.stack(losses).mean(), "memory")}


@dataclass
class _Run:
    """A run's files and rows, which several threads share."""

    config: StagedConfig
    progress: Callable[[Row], None] | None
    rows: list[Row] = field(default_factory=list)
    stop: Event = field(default_factory=Event)
    iteration: int = 0
    _counted: dict[str, int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _began: float = field(default_factory=time.perf_counter)

    def take(self, stage: Stage, folder: Path | None) -> None:
        """Run a stage to its end.

        Raises:
            KeyboardInterrupt: It was stopped before.
        """

        def report(row: Row) -> None:
            """Add a row, as the stage's, with the run's own count and clock."""
            with self._lock:
                self._count(stage)
                whole = {"iteration": self.iteration, "seconds": time.perf_counter() - self._began}
                whole |= {f"{stage.name}: {name}": value for name, value in row.items()}
                self.rows.append(whole)
                if self.progress is not None:
                    self.progress(whole)

        file = None if folder is None else folder / f"{stage.name}.safetensors"
        run(
            stage,
            file,
            every=self.config.checkpoint_every,
            report_every=self.config.report_every,
            report=report,
            stop=self.stop,
        )
        with self._lock:
            self._count(stage)
        if stage.done < stage.steps:
            raise KeyboardInterrupt

    def _count(self, stage: Stage) -> None:
        """Add what a stage has done since it was last counted, or before it was resumed."""
        self.iteration += stage.done - self._counted.get(stage.name, 0)
        self._counted[stage.name] = stage.done

    def each(self, jobs: int, parts: Sequence[Callable[[], _T]]) -> list[_T]:
        """Return what the parts return, begun in their order; an interrupt stops all of them."""
        with ThreadPoolExecutor(jobs, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            futures = [pool.submit(part) for part in parts]
            try:
                return [future.result() for future in futures]
            except BaseException:
                self.stop.set()
                raise


@dataclass(frozen=True)
class _Eyes:
    """What is learnt of a world alone, but for the blur."""

    stage: VisionStage
    vision: Vision
    track: Track
    guesser: nn.Module


def train_eyes(
    world: _storage.World,
    config: StagedConfig,
    *,
    folder: Path | None,
    progress: Callable[[Row], None] | None = None,
) -> Vision:
    """Train what is learnt of a world alone, as :func:`train_staged` would.

    Args:
        world: Its games.
        config: What to train, and how.
        folder: Where the stages' checkpoints go.
        progress: Called with every row of metrics.

    Returns:
        The world's vision model, without translators.
    """
    state = _Run(config, progress)
    return _blurred(_see(world, config, state, folder), state, folder)


def _see(world: _storage.World, config: StagedConfig, state: _Run, folder: Path | None) -> _Eyes:
    vision = VisionStage(world, config)
    state.take(vision, folder)
    eyes = vision.eyes()
    seen = track(world, eyes, config)
    timeline = TimelineStage(world, seen, config)
    state.take(timeline, folder)
    return _Eyes(vision, eyes, seen, timeline.guesser)


def _blurred(eyes: _Eyes, state: _Run, folder: Path | None) -> Vision:
    """Return the vision model whose decoder has learnt once more; no translator waits for it."""
    if not state.config.blur:
        return eyes.vision
    blur = BlurStage(eyes.stage.world, state.config, eyes.stage, eyes.track)
    state.take(blur, folder)
    return blur.vision


def train_staged(
    worlds: Sequence[_storage.World],
    config: StagedConfig,
    *,
    folder: Path | None,
    shared: Path | None,
    jobs: int,
    progress: Callable[[Row], None] | None,
) -> Trained:
    """Train a model in stages.

    Args:
        worlds: At least two.
        config: What to train, and how.
        folder: Where the memory's checkpoint is.
        shared: Where those of the other stages are, which are of one world or of two.
        jobs: Threads, each with a stage.
        progress: Called with every row of metrics.
    """
    check_worlds(worlds, config)
    state = _Run(config, progress)
    seen = state.each(jobs, [partial(_see, world, config, state, shared) for world in worlds])
    model = staged_model(config, len(worlds), worlds[0].origin.actions)
    tracks = {0: seen[0].track}

    def align(number: int) -> None:
        """Train a world's translators; have its games in world 0's latents."""
        (first, own), pair = (seen[0], seen[number]), (worlds[0], worlds[number])
        stage = AlignStage(pair, (first.track, own.track), (first.guesser, own.guesser), config)
        stage.watch = _watcher(pair, (first.vision, own.vision), config.seed)
        state.take(stage, shared)
        vision = model.vision(number)
        vision.there, vision.back = stage.kept.folded(), stage.back.folded()
        parts = torch.split(own.track.latents, 8192)
        with torch.no_grad():
            latents = torch.cat([stage.kept(part) for part in parts])
        tracks[number] = dataclasses.replace(own.track, latents=latents)

    def see_blurred(number: int) -> None:
        """Have a world's last vision model."""
        vision, learnt = model.vision(number), _blurred(seen[number], state, shared)
        vision.encoder, vision.decoder = learnt.encoder, learnt.decoder

    # The longest parts first.
    everything = [partial(align, number) for number in range(1, len(worlds))]
    state.each(jobs, everything + [partial(see_blurred, number) for number in range(len(worlds))])
    memory = MemoryStage(model, [track for _, track in sorted(tracks.items())], config)
    state.take(memory, folder)
    frozen(model)
    names = tuple(world.origin.variant for world in worlds)
    return Trained(model, config, names, state.iteration, tuple(state.rows))


def staged_model(config: StagedConfig, worlds: int, actions: int) -> MetaModel:
    """Return a model whose worlds but the first have translators."""
    with seeded(config.seed, 0):
        model = MetaModel(config, worlds, actions)
        for number in range(1, worlds):
            vision = model.vision(number)
            vision.there = Residual(config.latent, config.hidden)
            vision.back = Residual(config.latent, config.hidden)
    return model


def _watcher(
    worlds: tuple[_storage.World, _storage.World], visions: tuple[Vision, Vision], seed: int
) -> Callable[[nn.Module], dict[str, float]]:
    """Return what measures a translator's retrieval among a few held-out frames."""
    first, other = worlds
    episodes, times = held_out(first, WATCHED, seed, or_fewer=True)
    places = episodes[:, 0], times[:, 0]
    wanted = encode(visions[0], first.frames(*places)).numpy()
    own = encode(visions[1], first.shown(*places, other.variant))

    def measure(translator: nn.Module) -> dict[str, float]:
        with torch.no_grad():
            found: Any = translator(own).numpy()
        shares = mirror.retrieval(found, wanted), mirror.retrieval(wanted, found)
        return {"top_1": min(shares)}

    return measure
