"""One C++17 header: the compiler decodes the packed words and can run the self-test itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eigenwell.dc.export import _facts, _template, _vectors

if TYPE_CHECKING:
    from eigenwell.dc import PackedPolicy

_MAX_VECTORS = 8

# clang and MSVC give up a constant expression after 2**20 steps. Measured with clang 14: decoding
# takes 6 steps a weight and the self-test at most `_self_test_steps`; half is left in reserve.
_MAX_DECODED = 32_768
_MAX_SELF_TEST_STEPS = 2**19


def header(policy: PackedPolicy, *, name: str) -> str:
    """Return a C++17 header that computes ``policy`` in constant expressions and at run time.

    It defines, in a namespace called ``name``: ``inputs``, ``neurons``, ``eigenvalues``, the arrays
    ``Observation`` and ``Action``, ``constexpr Action act(const Observation&)`` and
    ``constexpr int self_test()``, which a ``static_assert`` calls.

    Above 32,768 weights ``act`` is not constexpr and the words are decoded at program start. Where
    the self-test is too long for the compilers' limits there is no ``static_assert``.

    Args:
        policy: The policy.
        name: Of the namespace; checked by the caller.
    """
    vectors = _vectors.choose(policy, _MAX_VECTORS)
    weights = policy.inputs * policy.neurons * policy.eigenvalues
    constant = weights <= _MAX_DECODED
    flags = _facts.flags(policy)
    if constant:
        flags.add("constant")
        if _self_test_steps(policy, len(vectors.inputs)) <= _MAX_SELF_TEST_STEPS:
            flags.add("asserted")
    packed = _facts.flash_bytes(policy)
    values = _facts.values(policy, name, vectors, about="//   ")
    values |= {
        "constexpr": "constexpr " if constant else "",
        "constexpr_inline": "constexpr" if constant else "inline",
        "packed": packed,
        # The compiler has read the words and the codebook, so the program does not keep them.
        "read_only": packed - policy.words.nbytes - (4 << policy.bits) + 4 * weights,
    }
    values |= _facts.literals(policy, vectors)
    return _template.render("policy.hpp.in", values, flags)


def _self_test_steps(policy: PackedPolicy, vectors: int) -> int:
    columns = policy.neurons * policy.eigenvalues
    return vectors * (policy.inputs + 40) * (columns + 8)
