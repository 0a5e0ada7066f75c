"""The mirror test over seeds: every world with ours, controls, ablations, and the original recipe.

Every cell is a model that is trained and then tested. What is learnt of one world alone is kept and
shared by all cells of a seed whose settings agree on it, and so are translators where only the
memory differs.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch

from eigenwell.studies import Experiment, Measured
from eigenwell.worlds import MetaConfig, StagedConfig
from eigenwell.worlds._storage import load as load_world
from eigenwell.worlds.mirror import Mirror
from eigenwell.worlds.torch._align import is_later
from eigenwell.worlds.torch._evaluate import mirror_test
from eigenwell.worlds.torch._staged import train_eyes
from eigenwell.worlds.torch._train import train

#: What is kept of every pair.
MEASURES: Final = (
    *("top_1", "top_5", "cross_decode_ratio", "predicted_ratio"),
    *("own_loss", "cross_loss", "own_predicted", "cross_predicted"),
    *("player_pixels", "opponent_pixels", "ball_found", "own_ball_found"),
)
#: The article's worlds beside o.
OTHERS: Final = ("t", "h", "c", "m", "v")
# Settings of the decoders' second learning, and all that change what is learnt of a world alone.
_BLUR = {"blur", "blur_steps"}
_ALONE = {
    *("vision_steps", "vision_batch", "vision_rate", "kl_weight"),
    *("latent", "widths", "first_kernel"),
    *("foreground", "rarity"),
    *("timeline_steps", "timeline_batch", "timeline_rate", "reach", "hidden", "encoded"),
    *("window", "memory_length"),
    *_BLUR,
}
_NONE: Final[Mapping[str, Any]] = {}

_CONTROLS: Final[Mapping[str, dict[str, Any]]] = {
    "matching-only": {"matching_only": True},
    "shuffled-actions": {"shuffle_actions": True},
}
_ABLATIONS: Final[Mapping[str, dict[str, Any]]] = {
    "no-timeline": {"timeline": 0.0},
    "no-adversary": {"adversary": 0.0},
    "no-cycle": {"cycle": 0.0},
    "no-rarity": {"rarity": 0.0},
    "latent-8": {"latent": 8},
    "latent-32": {"latent": 32},
    "kl-0.05": {"kl_weight": 0.05},
    "unbounded": {"surest": 1e3},
    "no-blur": {"blur": 0.0},
    "units-32": {"units": 32},
    "units-256": {"units": 256},
    "separate-memory": {"separate_memory": True},
}
# Where the article's eyes are blind is where world v has its cut.
_BLIND: Final = {"first_kernel": 4}
# The original has some 4,000 rounds of 30 steps of 800 frames, at a rate of 1e-4 for V. What two
# cores can afford is fewer rounds at ten times the rate, of a quarter of the frames.
_ROUNDS: Final = 300
_AFFORDABLE: Final = {
    "sequences": 4,
    "vision_rate": 1e-3,
    "report_every": 20,
    "checkpoint_every": 20,
}
_JOINT_STEPS: Final = 3000
#: The cells of each table of results.
TABLES: Final = {
    "Ours": (*(f"o-{v}" for v in OTHERS), "all"),
    "Controls": tuple(f"o-m {name}" for name in _CONTROLS),
    "Ablations and other recipes": (
        *(f"o-m {name}" for name in _ABLATIONS),
        "o-v blind-edges",
        "o-m random-player",
        "o-m joint",
    ),
    "The article's recipe, slim": (*(f"o-{v} article" for v in "thcm"), "o-m article-unpaired"),
}


def experiments(data: str, folder: str) -> list[Experiment]:
    """Return all cells, the most important ones first.

    Args:
        data: Folder of the stores o.zarr, t.zarr and so on, with those of the random player in
            its folder ``random`` and of the same games in all worlds in ``paired``.
        folder: Where the models go.
    """

    def cell(
        name: str,
        about: str,
        worlds: list[str],
        changes: Mapping[str, Any] = _NONE,
        *,
        source: str = data,
        seeds: int | None = None,
    ) -> Experiment:
        """Return a cell of ours, with other settings or other games."""
        run = partial(
            measure_staged,
            data=source,
            folder=folder,
            name=name,
            worlds=worlds,
            settings=_whole(changes),
        )
        return Experiment(name, about, run, seeds)

    cells = []
    usual = _whole(_NONE)
    settings = {name: usual[name] for name in sorted(_ALONE)}
    for v in ("o", *OTHERS):
        alone = partial(measure_eyes, data=data, folder=folder, world=v, settings=settings)
        cells.append(Experiment(f"eyes {v}", f"what is learnt of world {v} alone", alone))
    cells += [cell(f"o-{v}", f"ours, o and {v}", ["o", v]) for v in OTHERS]
    cells.append(cell("all", "ours, all six worlds", ["o", *OTHERS], seeds=1))
    for name, changes in {**_CONTROLS, **_ABLATIONS}.items():
        kind = "control" if name in _CONTROLS else "ablation"
        cells.append(cell(f"o-m {name}", f"{kind}: {name}", ["o", "m"], changes))
    cells.append(cell("o-v blind-edges", "ablation: the article's edges", ["o", "v"], _BLIND))
    cells.append(
        cell("o-m random-player", "ablation: random players", ["o", "m"], source=f"{data}/random")
    )
    joint = partial(
        measure_other,
        data=data,
        folder=folder,
        worlds=["o", "m"],
        recipe="joint",
        iterations=_JOINT_STEPS,
    )
    cells.append(Experiment("o-m joint", "all losses at once", joint))
    for v, suffix in (("m", ""), ("c", ""), ("t", ""), ("h", ""), ("m", "-unpaired")):
        run = partial(
            measure_other,
            data=data if suffix else f"{data}/paired",
            folder=folder,
            worlds=["o", v],
            recipe=f"article-slim{suffix}",
            iterations=_ROUNDS,
            settings=_AFFORDABLE,
        )
        games = "games of their own" if suffix else "the same games in both worlds"
        cells.append(Experiment(f"o-{v} article{suffix}", f"the article's phases, {games}", run))
    return cells


def measure_eyes(
    seed: int, *, data: str, folder: str, world: str, settings: Mapping[str, Any]
) -> Measured:
    """Train what is learnt of a world alone, so that no two cells do so at once."""
    began = time.perf_counter()
    config = StagedConfig.from_dict({**settings, "seed": seed})
    shared = _shared(data, folder, config)
    shared.mkdir(parents=True, exist_ok=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        train_eyes(load_world(f"{data}/{world}.zarr"), config, folder=shared)
    finally:
        torch.set_num_threads(threads)
    return {"seconds": time.perf_counter() - began}


def _whole(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings, which are kept with a result: another default is another cell."""
    settings = dataclasses.asdict(StagedConfig.from_dict(changes))
    del settings["seed"]
    return settings


