"""The run of a system: from its start, step by step, into a trajectory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

from eigenwell import _checks, _native
from eigenwell import backend as native_backend
from eigenwell.errors import ArgumentError, DTypeError
from eigenwell.particles._divergence import Bounds, DivergenceError, search
from eigenwell.particles._engines import Array, Engine, GradientDescent, NativeDescent, State
from eigenwell.particles._fmm import FastMultipole
from eigenwell.particles._initial import initial_state
from eigenwell.particles._recording import Recording
from eigenwell.particles._system import System
from eigenwell.particles._torch_descent import TorchDescent
from eigenwell.particles._trajectory import Trajectory

_MOST_STEPS = 2**53
# Between two looks at the run: often enough for a progress bar and for what a killed run loses,
# rarely enough that the looks cost nothing.
_SECONDS = 0.5
_PIECE_BYTES = 2**26


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        step: Steps done, those of an earlier run that it resumes included.
        steps: Steps in all.
        steps_per_second: Mean of this run.
        seconds_left: At that speed.
    """

    step: int
    steps: int
    steps_per_second: float
    seconds_left: float


def simulate(
    system: System,
    *,
    steps: SupportsIndex,
    record_every: SupportsIndex = 1,
    seed: SupportsIndex = 0,
    initial: Mapping[str, npt.ArrayLike] | None = None,
    dtype: str = "float32",
    device: str = "cpu",
    backend: str = "native",
    method: str = "direct",
    precision: float = 1e-6,
    optimizer: str = "sgd",
    momentum: float = 0.0,
    output: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: Callable[[Progress], object] | None = None,
) -> Trajectory:
    """Descend on a system's energy, all points at once: ``x <- x - learning_rate * dE/dx``.

    Args:
        system: What moves, and what acts on it.
        steps: Number of steps, a multiple of `record_every`.
        record_every: Record every k-th state. Record 0 is the start.
        seed: Of the start, at least 0. Each species has a stream of its own, named by the seed and
            its name: other species do not change its start.
        initial: Positions ``(count, dimension)`` to start from instead, by species' name.
        dtype: ``"float32"`` or ``"float64"``.
        device: A device of torch's, for that backend.
        backend: ``"native"``: the whole loop in native code on the CPU; ``"torch"``: torch's
            optimizers with the native gradients, on `device`.
        method: ``"direct"``: every pair; ``"fmm"``: the fast multipole method, for exponents 1 and
            -1 in three dimensions, in a NumPy loop on the CPU. Below tens of thousands of points
            ``"direct"`` is the faster one.
        precision: Relative precision asked of ``"fmm"``.
        optimizer: ``"sgd"``, or ``"adam"`` (``torch.optim.Adam``, torch backend).
        momentum: Of ``"sgd"``, in [0, 1): ``v <- momentum * v + dE/dx``, ``x <- x - rate * v``.
        output: A Zarr folder to record into as the run goes; a run that is killed, interrupted or
            out of disk leaves there what it recorded.
        resume: Go on where `output` ends, as if the run had never stopped. What must be the same is
            compared. Without an `output` that exists the run starts anew.
        progress: Called about twice a second with a :class:`Progress`.

    Returns:
        The trajectory; all of it, if resumed.

    Raises:
        ArgumentError: An option is not allowed, or `output` cannot be written or resumed.
        ShapeError: A start of another shape.
        DTypeError: A start that is not of real numbers.
        DeviceError: torch cannot use the device.
        FormatError: `output` is to be resumed and is no trajectory, or damaged.
        BackendUnavailableError: An optional package is missing.
        DivergenceError: Positions are not finite any more or explode; it has the step and what was
            recorded before. They explode when a coordinate passes a million times what the start
            and forces as at distance 1 could have brought it to by that step, or when its square
            comes near to overflow. Unbound points that drift are far from it.

    Note:
        O(steps n^2 dimension) time by ``"direct"``. The same bits for every number of threads and
        however often the run was resumed, on one device and instruction set.

    Example:
        >>> from eigenwell import particles
        >>> run = particles.simulate(particles.sphere(100), steps=20, record_every=10)
        >>> run.steps.tolist(), run.positions["points"].shape
        ([0, 10, 20], (3, 100, 3))
    """
    if not isinstance(system, System):
        raise DTypeError(f"`system` must be a System, got {type(system).__name__}")
    every = _checks.integer(record_every, "record_every", low=1, high=_MOST_STEPS)
    last = _checks.integer(steps, "steps", low=0, high=_MOST_STEPS)
    if last % every:
        raise ArgumentError(
            f"`steps` must be a multiple of `record_every`, {every}, so that the last state is "
            f"recorded, got {last}"
        )
    seed = _checks.integer(seed, "seed", low=0, high=2**128)
    momentum = _checks.finite(momentum, "momentum")
    precision = _checks.finite(precision, "precision")
    engine = _engine(
        system,
        backend=backend,
        method=method,
        precision=precision,
        optimizer=optimizer,
        momentum=momentum,
        device=device,
    )
    if dtype not in {"float32", "float64"}:
        raise ArgumentError(f"`dtype` must be float32 or float64, got {dtype!r}")
    start = initial_state(system, seed, initial or {}, np.dtype(dtype))
    bounds = Bounds(system, start, momentum)
    if bounds.first_astray(np.zeros(1), tuple(x[None] for x in start.positions)) is not None:
        raise ArgumentError(
            f"`initial` must be coordinates whose squares {dtype} can hold, got {bounds.start:g}"
        )
    provenance = {
        "seed": seed,
        "dtype": dtype,
        "record_every": every,
        "backend": backend,
        "method": method,
        "precision": precision if method == "fmm" else None,
        "optimizer": optimizer,
        "momentum": momentum,
        "device": device,
        "versions": {
            "eigenwell": _native.__version__,
            "numpy": np.__version__,
            "isa": native_backend.active_isa(),
        },
    }
    recording = Recording.begin(
        Trajectory(
            system,
            np.zeros(1, np.int64),
            dict(zip(system.names, (x[None] for x in start.positions), strict=True)),
            provenance,
        ),
        last,
        output,
        resume=resume,
    )
    _run(engine, bounds, recording, steps=last, every=every, progress=progress)
    return recording.trajectory()


