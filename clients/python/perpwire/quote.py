"""One post-only order that follows a wanted price."""

from __future__ import annotations

import time
from concurrent.futures import Future
from decimal import Decimal
from typing import Callable

from .client import Client
from .errors import OutcomeUnknown, PerpwireError
from .events import Event, is_final, is_open


class Quote:
    """Placed, modified, cancelled and placed anew where a modify is refused, withdrawn. Hears its own order events.
    Use it on the client's thread: in callbacks, or by Client.run."""

    def __init__(self, client: Client, pair: str, side: str, amount: Decimal, least_move_bps: Decimal | int = 1,
                 pause: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        """`pause`: seconds between two requests; the venue counts them."""
        self.client, self.pair, self.side, self.amount = client, pair, side, amount
        self.least_move_bps, self.pause, self._clock = least_move_bps, pause, clock
        self.id: str | None = None  # None while there is no order
        self._price: Decimal = Decimal(0)
        self._is_open = False
        self._quiet_until = 0.0
        client.on_order(self._on_order)
        client.on("order_rejected", self._on_rejected)
        client.on("order_unknown", self._on_unknown)

    def want(self, price: Decimal | None) -> None:
        """Where it shall stand; None = nowhere. Call it as often as there is news: a request is sent only if
        something changes, none is unanswered, and the pause is over."""
        now = self._clock()
        if now < self._quiet_until:
            return
        if self.id is None and price is not None:
            place = self.client.buy if self.side == "BUY" else self.client.sell
            self.id, self._is_open = place(self.pair, self.amount, price, time_in_force="ALO"), False
        elif self.id is not None and self._is_open and price is None:
            self.client.cancel(self.id)
        elif self.id is not None and self._is_open and price is not None and self._far(price):
            order_id = self.id
            self.client.modify(order_id, price, self.amount).add_done_callback(
                lambda done: self._modified(order_id, done))
        else:
            return
        self._quiet_until = now + self.pause

    def _far(self, price: Decimal) -> bool:
        return abs(price - self._price) * 10_000 >= self.least_move_bps * self._price

    def _modified(self, order_id: str, done: Future[None]) -> None:
        if done.exception() is not None and order_id == self.id:
            # Refused (it would cross, the rest is too small): placed anew once this one is gone.
            self.client.cancel(order_id)

    def _on_order(self, event: Event) -> None:
        if event.data["client_order_id"] != self.id:
            return
        self._is_open, self._price = is_open(event.data), event.data["price"]
        if is_final(event.data):
            self.id = None
        elif event.data.get("failure"):
            self.client.cancel(self.id)  # the venue refused a modify

    def _on_rejected(self, order_id: str, error: PerpwireError) -> None:
        if order_id == self.id:
            self.id = None

    def _on_unknown(self, order_id: str, error: OutcomeUnknown) -> None:
        if order_id == self.id:
            self.client.resend(order_id)  # the very same: the gateway places an id once
