"""Python client of perpwire: subscribe, place, cancel, modify, query. No floats anywhere."""

from .client import Client, Kinds
from .endpoints import Endpoints
from .errors import MalformedMessage, NotSent, OutcomeUnknown, PerpwireError, Rejected
from .events import Bbo, Event, Fill, Order, Position, is_final, is_open
from .gaps import StreamPosition
from .prices import price_from_middle, price_step, round_amount, round_price
from .quote import Quote
from .stop_signals import StopSignals

__all__ = ["Bbo", "Client", "Endpoints", "Event", "Fill", "Kinds", "MalformedMessage", "NotSent", "Order",
           "OutcomeUnknown", "PerpwireError", "Position", "Quote", "Rejected", "StopSignals", "StreamPosition", "is_final",
           "is_open", "price_from_middle", "price_step", "round_amount", "round_price"]
