"""Experiments with the article's electrons, protons and neutrons."""

from __future__ import annotations

from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from eigenwell.particles import observe
from eigenwell.particles._presets import polymer
from eigenwell.particles._simulate import simulate
from eigenwell.particles._system import System
from eigenwell.studies import Experiment, Measured

#: The pairs of species by their initials, in the order of the preset's interactions.
PAIRS = ("ee", "pp", "nn", "ep", "ne", "np")

_STEPS = 10_000
_RECORD_EVERY = 500


def system(n: int, masked: str) -> System:
    """Return the polymer with the triangular mask on some pairs of species only.

    Args:
        n: Particles of each species.
        masked: Pairs of species by their initials with the mask i < j, joined by ``+``; the others
            count every ordered pair at half the weight.
    """
    upper, every = polymer(n, pairs="upper"), polymer(n, pairs="all")
    names = masked.split("+") if masked else []
    return System(
        upper.species,
        tuple(
            upper.interactions[i] if pair in names else every.interactions[i]
            for i, pair in enumerate(PAIRS)
        ),
    )


def measure(seed: int, *, n: int, masked: str = "+".join(PAIRS), steps: int = _STEPS) -> Measured:
    """Run a polymer and measure its neutrons."""
    run = simulate(system(n, masked), steps=steps, record_every=_RECORD_EVERY, seed=seed)
    neutrons = run.positions["neutrons"]
    held = observe.bound(neutrons[-1])
    points = neutrons[-1][held.mask]
    indices = np.flatnonzero(held.mask)
    order = observe.chain_order(points, indices=indices)
    curve = observe.principal_curve(points, indices=indices)
    values: Measured = {
        "bound": held.fraction,
        "order": order.order,
        "by_chance": order.by_chance,
        "repeatability": order.repeatability,
        "anisotropy": observe.gyration(points).anisotropy,
        "thickness": curve.thickness / curve.length,
    }
    values["writhe"] = abs(curve.writhe)
    helix = observe.helix_fit(points, curve.arc)
    values |= {
        "helix": helix.explained(curve.thickness),
        "helix_over_wave": helix.residual / helix.wave,
        "helix_over_arc": helix.residual / helix.arc,
        "turns": helix.turns,
        "right_handed": float(helix.handedness > 0),
    }
    grown = observe.growth(run.steps, neutrons)
    first, last = grown.end_shares
    late = grown.places[grown.joined_steps > steps / 2]
    values |= {
        "joined": float(len(grown.places)),
        "joined_first": first,
        "joined_last": last,
        "steps": [float(step) for step in grown.steps],
        "count_at": [float(count) for count in grown.counts],
    }
    if len(late):
        values["joined_late"] = float((late >= 0.8).mean())
    ratios = {}
    for name, states in run.last.items():
        around = observe.shield(curve, states, resamples=1)
        ratios[name] = float(np.log2(around.ratio))
        values[f"shield_{name}"] = ratios[name]
        values[f"along_{name}"] = [float(count) for count in around.counts]
    values["shield_beyond"] = ratios["protons"] - ratios["neutrons"]
    return values


def measure_permuted(seed: int, *, n: int, steps: int = _STEPS) -> Measured:
    """Run a polymer twice from the same points, which carry other indices the second time."""
    everything = "+".join(PAIRS)
    plain = simulate(system(n, everything), steps=steps, record_every=steps, seed=seed)
    permutation = np.random.default_rng(seed).permutation(n)
    start: dict[str, Any] = {name: x[0][permutation] for name, x in plain.positions.items()}
    mixed = simulate(
        system(n, everything), steps=steps, record_every=steps, seed=seed, initial=start
    )
    x = mixed.last["neutrons"]
    held = observe.bound(x).mask
    return {
        "order_new": observe.chain_order(x[held], indices=np.flatnonzero(held)).order,
        "order_old": observe.chain_order(x[held], indices=permutation[held]).order,
    }


def experiments() -> list[Experiment]:
    """Return what the claims about the polymer rest on."""
    runs = [
        Experiment(
            f"polymer-{n}",
            f"{n:,} of each species, triangular mask, 10,000 steps",
            partial(measure, n=n),
            seeds,
        )
        for n, seeds in ((100, None), (300, None), (1000, None), (3000, 3))
    ]
    # Within a species the mask only halves the pairs, so there the weight makes up for it.
    between = PAIRS[3:]
    masks = {"none": (), "within": PAIRS[:3]}
    masks |= {
        "+".join(chosen): chosen for count in (1, 2, 3) for chosen in combinations(between, count)
    }
    runs += [
        Experiment(
            f"mask-{name}",
            f"300 of each species, mask on {', '.join(masked) or 'no pair'}, 10,000 steps",
            partial(measure, n=300, masked="+".join(masked)),
        )
        for name, masked in masks.items()
    ]
    runs.append(
        Experiment(
            "permuted",
            "300 of each species, the same start with other indices, 10,000 steps",
            partial(measure_permuted, n=300),
        )
    )
    return runs
