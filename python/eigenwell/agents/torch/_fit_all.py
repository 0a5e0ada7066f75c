"""Everything that a population is fitted with, in processes, kept as it is finished."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from eigenwell import _checks
from eigenwell._files import make_folder
from eigenwell.agents.torch._config import EmbeddingConfig, PlainConfig
from eigenwell.agents.torch._embedding import Embedding
from eigenwell.agents.torch._fit import fit
from eigenwell.agents.torch._plain import PlainVAE, fit_plain

if TYPE_CHECKING:
    import os

    from eigenwell.agents._population import Population

_OURS = "embedding"


@dataclass(frozen=True)
class Fitted:
    """What :func:`fit_all` made.

    Attributes:
        embedding: Of all groups.
        plain: The plain VAE of each group, counted from 1.
    """

    embedding: Embedding
    plain: dict[int, PlainVAE]


def fit_all(
    population: Population,
    folder: str | os.PathLike[str],
    *,
    config: EmbeddingConfig = EmbeddingConfig(),  # noqa: B008  (frozen)
    plain: PlainConfig = PlainConfig(),  # noqa: B008  (frozen)
    jobs: int = 2,
    progress: Callable[[int, int, str], None] | None = None,
) -> Fitted:
    """Fit our embedding, and the plain VAE of each group, and keep each in a file.

    Args:
        population: Networks to fit, without those to test on.
        folder: Of the files. What is there from the same networks and settings is kept, so that a
            call that was killed goes on.
        config: Of our embedding.
        plain: Of the plain VAEs.
        jobs: Processes, of one torch thread each. Inside of
            ``joblib.parallel_config(backend="dask")`` they are on a cluster.
        progress: Called with the number of models done, of all, and the name of one.

    Raises:
        ArgumentError: A group is empty or smaller than the latent, or a file cannot be written.
        FormatError: A file in the folder is damaged.
        BackendUnavailableError: joblib or safetensors is not installed.
    """
    joblib = _checks.require("joblib", extra="agents")
    jobs = _checks.integer(jobs, "jobs", low=1, high=1024)
    root = make_folder(folder, "folder")
    tasks: dict[str, tuple[Any, ...]] = {_OURS: (population, config)}
    for group in range(1, len(population.edges) + 2):
        tasks[f"plain-{group}"] = (population.of_group(group), plain)
    paths = {name: root / f"{name}.safetensors" for name in tasks}
    left = [
        joblib.delayed(_fit_one)(name, *task, paths[name])
        for name, task in tasks.items()
        if not _is_there(paths[name], *task)
    ]
    done = len(tasks) - len(left)
    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
    for name in parallel(left) if left else ():
        done += 1
        if progress is not None:
            progress(done, len(tasks), name)
    return load_all(root)


def load_all(folder: str | os.PathLike[str]) -> Fitted:
    """Read what :func:`fit_all` has left in a folder.

    Raises:
        ArgumentError: A file is missing.
        FormatError: A file is damaged.
    """
    root = Path(folder)
    embedding = Embedding.load(root / f"{_OURS}.safetensors")
    groups = range(1, len(embedding.edges) + 2)
    plain = {k: PlainVAE.load(root / f"plain-{k}.safetensors") for k in groups}
    return Fitted(embedding, plain)


def digest(population: Population) -> str:
    """Return a name for the networks of a population."""
    parts = population.weights.tobytes() + population.survival.tobytes()
    return hashlib.sha256(parts).hexdigest()


def _is_there(path: Path, population: Population, config: EmbeddingConfig | PlainConfig) -> bool:
    if not path.exists():
        return False
    kind = Embedding if isinstance(config, EmbeddingConfig) else PlainVAE
    model = kind.load(path)
    return model.config == config and model.fitted_on == digest(population)


def _fit_one(
    name: str, population: Population, config: EmbeddingConfig | PlainConfig, path: Path
) -> str:
    torch.set_num_threads(1)
    model: Embedding | PlainVAE
    if isinstance(config, EmbeddingConfig):
        model = fit(population, config=config)
    else:
        architecture: Any = population.architecture
        model = fit_plain(population.weights, architecture=architecture, config=config)
    model.fitted_on = digest(population)
    model.save(path)
    return name
