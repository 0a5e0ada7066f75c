"""What one episode of a walker says: without K, in fewer bits, and of how its legs keep time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from eigenwell.dc import PackedPolicy
from eigenwell.errors import ArgumentError
from eigenwell.ppo.findings import _synchrony
from eigenwell.ppo.findings._walks import (
    ARTICLE,
    FIRST_SEED,
    HIPS,
    KNEES,
    LEGS,
    Hidden,
    Walk,
    actor,
    identity,
    load,
    mean_observation,
    packed,
    packed_identity,
    walk,
)
from eigenwell.studies import Experiment, Measured

WIDTHS = (2, 3, 4, 5, 6, 7, 8)
EPISODES = 100
# Frames a second of BipedalWalker-v3, and the upper end of its hips' range, rad.
_RATE = 50.0
_HIP_STOP = 1.1
_AT_STOP = 0.05
_FIRST, _SECOND = (tuple(leg) for leg in LEGS)

#: What is hidden from the neurons of the first leg, and of the second.
CUTS: Mapping[str, tuple[str, Hidden]] = MappingProxyType(
    {
        "other-leg": ("the other leg", Hidden(_SECOND, _FIRST)),
        "second-from-first": ("the second leg, from the first's neurons", Hidden(_SECOND, ())),
        "first-from-second": ("the first leg, from the second's neurons", Hidden((), _FIRST)),
        "other-joints": ("the other leg's joints", Hidden(_SECOND[:4], _FIRST[:4])),
        "other-contact": ("the other leg's contact", Hidden(_SECOND[4:], _FIRST[4:])),
        "own-leg": ("their own leg", Hidden(_FIRST, _SECOND)),
        "hull": ("the hull", Hidden(tuple(range(4)), tuple(range(4)))),
        "lidar": ("the lidar", Hidden(tuple(range(14, 24)), tuple(range(14, 24)))),
    }
)
# The step from which another episode's observations are taken: it walks by then.
_REPLAYED_FROM = 50


def measure_quadratic(source: str, seed: int, *, policy: str) -> Measured:
    """Walk with K and without, from the same seed."""
    whole = load(source, policy)
    assert isinstance(whole, PackedPolicy)
    plain = walk(whole, FIRST_SEED + seed)
    without = walk(whole.without_quadratic(), FIRST_SEED + seed)
    return _rounded(
        {
            **_score(plain),
            "return_without": without.episode_return,
            "fell_without": float(without.fell),
            "loss": plain.episode_return - without.episode_return,
        }
    )


def measure_bits(
    source: str, seed: int, *, policy: str, widths: tuple[int, ...], weights: str
) -> Measured:
    """Walk with the weights in every width, from the same seed, and with what they came from."""
    if weights != packed_identity(source, policy, widths):
        raise ArgumentError("`weights` must be the identity of the packed weights")
    plain = walk(actor(source, policy), FIRST_SEED + seed)
    values = _score(plain)
    for bits in widths:
        found = walk(packed(source, policy, bits), FIRST_SEED + seed)
        values |= {
            f"return_{bits}": found.episode_return,
            f"fell_{bits}": float(found.fell),
            f"loss_{bits}": plain.episode_return - found.episode_return,
        }
    return _rounded(values)


def measure_synchrony(source: str, seed: int, *, policy: str) -> Measured:
    """Walk twice: how the legs of one walk keep time, and by chance those of two."""
    plain = walk(actor(source, policy), FIRST_SEED + seed)
    other = walk(actor(source, policy), FIRST_SEED + EPISODES + seed)
    return _rounded({**_score(plain), **_swing(plain), **_locked(plain, other)})


def measure_cut(
    source: str, seed: int, *, policy: str, hidden: str, instead: str = "mean"
) -> Measured:
    """Walk with something hidden; its place takes the mean, or another walk's, step by step."""
    if instead == "mean":
        rows = mean_observation(source, policy)
    else:
        rows = walk(actor(source, policy), FIRST_SEED + EPISODES + seed).observations[
            _REPLAYED_FROM:
        ]
    cut = walk(CUTS[hidden][1].policy(actor(source, policy), rows), FIRST_SEED + seed)
    return _rounded({**_score(cut), **_locked(cut)})


