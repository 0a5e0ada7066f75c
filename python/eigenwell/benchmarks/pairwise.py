"""Pairwise energies against what one would use otherwise: torch, KeOps, SciPy, JAX.

The sum of all distances of one cloud of float32 points, alone or with its gradient. All contenders
run on the same number of threads, KeOps in processes of its own; each is checked against float64
first.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import math
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell import backend, pairwise, reference
from eigenwell._checks import require
from eigenwell.benchmarks import _elsewhere
from eigenwell.benchmarks._elsewhere import Elsewhere
from eigenwell.benchmarks._timing import Contender
from eigenwell.errors import BackendUnavailableError

Float32 = npt.NDArray[np.float32]
Call = Callable[[], tuple[float, npt.NDArray[Any] | None]]

#: Largest relative error of eigenwell; the others are shown with theirs, whatever it is.
TOLERANCE = 1e-6

# Rows of the gradient that are compared: the oracle takes O(rows * n * d) memory.
_ROWS = 64

_FAST = "-march=native -ffast-math"


@dataclass(frozen=True)
class Task:
    """What is timed.

    Attributes:
        x: The cloud, ``(n, d)``.
        gradient: Whether the gradient is wanted, too.
    """

    x: Float32
    gradient: bool

    @functools.cached_property
    def exact(self) -> tuple[float, npt.NDArray[np.intp], npt.NDArray[np.float64]]:
        """Energy in float64, some rows, and their gradient."""
        n = len(self.x)
        rows = np.linspace(0, n - 1, min(_ROWS, n)).astype(np.intp)
        energy = float(np.float64(pairwise.energy(self.x.astype(np.float64))))
        return energy, rows, 2 * reference.riesz_gradient(self.x[rows], self.x)[0]


def cloud(n: int, d: int, *, centre: float = 0.0, seed: int = 0) -> Float32:
    """Points of a cloud of radius about 1 around ``(centre, ..., centre)``, ``(n, d)``."""
    rng = np.random.default_rng(seed)
    points: Float32 = (rng.standard_normal((n, d)) / np.sqrt(d) + centre).astype(np.float32)
    return points


@contextlib.contextmanager
def threads(number: int) -> Iterator[None]:
    """Give every contender the same number of threads inside of a ``with`` block.

    On Linux so many processors, too: JAX has no other way to be told.
    """
    with contextlib.ExitStack() as stack:
        for name in ("EIGENWELL_NUM_THREADS", "OMP_NUM_THREADS"):
            stack.callback(_restore, name, os.environ.get(name))
            os.environ[name] = str(number)
        if sys.platform == "linux":
            mine = os.sched_getaffinity(0)
            stack.callback(os.sched_setaffinity, 0, mine)
            os.sched_setaffinity(0, sorted(mine)[:number])
        with contextlib.suppress(BackendUnavailableError):
            torch = require("torch", extra="bench")
            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(number)
        with contextlib.suppress(BackendUnavailableError):
            pools = require("threadpoolctl", extra="bench")
            stack.enter_context(pools.threadpool_limits(number))
        yield


@dataclass(frozen=True)
class Absence:
    """A contender that cannot do a task.

    Attributes:
        name: Its name.
        reason: A few words.
    """

    name: str
    reason: str


def isas() -> list[str]:
    """Return the instruction sets that have pairwise kernels of their own, the fastest last."""
    return [isa for isa in backend.available_isas() if isa != "avx512vbmi"]  # runs avx512's


def contenders(
    task: Task, *, expected: Mapping[str, float] | None = None, longest: float = math.inf
) -> Iterator[Contender | Absence]:
    """Yield every contender, ours last; one that cannot do the task as an absence.

    An item is an ordered pair (i, j), i != j counted twice, whatever the contender does with it.

    Args:
        task: What is timed.
        expected: Seconds that a call will take, by name, for those where a smaller task told.
        longest: Seconds from which a call is not worth it.
    """
    items = len(task.x) ** 2
    for name, build, numbers in _builders(task):
        seconds = (expected or {}).get(name, 0.0)
        size = 4 * items * numbers
        if size > _free_bytes():
            yield Absence(name, f"needs {size / 1e9:,.0f} GB")
        elif seconds > longest:
            yield Absence(name, f"takes some {seconds:,.0f} s")
        else:
            try:
                yield build(name, task, items)
            except BackendUnavailableError:
                yield Absence(name, "not installed")


_Builder = Callable[[str, Task, int], Contender]


def _builders(task: Task) -> Iterator[tuple[str, _Builder, float]]:
    """Yield names, builders, and how many numbers for each ordered pair they hold in memory."""
    gradient = task.gradient
    # Measured. JAX keeps the differences of all coordinates, and their derivatives, for later.
    yield "torch.cdist", _here(_torch_cdist("donot_use_mm_for_euclid_dist")), 3 if gradient else 1
    yield (
        "torch.cdist, matmul",
        _here(_torch_cdist("use_mm_for_euclid_dist")),
        2.25 if gradient else 1,
    )
    yield "torch.pdist", _here(_torch_pdist), 0.5
    yield "KeOps", _keops_elsewhere(""), 0
    yield f"KeOps {_FAST}", _keops_elsewhere(_FAST), 0
    yield "JAX jit", _here(_jax), 2 * task.x.shape[1] if gradient else 1
    if not gradient:
        yield "SciPy pdist", _here(_scipy), 1
    for isa in isas():
        yield f"eigenwell {isa}", _here(functools.partial(_eigenwell, isa=isa)), 0


def _here(build: Callable[[Task], Call]) -> _Builder:
    return lambda name, task, items: Contender(name, build(task), items)


def _keops_elsewhere(flags: str) -> _Builder:
    """KeOps reads its compiler flags once: each flavour has a process of its own.

    With -ffast-math that process also rounds subnormal numbers to 0 from then on, everywhere.
    """

    def build(name: str, task: Task, items: int) -> Contender:
        if importlib.util.find_spec("pykeops") is None:
            raise BackendUnavailableError("`pykeops` is not installed")
        return _process(flags, os.environ.get("OMP_NUM_THREADS")).contender(
            name, _keops, task, items
        )

    return build


@functools.cache
def _process(flags: str, threads: str | None) -> Elsewhere:
    number = {} if threads is None else {"OMP_NUM_THREADS": threads}
    return Elsewhere({"CXXFLAGS": flags, **number})


def _free_bytes() -> float:
    """Return how much memory a contender may take: four fifths of what is free, if known."""
    try:
        found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    except OSError:
        found = None
    return math.inf if found is None else 0.8 * 1024 * int(found[1])


def error_of(task: Task, contender: Contender) -> tuple[float, float | None]:
    """Return a contender's relative errors: of the energy, and of the gradient in the 2-norm."""
    energy, gradient = contender.call()
    exact, rows, wanted = task.exact
    energy_error = abs(float(energy) / exact - 1)
    if gradient is None:
        return energy_error, None
    difference = np.asarray(gradient, dtype=np.float64)[rows] - wanted
    return energy_error, float(np.linalg.norm(difference) / np.linalg.norm(wanted))


