"""Ids that are never given twice: client order ids and request ids."""

from __future__ import annotations

import itertools
import re
import secrets
import threading
import time

_ALLOWED = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def is_client_order_id(text: str) -> bool:
    """The contract's form: 1 to 64 of [A-Za-z0-9._:-]."""
    return _ALLOWED.fullmatch(text) is not None


class ClientOrderIds:
    """`<prefix>-<unix seconds at start>-<6 random hex digits>-<counter>`: unique over restarts, machines
    and threads. The counter alone separates ids of one instance; time and randomness separate instances.
    """

    def __init__(self, prefix: str, now: int | None = None, instance: str | None = None) -> None:
        started = int(time.time()) if now is None else now
        self._stem = f"{prefix}-{started}-{instance or secrets.token_hex(3)}"
        if not is_client_order_id(self._stem) or len(self._stem) > 50:
            raise ValueError(f"prefix: expected at most 30 of A-Z a-z 0-9 . _ : -, found {prefix!r}")
        self._counter = itertools.count(1)
        self._lock = threading.Lock()

    def next(self) -> str:
        with self._lock:
            return f"{self._stem}-{next(self._counter):06d}"


def new_request_id() -> str:
    """Random, 96 bits: request ids of different clients and lives never meet."""
    return "r-" + secrets.token_hex(12)
