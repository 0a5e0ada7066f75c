"""Settings of a collection of networks."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from eigenwell import _checks, cartpole
from eigenwell.errors import ArgumentError

#: Snapshots are spread over this many equal ranges of survival below the cap.
RANGES = 20
#: Run numbers of a shard begin at this many times its index.
STRIDE = 100_000


@dataclass(frozen=True, kw_only=True)
class Collection:
    """Settings of a collection; the defaults are those of the article's reproduction.

    Attributes:
        shards: Of runs; a folder may be extended by more of them later.
        runs: Of a shard, each with its own weights, learning rate and noise.
        updates: Of a run.
        snapshots: Kept of a run in each group at most.
        per_group: Networks of each group in the population at most, spread over the runs.
        cap: Steps after which an episode ends; groups are its quarters.
        long_cap: Of the second measurement of networks in the last group; 0 leaves it out.
        episodes: From paired starts, that each kept network is measured by.
        seed: Of everything.
        architecture: Of the networks.
    """

    shards: int = 40
    runs: int = 128
    updates: int = 120
    snapshots: int = 3
    per_group: int = 6000
    cap: int = 200
    long_cap: int = 10_000
    episodes: int = 100
    seed: int = 0
    architecture: cartpole.MLP = dataclasses.field(default_factory=cartpole.MLP)

    def __post_init__(self) -> None:
        for name, high in (
            ("shards", 10**6),
            ("runs", STRIDE // 4),
            ("updates", 10**5),
            ("snapshots", RANGES),
            ("per_group", 10**8),
            ("episodes", 10**5),
        ):
            _checks.integer(getattr(self, name), name, low=1, high=high)
        _checks.integer(self.cap, "cap", low=RANGES, high=10**6)
        _checks.integer(self.long_cap, "long_cap", low=0, high=10**6)
        _checks.integer(self.seed, "seed", low=0, high=2**31 - 1)
        if not isinstance(self.architecture, cartpole.MLP):
            raise ArgumentError("`architecture` must be an MLP, which policy gradients train")

    @property
    def edges(self) -> tuple[float, ...]:
        """Largest survival of each group but the last: the quarters of the cap."""
        return tuple(self.cap * part / 4 for part in (1, 2, 3))
