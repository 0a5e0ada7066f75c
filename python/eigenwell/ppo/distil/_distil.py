"""Quantise, fine-tune, score, pack."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from eigenwell._checks import integer, require
from eigenwell.errors import ArgumentError, DTypeError, EigenwellError, TrainingError
from eigenwell.evaluation import Evaluation, evaluate
from eigenwell.ppo._environments import Environments
from eigenwell.ppo.distil._config import DistilConfig
from eigenwell.ppo.distil._pack import metadata, pack, repack
from eigenwell.ppo.distil._teacher import Teacher

if TYPE_CHECKING:
    from eigenwell.dc import PackedPolicy
    from eigenwell.ppo._policy import TrainedPolicy
    from eigenwell.ppo.torch._distil import Tuner
    from eigenwell.ppo.torch._quantised_layer import QuantisedLayer

WIDTHS = tuple(range(2, 9))
# Neither the seeds that the run chose its best policy on nor those of the reported scores.
CANDIDATE_SEED = 2_000_000


class Progress(NamedTuple):
    """How far one stage is.

    Attributes:
        stage: What is done, in words.
        done: Of ``total``.
        total: Episodes or environment steps.
    """

    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class DistilResult:
    """A packed policy and what each stage scored on the same seeds.

    Attributes:
        config: How it was made.
        policy: With the score and where it comes from in the metadata.
        float_score: Before.
        rounded_score: Quantised, without fine-tuning.
        score: Of ``policy``.
        candidate: Which one was kept: 0 is the rounded policy, then along the fine-tuning.
        candidate_scores: Mean returns that this was decided by.
    """

    config: DistilConfig
    policy: PackedPolicy
    float_score: Evaluation
    rounded_score: Evaluation
    score: Evaluation
    candidate: int
    candidate_scores: tuple[float, ...]

    @property
    def file_bytes(self) -> int:
        """Size of the ``.dcp`` file, with test vectors and metadata."""
        return len(self.policy.dumps())

    @property
    def constant_bytes(self) -> int:
        """Size of what acting needs: words, codebook, biases, shift and scale."""
        policy = self.policy
        arrays = (policy.words, policy.codebook, policy.biases, policy.shift, policy.scale)
        return sum(array.nbytes for array in arrays if array is not None)

    @property
    def loss(self) -> Evaluation:
        """Points lost from float to packed, seed by seed: mean and interval are its properties."""
        pairs = zip(self.float_score.episodes, self.score.episodes, strict=True)
        lost = [
            dataclasses.replace(a, episode_return=a.episode_return - b.episode_return)
            for a, b in pairs
        ]
        return dataclasses.replace(self.score, episodes=tuple(lost), reward_threshold=None)


def distil(
    run: str | os.PathLike[str] | TrainedPolicy | Teacher,
    config: DistilConfig | None = None,
    *,
    float_score: Evaluation | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> DistilResult:
    """Quantise the policy of a run, fine-tune it, score it and pack it.

    Args:
        run: A run's folder, a checkpoint in one, or a policy; of DC neurons, with a bounded box of
            actions.
        config: How; None is 5 bits and the defaults.
        float_score: Of the float policy on the same seeds, if it is known already.
        progress: Called often. Ctrl-C, or an exception from here, ends it and leaves through here.

    Returns:
        The packed policy and the scores.

    Raises:
        DTypeError: ``run`` or ``config`` is something else.
        ArgumentError: The run is missing, not of DC neurons, or has actions that do not pack.
        FormatError: Its checkpoint is damaged.
        TrainingError: The environment failed, or the loss is not finite.
        BackendUnavailableError: A package of the extra ``learn`` is missing.

    Note:
        Deterministic for a deterministic environment. Sets torch to one thread while it runs.
        Biases, shift and scale stay in float32; there is no quadratic term.
    """
    config = DistilConfig() if config is None else config
    if not isinstance(config, DistilConfig):
        raise DTypeError(f"`config` must be a DistilConfig, got {type(config).__name__}")
    teacher = Teacher.of(run)
    # What does not fit is said before anything runs.
    _environments(teacher, config, 1, 0)
    if config.fine_tune == "ppo":
        teacher.last_checkpoint()
    show = progress or (lambda _: None)
    with _one_thread():
        from eigenwell.ppo.torch._quantised_layer import QuantisedLayer

        layer = QuantisedLayer.of(teacher.policy, bits=config.bits, codebook=config.codebook)
        rounded = pack(layer, teacher, bits=config.bits)

        def score(policy: Any, what: str) -> Evaluation:
            return _score(
                policy, teacher, what, show, episodes=config.episodes, seed=config.first_seed
            )

        if float_score is None:
            float_score = score(teacher.policy, "score in float")
        rounded_score = score(rounded, f"score in {config.bits} bits")
        kept, candidate, scores = rounded, 0, tuple[float, ...]()
        if config.fine_tune != "none":
            kept, candidate, scores = _tune(layer, teacher, config, rounded, show)
        final = rounded_score if candidate == 0 else score(kept, "score when fine-tuned")
    policy = repack(kept, metadata(teacher, config, float_score, final))
    return DistilResult(config, policy, float_score, rounded_score, final, candidate, scores)


def sweep(
    run: str | os.PathLike[str] | TrainedPolicy | Teacher,
    config: DistilConfig | None = None,
    *,
    widths: Iterable[int] = WIDTHS,
    progress: Callable[[Progress], None] | None = None,
) -> Iterator[DistilResult]:
    """Yield :func:`distil` at each bit width; the float policy is scored once.

    Args:
        run: As for :func:`distil`.
        config: Of every width, but for its bits.
        widths: Bits of a weight.
        progress: As for :func:`distil`.

    Raises:
        EigenwellError: As :func:`distil`, and before the first result where a width is out of
            range.
    """
    base = config or DistilConfig()
    configs = [
        dataclasses.replace(base, bits=integer(bits, "widths", low=2, high=8)) for bits in widths
    ]
    teacher = Teacher.of(run)
    float_score: Evaluation | None = None
    for each in configs:
        result = distil(teacher, each, float_score=float_score, progress=progress)
        float_score = result.float_score
        yield result


def _tune(
    layer: QuantisedLayer,
    teacher: Teacher,
    config: DistilConfig,
    rounded: PackedPolicy,
    show: Callable[[Progress], None],
) -> tuple[PackedPolicy, int, tuple[float, ...]]:
    """Return the best candidate, its number, and the mean returns of all."""
    episodes = _environments(teacher, config, config.candidate_episodes, CANDIDATE_SEED)

    def score(policy: PackedPolicy, number: int) -> float:
        what = f"candidate {number} of {config.candidates}"
        return float(first_returns(policy, episodes, lambda *n: show(Progress(what, *n))).mean())

    tuner = _tuner(layer, teacher, config)
    try:
        policies, scores = [rounded], [score(rounded, 0)]
        while tuner.steps < config.total_steps:
            tuner.advance()
            done = min(tuner.steps, config.total_steps)
            show(Progress(f"fine-tune ({config.fine_tune})", done, config.total_steps))
            if done * config.candidates // config.total_steps >= len(policies):
                policies.append(pack(layer, teacher, bits=config.bits))
                scores.append(score(policies[-1], len(policies) - 1))
    finally:
        tuner.close()
        episodes.close()
    best = int(np.argmax(scores))
    return policies[best], best, tuple(scores)


def first_returns(
    policy: Callable[[npt.NDArray[Any]], npt.NDArray[Any]],
    environments: Environments,
    show: Callable[[int, int], None] = lambda *_: None,
) -> npt.NDArray[np.float64]:
    """Return the return of the first episode in each environment, ``(n,)``, run side by side.

    Several times faster than one after another, and the same episodes for every policy.
    """
    obs = environments.restart(0)
    returns, running = np.zeros(environments.count), np.ones(environments.count, np.bool_)
    while running.any():
        step = environments.step(policy(obs))
        obs = step.obs
        returns[running] += step.rewards[running]
        running &= ~step.done
        show(int((~running).sum()), environments.count)
    return returns


def _tuner(layer: QuantisedLayer, teacher: Teacher, config: DistilConfig) -> Tuner:
    from eigenwell.ppo.torch._distil import Continuation, Imitation

    kind: type[Tuner] = Continuation
    count = teacher.policy.config.environments
    if config.fine_tune == "distil":
        kind, count = Imitation, config.environments
    return kind(layer, teacher, _environments(teacher, config, count, config.seed), config)


def _environments(teacher: Teacher, config: DistilConfig, count: int, seed: int) -> Environments:
    trained_by = teacher.policy.config
    env_id, backend = trained_by.environment, config.backend or trained_by.backend
    made = Environments(env_id, count, seed, backend=backend)
    trained = len(teacher.policy.shift), teacher.policy.actions
    if (made.size, made.actions) != trained:
        raise ArgumentError(
            f"`run` must be of the environment `{env_id}` as it is here, whose observations or "
            "actions are others"
        )
    return made


def _score(
    policy: Any,
    teacher: Teacher,
    what: str,
    show: Callable[[Progress], None],
    *,
    episodes: int,
    seed: int,
) -> Evaluation:
    """Score a policy in fresh environments."""
    env_id, done = teacher.policy.config.environment, 0

    def count(_: object) -> None:
        nonlocal done
        done += 1
        show(Progress(what, done, episodes))

    try:
        return evaluate(policy, env_id, episodes=episodes, seed=seed, on_episode=count)
    except EigenwellError:
        raise
    except Exception as error:
        raise TrainingError(
            f"environment `{env_id}` raised {type(error).__name__} in episode {done + 1} of "
            f"{what!r}: {error}"
        ) from error


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch to one thread: layers this small only wait for a second one."""
    torch = require("torch", extra="learn")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
