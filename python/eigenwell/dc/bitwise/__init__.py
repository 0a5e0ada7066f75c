"""Bitwise policies: a majority vote of xors of the raw IEEE-754 bits of an observation.

No multiplication, no addition, no rounding: a feature is the parity of chosen bits, an action is
what most features say. Three votes over five bits balance CartPole-v1 for all of its 500 steps.
:func:`learn` finds such a policy by annealed differentiable logic; what the bits mean is told in
``docs/bitwise.md``. After the walker's article, whose author solved CartPole in this way.

Example:
    >>> from eigenwell.dc import bitwise
    >>> policy = bitwise.cartpole()
    >>> policy([0.0, 0.0, 0.02, 0.1])  # the pole leans and falls to the right: push right
    1
"""

from eigenwell.dc.bitwise._learn import Learnt, learn
from eigenwell.dc.bitwise._policy import BitwisePolicy, Feature, cartpole

__all__ = ["BitwisePolicy", "Feature", "Learnt", "cartpole", "learn"]
