"""``eigenwell particles sphere | polymer | findings``: run the systems and look at them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from eigenwell.cli._findings import Findings
from eigenwell.cli._particle_run import MOST_RECORDS, ParticleRun
from eigenwell.report import write_particle_movie, write_particle_viewer

if TYPE_CHECKING:
    from eigenwell.particles import System, Trajectory

# A curve through fewer has no order to speak of.
_FEWEST_IN_A_CHAIN = 20


@dataclass(frozen=True, kw_only=True)
class Sphere(ParticleRun):
    """Points on the sum of their distances: they end on a sphere that flickers."""

    points: int = 1000
    """Number of points."""

    learning_rate: float = 1e-3
    """Of the descent; the article's is 1e-3."""

    steps: int = 1200
    """Number of steps; rounded up to a multiple of the default of --record-every."""

    dimension: int = 3
    """Number of coordinates: in one there is a lattice, in two a disc, from three on a shell."""

    initial: Literal["normal", "uniform"] = "normal"
    """How the points lie at the start, at a scale of 20."""

    def system(self) -> System:
        """Return the points."""
        from eigenwell import particles

        return particles.sphere(
            self.points, self.learning_rate, self.dimension, initial=self.initial
        )

    def finding(self, trajectory: Trajectory) -> tuple[dict[str, Any], str]:
        """Measure the two radii, of two states that are an odd number of steps apart."""
        from eigenwell.particles import observe, theory

        expected = theory.shell_radius(
            self.points, self.learning_rate, self.dimension, momentum=self.momentum
        )
        apart = int(trajectory.steps[-1] - trajectory.steps[-2]) if len(trajectory) > 1 else 0
        if apart % 2 == 0:
            words = (
                f"expected radius {expected:.5g}; the two that it flickers between are not in the "
                f"records, which are {apart} steps apart: give an odd --record-every"
            )
            return {"expected": expected}, words
        states = trajectory.positions["points"]
        seen = observe.alternation(states[-2], states[-1])
        # A shell is where its points are on the average, a disc or a lattice ends at the outermost.
        radii = seen.mean if self.dimension > 2 else seen.maximum
        mean = sum(radii) / 2
        found = {
            "radii": radii,
            "mean": mean,
            "expected": expected,
            "relative_error": mean / expected - 1 if expected else None,
            "spread": seen.spread,
        }
        what = {1: "half-lengths of the lattice", 2: "radii of the disc"}.get(
            self.dimension, "radii of the sphere"
        )
        formula = {1: "η(N-1)/2", 2: "πηN/8", 3: "ηN/3"}.get(self.dimension, "ηN·chord/4")
        off = f" ({mean / expected - 1:+.2%})" if expected else ""
        return found, (
            f"{what} {radii[0]:.5g} and {radii[1]:.5g}, mean {mean:.5g} against {formula} = "
            f"{expected:.5g}{off}"
        )

    def draw(self, trajectory: Trajectory, movie: Path | None) -> None:
        """Draw all points."""
        title = f"The flickering sphere, N = {self.points:,}"
        if self.dimension != 3:
            title = f"The sum of distances in {self.dimension}-D, N = {self.points:,}"
        write_particle_viewer(
            trajectory, self.output / "viewer.html", title=title, max_records=MOST_RECORDS
        )
        if movie is not None:
            write_particle_movie(trajectory, movie, title=title)


@dataclass(frozen=True, kw_only=True)
class Polymer(ParticleRun):
    """Electrons, protons and neutrons: the neutrons end in a chain, in their indices' order."""

    points: int = 500
    """Number of points of each species."""

    learning_rate: float = 1e-4
    """Of the descent; the article's is 1e-4."""

    steps: int = 10_000
    """Number of steps; rounded up to a multiple of the default of --record-every."""

    pairs: Literal["upper", "all"] = "upper"
    """upper: the article's triangular mask, which makes the chain; all: every pair, at half the
    weight, which makes a ball."""

    def system(self) -> System:
        """Return the three species."""
        from eigenwell import particles

        return particles.polymer(self.points, self.learning_rate, self.pairs)

    def finding(self, trajectory: Trajectory) -> tuple[dict[str, Any], str]:
        """Measure how many neutrons hold together, and whether they stand in their order."""
        from eigenwell.particles import observe

        neutrons = trajectory.last["neutrons"]
        mask = observe.bound(neutrons).mask
        found: dict[str, Any] = {"bound": int(mask.sum()), "neutrons": len(mask)}
        words = f"{mask.sum()} of {len(mask)} neutrons hold together"
        if mask.sum() < _FEWEST_IN_A_CHAIN:
            return found, words
        chain = observe.chain_order(neutrons[mask], indices=mask.nonzero()[0])
        found |= {"chain_order": chain.order, "by_chance": chain.by_chance}
        return found, (
            f"{words}; their order along the chain is that of their indices by "
            f"{chain.order:.3f} (1: wholly, below {chain.by_chance:.2f}: by chance)"
        )

    def draw(self, trajectory: Trajectory, movie: Path | None) -> None:
        """Draw the neutrons at first, the others on request; they drift, so the box moves along."""
        title = f"The polymer, N = {self.points:,} of each species"
        if self.pairs == "all":
            title += ", every pair"
        write_particle_viewer(
            trajectory,
            self.output / "viewer.html",
            title=title,
            box="moving",
            hidden=("electrons", "protons"),
            max_records=MOST_RECORDS,
        )
        if movie is not None:
            write_particle_movie(
                trajectory, movie, title=f"{title}: neutrons", species=("neutrons",)
            )


#: The systems of ``eigenwell particles``, each a subcommand.
Particles = (
    Annotated[Sphere, tyro.conf.subcommand("sphere")]
    | Annotated[Polymer, tyro.conf.subcommand("polymer")]
    | Annotated[Findings, tyro.conf.subcommand("findings")]
)
