"""DC neurons as torch modules: train, differentiate, bound, pack.

:class:`DCLayer` is the neuron of :mod:`eigenwell.dc`, ``y = max_e E_e + min_e E_e``, whose forward
is exact; what is smooth is the gradient, by a softmax, a sparsemax, or not at all (``backward=``).
:class:`DCPolicy` puts normalisation and clips around it and packs. :class:`TridiagonalLayer` and
:class:`SymmetricLayer` have the spectra of fuller matrices. :func:`fit_function` fits a function.

Modules hold plain parameters and buffers, so state dicts go into safetensors as they are. They work
under ``torch.compile(fullgraph=True)`` and ``torch.func``.
"""

from __future__ import annotations

from eigenwell._checks import require

require("torch", extra="learn")

from eigenwell.dc.torch._codebook import Quantised, fit_codebook, quantise  # noqa: E402
from eigenwell.dc.torch._fit import FunctionFit, fit_function  # noqa: E402
from eigenwell.dc.torch._layer import DCLayer  # noqa: E402
from eigenwell.dc.torch._policy import DCPolicy  # noqa: E402
from eigenwell.dc.torch._spectral import SymmetricLayer, TridiagonalLayer  # noqa: E402

__all__ = [
    "DCLayer",
    "DCPolicy",
    "FunctionFit",
    "Quantised",
    "SymmetricLayer",
    "TridiagonalLayer",
    "fit_codebook",
    "fit_function",
    "quantise",
]
