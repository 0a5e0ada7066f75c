"""A policy around a layer of DC neurons: normalise, act, clip; to and from the packed format."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, SupportsIndex

import torch

from eigenwell import _checks
from eigenwell.dc._policy import PackedPolicy
from eigenwell.dc.torch._codebook import fit_codebook, quantise
from eigenwell.dc.torch._layer import DCLayer
from eigenwell.dc.torch._neurons import Neurons
from eigenwell.errors import ArgumentError, DTypeError

if TYPE_CHECKING:
    import numpy.typing as npt

    from eigenwell.dc.torch._extremes import Rule


class DCPolicy(torch.nn.Module):
    """Actions ``clip(layer(clip((obs - shift) * scale)))``, as :class:`eigenwell.dc.PackedPolicy`.

    Args:
        layer: A :class:`DCLayer`; the other layers act, but do not pack.
        shift: ``(n,)``, subtracted from the observation; None is zeros.
        scale: ``(n,)``, then multiplied with it; None is ones.
        input_clip: Bound on the absolute value of the normalised observation.
        clip: Lowest and highest action; infinities for none.

    Attributes:
        shift: Buffer ``(n,)``: statistics, not trained.
        scale: Buffer ``(n,)``.

    Raises:
        DTypeError: The layer is not one of DC neurons.
        ShapeError: Shift or scale do not have n elements.
        ArgumentError: They are not finite, or a bound is out of order.

    Note:
        NaN and infinite observations propagate as torch has it; the packed policy refuses them.

    Example:
        >>> import torch
        >>> from eigenwell import dc
        >>> from eigenwell.dc.torch import DCPolicy
        >>> policy = DCPolicy.from_packed(dc.walker())
        >>> policy(torch.zeros(24)).shape
        torch.Size([4])
        >>> again = policy.pack(codebook=dc.walker().codebook)
        >>> again.words.tolist() == dc.walker().words.tolist()
        True
    """

    shift: torch.Tensor
    scale: torch.Tensor

    def __init__(
        self,
        layer: Neurons,
        *,
        shift: npt.ArrayLike | None = None,
        scale: npt.ArrayLike | None = None,
        input_clip: float = math.inf,
        clip: tuple[float, float] = (-1.0, 1.0),
    ) -> None:
        super().__init__()
        if not isinstance(layer, Neurons):
            raise DTypeError(f"`layer` must be a layer of DC neurons, got {type(layer).__name__}")
        self.layer = layer
        n, weights = layer.in_features, layer.weights
        for name, value, default in (("shift", shift, 0.0), ("scale", scale, 1.0)):
            buffer = weights.new_full((n,), default)
            if value is not None:
                buffer.copy_(torch.from_numpy(_checks.finite_float32(value, name, (n,))))
            self.register_buffer(name, buffer.detach())
        self.clip = (float(clip[0]), float(clip[1]))
        if not self.clip[0] <= self.clip[1]:
            raise ArgumentError(f"`clip` must be (low, high) with low <= high, got {self.clip}")
        self.input_clip = float(input_clip)
        if not self.input_clip > 0:
            raise ArgumentError(f"`input_clip` must be positive, got {self.input_clip}")

    @classmethod
    def from_packed(
        cls,
        packed: PackedPolicy,
        *,
        backward: Rule = "softmax",
        temperature: float = 1.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> Self:
        """Unpack a policy into parameters that can be trained on.

        Args:
            packed: Any packed policy, such as ``eigenwell.dc.walker()``.
            backward: Rule of the layer's gradient.
            temperature: Of that rule.
            device: Where the parameters lie.
            dtype: Of the parameters.

        Raises:
            DTypeError: It is not a packed policy.
        """
        if not isinstance(packed, PackedPolicy):
            raise DTypeError(f"`packed` must be a PackedPolicy, got {type(packed).__name__}")
        layer = DCLayer(
            packed.inputs,
            packed.neurons,
            packed.eigenvalues,
            quadratic=packed.quadratic is not None,
            backward=backward,
            temperature=temperature,
            generator=torch.Generator(),  # leaves torch's own alone: what it draws is overwritten
            device=device,
            dtype=dtype,
        )
        with torch.no_grad():
            layer.weights.copy_(torch.tensor(packed.weights))
            layer.biases.copy_(torch.tensor(packed.biases))
            if layer.quadratic is not None:
                layer.quadratic.copy_(torch.tensor(packed.quadratic))
        return cls(
            layer,
            shift=packed.shift,
            scale=packed.scale,
            input_clip=packed.input_clip,
            clip=packed.clip,
        )

    def normalise(self, obs: torch.Tensor) -> torch.Tensor:
        """Return ``clip((obs - shift) * scale)``, ``(..., n)``."""
        x = (obs - self.shift) * self.scale
        return x if math.isinf(self.input_clip) else x.clamp(-self.input_clip, self.input_clip)

    def unclipped(self, obs: torch.Tensor) -> torch.Tensor:
        """Return the neurons' outputs, ``(..., k)``: what a distribution of actions is around."""
        self.layer.check(obs, "obs")
        output: torch.Tensor = self.layer(self.normalise(obs))
        return output

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        """Return actions ``(..., k)`` for observations ``(..., n)``.

        Raises:
            EigenwellError: As the layer's forward.
        """
        return self.unclipped(obs).clamp(*self.clip)

    def lipschitz_bound(self, box: Any = None) -> torch.Tensor:
        """Bound on ``|d action_k / d obs_i|``, ``(k, n)``, float64.

        Args:
            box: ``(2, n)``, lowest and highest observation; needed only with a quadratic term and
                no ``input_clip``.

        Raises:
            EigenwellError: As the layer's bound.
        """
        scale = self.scale.double()
        rows = None if box is None else self.layer.box(box)
        if rows is None and math.isfinite(self.input_clip):
            rows = scale.new_full((2, len(scale)), self.input_clip)
            rows[0].neg_()
        elif rows is not None:
            ends = (rows - self.shift.double()) * scale  # a negative scale turns the ends around
            ends = ends.clamp(-self.input_clip, self.input_clip)
            rows = torch.stack([ends.amin(0), ends.amax(0)])
        return self.layer.lipschitz_bound(rows) * scale.abs()

    def pack(
        self,
        *,
        bits: SupportsIndex = 5,
        codebook: npt.ArrayLike | None = None,
        quadratic: bool = True,
        metadata: Mapping[str, Any] | None = None,
        self_test_inputs: npt.ArrayLike | None = None,
    ) -> PackedPolicy:
        """Quantise the weights and pack the policy; all else stays in float32.

        Args:
            bits: Of a weight, 2 to 8.
            codebook: What weights may be, at most ``2**bits`` numbers; None fits an affine grid
                with an exact zero (:func:`fit_codebook`).
            quadratic: False leaves K out.
            metadata: Anything that JSON can hold.
            self_test_inputs: ``(t, n)``, see :meth:`eigenwell.dc.PackedPolicy.from_arrays`.

        Raises:
            DTypeError: The layer is not a :class:`DCLayer`.
            ArgumentError: The layer is untied, ``bits`` out of range, or a number not finite.
            EigenwellError: As :meth:`eigenwell.dc.PackedPolicy.from_arrays`.
        """
        layer = self.layer
        if not isinstance(layer, DCLayer):
            raise DTypeError(f"`layer` must be a DCLayer to be packed, got {type(layer).__name__}")
        if not layer.tied:
            raise ArgumentError(
                "`layer` must be tied to be packed: layer.tie(box) gives a tied one that is the "
                "same function in a box of inputs"
            )
        weights = _array(layer.weights)
        found = (
            fit_codebook(weights, bits=bits) if codebook is None else quantise(weights, codebook)
        )
        return PackedPolicy.from_arrays(
            found.indices,
            found.codebook,
            _array(layer.biases),
            eigenvalues=layer.eigenvalues,
            quadratic=_array(layer.quadratic)
            if quadratic and layer.quadratic is not None
            else None,
            shift=_array(self.shift) if self.shift.any() else None,
            scale=_array(self.scale) if (self.scale != 1).any() else None,
            clip=self.clip,
            input_clip=self.input_clip,
            bits=bits,
            metadata=metadata,
            self_test_inputs=self_test_inputs,
        )

    def extra_repr(self) -> str:
        """Say how inputs and actions are bounded, inside of the policy's repr."""
        return f"input_clip={self.input_clip:g}, clip={self.clip}"


def _array(tensor: torch.Tensor) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = tensor.detach().cpu().double().numpy()
    return array
