#!/usr/bin/env python3
"""A sample market maker: quotes both sides around the middle of the book, follows it by modify, leans against its
inventory, cancels on exit. Its twin is clients/cpp/examples/market_maker.cpp."""
import argparse
from decimal import Decimal

from perpwire import Client, Endpoints, Quote, StopSignals, price_from_middle

HALF_SPREAD_BPS = SKEW_BPS = MOVE_BPS = Decimal("0.1")
MAX_LOTS = 10


class MarketMaker:
    def __init__(self, client, pair, amount):
        self.pair, self.amount = pair, amount
        self.quotes = [Quote(client, pair, side, amount, least_move_bps=MOVE_BPS) for side in ("BUY", "SELL")]
        self.instrument, self.inventory, self.stopped = None, Decimal(0), False
        self.orders, self.fills, self.traded = 0, 0, Decimal(0)
        client.on("instrument", self.on_instrument)
        client.on("position", self.on_position)
        client.on("order_created", self.on_created)
        client.on("fill", self.on_fill)
        client.on("bbo", self.on_bbo)
        client.on("order_rejected", lambda order_id, error: print(f"{order_id}: {error}", flush=True))
        client.subscribe(["bbo", "instrument"], [pair])

    def on_instrument(self, event):
        self.instrument = event.data

    def on_position(self, event):
        if event.data["trading_pair"] == self.pair:
            self.inventory = event.data["amount"]

    def on_created(self, event):
        self.orders += event.data["trading_pair"] == self.pair

    def on_fill(self, event):
        if event.data["trading_pair"] == self.pair:
            self.fills += 1
            self.traded += event.data["amount"] if event.data["trade_type"] == "BUY" else -event.data["amount"]

    def on_bbo(self, event):
        lots = self.inventory / self.amount
        for quote, sign in zip(self.quotes, (-1, 1)):
            bps = sign * HALF_SPREAD_BPS - lots * SKEW_BPS
            price = price_from_middle(self.instrument, event.data, quote.side, bps)
            if not self.stopped:
                quote.want(price if -sign * lots < MAX_LOTS else None)

    def stop(self):
        self.stopped = True
        return [quote.id for quote in self.quotes if quote.id]


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--config", required=True, help="perpwire.toml")
parser.add_argument("--pair", default="BTC-USD")
parser.add_argument("--amount", type=Decimal, default=Decimal("0.01"))
options = parser.parse_args()
signals = StopSignals()
with Client(Endpoints.from_file(options.config), strategy="sample-mm", id_prefix="MM") as client:
    maker = MarketMaker(client, options.pair, options.amount)
    signals.wait()
    left = client.cancel_and_wait(client.run(maker.stop).result())
    print(f"stopped: {maker.orders} orders, {maker.fills} fills, traded {maker.traded}, inventory {maker.inventory}, "
          f"left open: {len(left)}, pages: {client.counters['pages']}")
