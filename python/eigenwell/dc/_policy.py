"""A packed policy in Python: load, call, look inside, save. The walker of the article."""

from __future__ import annotations

import importlib.resources
import json
import math
import os
from collections.abc import Mapping
from typing import Any, Self, SupportsIndex

import numpy as np
import numpy.typing as npt

from eigenwell import _checks, _files, _native
from eigenwell.dc import _format, _self_tests
from eigenwell.dc._indices import MAX_BITS, MIN_BITS, pack_indices, unpack_indices
from eigenwell.dc._layer import Layer
from eigenwell.errors import ArgumentError, DTypeError, FormatError, SelfTestError, ShapeError

Float32 = npt.NDArray[np.float32]


class PackedPolicy(_native.PackedPolicy):
    """A layer of DC neurons whose weights are indices into a codebook; immutable and thread-safe.

    ``x = clip((obs - shift) * scale)``, ``L = x B``, ``E = A + L + K L**2``,
    ``action_k = clip(max_e E_e + min_e E_e)`` over the eigenvalues e of neuron k.

    Calling it takes observations ``(n,)`` or ``(batch, n)``, float32 or float64 (other real numbers
    are converted), and returns float32 actions ``(k,)`` or ``(batch, k)``. ``out=`` is an array to
    write them to instead. An observation that is NaN or infinite raises
    :class:`~eigenwell.errors.ArgumentError`, or with ``on_nan="propagate"`` gives NaN in every
    action of its row. The result of a row has the same bits in every batch; about 20 ns a call and
    the interpreter's share.

    Make one with :meth:`load`, :meth:`loads` or :meth:`from_arrays`. The arrays of its properties
    are read-only and lead into the file's bytes.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._parsed_metadata()

    @classmethod
    def loads(cls, data: bytes | bytearray | memoryview) -> Self:
        """Read a policy from the bytes of a ``.dcp`` file.

        Raises:
            DTypeError: The data are not bytes.
            FormatError: They are not a valid policy; the message says what is wrong.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            raise DTypeError(f"`data` must be bytes, got {type(data).__name__}")
        return cls(bytes(data))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a policy from a ``.dcp`` file.

        Raises:
            ArgumentError: The file cannot be read.
            FormatError: It is not a valid policy.
        """
        data = _files.read_bytes(path)
        try:
            return cls.loads(data)
        except FormatError as error:
            raise FormatError(f"`{os.fspath(path)}` is {error}") from None

    @classmethod
    def from_arrays(
        cls,
        indices: npt.ArrayLike,
        codebook: npt.ArrayLike,
        biases: npt.ArrayLike,
        *,
        eigenvalues: SupportsIndex,
        quadratic: npt.ArrayLike | None = None,
        shift: npt.ArrayLike | None = None,
        scale: npt.ArrayLike | None = None,
        clip: tuple[float, float] = (-1.0, 1.0),
        input_clip: float = math.inf,
        bits: SupportsIndex = 5,
        metadata: Mapping[str, Any] | None = None,
        self_test_inputs: npt.ArrayLike | None = None,
    ) -> Self:
        """Pack a policy.

        Args:
            indices: ``(n, k * m)`` integers: entry of the codebook for input i and eigenvalue e,
                the m eigenvalues of neuron 0 first.
            codebook: ``(c,)``, at most ``2**bits`` numbers.
            biases: A, ``(k, m)`` or ``(k * m,)``.
            eigenvalues: m, eigenvalues of each neuron, 1 to 64.
            quadratic: K, as ``biases``; None leaves the quadratic term out.
            shift: ``(n,)``, subtracted from the observation.
            scale: ``(n,)``, then multiplied with it.
            clip: Lowest and highest action; infinities for none.
            input_clip: Bound on the absolute value of the normalised observation.
            bits: Of an index, 2 to 8.
            metadata: Anything that JSON can hold: environment, score, versions.
            self_test_inputs: ``(t, n)`` observations whose actions the file carries as its own
                test; by default eight that show as many eigenvalues as possible.

        Raises:
            ShapeError: Shapes do not fit one another, or are over the limits of the format.
            DTypeError: An argument has the wrong element type.
            ArgumentError: A value is not finite, out of order or not in the codebook.
        """
        bits = _checks.integer(bits, "bits", low=MIN_BITS, high=MAX_BITS)
        m = _checks.integer(eigenvalues, "eigenvalues", low=1, high=_format.MAX_EIGENVALUES)
        table = np.asarray(indices)
        if table.ndim != 2 or table.shape[0] == 0 or table.shape[1] == 0 or table.shape[1] % m:
            raise ShapeError(f"`indices` must have shape (n, k * {m}), got {table.shape}")
        n, k = table.shape[0], table.shape[1] // m
        _checks.integer(n, "indices.shape[0]", low=1, high=_format.MAX_INPUTS)
        _checks.integer(k, "neurons", low=1, high=_format.MAX_NEURONS)
        entries = np.size(codebook)
        _checks.integer(entries, "codebook size", low=1, high=1 << bits)
        book = _checks.finite_float32(codebook, "codebook", (entries,))
        words = pack_indices(table, bits)
        if int(table.max()) >= entries:
            raise ArgumentError(
                f"`indices` must be below the {entries} entries of `codebook`, got {table.max()}"
            )

        def per_neuron(value: npt.ArrayLike, name: str) -> Float32:
            shape = (k * m,) if np.ndim(value) == 1 else (k, m)
            return _checks.finite_float32(value, name, shape).reshape(k, m)

        def per_input(value: npt.ArrayLike | None, name: str) -> Float32 | None:
            return None if value is None else _checks.finite_float32(value, name, (n,))

        low, high = float(clip[0]), float(clip[1])
        if not low <= high:
            raise ArgumentError(f"`clip` must be (low, high) with low <= high, got ({low}, {high})")
        if not input_clip > 0:
            raise ArgumentError(f"`input_clip` must be positive, got {input_clip}")
        layer = Layer(
            weights=book[table],
            biases=per_neuron(biases, "biases"),
            quadratic=None if quadratic is None else per_neuron(quadratic, "quadratic"),
            shift=per_input(shift, "shift"),
            scale=per_input(scale, "scale"),
            clip=(low, high),
            input_clip=float(input_clip),
        )
        if self_test_inputs is None:
            tests = _self_tests.default_inputs(layer)
        else:
            rows = _checks.integer(
                len(np.atleast_1d(self_test_inputs)),
                "len(self_test_inputs)",
                low=0,
                high=_format.MAX_SELF_TESTS,
            )
            tests = _checks.finite_float32(self_test_inputs, "self_test_inputs", (rows, n))
        return cls.loads(
            _format.encode(
                layer,
                bits=bits,
                words=words,
                codebook=book,
                self_test_inputs=tests,
                metadata=metadata or {},
            )
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the ``.dcp`` file, all of it or nothing.

        Raises:
            ArgumentError: It cannot be written there.
        """
        _files.write_atomic(path, self.dumps())

    @property
    def metadata(self) -> dict[str, Any]:
        """What the file says of itself: environment, score, versions. A new dict each time."""
        return self._parsed_metadata()

    @property
    def indices(self) -> npt.NDArray[np.uint8]:
        """Entries of the codebook, ``(n, k * m)``."""
        columns = self.neurons * self.eigenvalues
        flat = unpack_indices(self.words, self.inputs * columns, self.bits)
        return flat.reshape(self.inputs, columns)

    @property
    def weights(self) -> Float32:
        """B, the decoded weights, ``(n, k * m)``."""
        return np.asarray(self.codebook[self.indices], dtype=np.float32)

    def self_test(self) -> float:
        """Compare the native actions with the test vectors in the file.

        Returns:
            The largest absolute error.

        Raises:
            SelfTestError: It is over the tolerance that the file states.
        """
        passed, error = self.run_self_test()
        if not passed:
            raise SelfTestError(
                f"the self-test of the policy failed: an action is off by {error:.3g}, "
                f"allowed are {self.self_test_tolerance:.3g}"
            )
        return error

    def reference(self, obs: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the same actions from :func:`eigenwell.reference.dc`, in float64 and unhurried.

        Args:
            obs: ``(..., n)``.

        Returns:
            ``(..., k)``; a row with a NaN or an infinity gives NaN.
        """
        return Layer.of(self).actions(obs)

    def lipschitz_bound(self, box: npt.ArrayLike | None = None) -> npt.NDArray[np.float64]:
        """Bound on ``|d action_k / d obs_i|``: ``2 max_e |B_ie| |1 + 2 K_e L_e| |scale_i|``.

        The derivative of a maximum is that of one of its pieces, so the two pieces of a DC neuron
        give at most twice the steepest one. Without the quadratic term that holds everywhere.

        Args:
            box: ``(2, n)``, lowest and highest observation; needed only with a quadratic term, for
                which it bounds ``|L_e|``.

        Returns:
            ``(k, n)``, float64, in actions per unit of observation; infinite where an eigenvalue
            has a quadratic term and no box is given.
        """
        n, k, m = self.inputs, self.neurons, self.eigenvalues
        slopes = np.abs(self.weights.astype(np.float64))
        scale = np.ones(n) if self.scale is None else self.scale.astype(np.float64)
        if self.quadratic is not None:
            bend = np.abs(self.quadratic.astype(np.float64)).ravel()
            if box is None:
                factor = np.where(bend > 0, np.inf, 1.0)
            else:
                low, high = _checks.finite_float32(box, "box", (2, n)).astype(np.float64)
                shift = np.zeros(n) if self.shift is None else self.shift.astype(np.float64)
                reach = np.maximum(np.abs((low - shift) * scale), np.abs((high - shift) * scale))
                factor = 1 + 2 * bend * (np.minimum(reach, self.input_clip) @ slopes)
            # An exact zero has no slope, however much its eigenvalue bends.
            slopes = np.multiply(slopes, factor, where=slopes > 0, out=np.zeros_like(slopes))
        steepest = slopes.reshape(n, k, m).max(axis=2)
        return np.asarray(2 * np.abs(scale)[None, :] * steepest.T)

    def without_quadratic(self) -> Self:
        """Return the same policy with every K set to zero, and without the cost of it."""
        return type(self).from_arrays(
            self.indices,
            self.codebook,
            self.biases,
            eigenvalues=self.eigenvalues,
            shift=self.shift,
            scale=self.scale,
            clip=self.clip,
            input_clip=self.input_clip,
            bits=self.bits,
            metadata={**self.metadata, "quadratic": "removed"},
            self_test_inputs=self.self_test_inputs,
        )

    def _parsed_metadata(self) -> dict[str, Any]:
        try:
            metadata = json.loads(self.metadata_bytes or b"{}")
        except (ValueError, RecursionError):
            raise FormatError("not a valid .dcp policy: the metadata are not JSON") from None
        if not isinstance(metadata, dict):
            raise FormatError("not a valid .dcp policy: the metadata are not a JSON object")
        return metadata

    def __repr__(self) -> str:
        return (
            f"PackedPolicy({self.inputs} inputs, {self.neurons} neurons of {self.eigenvalues} "
            f"eigenvalues, {self.bits} bits, {len(self.dumps())} bytes)"
        )

    def __reduce__(self) -> tuple[type[Self], tuple[bytes]]:
        return type(self), (self.dumps(),)


#: Those of :func:`walker`.
WALKERS = ("article", "trained")


def walker(name: str = "article") -> PackedPolicy:
    """Return a walker for BipedalWalker-v3: 24 inputs, 4 neurons of 6 eigenvalues, 5-bit weights.

    Args:
        name: ``"article"``, at about 311 points, built from the published constants by
            ``tools/build_article_walker.py``; or ``"trained"``, at about 316, by
            ``eigenwell train --preset walker --seed 3`` and ``eigenwell distil``: its metadata have
            the settings.

    Raises:
        ArgumentError: There is none of that name.
    """
    if name not in WALKERS:
        raise ArgumentError(f"`name` must be one of {', '.join(WALKERS)}, got {name!r}")
    resource = importlib.resources.files("eigenwell.dc") / f"{name}_walker.dcp"
    return PackedPolicy.loads(resource.read_bytes())
