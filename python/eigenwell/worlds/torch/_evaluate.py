"""The mirror test of a model, on held-out frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from eigenwell.errors import ArgumentError
from eigenwell.worlds import _storage, mirror, variants
from eigenwell.worlds.torch._batches import held_out
from eigenwell.worlds.torch._model import MetaModel, Trained, decode, encode
from eigenwell.worlds.torch._phases import cycle_loss

# Frames that the memory has seen before it is asked for the next one.
_CONTEXT = 8
#: Frames among which retrieval is measured in training.
WATCHED = 200
_CHUNK = 250

# Where the objects are in decoded logits of a world, against the labels.
_Find: TypeAlias = Callable[[Tensor, str], mirror.ObjectErrors]


@dataclass(frozen=True)
class Judgement:
    """The mirror test of a model.

    Attributes:
        pairs: From every world to every other.
        cycle: Mean squared distance of a latent from what comes back by way of another world's
            decoder and encoder, in variances of the latents.
        prediction: Loss of predicted frames, in losses of the mean frame.
        score: Their sum: lower is better. It needs no pairs, so it may choose among seeds.
    """

    pairs: tuple[mirror.Mirror, ...]
    cycle: float
    prediction: float

    @property
    def score(self) -> float:
        """Cycle error and prediction loss together."""
        return self.cycle + self.prediction

    @property
    def passed(self) -> bool:
        """Whether every pair reaches the bars 1 to 3."""
        return all(pair.passed for pair in self.pairs)


@dataclass(frozen=True)
class _Seen:
    """A world's view of the same games.

    Attributes:
        frames: The frames, ``(n, 64, 64)``, and the next ones.
        latents: Of the frames.
        predicted: Latents of the next frame, by the memory.
    """

    frames: npt.NDArray[np.float32]
    following: npt.NDArray[np.float32]
    latents: Tensor
    predicted: Tensor


@dataclass(frozen=True)
class _Own:
    """What a world's decoder makes of its own latents.

    Attributes:
        loss: Nats per frame.
        predicted: Of the next frame.
        ball: Distances from its place in pixels, ``(n,)``.
    """

    loss: float
    predicted: float
    ball: npt.NDArray[np.float64]


def mirror_test(
    trained: Trained, worlds: Sequence[_storage.World], *, frames: int = 1000, seed: int = 0
) -> Judgement:
    """Ask every pair of worlds for the bars 1 to 3, and the model for its unsupervised score.

    The frames are held-out ones of world 0's games; every world shows the same ones. The score
    takes each world's own.

    Args:
        trained: The model.
        worlds: Those that it was trained on.
        frames: How many, all distinct.
        seed: Of their choice.

    Raises:
        ArgumentError: The worlds are others, or hold too few frames.
    """
    _check_same(trained, worlds)
    episodes, times = held_out(worlds[0], frames, seed, before=_CONTEXT - 1, after=1)
    labels = worlds[0].block.labels[episodes[:, 0], times[:, _CONTEXT - 1]].astype(np.float32)
    seen = [
        _seen(trained.model, number, worlds[0], world.variant, (episodes, times))
        for number, world in enumerate(worlds)
    ]

    def find(logits: Tensor, variant: str) -> mirror.ObjectErrors:
        shown = logits.sigmoid().numpy()
        return mirror.object_errors(shown, labels, variant, worlds[0].origin.game)

    own = [_own(trained, number, each, find) for number, each in enumerate(seen)]
    pairs = [
        _pair(trained, seen, own, (source, target), find)
        for source in range(len(worlds))
        for target in range(len(worlds))
        if source != target
    ]
    cycle, prediction = _unsupervised(trained.model, worlds, min(frames, 500), seed)
    return Judgement(tuple(pairs), cycle, prediction)


def watch(model: MetaModel, worlds: Sequence[_storage.World], *, seed: int) -> dict[str, float]:
    """Return the worst pair's retrieval among a few held-out frames, to watch a training run."""
    episodes, times = held_out(worlds[0], WATCHED, seed, or_fewer=True)
    latents = [
        encode(model.vision(number), worlds[0].shown(episodes[:, 0], times[:, 0], world.variant))
        for number, world in enumerate(worlds)
    ]
    shares = [
        mirror.retrieval(a.numpy(), b.numpy()) for a in latents for b in latents if a is not b
    ]
    return {"top_1": min(shares)}


def grid(
    trained: Trained, worlds: Sequence[_storage.World], *, columns: int = 8, seed: int = 0
) -> list[tuple[str, npt.NDArray[np.float32]]]:
    """Return the rows of a cross-decoding grid: a title and frames ``(columns, 64, 64)`` each.

    For every world: the true frames, their own reconstruction, what it decodes from every other
    world's latents, and the next frame that the memory predicts.

    Raises:
        ArgumentError: The worlds are others.
    """
    _check_same(trained, worlds)
    episodes, times = held_out(
        worlds[0], columns, seed, before=_CONTEXT - 1, after=1, or_fewer=True
    )
    model = trained.model
    seen = [
        _seen(model, number, worlds[0], world.variant, (episodes, times))
        for number, world in enumerate(worlds)
    ]
    rows = []
    for target, name in enumerate(trained.variants):
        rows.append((f"{name}: true", seen[target].frames))
        for source, other in enumerate(trained.variants):
            title = f"{name}: own" if source == target else f"{name} from {other}"
            rows.append((title, _picture(model, target, seen[source].latents)))
        rows.append((f"{name}: true next", seen[target].following))
        rows.append((f"{name}: predicted", _picture(model, target, seen[target].predicted)))
    return rows


