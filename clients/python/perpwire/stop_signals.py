"""Waiting for SIGINT and SIGTERM in a program with threads."""

from __future__ import annotations

import signal

_SIGNALS = {signal.SIGINT, signal.SIGTERM}


class StopSignals:
    """Construct it before any thread is made (a Client makes one): threads inherit the mask."""

    def __init__(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)

    def wait(self) -> int:
        """Waits for one of them. Returns its number."""
        return signal.sigwait(_SIGNALS)
