"""Runs the episodes of a verb with progress, and keeps what was done when Ctrl-C comes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from eigenwell._native import __version__
from eigenwell.evaluation import Episode, Evaluation, OnFrame, evaluate, reward_threshold

if TYPE_CHECKING:
    from eigenwell.cli._output import Output
    from eigenwell.cli._policies import Policy

OnEpisode = Callable[[Episode], None]


def score(
    policy: Policy,
    env_id: str,
    *,
    episodes: int,
    seed: int,
    output: Output,
    line_every: int = 1,
    render_mode: str | None = None,
    on_frame: OnFrame | None = None,
    on_episode: OnEpisode | None = None,
) -> Evaluation:
    """Evaluate a policy, show how far it is, and return what is done when Ctrl-C comes.

    Args:
        policy: The policy.
        env_id: Gymnasium id.
        episodes: Number of episodes.
        seed: Seed of the first one.
        output: Where progress goes.
        line_every: Episodes from one line of progress to the next, where no bar can be drawn.
        render_mode: See :func:`eigenwell.evaluation.evaluate`.
        on_frame: See there.
        on_episode: Called after each episode, before its progress is shown.

    Raises:
        EigenwellError: As :func:`eigenwell.evaluation.evaluate` does.
    """
    done: list[Episode] = []
    try:
        with _progress(output, episodes, line_every) as show:

            def record(episode: Episode) -> None:
                done.append(episode)
                if on_episode is not None:
                    on_episode(episode)
                show(done)

            return evaluate(
                policy,
                env_id,
                episodes=episodes,
                seed=seed,
                render_mode=render_mode,
                on_episode=record,
                on_frame=on_frame,
            )
    except KeyboardInterrupt:
        return Evaluation(
            environment=env_id,
            episodes=tuple(done),
            requested=episodes,
            reward_threshold=reward_threshold(env_id),
        )


def evaluation_document(verb: str, evaluation: Evaluation, **more: Any) -> dict[str, Any]:
    """Return an evaluation as JSON-able data.

    Args:
        verb: The command it came from.
        evaluation: The scores.
        **more: Further entries, put before the scores.
    """
    interval = evaluation.mean_interval()
    return {
        "command": verb,
        "eigenwell": __version__,
        "environment": evaluation.environment,
        **more,
        "requested": evaluation.requested,
        "completed": len(evaluation.episodes),
        "interrupted": evaluation.interrupted,
        "mean": evaluation.mean,
        "std": evaluation.std,
        "min": evaluation.minimum,
        "max": evaluation.maximum,
        "mean_interval_95": None if interval is None else list(interval),
        "mean_length": evaluation.mean_length,
        "reward_threshold": evaluation.reward_threshold,
        "solved": evaluation.solved,
        "episodes": [
            {
                "seed": episode.seed,
                "return": episode.episode_return,
                "length": episode.length,
                "terminated": episode.terminated,
                "truncated": episode.truncated,
            }
            for episode in evaluation.episodes
        ],
    }


@contextlib.contextmanager
def _progress(
    output: Output, total: int, line_every: int
) -> Iterator[Callable[[list[Episode]], None]]:
    """Yield the function that shows the episodes done so far."""
    if output.quiet or not output.err.is_terminal:

        def line(done: list[Episode]) -> None:
            if len(done) % line_every == 0 or len(done) == total:
                last = done[-1]
                output.note(
                    f"episode {len(done)}/{total}: seed {last.seed}, return "
                    f"{last.episode_return:.1f}, {last.length} steps, {how_it_ended(last)}, "
                    f"mean so far {_mean(done):.1f}"
                )

        yield line
        return

    columns = (
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=output.err, transient=True) as bar:
        task = bar.add_task("walking", total=total)

        def advance(done: list[Episode]) -> None:
            words = f"last {done[-1].episode_return:.1f}, mean {_mean(done):.1f}"
            bar.update(task, completed=len(done), description=words)

        yield advance


def how_it_ended(episode: Episode) -> str:
    """Say in a word how an episode ended."""
    return "terminated" if episode.terminated else "truncated"


def _mean(done: list[Episode]) -> float:
    return float(np.mean([episode.episode_return for episode in done]))
