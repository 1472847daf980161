"""What can go wrong, as exceptions. The codes are those of the contract (PRICE_TICK, HALTED, ...)."""

from __future__ import annotations


class PerpwireError(Exception):
    """Base of all errors of this package."""


class Rejected(PerpwireError):
    """The suite said no, in its own words: nothing was done."""

    def __init__(self, code: str, reason: str, client_order_id: str = "") -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
        self.client_order_id = client_order_id


class NotSent(PerpwireError):
    """Provably never left this process: not connected, or a full queue."""


class OutcomeUnknown(PerpwireError):
    """No answer in time: it may have been done. Ask (get_order) before doing it again."""


class MalformedMessage(PerpwireError):
    """Bytes from outside that are not what the contract says."""
