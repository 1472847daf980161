"""Python client of perpwire: subscribe, place, cancel, modify, query. No floats anywhere."""

from .client import Client, Kinds
from .endpoints import Endpoints
from .errors import MalformedMessage, NotSent, OutcomeUnknown, PerpwireError, Rejected
from .events import Bbo, Event, Fill, Order, Position
from .gaps import StreamPosition
from .prices import price_step, round_amount, round_price

__all__ = ["Bbo", "Client", "Endpoints", "Event", "Fill", "Kinds", "MalformedMessage", "NotSent", "Order",
           "OutcomeUnknown", "PerpwireError", "Position", "Rejected", "StreamPosition", "price_step", "round_amount",
           "round_price"]
