"""Pairwise energies and distances of point clouds: native, in one pass, in O(n) memory.

The Riesz energy ``sum over pairs of w_i v_j |x_i - y_j|^s`` with its gradient and the product of
its Hessian with a vector; matrices of distances with their gradients; and gradient descent of
coupled species as one native loop. Everything behind the particle systems of the article
"particles".

NumPy arrays and torch tensors go in. A tensor is handed on to :mod:`eigenwell.pairwise.torch`,
whose functions are differentiable; torch is never imported unless a tensor comes.

Example:
    >>> import numpy as np
    >>> from eigenwell import pairwise
    >>> corners = np.array([[0.0, 0.0], [3.0, 4.0]])
    >>> float(pairwise.energy(corners, pairs="upper"))
    5.0
"""

from eigenwell.pairwise._arguments import PAIRS
from eigenwell.pairwise._descend import Descent, Term, descend
from eigenwell.pairwise._distances import cdist, cdist_gradient, pdist, pdist_gradient
from eigenwell.pairwise._energy import energy, energy_and_gradient, hessian_vector_product

__all__ = [
    "PAIRS",
    "Descent",
    "Term",
    "cdist",
    "cdist_gradient",
    "descend",
    "energy",
    "energy_and_gradient",
    "hessian_vector_product",
    "pdist",
    "pdist_gradient",
]
