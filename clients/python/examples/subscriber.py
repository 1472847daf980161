#!/usr/bin/env python3
"""Prints the top of the book and every order event, whatever the bus loses on the way."""

import sys

from perpwire import Client, Endpoints

with Client(Endpoints.from_file(sys.argv[1])) as client:
    client.on("bbo", lambda event: print(event.data["trading_pair"], event.data["bid_price"], event.data["ask_price"]))
    for kind in ("order_created", "order_partial_fill", "order_filled", "order_cancelled", "order_failed"):
        client.on(kind, lambda event: print(event.kind, event.data["client_order_id"], event.data["order_state"]))
    client.subscribe(["bbo"], ["BTC-USD"])
    sys.stdin.read()
