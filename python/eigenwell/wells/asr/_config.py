"""What a run of adaptive sampling is made of, to and from TOML and JSON."""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from eigenwell import _checks, _files
from eigenwell.errors import ArgumentError, FormatError
from eigenwell.wells.asr._distribution import (
    BINS,
    FLOOR,
    MULTIPLIERS,
    PRESETS,
    SUPPORT,
    DistanceDistribution,
)

_MAX = 2**31 - 1


@dataclass(frozen=True)
class ASRConfig:
    """Everything that decides what a run measures.

    Attributes:
        dataset: ``"glyphs"`` or ``"digits"``; of a folder ``"cub200"``, ``"cars196"``, ``"sop"``.
        root: Folder of such a data set.
        encoder: ``"small"``, a convolutional network of three layers, or ``"resnet50"``.
        embedding: Dimensions of an embedding, which has length 1.
        seed: Of data, network, batches, pairs and policy.
        epochs: Passes of ``batches`` each.
        batches: Gradient steps in an epoch.
        classes: In a batch, at least 2.
        images: Of each class in a batch, at least 2.
        learning_rate: Adam's, of the encoder.
        loss: ``"triplet"`` on squared distances, or ``"margin"`` (Wu et al. 2017).
        margin: Of either.
        beta: Boundary between positive and negative distances where margin loss starts.
        beta_learning_rate: Adam's, of that boundary; 0 keeps it.
        start: Distribution at the start: ``"normal_low"``, ``"normal_avg"``, ``"normal_high"``,
            ``"uniform_low"``, ``"uniform_high"``, ``"random"``, or ``"normal"`` with ``mean`` and
            ``sigma``.
        mean: Of a normal start.
        sigma: Of a normal start.
        bins: Of distance.
        support: Ends of the first and the last bin.
        floor: Least weight of a bin before the weights are normalised.
        policy: ``"learn"``; ``"frozen"``, the distribution stays as it starts; or ``"random"``,
            every action is as likely and nothing is learnt.
        update_every: Batches between two actions of the policy.
        multipliers: Of a weight, when a bin is shrunk, kept and grown.
        reward: ``"sign"`` of the change of the validation score, or the ``"difference"`` itself.
        recall_weight: Of validation Recall@1 in the score.
        nmi_weight: Of validation NMI.
        policy_learning_rate: Adam's, of the policy.
        policy_epochs: Gradient steps on an action once its reward is known.
        clip: Of the probability ratio, around 1.

    Raises:
        EigenwellError: A value is out of range or of the wrong type; see the message.
    """

    dataset: str = "glyphs"
    root: str | None = None
    encoder: Literal["small", "resnet50"] = "small"
    embedding: int = 128
    seed: int = 0
    epochs: int = 60
    batches: int = 32
    classes: int = 28
    images: int = 4
    learning_rate: float = 3e-3
    loss: Literal["triplet", "margin"] = "triplet"
    margin: float = 0.2
    beta: float = 1.2
    beta_learning_rate: float = 5e-4
    start: str = "random"
    mean: float | None = None
    sigma: float | None = None
    bins: int = BINS
    support: tuple[float, float] = SUPPORT
    floor: float = FLOOR
    policy: Literal["learn", "frozen", "random"] = "learn"
    update_every: int = 30
    multipliers: tuple[float, float, float] = MULTIPLIERS
    reward: Literal["sign", "difference"] = "sign"
    recall_weight: float = 0.5
    nmi_weight: float = 0.5
    policy_learning_rate: float = 0.01
    policy_epochs: int = 4
    clip: float = 0.2

    def __post_init__(self) -> None:
        _checks.integer(self.seed, "seed", low=0, high=_MAX)
        for name in ("embedding", "epochs", "batches", "bins", "update_every", "policy_epochs"):
            _checks.integer(getattr(self, name), name, low=1, high=_MAX)
        for name in ("classes", "images"):
            _checks.integer(getattr(self, name), name, low=2, high=_MAX)
        for name in ("learning_rate", "margin", "beta", "policy_learning_rate", "clip"):
            _checks.positive(getattr(self, name), name)
        for name in ("floor", "recall_weight", "nmi_weight", "beta_learning_rate"):
            _checks.not_negative(getattr(self, name), name)
        if self.recall_weight + self.nmi_weight == 0:
            raise ArgumentError("`recall_weight` and `nmi_weight` must not both be 0")
        for name in ("support", "multipliers"):
            object.__setattr__(self, name, tuple(float(x) for x in getattr(self, name)))
        one_of(self.encoder, "encoder", ("small", "resnet50"))
        one_of(self.loss, "loss", ("triplet", "margin"))
        one_of(self.policy, "policy", ("learn", "frozen", "random"))
        one_of(self.reward, "reward", ("sign", "difference"))
        one_of(self.start, "start", (*PRESETS, "normal"))
        if (self.start == "normal") != (self.mean is not None and self.sigma is not None):
            raise ArgumentError("`mean` and `sigma` must be given with `start` 'normal', and alone")
        start = self.distribution()
        start.updated([1] * start.bins, multipliers=self.multipliers)

    def distribution(self) -> DistanceDistribution:
        """Return the distribution at the start."""
        options: dict[str, Any] = {
            "bins": self.bins,
            "support": self.support,
            "floor": self.floor,
        }
        if self.mean is not None and self.sigma is not None:
            return DistanceDistribution.normal(self.mean, self.sigma, **options)
        return DistanceDistribution.preset(self.start, **options)

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> Self:
        """Return a config from a mapping of attributes.

        Raises:
            ArgumentError: A name is not an attribute; the message has the nearest.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        for name in settings:
            one_of(name, "setting", names)
        return cls(**settings)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a config from a file of TOML, or of JSON where its name ends so.

        Raises:
            ArgumentError: It cannot be read, or has a setting that does not exist.
            FormatError: It is neither.
        """
        return cls.from_mapping(read_settings(path))

    def as_json(self) -> dict[str, Any]:
        """Return the attributes as JSON holds them."""
        settings: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return settings

    def as_toml(self) -> str:
        """Return the attributes as TOML, which leaves out those that are None."""
        return to_toml(self.as_json())


def to_toml(settings: Mapping[str, Any]) -> str:
    """Return a flat mapping of JSON's values as TOML."""
    # A number, a text, a truth value or a list is written in TOML as in JSON.
    lines = [f"{k} = {json.dumps(v)}\n" for k, v in settings.items() if v is not None]
    return "".join(lines)


def read_settings(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a mapping from a file of TOML, or of JSON where its name ends so.

    Raises:
        ArgumentError: It cannot be read.
        FormatError: It is neither.
    """
    data = _files.read_bytes(path)
    try:
        json_like = Path(path).suffix == ".json"
        settings = json.loads(data) if json_like else tomllib.loads(data.decode())
    except ValueError as error:
        raise FormatError(f"`{os.fspath(path)}` cannot be read as settings: {error}") from None
    if not isinstance(settings, dict):
        raise FormatError(f"`{os.fspath(path)}` must hold settings by name")
    return settings


def one_of(value: Any, name: str, valid: Iterable[str]) -> None:
    """Raise an error that names the nearest valid word."""
    words = list(valid)
    if value in words:
        return
    near = difflib.get_close_matches(str(value), words, n=1, cutoff=0.5)
    cure = f": did you mean {near[0]!r}?" if near else ""
    raise ArgumentError(f"`{name}` must be one of {', '.join(words)}, got {value!r}{cure}")
