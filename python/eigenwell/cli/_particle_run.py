"""A run of particles from options to a folder that explains itself."""

from __future__ import annotations

import dataclasses
import platform
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from eigenwell import _checks
from eigenwell._files import make_folder, write_atomic
from eigenwell._native import __version__
from eigenwell.cli import _status
from eigenwell.cli._options import Options
from eigenwell.cli._output import Output, as_json, check_writable
from eigenwell.cli._running import run_simulation
from eigenwell.errors import ArgumentError
from eigenwell.report import check_particle_pictures, write_particle_sheet

if TYPE_CHECKING:
    from eigenwell.particles import System, Trajectory

# Of a run that is not told how often: enough for a movie, few enough for a page.
MOST_RECORDS = 401


@dataclass(frozen=True, kw_only=True)
class ParticleRun(Options):
    """What the systems have in common: options, and what becomes of a run."""

    output: Annotated[Path, tyro.conf.arg(metavar="FOLDER", aliases=("-o",))]
    """Folder for the trajectory and the pictures; it is made if need be."""

    points: int
    """Number of points, of each species."""

    learning_rate: float
    """Of the descent."""

    steps: int
    """Number of steps."""

    record_every: int | None = None
    """Record every k-th state; by default such an odd k that there are at most 401. What alternates
    from step to step is seen if k is odd."""

    seed: int = 0
    """Seed of the start."""

    dtype: Literal["float32", "float64"] = "float32"
    """Precision of the positions."""

    backend: Literal["native", "torch"] = "native"
    """What computes: native code on the CPU, or torch."""

    device: str = "cpu"
    """Device of the torch backend."""

    method: Literal["direct", "fmm"] = "direct"
    """Every pair, or the fast multipole method."""

    momentum: float = 0.0
    """Of the descent, as in torch.optim.SGD; 0 is the article's."""

    resume: bool = False
    """Go on with the run in the folder, which may be given more steps."""

    movie: Literal["gif", "mp4", "none"] = "gif"
    """Format of the movie."""

    xyz: bool = False
    """Write the trajectory as extended XYZ, too."""

    @abstractmethod
    def system(self) -> System:
        """Return what moves."""

    @abstractmethod
    def finding(self, trajectory: Trajectory) -> tuple[dict[str, Any], str]:
        """Return the measurement that the article's claim stands for, and the same in words."""

    @abstractmethod
    def draw(self, trajectory: Trajectory, movie: Path | None) -> None:
        """Draw the page and the movie."""

    def run(self, output: Output) -> int:
        """Run, draw, and say what was found; 130 if Ctrl-C ended the run."""
        system = self.system()
        _checks.integer(self.steps, "steps", low=1, high=2**53)
        if self.record_every is not None:
            _checks.integer(self.record_every, "record_every", low=1, high=2**53)
            if self.steps % self.record_every:
                raise ArgumentError(
                    f"`steps` must be a multiple of --record-every, {self.record_every}, "
                    f"got {self.steps}"
                )
        if not 0 <= self.momentum < 1:
            raise ArgumentError(f"`momentum` must be at least 0 and below 1, got {self.momentum}")
        check_particle_pictures(self.movie)
        store = self._prepare()
        every = self._record_every(store)
        steps = self.steps if self.record_every else -(-self.steps // every) * every
        ran = run_simulation(
            system,
            output,
            steps=steps,
            record_every=every,
            seed=self.seed,
            dtype=self.dtype,
            backend=self.backend,
            device=self.device,
            method=self.method,
            momentum=self.momentum,
            store=store,
            resume=self.resume,
        )
        trajectory = ran.trajectory
        document: dict[str, Any] = {
            "command": "particles",
            "system": type(self).__name__.lower(),
            "versions": {"eigenwell": __version__, "python": platform.python_version()},
            "options": {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
            | {"output": str(self.output)},
            "definition": system.to_dict(),
            "provenance": trajectory.provenance,
            "requested": steps,
            "completed": int(trajectory.steps[-1]),
            "record_every": every,
            "records": len(trajectory),
            "interrupted": ran.interrupted,
            "seconds": ran.seconds,
            "steps_per_second": ran.steps_per_second,
        }
        if ran.interrupted:
            document |= {"finding": None, "files": [store.name]}
            self._describe(document)
            words = (
                f"interrupted after step {trajectory.steps[-1]:,} of {steps:,}: {store} holds what "
                "was recorded, and --resume goes on"
            )
            output.result(document, words)
            return _status.INTERRUPTED
        document["finding"], words = self.finding(trajectory)
        document["files"] = [store.name, "particles.json", *self._pictures(trajectory, output)]
        self._describe(document)
        output.result(
            document,
            words,
            f"look at {self.output / 'viewer.html'} (in a browser), {self.output / 'sheet.png'}"
            + ("" if self.movie == "none" else f" and {self.output / f'movie.{self.movie}'}"),
        )
        return _status.DONE

    def _prepare(self) -> Path:
        """Return the store's path in a folder that can be written."""
        make_folder(self.output, "--output")
        check_writable(self.output / "particles.json", "--output")
        store = self.output / "trajectory.zarr"
        if store.exists() and not self.resume:
            raise ArgumentError(
                f"`--output` {self.output} holds a run already: go on with it by --resume, or name "
                "another folder"
            )
        return store

    def _record_every(self, store: Path) -> int:
        """Return what was asked for, else what the run to be resumed has, else an odd number."""
        if self.record_every is not None:
            return self.record_every
        if self.resume and store.exists():
            from eigenwell.particles import Trajectory

            return int(Trajectory.load(store).provenance["record_every"])
        return -(-max(1, self.steps) // (MOST_RECORDS - 1)) | 1

    def _pictures(self, trajectory: Trajectory, output: Output) -> list[str]:
        """Draw all there is to look at; return the names of the files."""
        output.note("drawing …")
        movie = None if self.movie == "none" else self.output / f"movie.{self.movie}"
        self.draw(trajectory, movie)
        write_particle_sheet(trajectory, self.output / "sheet.png")
        files = ["viewer.html", "sheet.png", *([movie.name] if movie is not None else [])]
        if self.xyz:
            trajectory.export_xyz(self.output / "trajectory.xyz")
            files.append("trajectory.xyz")
        return files

    def _describe(self, document: dict[str, Any]) -> None:
        write_atomic(self.output / "particles.json", f"{as_json(document)}\n".encode())
