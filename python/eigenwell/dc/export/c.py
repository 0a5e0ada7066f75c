"""One C99 header: weights packed in flash, decoded at start or on the fly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eigenwell.dc.export import _facts, _template, _vectors

if TYPE_CHECKING:
    from eigenwell.dc import PackedPolicy

_MAX_VECTORS = 8


def header(policy: PackedPolicy, *, name: str) -> str:
    """Return a C99 header that computes ``policy``; it is C++11 as well.

    It defines, for ``name="walker"``:

    * ``WALKER_INPUTS``, ``WALKER_NEURONS``, and the results ``WALKER_OK`` (0),
      ``WALKER_NOT_FINITE``, ``WALKER_OVERFLOW``;
    * ``walker_policy``, a struct that the caller owns: the decoded weights;
    * ``void walker_init(walker_policy*)``, ``int walker_act(const walker_policy*, const float*,
      float*)`` and ``int walker_self_test(const walker_policy*)``.

    With ``WALKER_ON_THE_FLY`` defined, the struct is one byte and each action decodes anew.

    Args:
        policy: The policy.
        name: Prefix of everything in it; checked by the caller.
    """
    vectors = _vectors.choose(policy, _MAX_VECTORS)
    values = _facts.values(policy, name, vectors, about=" *   ")
    columns = policy.neurons * policy.eigenvalues
    flags = _facts.flags(policy)
    # `sums`, `high` and `low`, the normalised observation; on the fly the rows decoded last.
    stack = 4 * (columns + 2 * policy.neurons + (policy.inputs if "normalise" in flags else 0))
    values |= {
        "stack": stack,
        "stack_fly": stack + 4 * columns * (4 if policy.inputs >= 4 else 1),
    }
    values |= _facts.literals(policy, vectors)
    return _template.render("policy.h.in", values, flags)