def _run(
    engine: Engine,
    bounds: Bounds,
    recording: Recording,
    *,
    steps: int,
    every: int,
    progress: Callable[[Progress], object] | None,
) -> None:
    state = recording.state
    step = first = recording.step
    most = every * max(1, _PIECE_BYTES // sum(x.nbytes for x in state.positions))
    began = time.perf_counter()
    count = 1
    while step < steps:
        # Several intervals of records or a part of one: whichever, the bits are the same.
        left = every - step % every
        count = count // every * every if count >= left == every else min(count, left)
        count = min(count, most, steps - step)
        before = time.perf_counter()
        following, records = engine.advance(state, count, left)
        seconds = max(time.perf_counter() - before, 1e-9)
        _keep(engine, bounds, recording, _Piece(step, count, left, state, following, records))
        state, step = following, step + count
        if progress is not None:
            speed = (step - first) / max(time.perf_counter() - began, 1e-9)
            progress(Progress(step, steps, speed, (steps - step) / speed))
        count = max(1, min(10 * count, int(_SECONDS / seconds * count)))


@dataclass(frozen=True)
class _Piece:
    """Some steps in one go: ``count`` after ``step``, recorded every ``every``."""

    step: int
    count: int
    every: int
    before: State
    after: State
    records: tuple[Array, ...]


def _keep(engine: Engine, bounds: Bounds, recording: Recording, piece: _Piece) -> None:
    """Record a piece; if it went astray, only what lies before that, and say where."""
    steps = piece.step + piece.every * np.arange(1, 1 + len(piece.records[0]), dtype=np.int64)
    if bounds.first_astray(steps, piece.records) is None and all(
        np.isfinite(x).all() for x in piece.after.positions
    ):
        if len(steps):
            recording.append(steps, piece.records, piece.after.memory)
        return
    step, states = search(engine, bounds, piece.before, piece.step, piece.count)
    good = int((steps < step).sum())
    if good:
        # Without the optimizer's memory: nobody goes on from there.
        recording.append(steps[:good], tuple(x[:good] for x in piece.records), {})
    species, message = bounds.explain(step, states, recording.system)
    kept = recording.trajectory()
    raise DivergenceError(
        f"{message} (recorded up to step {kept.steps[-1]})",
        step=step,
        species=species,
        trajectory=kept,
    )


def _engine(
    system: System,
    *,
    backend: str,
    method: str,
    precision: float,
    optimizer: str,
    momentum: float,
    device: str,
) -> Engine:
    for name, value, allowed in (
        ("backend", backend, ("native", "torch")),
        ("method", method, ("direct", "fmm")),
        ("optimizer", optimizer, ("sgd", "adam")),
    ):
        if value not in allowed:
            raise ArgumentError(f"`{name}` must be {' or '.join(allowed)}, got {value!r}")
    if not 0 <= momentum < 1:
        raise ArgumentError(f"`momentum` must be at least 0 and below 1, got {momentum}")
    if not 0 < precision < 1:
        raise ArgumentError(f"`precision` must be above 0 and below 1, got {precision}")
    if optimizer == "adam" and momentum:
        raise ArgumentError(f"`momentum` must be 0 for optimizer='adam', got {momentum}")
    if backend == "torch":
        if method != "direct":
            raise ArgumentError("`method` must be direct for backend='torch', got 'fmm'")
        return TorchDescent(system, momentum, optimizer, device)
    if optimizer != "sgd":
        raise ArgumentError(
            "`optimizer` must be sgd for backend='native', got 'adam': pass backend='torch'"
        )
    if device != "cpu":
        raise ArgumentError(
            f"`device` must be cpu for backend='native', got {device!r}: pass backend='torch'"
        )
    if method == "fmm":
        return GradientDescent(system, momentum, FastMultipole(system, precision))
    return NativeDescent(system, momentum)
