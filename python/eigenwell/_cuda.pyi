from collections.abc import Sequence
from typing import TypeAlias

__version__: str

# Addresses of x, velocity and records, then n and the learning rate.
_Species: TypeAlias = tuple[int, int, int, int, float]
# The two species, then strength, exponent, softening and pairs.
_Term: TypeAlias = tuple[int, int, float, float, float, str]

def device_count() -> int: ...
def riesz_workspace(*, batch: int, n: int, m: int, d: int, dtype: str) -> int: ...
def riesz(
    x: int,
    y: int,
    wx: int,
    wy: int,
    energy: int,
    gx: int,
    gy: int,
    *,
    batch: int,
    n: int,
    m: int,
    d: int,
    dtype: str,
    exponent: float,
    softening: float,
    pairs: str,
    workspace: int,
    stream: int,
    device: int = -1,
) -> None: ...
def riesz_hvp(
    x: int,
    y: int,
    wx: int,
    wy: int,
    vx: int,
    vy: int,
    hx: int,
    hy: int,
    *,
    batch: int,
    n: int,
    m: int,
    d: int,
    dtype: str,
    exponent: float,
    softening: float,
    pairs: str,
    workspace: int,
    stream: int,
    device: int = -1,
) -> None: ...
def cdist(
    x: int,
    y: int,
    out: int,
    *,
    batch: int,
    n: int,
    m: int,
    d: int,
    dtype: str,
    workspace: int,
    stream: int,
    device: int = -1,
) -> None: ...
def cdist_backward(
    x: int,
    y: int,
    grad: int,
    distances: int,
    gx: int,
    gy: int,
    *,
    batch: int,
    n: int,
    m: int,
    d: int,
    dtype: str,
    workspace: int,
    stream: int,
    device: int = -1,
) -> None: ...
def pdist(
    x: int,
    out: int,
    *,
    batch: int,
    n: int,
    d: int,
    dtype: str,
    workspace: int,
    stream: int,
    device: int = -1,
) -> None: ...
def pdist_backward(
    x: int,
    grad: int,
    distances: int,
    gx: int,
    *,
    batch: int,
    n: int,
    d: int,
    dtype: str,
    workspace: int,
    stream: int,
    device: int = -1,
) -> None: ...
def descend_workspace(
    species: Sequence[_Species], terms: Sequence[_Term], *, d: int, dtype: str
) -> int: ...
def descend(
    species: Sequence[_Species],
    terms: Sequence[_Term],
    *,
    d: int,
    dtype: str,
    steps: int,
    record_every: int,
    momentum: float,
    workspace: int,
    stream: int,
    device: int = -1,
) -> None: ...
def cartpole_rollout(
    weights: int,
    starts: int,
    steps: int,
    *,
    agents: int,
    parameters: int,
    episodes: int,
    sizes: Sequence[int],
    activation: str,
    physics: tuple[float, ...],
    cap: int,
    sampled: bool,
    seed: int,
    stream: int,
    device: int = -1,
) -> None: ...
