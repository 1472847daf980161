"""Ten times what the venue allows: refused here with RATE_LIMITED, never there with 429, and cancels go first."""

import json
import random
import time
import unittest
import urllib.request
from collections import Counter
from decimal import Decimal

import zmq
from agreement import check_everything_agrees
from suite import Suite, loads, wait_for

SECONDS = 20
PER_SECOND = 200  # the gateway's share is 60 % of 2,000 messages a minute: 20 a second


class Load(unittest.TestCase):
    def counters(self, suite):
        with urllib.request.urlopen(f"http://127.0.0.1:{suite.ports['control']}/counters", timeout=10) as answer:
            return loads(answer.read())

    def test_ten_times_the_allowed_load_is_never_answered_with_429(self):
        seed = 41
        print(f"seed {seed}", flush=True)
        chance = random.Random(seed)
        with Suite(seed=seed) as suite:
            suite.start_all()
            mid = suite.mid("BTC")
            before = self.counters(suite)
            socket = suite.context.socket(zmq.DEALER)
            socket.connect(suite.ipc("gateway", "commands.sock"))
            replies, accepted, cancelled, waits = Counter(), set(), set(), {}
            begin = time.monotonic()
            for i in range(SECONDS * PER_SECOND):
                pause = begin + i / PER_SECOND - time.monotonic()
                if pause > 0:
                    time.sleep(pause)
                if i % 4 == 3 and accepted - cancelled:
                    victim = chance.choice(sorted(accepted - cancelled))
                    cancelled.add(victim)
                    message = {"type": "cancel", "request_id": f"c-{i}", "client_order_id": victim, "account": "main"}
                else:
                    price = (mid * Decimal("0.95")).quantize(Decimal(10))
                    message = {"type": "place", "request_id": f"p-{i}", "order": {
                        "client_order_id": f"load-{i}", "account": "main", "trading_pair": "BTC-USD", "trade_type": "BUY",
                        "order_type": "LIMIT", "time_in_force": "GTC", "price": str(price), "amount": "0.001"}}
                socket.send_multipart([b"", json.dumps(message).encode()])
                while socket.poll(0):
                    self.take(loads(socket.recv_multipart()[-1]), replies, accepted)
            while socket.poll(2000):
                self.take(loads(socket.recv_multipart()[-1]), replies, accepted)
            socket.close(0)
            after = self.counters(suite)
            print(f"{dict(replies)}, {len(cancelled)} cancels asked", flush=True)

            self.assertEqual(sum(replies.values()), SECONDS * PER_SECOND, "each command has one answer")
            self.assertEqual(after["statuses"].get("429", 0), 0, "the venue had to say 429")
            self.assertEqual(after["connections_refused"], before["connections_refused"])
            self.assertEqual(after["connections_opened"], before["connections_opened"], "no connection was lost meanwhile")
            self.assertEqual(set(replies) - {"place ACCEPTED", "place RATE_LIMITED", "cancel ACCEPTED"}, set(),
                             "orders over the budget are refused by name, cancels are not refused at all")
            self.assertGreater(replies["place RATE_LIMITED"], SECONDS * PER_SECOND / 4, "it was more than allowed")
            # Half of a minute's 1,200 messages at once and 10 more a second; places and cancels share them.
            self.assertGreater(replies["place ACCEPTED"] + replies["cancel ACCEPTED"], 600)

            def cancels_done():
                live = {order["cloid"] for order in suite.venue_open_orders()}
                return [] == [o for o in self.ended(suite, cancelled) if o["cloid"] in live]
            wait_for("every cancelled order is gone from the venue", cancels_done, 60)
            suite.command(type="cancel_all", request_id="end", account="main")
            wait_for("nothing is left", lambda: not suite.venue_open_orders(), 60)
            print(check_everything_agrees(self, suite, accepted, modifies=False), flush=True)
            self.assertEqual(self.counters(suite)["statuses"].get("429", 0), 0)

    @staticmethod
    def take(reply, replies, accepted):
        kind = "place" if reply["request_id"].startswith("p-") else "cancel"
        word = reply["status"] if reply["status"] == "ACCEPTED" else reply["code"]
        replies[f"{kind} {word}"] += 1
        if kind == "place" and word == "ACCEPTED":
            accepted.add(reply["client_order_id"])

    @staticmethod
    def ended(suite, ids):
        """The venue's orders of these ids, by the gateway's own events."""
        cloids = {}
        for topic, event in suite.pages(suite.ipc("gateway", "replay.sock")):
            if topic.startswith("orders.") and event["data"]["client_order_id"] in ids:
                cloids[event["data"]["client_order_id"]] = str(event["data"]["exchange_order_id"])
        return [order for order in suite.venue_orders() if str(order["oid"]) in cloids.values()]


if __name__ == "__main__":
    unittest.main()
