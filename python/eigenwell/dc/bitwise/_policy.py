"""A bitwise policy in Python: make, call, look inside, save as JSON, write out as C."""

from __future__ import annotations

import importlib.resources
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self, SupportsIndex

import numpy as np
import numpy.typing as npt

from eigenwell import _checks, _files, _native
from eigenwell.errors import ArgumentError, DTypeError, FormatError

_FORMAT, _VERSION = "eigenwell-bitwise", 1
_MAX_INPUTS, _MAX_FEATURES = 4096, 1023
_SIGN, _FRACTION_BITS = 31, 23


class Feature(NamedTuple):
    """The xor of chosen bits of an observation.

    Attributes:
        bits: Pairs (index of the observation, bit): bit 31 is the sign, 30 to 23 are the exponent,
            22 to 0 the fraction.
        inverted: Whether the result is negated.
    """

    bits: tuple[tuple[int, int], ...]
    inverted: bool = False

    def __str__(self) -> str:
        text = " ^ ".join(f"{_bit_name(bit)}(x{i})" for i, bit in self.bits) or "0"
        return f"not ({text})" if self.inverted else text


class BitwisePolicy(_native.BitwisePolicy):
    """``action = majority_f(inverted_f ^ xor of the bits of feature f)``; immutable, thread-safe.

    Calling it takes an observation ``(n,)``, float32 (other real numbers are rounded to it), and
    returns 0 or 1; ``(batch, n)`` gives int64 actions ``(batch,)``. An observation that is NaN or
    infinite raises :class:`~eigenwell.errors.ArgumentError`.

    Args:
        features: An odd number of features, so that there are no ties.
        inputs: n, the length of an observation.
        metadata: Anything that JSON can hold: environment, score, command.

    Raises:
        DTypeError: A feature is not made of pairs of integers.
        ArgumentError: An even number of features, a bit that does not exist or comes twice.
    """

    def __init__(
        self,
        features: Iterable[Feature | tuple[Iterable[tuple[SupportsIndex, SupportsIndex]], bool]],
        *,
        inputs: SupportsIndex,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        n = _checks.integer(inputs, "inputs", low=1, high=_MAX_INPUTS)
        self._features = tuple(_checked(feature, n) for feature in features)
        self._metadata = json.loads(_as_json(metadata or {}))
        count = len(self._features)
        if count % 2 == 0 or count > _MAX_FEATURES:
            raise ArgumentError(
                f"`features` must be an odd number, at most {_MAX_FEATURES}, got {count}; "
                "a feature without bits is a constant vote"
            )
        masks = np.zeros((count, n), dtype=np.uint32)
        for row, feature in zip(masks, self._features, strict=True):
            for i, bit in feature.bits:
                row[i] |= np.uint32(1 << bit)
        inverted = np.array([feature.inverted for feature in self._features], dtype=np.uint8)
        masks.flags.writeable = inverted.flags.writeable = False
        self._masks, self._inverted = masks, inverted
        super().__init__(masks, inverted)

    @property
    def features(self) -> tuple[Feature, ...]:
        """The features that vote."""
        return self._features

    @property
    def masks(self) -> npt.NDArray[np.uint32]:
        """The bits of each feature, ``(features, n)``."""
        return self._masks

    @property
    def inverted(self) -> npt.NDArray[np.uint8]:
        """Which features are negated, ``(features,)``."""
        return self._inverted

    @property
    def metadata(self) -> dict[str, Any]:
        """What the policy says about itself."""
        copy: dict[str, Any] = json.loads(json.dumps(self._metadata))
        return copy

    def dumps(self) -> str:
        """Return the policy as a JSON document."""
        features = [
            {"bits": [list(bit) for bit in feature.bits], "inverted": feature.inverted}
            for feature in self.features
        ]
        document = {
            "format": _FORMAT,
            "version": _VERSION,
            "inputs": self.inputs,
            "features": features,
            "metadata": self._metadata,
        }
        return _as_json(document)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the JSON document to a file, atomically.

        Raises:
            ArgumentError: The file cannot be written.
        """
        _files.write_atomic(path, f"{self.dumps()}\n".encode())

    @classmethod
    def loads(cls, text: str | bytes) -> Self:
        """Read a policy from its JSON document.

        Raises:
            DTypeError: It is neither str nor bytes.
            FormatError: It is not a valid policy; the message says what is wrong.
        """
        if not isinstance(text, str | bytes):
            raise DTypeError(f"`text` must be str or bytes, got {type(text).__name__}")
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            raise FormatError("not a valid bitwise policy: not JSON") from None
        if not isinstance(document, dict) or document.get("format") != _FORMAT:
            raise FormatError(f'not a valid bitwise policy: `format` is not "{_FORMAT}"')
        if document.get("version") != _VERSION:
            raise FormatError(
                f"not a valid bitwise policy: `version` must be {_VERSION}, "
                f"got {document.get('version')!r}"
            )
        try:
            features = [(f["bits"], f["inverted"]) for f in document["features"]]
            metadata = dict(document.get("metadata", {}))
            return cls(features, inputs=document["inputs"], metadata=metadata)
        except (ArgumentError, DTypeError) as error:
            raise FormatError(f"not a valid bitwise policy: {error}") from None
        except (KeyError, TypeError, ValueError):
            raise FormatError(
                "not a valid bitwise policy: `features` must be a list of objects with `bits` and "
                "`inverted`, beside `inputs` and an object `metadata`"
            ) from None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a policy from a JSON file.

        Raises:
            ArgumentError: The file cannot be read.
            FormatError: It is not a valid policy.
        """
        data = _files.read_bytes(path)
        try:
            return cls.loads(data)
        except FormatError as error:
            raise FormatError(f"`{os.fspath(path)}` is {error}") from None

    def to_c(self, name: str = "policy") -> str:
        """Return a C99 function ``int <name>_act(const float *obs)`` without loops or data.

        Args:
            name: Prefix of the function, a C identifier.

        Raises:
            ArgumentError: The name is not an identifier.
        """
        if not (name.isascii() and name.isidentifier()):
            raise ArgumentError(f"`name` must be a C identifier, got {name!r}")
        used = sorted({i for feature in self.features for i, _ in feature.bits})
        lines = [
            f"/* Bitwise policy: {self.inputs} inputs, majority of {len(self.features)} xors. */",
            "#include <stdint.h>",
            "#include <string.h>",
            "",
            f"static int {name}_act(const float *obs) {{",
            f"    uint32_t x[{self.inputs}];",
            "    memcpy(x, obs, sizeof x);",
            "    int votes = 0;",
        ]
        for feature in self.features:
            terms = [f"x[{i}] >> {bit}" for i, bit in feature.bits] or ["0u"]
            terms += ["1u"] * feature.inverted
            lines.append(f"    votes += (int)((({') ^ ('.join(terms)})) & 1u);")
        if not used:
            lines.append("    (void)x;")
        return "\n".join([*lines, f"    return 2 * votes > {len(self.features)};", "}", ""])

    def __str__(self) -> str:
        return "majority of " + ", ".join(map(str, self.features))

    def __repr__(self) -> str:
        bits = sum(len(feature.bits) for feature in self.features)
        return (
            f"BitwisePolicy({self.inputs} inputs, {len(self.features)} features of {bits} bits "
            "altogether)"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BitwisePolicy):
            return NotImplemented
        return self.inputs == other.inputs and self.features == other.features

    def __hash__(self) -> int:
        return hash((self.inputs, self.features))

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return type(self).loads, (self.dumps(),)


def cartpole() -> BitwisePolicy:
    """Return the policy that balances CartPole-v1 for 500 steps; learnt by :func:`learn`.

    Its metadata name the command that made it and its score.
    """
    resource = importlib.resources.files("eigenwell.dc.bitwise") / "cartpole.json"
    return BitwisePolicy.loads(resource.read_bytes())


def _checked(feature: Any, inputs: int) -> Feature:
    """Return a feature with its bits in order, every one of them there."""
    try:
        bits, inverted = feature
        pairs = [(i, bit) for i, bit in bits]
    except (TypeError, ValueError):
        raise DTypeError(
            "`features` must hold pairs (bits, inverted), where bits are pairs (input, bit)"
        ) from None
    if not isinstance(inverted, bool | np.bool_):
        raise DTypeError(f"`inverted` must be a bool, got {type(inverted).__name__}")
    chosen = sorted(
        (
            _checks.integer(i, "input", low=0, high=inputs - 1),
            _checks.integer(bit, "bit", low=0, high=_SIGN),
        )
        for i, bit in pairs
    )
    if len(set(chosen)) < len(chosen):
        raise ArgumentError("`bits` of a feature must differ: a bit xor itself is nothing")
    return Feature(tuple(chosen), bool(inverted))


def _bit_name(bit: int) -> str:
    if bit == _SIGN:
        return "sign"
    part, first = ("exponent", _FRACTION_BITS) if bit >= _FRACTION_BITS else ("fraction", 0)
    return f"{part}[{bit - first}]"


def _as_json(document: Mapping[str, Any]) -> str:
    try:
        return json.dumps(document, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"`metadata` must be what JSON can hold: {error}") from None
