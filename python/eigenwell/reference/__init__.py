"""The shortest correct code for each native operation: the oracle of the tests and benchmarks.

Plain NumPy in float64 (torch for the article's loops), written for reading, not for speed. A native
result that disagrees with this package is wrong.
"""

from eigenwell.reference._bitwise import bitwise
from eigenwell.reference._cartpole import cartpole_logits, cartpole_rollouts, threefry
from eigenwell.reference._dc import dc, pack_indices, unpack_indices
from eigenwell.reference._pairwise import (
    distances,
    riesz_energy,
    riesz_gradient,
    riesz_hessian_vector_product,
)
from eigenwell.reference._particles import article_descent

__all__ = [
    "article_descent",
    "bitwise",
    "cartpole_logits",
    "cartpole_rollouts",
    "dc",
    "distances",
    "pack_indices",
    "riesz_energy",
    "riesz_gradient",
    "riesz_hessian_vector_product",
    "threefry",
    "unpack_indices",
]
