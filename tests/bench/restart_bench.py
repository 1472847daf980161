#!/usr/bin/env python3
"""How long the gateway takes from kill -9 until it is READY again with 1,000 open orders (venue-sim, --limits off --block-ms 0)."""

import argparse
import pathlib
import sys
import time
from decimal import Decimal

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

from suite import Suite, wait_for  # noqa: E402

ORDERS = 1000
BATCH = 40


def place_all(suite):
    price = (suite.mid("BTC") * Decimal("0.95")).quantize(Decimal(1))
    for first in range(0, ORDERS, BATCH):
        orders = [{"client_order_id": f"rest-{i}", "account": "main", "trading_pair": "BTC-USD", "trade_type": "BUY",
                   "order_type": "LIMIT", "amount": "0.001", "price": str(price - i)} for i in range(first, first + BATCH)]
        reply = suite.command(type="place_batch", request_id=f"b-{first}", account="main", orders=orders)
        refused = [r for r in reply["results"] if r["status"] != "ACCEPTED"]
        assert not refused, refused[0]
    wait_for("all rest at the venue", lambda: open_orders(suite) == ORDERS, 20)


def open_orders(suite):
    found = suite.command(type="get_open_orders", request_id="q", account="main")["orders"]
    return sum(1 for order in found if order["order_state"] == "OPEN")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--times", type=int, default=5)
    arguments = parser.parse_args()
    with Suite(bin_dir=pathlib.Path(arguments.bin).resolve(), limits="off", block_ms=0, settings="") as suite:
        suite.start_all()
        place_all(suite)
        taken = []
        for _ in range(arguments.times):
            suite.kill("order-gateway")
            began = time.monotonic()
            suite.start("order-gateway")
            while True:
                beat = suite.heartbeat("gateway_events", "hb.order-gateway.main", 1.0)
                if beat and beat["state"] == "READY":
                    break
                assert time.monotonic() - began < 30, suite.log("order-gateway")[-2000:]
            taken.append(round((time.monotonic() - began) * 1000))
            assert open_orders(suite) == ORDERS, "orders are missing after the restart"
        print(f"RESULT restart.ready_{ORDERS}_p50.product ms {sorted(taken)[len(taken) // 2]}")
        print(f"RESULT restart.ready_{ORDERS}_max.product ms {max(taken)}")


if __name__ == "__main__":
    main()
