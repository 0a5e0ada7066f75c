"""Side-by-side benchmarks: all contenders in turns, on equal threads, checked before timed.

``eigenwell bench`` shows a table; ``bench/`` runs the same contenders under pytest-benchmark.
"""

from eigenwell.benchmarks._timing import Contender, Timing, time_all

__all__ = ["Contender", "Timing", "time_all"]
