"""All measures of an embedding in one go, and as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from eigenwell.agents.measures._generation import (
    Generation,
    Novelty,
    Prompts,
    generation,
    novelty,
    prompts,
)
from eigenwell.agents.measures._lines import Barriers, Frequencies, barriers, frequencies
from eigenwell.agents.measures._reconstruction import (
    Prediction,
    Reconstruction,
    invariance,
    prediction,
    reconstruction,
)
from eigenwell.agents.measures._repair import Repairs, repairs

if TYPE_CHECKING:
    from eigenwell.agents._population import Population
    from eigenwell.agents.torch import Fitted


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that is measured of an embedding.

    Attributes:
        reconstruction: Of held-out networks of all groups, by our embedding.
        reconstruction_by_group: Of those of each group, by ours and by the plain VAE of the group.
        generation: Of each group, by ours and by its plain VAE.
        novelty: Of each group, by ours and by its plain VAE, and of held-out networks after
            reconstruction: what the embedding does not keep brings any of its agents nearer.
        prediction: Of survival.
        prompts: Requested and obtained survival.
        prompts_alone: The same of the prior as it was fitted: temperature 1, without candidates.
        invariance: Largest change of an embedding under permutations and signs, in deviations.
        barriers: Between networks of the best group.
        frequencies: Of the patterns between random held-out networks.
        repairs: With a tenth, a quarter and half of the weights deleted.
    """

    reconstruction: Reconstruction
    reconstruction_by_group: dict[int, tuple[Reconstruction, Reconstruction]]
    generation: dict[int, tuple[Generation, Generation]]
    novelty: dict[int, tuple[Novelty, Novelty, Novelty]]
    prediction: Prediction
    prompts: Prompts
    prompts_alone: Prompts
    invariance: float
    barriers: Barriers
    frequencies: Frequencies
    repairs: tuple[Repairs, ...]

    def to_json(self) -> str:
        """Return all figures, without the arrays."""
        return json.dumps(_plain(dataclasses.asdict(self)), indent=1)

    def table(self) -> str:
        """Return the bars of `design/agents.md`, ours beside the baseline, as a Markdown table."""
        whole, survival = self.reconstruction, self.prediction
        rows: list[tuple[Any, ...]] = [
            ("1 survival ratio, held-out", whole.survival_ratio, "", ">= 0.98"),
            ("1 action agreement", whole.agreement, "", ">= 0.95"),
        ]
        for group, (ours, plain) in self.reconstruction_by_group.items():
            rows += [
                (f"1 group {group}: survival ratio", ours.survival_ratio, plain.survival_ratio, ""),
                (f"1 group {group}: agreement", ours.agreement, plain.agreement, ""),
            ]
        for group, (drawn, theirs) in self.generation.items():
            near, near_plain, again = self.novelty[group]
            rows += [
                (f"2 group {group}: mean ratio", drawn.mean_ratio, theirs.mean_ratio, "1 +- 0.05"),
                (f"2 group {group}: W1", drawn.wasserstein, theirs.wasserstein, "<= 25 %"),
                (f"3 group {group}: novelty", near.ratio, near_plain.ratio, ">= 1"),
                (f"3 group {group}: novelty of reconstructed", again.ratio, "", ""),
            ]
        rows += [
            ("4 R2 of survival", survival.r2, survival.statistics_r2, ">= 0.95"),
            ("4 R2, other starts (ceiling)", survival.ceiling_r2, "", ""),
            ("4 Kendall's tau", survival.tau, survival.statistics_tau, ">= 0.9"),
            ("4 tau, other starts (ceiling)", survival.ceiling_tau, "", ""),
            ("5 R2 of requests", self.prompts.r2, self.prompts_alone.r2, ">= 0.9"),
            ("6 change under symmetries", f"{self.invariance:.1e}", "", "<= 1e-5"),
        ]
        crossing = self.barriers
        rows += [
            ("6 barrier, latent line", crossing.latent, crossing.weights, ""),
            ("6 barrier, matched", crossing.aligned, crossing.weights, ""),
        ]
        shares = self.frequencies
        rows += [
            (f"7 {name}, latent and weight line", share, shares.weight_shares[name], "")
            for name, share in shares.latent_shares.items()
        ]
        for repair in self.repairs:
            for name, ratio in repair.survival_ratio.items():
                words = f"7 {repair.share:.0%} deleted, {name}: survival ratio"
                rows.append((words, ratio, f"agreement {repair.agreement[name]}", ""))
        lines = ["| measure | ours | baseline | bar |", "| --- | --- | --- | --- |"]
        return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def report(
    fitted: Fitted,
    train: Population,
    held_out: Population,
    *,
    drawn: int = 1000,
    repaired: int = 200,
    pairs: int = 300,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Measure an embedding and the plain VAEs.

    Args:
        fitted: Of `train`.
        train: Networks that were fitted.
        held_out: Networks of other runs.
        drawn: Agents of each group.
        repaired: Networks that weights are deleted of.
        pairs: Of random agents, for the frequencies of the patterns.
        progress: Called with what is measured next.
    """
    say = progress or (lambda _: None)
    model = fitted.embedding
    by_group: dict[int, Any] = {}
    generated: dict[int, Any] = {}
    new: dict[int, Any] = {}
    for group, plain in fitted.plain.items():
        say(f"group {group}")
        mine, theirs = train.of_group(group), held_out.of_group(group)
        samples = (
            model.decode(model.sample(drawn, group=group, seed=group)),
            plain.decode(plain.sample(drawn, seed=group)),
        )
        by_group[group] = tuple(reconstruction(one, theirs) for one in (model, plain))
        generated[group] = tuple(generation(one, theirs) for one in samples)
        again = model.decode(model.embed(theirs.weights))
        new[group] = tuple(novelty(one, mine, theirs) for one in (*samples, again))
    say("reconstruction")
    whole = reconstruction(model, held_out)
    say("prediction")
    predicted = prediction(lambda w: model.predict_survival(model.embed(w)), train, held_out)
    say("prompts")
    asked = prompts(model, count=drawn)
    alone = prompts(model, count=drawn, candidates=1, temperature=1.0)
    say("lines")
    best = held_out.of_group(max(fitted.plain))
    crossing = barriers(model, best)
    shares = frequencies(model, held_out, pairs=pairs)
    say("repairs")
    mended = tuple(
        repairs(model, train, held_out, share=share, count=repaired) for share in (0.1, 0.25, 0.5)
    )
    return Report(
        reconstruction=whole,
        reconstruction_by_group=by_group,
        generation=generated,
        novelty=new,
        prediction=predicted,
        prompts=asked,
        prompts_alone=alone,
        invariance=invariance(model, held_out.weights[:1000]),
        barriers=crossing,
        frequencies=shares,
        repairs=mended,
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items() if not isinstance(v, np.ndarray)}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return round(value, 6) if isinstance(value, float) else value
