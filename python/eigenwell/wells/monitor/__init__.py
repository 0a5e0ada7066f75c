"""Diagnosis of wells in real training: corner mass, remaining time, sinking.

:class:`WellMonitor` watches a discrete policy and says that it is about to stall, while the return
may still be rising. It takes arrays, so it fits into any training loop.
"""

from eigenwell.wells.monitor._estimates import mean_advantages
from eigenwell.wells.monitor._monitor import WellMonitor
from eigenwell.wells.monitor._report import WellReport

__all__ = ["WellMonitor", "WellReport", "mean_advantages"]