def _check_same(trained: Trained, worlds: Sequence[_storage.World]) -> None:
    names = tuple(world.origin.variant for world in worlds)
    if names != trained.variants:
        raise ArgumentError(
            f"`worlds` must be {', '.join(trained.variants)}, got {', '.join(names)}"
        )


def _seen(
    model: MetaModel,
    number: int,
    world: _storage.World,
    variant: variants.Variant,
    places: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]],
) -> _Seen:
    """Show sequences ``(n, context + 1)`` of a world's games in a variant to that one's V."""
    episodes, times = places
    latents, frames, following = [], [], []
    for start in range(0, len(times), _CHUNK):
        part = slice(start, start + _CHUNK)
        shown = world.shown(episodes[part], times[part], variant)
        flat = encode(model.vision(number), shown[:, :-1].reshape(-1, *shown.shape[2:]))
        latents.append(flat.reshape(len(shown), _CONTEXT, -1))
        frames.append(shown[:, -2])
        following.append(shown[:, -1])
    z = torch.cat(latents)
    actions = torch.from_numpy(world.block.actions[episodes, times[:, :-1]].astype(np.int64))
    with torch.no_grad():
        said, _ = model.memory(number)(z, functional.one_hot(actions, model.actions).float())
    return _Seen(np.concatenate(frames), np.concatenate(following), z[:, -1], said[:, -1])


def _own(trained: Trained, number: int, seen: _Seen, find: _Find) -> _Own:
    vision = trained.model.vision(number)
    logits = decode(vision, seen.latents)
    return _Own(
        loss=_loss(logits, seen.frames),
        predicted=_loss(decode(vision, seen.predicted), seen.following),
        ball=find(logits, trained.variants[number]).ball,
    )


def _pair(
    trained: Trained, seen: list[_Seen], own: list[_Own], pair: tuple[int, int], find: _Find
) -> mirror.Mirror:
    names, (source, target) = trained.variants, pair
    vision, there, here = trained.model.vision(target), seen[target], seen[source]
    logits = decode(vision, here.latents)
    errors = find(logits, names[target])
    in_play = ~np.isnan(errors.ball)
    queries, keys = here.latents.numpy(), there.latents.numpy()
    return mirror.Mirror(
        source=names[source],
        target=names[target],
        top_1=mirror.retrieval(queries, keys),
        top_5=mirror.retrieval(queries, keys, min(5, len(keys))),
        own_loss=own[target].loss,
        cross_loss=_loss(logits, there.frames),
        own_predicted=own[target].predicted,
        cross_predicted=_loss(decode(vision, here.predicted), there.following),
        player_pixels=_median(errors.player),
        opponent_pixels=_median(errors.opponent),
        ball_found=_share(errors.ball[in_play]),
        ball_frames=int(in_play.sum()),
        own_ball_found=_share(own[target].ball[in_play]),
        frames=len(there.frames),
    )


def _unsupervised(
    model: MetaModel, worlds: Sequence[_storage.World], frames: int, seed: int
) -> tuple[float, float]:
    """Return relative cycle error and relative prediction loss, from each world's own games."""
    latents, predicted, mean = [], 0.0, 0.0
    for number, world in enumerate(worlds):
        episodes, times = held_out(world, frames, seed, before=_CONTEXT - 1, after=1)
        seen = _seen(model, number, world, world.variant, (episodes, times))
        latents.append(seen.latents)
        predicted += _loss(decode(model.vision(number), seen.predicted), seen.following)
        usual = torch.from_numpy(seen.following.mean(axis=0)).clamp(1e-4, 1 - 1e-4).logit()
        mean += _loss(usual.expand(len(seen.following), -1, -1), seen.following)
    z = torch.stack(latents)
    with torch.no_grad():
        error = float(cycle_loss(model, z[:, :, None]))
    spread = float(z.var(dim=1).sum())  # 0 of an encoder that sees nothing
    return error / spread if spread > 0 else float("inf"), predicted / mean


def _picture(model: MetaModel, world: int, latents: Tensor) -> npt.NDArray[np.float32]:
    shown: npt.NDArray[np.float32] = decode(model.vision(world), latents).sigmoid().numpy()
    return shown


def _loss(logits: Tensor, frames: Any) -> float:
    truth = torch.from_numpy(frames)
    total = functional.binary_cross_entropy_with_logits(logits, truth, reduction="sum")
    return float(total) / len(frames)


def _median(errors: npt.NDArray[np.float64]) -> float:
    there = errors[~np.isnan(errors)]
    return float(np.median(there)) if len(there) else float("nan")


def _share(errors: npt.NDArray[np.float64]) -> float:
    return float((errors <= mirror.BALL_PIXELS).mean()) if len(errors) else float("nan")
