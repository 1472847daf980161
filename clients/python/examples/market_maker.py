#!/usr/bin/env python3
"""A sample market maker: quotes both sides around the middle of the book, follows it by modify, leans against its
inventory, cancels on exit. Its twin is clients/cpp/examples/market_maker.cpp.

    PYTHONPATH=clients/python python3 clients/python/examples/market_maker.py --config perpwire.toml
"""
import argparse
import signal
import time
from decimal import Decimal

from perpwire import Client, Endpoints, OutcomeUnknown, round_price


class Quote:
    id, price, is_open, quiet_until = None, None, False, 0.0


class MarketMaker:
    def __init__(self, client, options):
        self.client, self.options = client, options
        self.quotes = {"BUY": Quote(), "SELL": Quote()}
        self.instrument, self.inventory, self.stopped = None, Decimal(0), False
        client.on_order(self.on_order)
        client.on("order_rejected", self.on_no_order)
        client.on("order_unknown", self.on_no_order)
        client.on("instrument", lambda event: setattr(self, "instrument", event.data))
        client.on("position", self.on_position)
        client.on("bbo", self.on_bbo)
        client.subscribe(["bbo", "instrument"], [options.pair])

    def on_position(self, event):
        if (event.data["trading_pair"], event.data["account"]) == (self.options.pair, self.client.account):
            self.inventory = event.data["amount"]

    def on_bbo(self, event):
        bid, ask = event.data["bid_price"], event.data["ask_price"]
        if self.stopped or self.instrument is None or bid is None or ask is None:
            return
        mid, lots = (bid + ask) / 2, self.inventory / self.options.amount
        for side, sign in (("BUY", -1), ("SELL", 1)):
            bps = sign * self.options.half_spread_bps - lots * self.options.skew_bps
            price = round_price(self.instrument, mid * (1 + bps / 10_000), side)
            self.requote(side, price, mid * self.options.move_bps / 10_000, -sign * lots < self.options.max_lots)

    def requote(self, side, price, least_move, wanted):
        quote, now = self.quotes[side], time.monotonic()
        if now < quote.quiet_until:
            return
        if quote.id is None and wanted:
            place = self.client.buy if side == "BUY" else self.client.sell
            quote.id = place(self.options.pair, self.options.amount, price, time_in_force="ALO")
        elif quote.is_open and not wanted:
            self.client.cancel(quote.id)
        elif quote.is_open and abs(price - quote.price) >= least_move:
            self.client.modify(quote.id, price, self.options.amount)
        else:
            return
        quote.price, quote.quiet_until = price, now + self.options.pause

    def on_order(self, event):
        for quote in self.quotes.values():
            if event.data["client_order_id"] == quote.id:
                quote.is_open = event.data["order_state"] in ("OPEN", "PARTIALLY_FILLED")
                if event.data["order_state"] in ("FILLED", "CANCELLED", "FAILED"):
                    quote.id = None
                elif event.data.get("failure"):  # a modify was refused: quoted anew once this one is gone
                    self.client.cancel(quote.id)

    def on_no_order(self, client_order_id, error):
        print(f"order {client_order_id}: {error}", flush=True)
        if isinstance(error, OutcomeUnknown):
            return self.client.resend(client_order_id)  # the same id is placed once, whatever arrived before
        for quote in self.quotes.values():
            if quote.id == client_order_id:
                quote.id = None

    def stop(self):
        self.stopped = True
        return [quote.id for quote in self.quotes.values() if quote.id]


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--config", required=True, help="perpwire.toml")
parser.add_argument("--pair", default="BTC-USD")
parser.add_argument("--pause", type=float, default=1.0, help="seconds between two requests for one side")
for name, default in dict(amount="0.01", half_spread_bps=3, skew_bps=1, move_bps=1, max_lots=10).items():
    parser.add_argument("--" + name.replace("_", "-"), type=Decimal, default=Decimal(default))
options = parser.parse_args()
stop_signals = {signal.SIGINT, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals)
with Client(Endpoints.from_file(options.config), strategy="sample-mm", id_prefix="MM") as client:
    maker = MarketMaker(client, options)
    signal.sigwait(stop_signals)
    left = client.cancel_and_wait(client.run(maker.stop).result())
    print(f"stopped: {client.counters['fill']} fills, inventory {maker.inventory}, left open: {left or 'none'}")