def walker_experiments(name: str = ARTICLE, source: str = ARTICLE) -> dict[str, list[Experiment]]:
    """Return what is measured of a walker, by part: quadratic, bits, synchrony, cuts.

    Args:
        name: What its experiments' names begin with.
        source: ``"article"``, ``"trained"``, a ``.dcp`` file, a checkpoint, or the folder of a run.

    Raises:
        EigenwellError: It cannot be read.
    """
    policy = identity(source)
    walker = load(source, policy)
    whose = "the article's walker" if source == ARTICLE else f"the {name} walker"

    def experiment(what: str, about: str, measure: Callable[..., Measured], **more: Any) -> Any:
        measuring = partial(measure, source, policy=policy, **more)
        return Experiment(f"{name}-{what}", f"{whose}, {about}", measuring, EPISODES)

    parts = {
        "bits": [
            experiment(
                "bits",
                "the same seeds in 2 to 8 bits",
                measure_bits,
                widths=WIDTHS,
                weights=packed_identity(source, policy, WIDTHS),
            )
        ],
        "synchrony": [experiment("synchrony", "whole", measure_synchrony)],
        "cuts": [
            *(
                experiment(
                    f"cut-{hidden}", f"neurons see the mean of {words}", measure_cut, hidden=hidden
                )
                for hidden, (words, _) in CUTS.items()
            ),
            experiment(
                "cut-replayed",
                "neurons see the other leg of another walk",
                measure_cut,
                hidden="other-leg",
                instead="walk",
            ),
        ],
    }
    if isinstance(walker, PackedPolicy) and walker.quadratic is not None:
        about = "the same seeds with K and without"
        parts["quadratic"] = [experiment("quadratic", about, measure_quadratic)]
    return parts


def _rounded(values: dict[str, float]) -> Measured:
    """Round to what is shown with a digit to spare: thousands of results are kept."""
    return {name: round(value, 4) for name, value in values.items()}


def _score(found: Walk) -> dict[str, float]:
    return {
        "return": found.episode_return,
        "fell": float(found.fell),
        "steps": float(len(found.observations)),
    }


def _swing(found: Walk) -> dict[str, float]:
    hips = found.observations[int(_synchrony.MARGIN * _RATE) :, HIPS]
    at_stop = (hips > _HIP_STOP - _AT_STOP).mean(axis=0)
    values: dict[str, float] = {}
    for i, leg in enumerate(("first", "second")):
        values[f"swing_{leg}"] = float(hips[:, i].std())
        values[f"at_stop_{leg}"] = float(at_stop[i])
        values[f"frequency_{leg}"] = _synchrony.dominant_frequency(hips[:, i], rate=_RATE)
    return values


def _locked(found: Walk, other: Walk | None = None) -> dict[str, float]:
    """Compare the phases of the legs; of a walk that ends early nothing is said."""
    shortest = 4 * _synchrony.MARGIN * _RATE
    walks = [found] if other is None else [found, other]
    if any(len(each.observations) < shortest for each in walks):
        return {}
    values: dict[str, float] = {}
    for joint, (first, second) in (("hips", HIPS), ("knees", KNEES)):
        # The rhythm is the walk's own, as the phases are.
        phases = [
            [_synchrony.phase(x[:, i], frequency, rate=_RATE) for i in (first, second)]
            for x in (each.observations for each in walks)
            for frequency in [_synchrony.dominant_frequency(x[:, first], x[:, second], rate=_RATE)]
        ]
        together = _synchrony.locking(*phases[0])
        values |= {joint: together.value, f"{joint}_difference": together.difference}
        if other is not None:
            chance = [
                _synchrony.locking(phases[0][0], phases[1][1]).value,
                _synchrony.locking(phases[1][0], phases[0][1]).value,
            ]
            level = float(np.mean(chance))
            values |= {
                f"{joint}_by_chance": level,
                f"{joint}_above_chance": together.value - level,
            }
    return values
