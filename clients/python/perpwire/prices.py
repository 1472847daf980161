"""Prices and amounts that the venue takes, from an `instrument` event's data."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Mapping


def price_step(instrument: Mapping[str, Any], price: Decimal) -> Decimal:
    """The distance between valid prices around `price`: the tick, or what price_rule gives (whole numbers are
    always valid; Hyperliquid: 5 significant figures, 6 - szDecimals decimals)."""
    if instrument.get("tick_size"):
        return Decimal(instrument["tick_size"])
    rule = instrument["price_rule"]
    exponent = max(-int(rule["max_decimals"]), price.adjusted() + 1 - int(rule["significant_figures"]))
    return Decimal(1).scaleb(min(0, exponent))


def round_price(instrument: Mapping[str, Any], price: Decimal, side: str) -> Decimal:
    """The nearest valid price that is no worse for us: down for BUY, up for SELL."""
    return _round(price, price_step(instrument, price), ROUND_FLOOR if side == "BUY" else ROUND_CEILING)


def round_amount(instrument: Mapping[str, Any], amount: Decimal) -> Decimal:
    """Down to the lot."""
    return _round(amount, Decimal(instrument["lot_size"]), ROUND_FLOOR)


def _round(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    return (value / step).to_integral_value(rounding) * step


def price_from_middle(instrument: Mapping[str, Any] | None, bbo: Mapping[str, Any], side: str,
                      basis_points: Decimal | int) -> Decimal | None:
    """The middle of the book moved by `basis_points` (above it if > 0), rounded as round_price does. None while the
    instrument is not known or a side of the book is empty."""
    if instrument is None or bbo["bid_price"] is None or bbo["ask_price"] is None:
        return None
    middle = (bbo["bid_price"] + bbo["ask_price"]) / 2
    return round_price(instrument, middle * (1 + Decimal(basis_points) / 10_000), side)
