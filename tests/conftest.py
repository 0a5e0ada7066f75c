"""Has Ctrl-C end what tests start, whatever started the tests."""

from __future__ import annotations

import signal

# A script's background job ignores it, and so would every process of the tests.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
