"""Pairwise energies against what one would use otherwise: torch, KeOps, SciPy, JAX.

The sum of all distances of one cloud of float32 points, alone or with its gradient. All contenders
run in one process on the same number of threads; each is checked against float64 first.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eigenwell import backend, pairwise, reference
from eigenwell._checks import require
from eigenwell.benchmarks._timing import Contender
from eigenwell.errors import BackendUnavailableError

Float32 = npt.NDArray[np.float32]
Call = Callable[[], tuple[float, npt.NDArray[Any] | None]]

#: Largest relative error of eigenwell; the others are shown with theirs, whatever it is.
TOLERANCE = 1e-6

# Rows of the gradient that are compared: the oracle takes O(rows * n * d) memory.
_ROWS = 64

# Matrices are not made beyond this size: n * n numbers of 4 bytes, some six times.
_MOST_ROWS_OF_A_MATRIX = 20_000


@dataclass(frozen=True)
class Task:
    """What is timed.

    Attributes:
        x: The cloud, ``(n, d)``.
        gradient: Whether the gradient is wanted, too.
    """

    x: Float32
    gradient: bool


def cloud(n: int, d: int, *, centre: float = 0.0, seed: int = 0) -> Float32:
    """Points of a cloud of radius about 1 around ``(centre, ..., centre)``, ``(n, d)``."""
    rng = np.random.default_rng(seed)
    points: Float32 = (rng.standard_normal((n, d)) / np.sqrt(d) + centre).astype(np.float32)
    return points


@contextlib.contextmanager
def threads(number: int) -> Iterator[None]:
    """Give every contender the same number of threads inside of a ``with`` block."""
    with contextlib.ExitStack() as stack:
        before = os.environ.get("EIGENWELL_NUM_THREADS")
        os.environ["EIGENWELL_NUM_THREADS"] = str(number)
        stack.callback(_restore, "EIGENWELL_NUM_THREADS", before)
        with contextlib.suppress(BackendUnavailableError):
            torch = require("torch", extra="bench")
            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(number)
        with contextlib.suppress(BackendUnavailableError):
            pools = require("threadpoolctl", extra="bench")
            stack.enter_context(pools.threadpool_limits(number))
        yield


def contenders(task: Task) -> Iterator[Contender]:
    """Yield every contender that is installed and can do the task, ours last.

    An item is an ordered pair (i, j), i != j counted twice, whatever the contender does with it.
    """
    builders: tuple[tuple[str, Callable[[Task], Call]], ...] = (
        ("torch.cdist", _torch_cdist("donot_use_mm_for_euclid_dist")),
        ("torch.cdist, matmul", _torch_cdist("use_mm_for_euclid_dist")),
        ("torch.pdist", _torch_pdist),
        (_keops_name(), _keops),
        ("JAX jit", _jax),
        ("SciPy pdist", _scipy),
    )
    n = len(task.x)
    for name, build in builders:
        if n > _MOST_ROWS_OF_A_MATRIX and name != _keops_name():
            continue
        if build is _scipy and task.gradient:
            continue
        with contextlib.suppress(BackendUnavailableError):
            yield Contender(name, build(task), n * n)
    for isa in backend.available_isas():
        yield Contender(f"eigenwell {isa}", _eigenwell(task, isa), n * n)


def error_of(task: Task, contender: Contender) -> tuple[float, float | None]:
    """Return a contender's relative errors: of the energy, and of the gradient in the 2-norm."""
    energy, gradient = contender.call()
    exact = float(np.float64(pairwise.energy(task.x.astype(np.float64))))
    energy_error = abs(float(energy) / exact - 1)
    if gradient is None:
        return energy_error, None
    rows = np.linspace(0, len(task.x) - 1, min(_ROWS, len(task.x))).astype(np.intp)
    wanted = 2 * reference.riesz_gradient(task.x[rows], task.x)[0]
    difference = np.asarray(gradient, dtype=np.float64)[rows] - wanted
    return energy_error, float(np.linalg.norm(difference) / np.linalg.norm(wanted))


def peak_bytes(contender: Contender) -> int | None:
    """Return by how much one call raises the resident memory at most; None where nobody knows.

    Linux only: the kernel's high-water mark is reset first.
    """
    status = Path("/proc/self/status")
    reset = Path("/proc/self/clear_refs")
    if not (status.exists() and reset.exists()):
        return None
    contender.call()  # what is allocated once and kept does not count
    before = _status_bytes(status, "VmRSS")
    try:
        reset.write_text("5")
    except OSError:
        return None
    contender.call()
    return max(0, _status_bytes(status, "VmHWM") - before)


def _status_bytes(status: Path, name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", status.read_text())
    return 0 if found is None else 1024 * int(found[1])


def _restore(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def _eigenwell(task: Task, isa: str) -> Call:
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


def _keops_name() -> str:
    flags = os.environ.get("CXXFLAGS")
    return f"KeOps, {flags}" if flags else "KeOps"


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
