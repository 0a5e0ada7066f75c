"""Packed DC policies against the ways in which one would run them otherwise.

The contenders, for one observation and for batches: the article's NumPy policy, which decodes its
weights on every call; NumPy on decoded weights; torch, eager and compiled; ONNX Runtime on the
exported graph; eigenwell from Python; eigenwell's C++ ``act`` in a C++ loop, calls overlapping
(throughput) and each waiting for the one before (latency). One thread each.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eigenwell import _native, backend
from eigenwell._checks import require
from eigenwell.benchmarks._timing import Contender
from eigenwell.dc.export import export
from eigenwell.errors import BackendUnavailableError

if TYPE_CHECKING:
    from eigenwell.dc import PackedPolicy

#: Largest error of an action of any contender, float32 against the float64 oracle.
TOLERANCE = 5e-6

Actions = npt.NDArray[np.floating[Any]]


def observations(rows: int, inputs: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Return standard normal observations, ``(rows, inputs)``."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, inputs), dtype=np.float32)


def error_of(policy: PackedPolicy, contender: Contender, x: npt.NDArray[np.float32]) -> float:
    """Return a contender's largest absolute error against the oracle in float64."""
    wanted = policy.reference(x)
    return float(np.abs(np.asarray(contender.call()).reshape(wanted.shape) - wanted).max())


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Keep NumPy's linear algebra and torch to one thread inside of a ``with`` block."""
    with contextlib.ExitStack() as stack:
        pools = require("threadpoolctl", extra="bench")
        stack.enter_context(pools.threadpool_limits(1))
        with contextlib.suppress(BackendUnavailableError):
            torch = require("torch", extra="bench")
            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(1)
        yield


def contenders(
    policy: PackedPolicy, x: npt.NDArray[np.float32], *, single: bool = False
) -> Iterator[Contender]:
    """Yield every contender that is installed, slowest idea first.

    Args:
        policy: What to run; without input normalisation, as the article's walker.
        x: Observations, ``(rows, n)``.
        single: Call with a single observation ``(n,)``; ``x`` then has one row.
    """
    obs = x[0] if single else x
    rows = len(x)
    if single:
        yield Contender("article's NumPy", _article(policy, obs), 1)
    yield Contender("NumPy", _numpy(policy, obs), rows)
    for build in (_torch_eager, _torch_compiled, _onnxruntime):
        with contextlib.suppress(BackendUnavailableError):
            yield Contender(build.__name__.strip("_").replace("_", " "), build(policy, x), rows)
    yield Contender("eigenwell", lambda: policy(obs), rows)


def native_loops(
    policy: PackedPolicy, x: npt.NDArray[np.float32]
) -> Iterator[tuple[str, Contender]]:
    """Yield the C++ loops for each instruction set, as (instruction set, contender)."""
    for isa in backend.available_isas():
        for chained in (False, True):

            def call(isa: str = isa, chained: bool = chained) -> Actions:
                # Forcing costs 0.2 microseconds, the loop over the rows some hundred.
                backend.force_isa(isa)
                return _native.act_each(policy, x, chained)

            kind = "latency" if chained else "throughput"
            yield isa, Contender(f"eigenwell C++ {isa}, {kind}", call, len(x))


def _article(policy: PackedPolicy, obs: npt.NDArray[np.float32]) -> Callable[[], Actions]:
    """The article's function, written anew: float64, and the weights decoded on every call."""
    words = policy.words.astype(np.int64)
    book = policy.codebook.astype(np.float64)
    bias = policy.biases.astype(np.float64).ravel()
    bend = 0.0 if policy.quadratic is None else policy.quadratic.astype(np.float64).ravel()
    shape = (policy.inputs, policy.neurons * policy.eigenvalues)
    bits, mask = policy.bits, (1 << policy.bits) - 1
    state = obs.astype(np.float64)

    def act() -> Actions:
        shifts = np.arange(0, bits * (64 // bits), bits, dtype=np.int64)
        indices = (words[:, None] >> shifts) & mask
        weights = book[indices.flatten()[: shape[0] * shape[1]].reshape(shape)]
        linear = state @ weights
        spectrum = (bias + linear + bend * linear**2).reshape(policy.neurons, policy.eigenvalues)
        actions: Actions = np.clip(spectrum.max(axis=1) + spectrum.min(axis=1), *policy.clip)
        return actions

    return act


def _numpy(policy: PackedPolicy, obs: npt.NDArray[np.float32]) -> Callable[[], Actions]:
    """Float32, the weights decoded once."""
    weights = policy.weights
    bias = policy.biases.ravel()
    bend = None if policy.quadratic is None else policy.quadratic.ravel()
    shape = (*obs.shape[:-1], policy.neurons, policy.eigenvalues)
    low, high = (np.float32(bound) for bound in policy.clip)

    def act() -> Actions:
        linear = obs @ weights
        spectrum = bias + linear
        if bend is not None:
            spectrum += bend * (linear * linear)
        spectrum = spectrum.reshape(shape)
        actions: Actions = np.clip(spectrum.max(axis=-1) + spectrum.min(axis=-1), low, high)
        return actions

    return act


def _torch_eager(policy: PackedPolicy, x: npt.NDArray[np.float32]) -> Callable[[], Any]:
    return _torch(policy, x, compiled=False)


def _torch_compiled(policy: PackedPolicy, x: npt.NDArray[np.float32]) -> Callable[[], Any]:
    return _torch(policy, x, compiled=True)


def _torch(
    policy: PackedPolicy, x: npt.NDArray[np.float32], *, compiled: bool
) -> Callable[[], Any]:
    torch = require("torch", extra="bench")
    weights = torch.tensor(policy.weights)
    bias = torch.tensor(policy.biases).ravel()
    bend = None if policy.quadratic is None else torch.tensor(policy.quadratic).ravel()
    shape = (-1, policy.neurons, policy.eigenvalues)
    low, high = policy.clip
    obs = torch.tensor(x)

    def forward(obs: Any) -> Any:
        linear = obs @ weights
        spectrum = bias + linear if bend is None else bias + linear + bend * linear.square()
        spectrum = spectrum.reshape(shape)
        return torch.clamp(spectrum.amax(-1) + spectrum.amin(-1), low, high)

    run = torch.compile(forward, fullgraph=True, dynamic=False) if compiled else forward

    def act() -> Any:
        with torch.inference_mode():
            return run(obs)

    return act


def _onnxruntime(policy: PackedPolicy, x: npt.NDArray[np.float32]) -> Callable[[], Actions]:
    ort = require("onnxruntime", extra="bench")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(
        export(policy, "onnx", name="policy"), options, providers=["CPUExecutionProvider"]
    )
    feed = {"observation": x}

    def act() -> Actions:
        actions: Actions = session.run(["action"], feed)[0]
        return actions

    return act
