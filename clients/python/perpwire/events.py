"""What comes over the bus, typed. Field names are the contract's; prices and amounts are Decimal, times are
nanoseconds since the epoch (int). A field that is not known is None; further fields may appear."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Mapping, TypedDict

from .errors import MalformedMessage

ORDER_EVENTS = ("order_created", "order_filled", "order_partial_fill", "order_cancelled", "order_failed",
                "order_update")
GATEWAY_EVENTS = ORDER_EVENTS + ("fill", "position", "balance", "position_adjusted", "funding", "ledger",
                                 "gateway_status", "stream_opened")
MARKET_EVENTS = ("book", "delta", "bbo", "trade", "ticker", "mids", "candle", "liquidation", "instrument", "status")


class Failure(TypedDict):
    code: str
    reason: str


class Order(TypedDict, total=False):
    client_order_id: str
    exchange_order_id: str | None
    trading_pair: str
    account: str
    order_type: str
    trade_type: str
    price: Decimal | None
    amount: Decimal
    filled_amount: Decimal
    average_executed_price: Decimal | None
    order_state: str
    creation_timestamp: int
    last_update_timestamp: int
    fee_paid: Decimal
    fee_asset: str | None
    failure: Failure


def is_open(order: Mapping[str, Any]) -> bool:
    """At the venue, and may be filled, modified or cancelled."""
    return order["order_state"] in ("OPEN", "PARTIALLY_FILLED")


def is_final(order: Mapping[str, Any]) -> bool:
    return order.get("order_state") in ("FILLED", "CANCELLED", "FAILED")


class Fill(TypedDict, total=False):
    trade_id: str
    client_order_id: str | None
    exchange_order_id: str
    account: str
    trading_pair: str
    trade_type: str
    price: Decimal
    amount: Decimal
    liquidity: str
    fee_paid: Decimal
    fee_asset: str
    closed_pnl: Decimal | None
    exchange_timestamp: int


class Position(TypedDict, total=False):
    account: str
    trading_pair: str
    amount: Decimal
    entry_price: Decimal | None
    mark_price: Decimal | None
    unrealized_pnl: Decimal | None
    realized_pnl: Decimal | None
    leverage: int | None
    margin_mode: str | None
    liquidation_price: Decimal | None


class Bbo(TypedDict, total=False):
    venue: str
    trading_pair: str
    bid_price: Decimal | None
    bid_amount: Decimal | None
    ask_price: Decimal | None
    ask_amount: Decimal | None


@dataclass(frozen=True)
class Event:
    """One message of the bus. `kind` is its event_type, `data` its payload."""

    kind: str
    topic: str
    timestamp: int
    stream: str
    sequence: int
    topic_sequence: int
    data: Mapping[str, Any]


def parse_json(payload: bytes) -> dict[str, Any]:
    """A JSON object, every number with a point as Decimal, exact to the digit."""
    try:
        value = json.loads(payload, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedMessage(f"expected JSON: {error}") from error
    if not isinstance(value, dict):
        raise MalformedMessage(f"expected a JSON object, found {type(value).__name__}")
    return value


def parse_event(topic: str, payload: bytes) -> Event:
    """Raises MalformedMessage naming the field."""
    message = parse_json(payload)
    for name, kind in (("event_type", str), ("timestamp", int), ("stream", str), ("sequence", int),
                       ("topic_sequence", int), ("data", dict)):
        if not isinstance(message.get(name), kind) or isinstance(message[name], bool):
            raise MalformedMessage(f"{topic}: expected {name} as {kind.__name__}, found {message.get(name)!r}")
    return Event(message["event_type"], topic, message["timestamp"], message["stream"], message["sequence"],
                 message["topic_sequence"], message["data"])


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number of the contract")
