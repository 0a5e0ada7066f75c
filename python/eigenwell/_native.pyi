from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__version__: str

def available_isas() -> tuple[str, ...]: ...
def active_isa() -> str | None: ...
def force_isa(name: str | None) -> bool: ...

class PackedPolicy:
    def __init__(self, data: bytes) -> None: ...
    def __call__(
        self, obs: npt.ArrayLike, *, out: npt.NDArray[np.float32] | None = None, on_nan: str = ...
    ) -> npt.NDArray[np.float32]: ...
    def dumps(self) -> bytes: ...
    def run_self_test(self) -> tuple[bool, float]: ...
    @property
    def inputs(self) -> int: ...
    @property
    def neurons(self) -> int: ...
    @property
    def eigenvalues(self) -> int: ...
    @property
    def bits(self) -> int: ...
    @property
    def clip(self) -> tuple[float, float]: ...
    @property
    def input_clip(self) -> float: ...
    @property
    def self_test_tolerance(self) -> float: ...
    @property
    def metadata_bytes(self) -> bytes: ...
    @property
    def words(self) -> npt.NDArray[np.uint64]: ...
    @property
    def codebook(self) -> npt.NDArray[np.float32]: ...
    @property
    def biases(self) -> npt.NDArray[np.float32]: ...
    @property
    def quadratic(self) -> npt.NDArray[np.float32] | None: ...
    @property
    def shift(self) -> npt.NDArray[np.float32] | None: ...
    @property
    def scale(self) -> npt.NDArray[np.float32] | None: ...
    @property
    def self_test_inputs(self) -> npt.NDArray[np.float32]: ...
    @property
    def self_test_outputs(self) -> npt.NDArray[np.float32]: ...

class BitwisePolicy:
    def __init__(self, masks: npt.NDArray[np.uint32], inverted: npt.NDArray[np.uint8]) -> None: ...
    # An int for one observation, an array for a batch.
    def __call__(self, obs: npt.ArrayLike) -> Any: ...
    @property
    def inputs(self) -> int: ...

def unpack_indices(
    words: npt.NDArray[np.uint64], count: int, bits: int
) -> npt.NDArray[np.uint8]: ...
def act_each(
    policy: PackedPolicy, observations: npt.NDArray[np.float32], chained: bool
) -> npt.NDArray[np.float32]: ...

# The address of a contiguous buffer, or a NumPy array in its stead; 0 is an absent argument.
_Address: TypeAlias = int | npt.NDArray[Any]

def riesz(
    x: _Address,
    y: _Address,
    wx: _Address,
    wy: _Address,
    energy: _Address,
    gx: _Address,
    gy: _Address,
    *,
    batch: int,
    n: int,
    m: int,
    d: int,
    dtype: str,
    exponent: float,
    softening: float,
    pairs: str,
    threads: int,
) -> None: ...
def riesz_hvp(
    x: _Address,
    y: _Address,
    wx: _Address,
    wy: _Address,
    vx: _Address,
    vy: _Address,
    hx: _Address,
    hy: _Address,
    *,
    batch: int,
    n: int,
    m: int,
    d: int,
    dtype: str,
    exponent: float,
    softening: float,
    pairs: str,
    threads: int,
) -> None: ...
def cdist(
    x: _Address,
    y: _Address,
    out: _Address,
    *,
    batch: int,
    n: int,
    m: int,
    d: int,
    dtype: str,
    threads: int,
) -> None: ...
def cdist_backward(
    x: _Address,
    y: _Address,
    grad: _Address,
    distances: _Address,
    gx: _Address,
    gy: _Address,
    *,
    batch: int,
    n: int,
    m: int,
    d: int,
    dtype: str,
    threads: int,
) -> None: ...
def pdist(
    x: _Address, out: _Address, *, batch: int, n: int, d: int, dtype: str, threads: int
) -> None: ...
def pdist_backward(
    x: _Address,
    grad: _Address,
    distances: _Address,
    gx: _Address,
    *,
    batch: int,
    n: int,
    d: int,
    dtype: str,
    threads: int,
) -> None: ...
def descend(
    species: Sequence[tuple[Any, ...]],
    terms: Sequence[tuple[int, int, float, float, float, str]],
    *,
    d: int,
    dtype: str,
    steps: int,
    record_every: int,
    momentum: float,
    threads: int,
) -> None: ...
def riesz_quick(x: Any, exponent: float, pairs: str, softening: float, gradient: bool) -> Any: ...
def riesz_at(
    x: int,
    gx: int,
    n: int,
    d: int,
    wide: bool,
    exponent: float,
    softening: float,
    pairs: str,
    threads: int,
) -> float: ...
def all_finite(values: _Address, count: int, dtype: str) -> bool: ...
def softmax_pg(
    ratios: npt.NDArray[np.float64],
    shortfalls: npt.NDArray[np.float64],
    rates: npt.NDArray[np.float64],
    thresholds: npt.NDArray[np.float64] | None,
    times: npt.NDArray[np.int64] | None,
    *,
    steps: int,
    gentle: bool,
    threads: int,
) -> float: ...

# Weights are float32 for the fast mode, float64 for the exact one.
def cartpole_rollout(
    weights: npt.NDArray[Any],
    starts: npt.NDArray[np.float64],
    steps: npt.NDArray[np.int32],
    offsets: npt.NDArray[np.int64] | None,
    observations: npt.NDArray[np.float32] | None,
    actions: npt.NDArray[np.int8] | None,
    *,
    sizes: Sequence[int],
    activation: str,
    physics: tuple[float, ...],
    cap: int,
    sampled: bool,
    seed: int,
    every: int,
    threads: int,
) -> None: ...

class PPOSettings:
    def __init__(
        self,
        *,
        minibatch: int,
        learning_rate: float,
        clip: float,
        value_coefficient: float,
        entropy_coefficient: float,
        max_grad_norm: float,
        threads: int = 1,
    ) -> None: ...

# Policy loss, value loss, entropy, clip fraction, KL: means of minibatches, added.
_Sums: TypeAlias = tuple[float, float, float, float, float]

class PPOUpdate:
    # Of each parameter its values and Adam's moments, which it writes to.
    def __init__(
        self,
        parameters: Sequence[Sequence[npt.NDArray[np.float32]]],
        *,
        inputs: int,
        actions: int,
        actor: Sequence[int],
        critic: Sequence[int],
        pieces: int,
        temperature: float,
        discrete: bool,
    ) -> None: ...
    def log_probs(
        self, x: npt.NDArray[np.float32], actions: npt.NDArray[Any]
    ) -> npt.NDArray[np.float32]: ...
    def epoch(
        self,
        x: npt.NDArray[np.float32],
        actions: npt.NDArray[Any],
        old: npt.NDArray[np.float32],
        advantages: npt.NDArray[np.float32],
        returns: npt.NDArray[np.float32],
        order: npt.NDArray[np.int64],
        steps: int,
        settings: PPOSettings,
    ) -> _Sums: ...
    def differentiate(
        self,
        x: npt.NDArray[np.float32],
        actions: npt.NDArray[Any],
        old: npt.NDArray[np.float32],
        advantages: npt.NDArray[np.float32],
        returns: npt.NDArray[np.float32],
        rows: npt.NDArray[np.int64],
        settings: PPOSettings,
    ) -> tuple[list[npt.NDArray[np.float32]], _Sums]: ...
