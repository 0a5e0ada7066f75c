"""``eigenwell walk``: let a policy act, watch it, and see the score of each episode."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from eigenwell.cli import _status
from eigenwell.cli._options import Options
from eigenwell.cli._output import Output, check_writable
from eigenwell.cli._policies import PolicyPath, environment_of, load_policy, policy_label
from eigenwell.cli._scoring import evaluation_document, how_it_ended, score
from eigenwell.errors import ArgumentError
from eigenwell.report import GifRecorder, Table

if TYPE_CHECKING:
    from eigenwell.evaluation import Episode, Evaluation


@dataclass(frozen=True)
class Walk(Options):
    """Let a policy act in its environment and print the score of each episode."""

    policy: PolicyPath = None
    """A .dcp file, or trained for the walker trained here; by default the article's walker."""

    episodes: int = 10
    """Number of episodes; episode i runs with the seed SEED + i."""

    seed: int = 0
    """Seed of the first episode."""

    render: Literal["human"] | None = None
    """Show the episodes in a window."""

    gif: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Write the first episode as an animated picture."""

    env: Annotated[str | None, tyro.conf.arg(metavar="ID")] = None
    """Gymnasium id; by default the one that the policy names."""

    no_quadratic: bool = False
    """Leave the policy's quadratic term out (all K = 0)."""

    def run(self, output: Output) -> int:
        """Run the episodes; 130 if Ctrl-C ended them."""
        recorder = self._recorder()
        policy = load_policy(self.policy, no_quadratic=self.no_quadratic)
        env_id = environment_of(policy, self.env)
        saved = None
        if recorder is not None and self.gif is not None:
            saved = _GifWriter(recorder, self.gif, output)
        evaluation = score(
            policy,
            env_id,
            episodes=self.episodes,
            seed=self.seed,
            output=output,
            render_mode=self.render,
            on_frame=None if recorder is None else recorder.add,
            on_episode=saved,
        )
        document = evaluation_document(
            "walk",
            evaluation,
            policy=policy_label(self.policy),
            quadratic=policy.quadratic is not None,
            gif=str(self.gif) if saved is not None and saved.written else None,
        )
        title = f"{policy_label(self.policy)} in {env_id}"
        output.result(document, scores_table(title, evaluation), summary(evaluation))
        return _status.INTERRUPTED if evaluation.interrupted else _status.DONE

    def _recorder(self) -> GifRecorder | None:
        """Check the ways of showing the episodes before the first one runs."""
        if self.gif is None:
            return None
        if self.render is not None:
            raise ArgumentError("`--render` and `--gif` exclude each other")
        check_writable(self.gif, "--gif")
        return GifRecorder()


class _GifWriter:
    """Writes the picture once its episode is over, so that a later Ctrl-C does not lose it."""

    def __init__(self, recorder: GifRecorder, path: Path, output: Output) -> None:
        self.written = False
        self._recorder = recorder
        self._path = path
        self._output = output

    def __call__(self, episode: Episode) -> None:
        if not self.written:
            size = self._recorder.save(self._path)
            self.written = True
            self._output.note(
                f"{self._path}: {len(self._recorder)} frames of the episode with seed "
                f"{episode.seed}, {size / 1e6:.1f} MB"
            )


def scores_table(title: str, evaluation: Evaluation) -> Table:
    """Return the table with one row per episode."""
    return Table(
        title=title,
        columns=("seed", "return", "steps", "ended"),
        rows=tuple(
            (str(e.seed), f"{e.episode_return:.1f}", str(e.length), how_it_ended(e))
            for e in evaluation.episodes
        ),
        alignments=("right", "right", "right", "left"),
    )


def summary(evaluation: Evaluation) -> str:
    """Return one line about all episodes."""
    count = len(evaluation.episodes)
    if count == 0:
        return "interrupted before the first episode ended"
    stopped = (
        f"interrupted after {count} of {evaluation.requested}; " if evaluation.interrupted else ""
    )
    return (
        f"{stopped}mean return {evaluation.mean:.1f} ± {evaluation.std:.1f} over {count} "
        f"episode{'s' if count > 1 else ''}, lowest {evaluation.minimum:.1f}, "
        f"highest {evaluation.maximum:.1f}"
    )
