"""Export a packed policy to source code or to a graph that runs without eigenwell.

Four targets, each of which computes the whole policy (shift, scale, input clip, DC neurons, action
clip), carries test vectors and can check itself against them:

========== ============================================== =====================================
target     what comes out                                 how it checks itself
========== ============================================== =====================================
``c``      C99 header: no dependency, no allocation       ``<name>_self_test(&policy)``
``cpp``    C++17 header: constexpr from words to actions  ``<name>::self_test()``, static_assert
``python`` script that needs NumPy only                   ``self_test()``, or run the script
``onnx``   ONNX graph with a dynamic batch                :func:`eigenwell.dc.export.onnx.self_test`
========== ============================================== =====================================

A self-test gives 0 on agreement and something else otherwise.

Example:
    >>> from eigenwell import dc
    >>> from eigenwell.dc.export import export
    >>> header = export(dc.walker(), "c", name="walker")
    >>> "static inline int walker_act(" in header
    True
"""

from eigenwell.dc.export._export import TARGETS, export

__all__ = ["TARGETS", "export"]
