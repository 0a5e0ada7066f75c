"""The run: its start, its pieces, its options."""

from __future__ import annotations

import os
import signal
import sys
import threading

import numpy as np
import pytest

from eigenwell import particles
from eigenwell.errors import (
    ArgumentError,
    BackendUnavailableError,
    DeviceError,
    DTypeError,
    EigenwellError,
    ShapeError,
)
from eigenwell.particles import Interaction, Species, System, _simulate, simulate

POLYMER = particles.polymer(12)
OPTIONS = [
    {},
    {"momentum": 0.9},
    {"backend": "torch"},
    {"backend": "torch", "momentum": 0.9},
    {"backend": "torch", "optimizer": "adam"},
]


def same(one, other) -> bool:
    return np.array_equal(one.steps, other.steps) and all(
        np.array_equal(one.positions[name], other.positions[name]) for name in one.system.names
    )


def test_records_are_every_kth_state_from_the_start_on() -> None:
    each = simulate(POLYMER, steps=12)
    some = simulate(POLYMER, steps=12, record_every=4)
    assert each.steps.tolist() == list(range(13))
    assert some.steps.tolist() == [0, 4, 8, 12]
    for name in POLYMER.names:
        np.testing.assert_array_equal(some.positions[name], each.positions[name][::4])
        np.testing.assert_array_equal(some.last[name], each.positions[name][-1])


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("every", [1, 7])
def test_the_bits_do_not_depend_on_the_pieces(monkeypatch, every: int, options) -> None:
    whole = simulate(POLYMER, steps=42, record_every=every, **options)
    sizes = []
    for seconds, piece_bytes in ((0.0, 2**26), (1e9, 2**26), (1e9, 1)):
        monkeypatch.setattr(_simulate, "_SECONDS", seconds)
        monkeypatch.setattr(_simulate, "_PIECE_BYTES", piece_bytes)
        reports = []
        run = simulate(POLYMER, steps=42, record_every=every, progress=reports.append, **options)
        assert same(run, whole)
        sizes.append(len(reports))
    assert sizes[0] == 42 > sizes[1]
    assert whole.provenance["momentum"] == options.get("momentum", 0.0)


def test_progress_ends_at_the_end() -> None:
    reports = []
    simulate(POLYMER, steps=30, record_every=3, progress=reports.append)
    steps = [report.step for report in reports]
    assert steps == sorted(set(steps))
    assert steps[-1] == 30
    assert reports[-1].seconds_left == 0
    assert all(report.steps == 30 and report.steps_per_second > 0 for report in reports)


def test_a_seed_gives_one_start_and_another_seed_another() -> None:
    one, again, other = (simulate(POLYMER, steps=0, seed=seed).last for seed in (1, 1, 2))
    for name in POLYMER.names:
        np.testing.assert_array_equal(one[name], again[name])
        assert not (one[name] == other[name]).any()
    twins = System((Species("ab", 12, 1.0), Species("ba", 12, 1.0)), ())
    start = simulate(twins, steps=0).last
    assert not (start["ab"] == start["ba"]).any()


def test_other_species_do_not_change_a_start() -> None:
    alone = System((Species("protons", 12, 1e-4),), ())
    np.testing.assert_array_equal(
        simulate(alone, steps=0, seed=5).last["protons"],
        simulate(POLYMER, steps=0, seed=5).last["protons"],
    )


def test_the_start_is_the_same_in_both_dtypes_but_for_rounding() -> None:
    narrow, wide = (simulate(POLYMER, steps=0, dtype=t).last for t in ("float32", "float64"))
    for name in POLYMER.names:
        assert (narrow[name].dtype, wide[name].dtype) == (np.float32, np.float64)
        np.testing.assert_array_equal(narrow[name], wide[name].astype(np.float32))


def test_starts_have_their_distribution() -> None:
    # 30,000 coordinates: standard deviations are within 2 %, five times their standard error.
    normal = simulate(particles.sphere(10_000), steps=0).last["points"]
    uniform = simulate(particles.sphere(10_000, initial="uniform"), steps=0).last["points"]
    assert normal.std() == pytest.approx(20, rel=0.02)
    assert uniform.std() == pytest.approx(20 / 3**0.5, rel=0.02)
    assert 19 < np.abs(uniform).max() <= 20


def test_a_start_can_be_given() -> None:
    start = np.arange(36).reshape(12, 3)
    run = simulate(POLYMER, steps=3, initial={"protons": start})
    np.testing.assert_array_equal(run.positions["protons"][0], start)
    np.testing.assert_array_equal(start, np.arange(36).reshape(12, 3))
    drawn = simulate(POLYMER, steps=0).last["electrons"]
    np.testing.assert_array_equal(run.positions["electrons"][0], drawn)


def test_points_on_which_nothing_acts_stay() -> None:
    run = simulate(System((Species("idle", 3, 1.0),), ()), steps=5)
    np.testing.assert_array_equal(run.last["idle"], run.positions["idle"][0])