def peak_bytes(contender: Contender) -> int | None:
    """Return by how much a call raises the resident memory at most; None where nobody knows."""
    return _elsewhere.peak_bytes(contender.call) if contender.peak is None else contender.peak()


def _restore(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def _eigenwell(task: Task, *, isa: str) -> Call:
    def call() -> tuple[float, npt.NDArray[Any] | None]:
        backend.force_isa(isa)  # 0.2 microseconds
        if task.gradient:
            energy, gradient = pairwise.energy_and_gradient(task.x)[:2]
            return float(np.float64(energy)), gradient
        return float(np.float64(pairwise.energy(task.x))), None

    return call


def _torch_cdist(mode: str) -> Callable[[Task], Call]:
    def build(task: Task) -> Call:
        torch = require("torch", extra="bench")

        def loss(x: Any) -> Any:
            return torch.cdist(x, x, compute_mode=mode).sum()

        return _torch(torch, task, loss)

    return build


def _torch_pdist(task: Task) -> Call:
    torch = require("torch", extra="bench")
    return _torch(torch, task, lambda x: 2 * torch.pdist(x).sum())


def _torch(torch: Any, task: Task, loss: Callable[[Any], Any]) -> Call:
    x = torch.tensor(task.x, requires_grad=task.gradient)

    def call() -> tuple[float, npt.NDArray[Any] | None]:
        value = loss(x)
        if not task.gradient:
            return float(value), None
        (gradient,) = torch.autograd.grad(value, x)
        return float(value.detach()), gradient.numpy()

    return call


def _keops(task: Task) -> Call:
    torch = require("torch", extra="bench")
    lazy = require("pykeops.torch", extra="bench").LazyTensor

    def loss(x: Any) -> Any:
        rows, columns = lazy(x[:, None, :]), lazy(x[None, :, :])
        return ((rows - columns) ** 2).sum(-1).sqrt().sum(1).sum()

    return _torch(torch, task, loss)


def _jax(task: Task) -> Call:
    jax = require("jax", extra="bench")
    jnp = require("jax.numpy", extra="bench")
    x = jnp.asarray(task.x)

    def loss(x: Any) -> Any:
        squares = ((x[:, None, :] - x[None, :, :]) ** 2).sum(-1)
        # The square root has no derivative at 0: the diagonal is kept away from it.
        positive = squares > 0
        return jnp.where(positive, jnp.sqrt(jnp.where(positive, squares, 1.0)), 0.0).sum()

    run = jax.jit(jax.value_and_grad(loss) if task.gradient else loss)

    def call() -> tuple[float, npt.NDArray[Any] | None]:
        if not task.gradient:
            return float(run(x)), None
        value, gradient = run(x)
        return float(value), np.asarray(gradient)

    return call


def _scipy(task: Task) -> Call:
    distance = require("scipy.spatial.distance", extra="bench")

    def call() -> tuple[float, npt.NDArray[Any] | None]:
        return 2 * float(distance.pdist(task.x).sum()), None

    return call