def _shared(data: str, folder: str, config: StagedConfig) -> Path:
    """Return the folder of what cells with these settings share."""
    usual = _whole(_NONE)
    settings = dataclasses.asdict(config)
    changed = [f"{name}-{settings[name]}" for name in usual if settings[name] != usual[name]]
    return Path(folder) / "-".join(["shared", Path(data).name, *changed]) / str(config.seed)


def measure_staged(
    seed: int,
    *,
    data: str,
    folder: str,
    name: str,
    worlds: Sequence[str],
    settings: Mapping[str, Any],
) -> Measured:
    """Train in stages, or go on with what is there, and take the mirror test."""
    began = time.perf_counter()
    loaded = [load_world(f"{data}/{world}.zarr") for world in worlds]
    config = StagedConfig.from_dict({**settings, "seed": seed})
    shared, base = _shared(data, folder, config), _shared(data, folder, StagedConfig(seed=seed))
    usual = _whole(_NONE)
    changed = {name for name in usual if getattr(config, name) != usual[name]}
    if changed.isdisjoint(_ALONE.difference(_BLUR)):
        kinds = ["vision", "timeline"]
        kinds += ["blur"] if changed.isdisjoint(_BLUR) else []
        kinds += ["translator"] if all(map(is_later, changed)) else []
        for file in (file for kind in kinds for file in base.glob(f"{kind}-*")):
            shared.mkdir(parents=True, exist_ok=True)
            if not (shared / file.name).exists():
                shutil.copy(file, shared / file.name)
    output = Path(folder) / name.replace(" ", "-") / str(seed)
    trained = train(
        loaded, config, output=output, resume=(output / "config.json").exists(), shared=shared
    )
    return _flat(mirror_test(trained, loaded), time.perf_counter() - began)


def measure_other(
    seed: int,
    *,
    data: str,
    folder: str,
    worlds: Sequence[str],
    recipe: str,
    iterations: int,
    settings: Mapping[str, Any] = _NONE,
) -> Measured:
    """Train by the joint or the original recipe, or go on, and take the mirror test.

    Args:
        seed: Of weights, batches and noise.
        data: Folder of the worlds' stores.
        folder: Where the model goes.
        worlds: Names of the worlds, world 0 first.
        recipe: ``"joint"``; ``"article-slim"``, the same games in all worlds; or
            ``"article-slim-unpaired"``, games of their own.
        iterations: Gradient steps, or rounds.
        settings: Other fields of :class:`eigenwell.worlds.MetaConfig`.
    """
    began = time.perf_counter()
    loaded = [load_world(f"{data}/{world}.zarr") for world in worlds]
    changes: dict[str, Any] = {**settings, "seed": seed, "iterations": iterations}
    if recipe == "joint":
        config = MetaConfig(**changes)
    else:
        paired = recipe == "article-slim"
        config = MetaConfig.article(len(worlds), slim=True, paired=paired, **changes)
    output = Path(folder) / f"{'-'.join(worlds)}-{recipe}" / str(seed)
    trained = train(loaded, config, output=output, resume=(output / "last.safetensors").exists())
    return _flat(mirror_test(trained, loaded), time.perf_counter() - began)


def _flat(judgement: Any, seconds: float) -> Measured:
    values: Measured = {"seconds": seconds, "score": judgement.score}
    values |= {"cycle": judgement.cycle, "prediction": judgement.prediction}
    for pair in judgement.pairs:
        assert isinstance(pair, Mirror)
        for measure in MEASURES:
            values[f"{pair.source}>{pair.target} {measure}"] = float(getattr(pair, measure))
        bars = pair.bars
        values |= {f"{pair.source}>{pair.target} {bar}": float(met) for bar, met in bars.items()}
    return values