@pytest.mark.parametrize("backend", ["native", "torch"])
def test_pair_sets_between_and_within_species(backend: str) -> None:
    """One step against the sums written out."""
    species = (Species("a", 5, 0.01), Species("b", 7, 0.02))
    acts = [
        Interaction(first, second, exponent, 0.5, pairs)
        for first, second in (("a", "a"), ("b", "a"), ("b", "b"))
        for exponent in (1.0, -1.0)
        for pairs in ("all", "upper", "different")
    ]
    for act in acts:
        run = simulate(System(species, (act,)), steps=1, dtype="float64", backend=backend)
        states = {name: states[0] for name, states in run.positions.items()}
        forces = {name: np.zeros_like(x) for name, x in states.items()}
        for i, x in enumerate(states[act.first]):
            for j, y in enumerate(states[act.second]):
                own = act.first == act.second
                kept = {"all": not own or i != j, "upper": i < j, "different": i != j}[act.pairs]
                if kept:
                    r = np.linalg.norm(x - y)
                    force = 0.5 * act.exponent * r ** (act.exponent - 2) * (x - y)
                    forces[act.first][i] += force
                    forces[act.second][j] -= force
        for one in species:
            expected = states[one.name] - one.learning_rate * forces[one.name]
            # Twelve terms of about 1 on coordinates of about 20.
            np.testing.assert_allclose(run.last[one.name], expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("package", "options", "extra"),
    [
        ("torch", {"backend": "torch"}, "learn"),
        ("fmm3dpy", {"method": "fmm", "system": particles.sphere(9)}, "fmm"),
        ("zarr", {"output": "run"}, "particles"),
    ],
)
def test_a_missing_package_names_its_extra(monkeypatch, tmp_path, package, options, extra) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(BackendUnavailableError, match=rf'`{package}` .*"eigenwell\[{extra}\]"'):
        simulate(**({"system": POLYMER, "steps": 1} | options))


def test_ctrl_c_gets_through_the_native_loop() -> None:
    # Where a shell starts its jobs in the background they ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            simulate(particles.sphere(500), steps=10**9, record_every=10**9)
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"system": {}}, DTypeError, "`system` must be a System, got dict"),
        ({"momentum": "much"}, DTypeError, "`momentum` must be a number, got str"),
        ({"steps": -1}, ArgumentError, "`steps` must be between 0 and"),
        ({"steps": 2.5}, DTypeError, "`steps` must be an integer, got float"),
        ({"record_every": 0}, ArgumentError, "`record_every` must be between 1 and"),
        ({"steps": 10, "record_every": 3}, ArgumentError, "multiple of `record_every`, 3, .*10"),
        ({"steps": 2**50}, ArgumentError, "`record_every` must be larger: .* take .* GB"),
        ({"seed": -1}, ArgumentError, "`seed` must be between 0 and"),
        ({"dtype": "float16"}, ArgumentError, "`dtype` must be float32 or float64, got 'float16'"),
        ({"backend": "cuda"}, ArgumentError, "`backend` must be native or torch, got 'cuda'"),
        ({"method": "tree"}, ArgumentError, "`method` must be direct or fmm, got 'tree'"),
        ({"method": "fmm", "backend": "torch"}, ArgumentError, "`method` must be direct for"),
        ({"precision": 0.0}, ArgumentError, "`precision` must be above 0 and below 1, got 0"),
        ({"optimizer": "lbfgs"}, ArgumentError, "`optimizer` must be sgd or adam, got 'lbfgs'"),
        ({"optimizer": "adam"}, ArgumentError, "got 'adam': pass backend='torch'"),
        (
            {"optimizer": "adam", "backend": "torch", "momentum": 0.5},
            ArgumentError,
            "`momentum` must be 0 for optimizer='adam', got 0.5",
        ),
        ({"momentum": 1.0}, ArgumentError, "`momentum` must be at least 0 and below 1, got 1"),
        ({"device": "cuda"}, ArgumentError, "`device` must be cpu for .*: pass backend='torch'"),
        ({"device": "abacus", "backend": "torch"}, DeviceError, "`device` must be one that torch"),
        ({"initial": {"quarks": []}}, ArgumentError, "the species 'quarks', but there is only"),
        (
            {"initial": {"protons": np.zeros((12, 2))}},
            ShapeError,
            r"`initial\['protons'\]` must have shape \(12, 3\), got \(12, 2\)",
        ),
        ({"initial": {"protons": "far"}}, DTypeError, "must hold real numbers"),
        (
            {"initial": {"protons": np.full((12, 3), 1e39)}},
            ArgumentError,
            r"`initial\['protons'\]` must be finite in float32",
        ),
        (
            {"initial": {"protons": np.full((12, 3), 1e30)}},
            ArgumentError,
            r"`initial` must be coordinates whose squares float32 can hold, got 1e\+30",
        ),
        ({"resume": True}, ArgumentError, "`resume` needs `output`"),
    ],
)
def test_a_mistake_is_one_sentence(options, error, message: str) -> None:
    with pytest.raises(EigenwellError, match=message) as caught:
        simulate(**({"system": POLYMER, "steps": 4} | options))
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)
