"""``eigenwell eval``: score a policy as papers and leaderboards do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from eigenwell._files import write_atomic
from eigenwell.cli import _status
from eigenwell.cli._options import Options
from eigenwell.cli._output import Output, as_json, check_writable
from eigenwell.cli._policies import (
    PolicyPath,
    check_choices,
    environment_of,
    load_any_policy,
    physics_report,
    policy_label,
)
from eigenwell.cli._scoring import evaluation_document, score
from eigenwell.evaluation import SOLVED_EPISODES, Evaluation
from eigenwell.report import Table


@dataclass(frozen=True)
class Evaluate(Options):
    """Score a policy: a fresh environment for each seed, mean with interval, solved or not."""

    policy: PolicyPath = None
    """A .dcp file, or the .json file of a bitwise policy; by default the article's walker."""

    episodes: int = SOLVED_EPISODES
    """Number of episodes; episode i runs with the seed SEED + i."""

    seed: int = 0
    """Seed of the first episode."""

    env: Annotated[str | None, tyro.conf.arg(metavar="ID")] = None
    """Gymnasium id; by default the one that the policy names."""

    no_quadratic: bool = False
    """Leave the policy's quadratic term out (all K = 0)."""

    save_json: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Write the JSON document to a file as well."""

    def run(self, output: Output) -> int:
        """Run the episodes; 130 if Ctrl-C ended them."""
        if self.save_json is not None:
            check_writable(self.save_json, "--save-json")
        policy = load_any_policy(self.policy, no_quadratic=self.no_quadratic)
        env_id = environment_of(policy, self.env)
        check_choices(policy, env_id)
        evaluation = score(
            policy,
            env_id,
            episodes=self.episodes,
            seed=self.seed,
            output=output,
            line_every=10,
        )
        physics_same, physics = physics_report(policy, env_id)
        document = evaluation_document(
            "eval",
            evaluation,
            policy=policy_label(self.policy),
            quadratic=getattr(policy, "quadratic", None) is not None,
            physics_same=physics_same,
        )
        if self.save_json is not None:
            write_atomic(self.save_json, f"{as_json(document)}\n".encode())
        title = f"{policy_label(self.policy)} in {env_id}"
        if self.no_quadratic:
            title += ", all K = 0"
        output.result(document, Table.of_facts(title, _facts(evaluation, document, physics)))
        return _status.INTERRUPTED if evaluation.interrupted else _status.DONE


def _facts(evaluation: Evaluation, document: dict[str, Any], physics: str) -> list[tuple[str, str]]:
    """Return the rows of the table."""
    count = f"{len(evaluation.episodes)}"
    if evaluation.interrupted:
        count += f" of {evaluation.requested}, interrupted"
    facts = [("episodes", count)]
    if evaluation.episodes:
        facts += [
            ("mean return", f"{evaluation.mean:.2f}"),
            ("standard deviation", f"{evaluation.std:.2f}"),
            ("lowest", f"{evaluation.minimum:.2f}"),
            ("highest", f"{evaluation.maximum:.2f}"),
            ("mean length", f"{evaluation.mean_length:.1f} steps"),
        ]
    interval = document["mean_interval_95"]
    if interval is not None:
        facts.append(("95% interval of the mean", f"{interval[0]:.2f} to {interval[1]:.2f}"))
    return [*facts, ("solved", _solved(evaluation)), ("physics", physics)]


def _solved(evaluation: Evaluation) -> str:
    threshold = evaluation.reward_threshold
    if threshold is None:
        return "undefined, the environment states no threshold"
    rule = f"mean >= {threshold:g} over {SOLVED_EPISODES} episodes"
    if evaluation.solved is None:
        return f"unknown, too few episodes ({rule})"
    return f"{'yes' if evaluation.solved else 'no'} ({rule})"
