"""The contract as an outside program sees it: plain SUB and REQ sockets, no client library."""

import json
import time
import unittest
from decimal import Decimal

import zmq

from suite import Suite, loads, wait_for

ORDER_FIELDS = {
    "client_order_id": str, "exchange_order_id": (str, type(None)), "trading_pair": str, "account": str, "order_type": str,
    "trade_type": str, "price": (Decimal, type(None)), "amount": Decimal, "filled_amount": Decimal,
    "average_executed_price": (Decimal, type(None)), "order_state": str, "creation_timestamp": int,
    "last_update_timestamp": int, "fee_paid": Decimal, "fee_asset": (str, type(None)),
}
FILL_FIELDS = {
    "trade_id": str, "client_order_id": (str, type(None)), "exchange_order_id": str, "account": str, "trading_pair": str,
    "trade_type": str, "price": Decimal, "amount": Decimal, "liquidity": str, "fee_paid": Decimal, "fee_asset": str,
    "closed_pnl": (Decimal, type(None)), "exchange_timestamp": int,
}


class Contract(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.suite = Suite()
        cls.addClassCleanup(cls.suite.__exit__, None, None, None)
        cls.suite.start_all()

    def events_of(self, socket, order_id, last, seconds=10):
        """Events of one order until one of type `last`."""
        found = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not socket.poll(100):
                continue
            topic, payload = socket.recv_multipart()
            event = loads(payload)
            if event["data"].get("client_order_id") == order_id:
                found.append((topic.decode(), event))
                if event["event_type"] == last:
                    return found
        self.fail(f"no {last} of {order_id} within {seconds} s, only {[t for t, _ in found]}")

    def marketable_price(self):
        return (self.suite.mid("BTC") * Decimal("1.01")).quantize(Decimal(1))

    def test_plain_sub_receives_created_and_filled_with_every_field_of_the_contract(self):
        sub = self.suite.subscribe("gateway_events", "orders.hyperliquid.", "fills.hyperliquid.")
        time.sleep(0.3)  # the subscription has to reach the publisher
        reply = self.suite.place("contract-1", price=self.marketable_price(), amount="0.01")
        self.assertEqual(reply, {"request_id": "r-contract-1", "client_order_id": "contract-1", "status": "ACCEPTED"})
        events = self.events_of(sub, "contract-1", "order_filled")
        topics = [topic for topic, _ in events]
        orders = [(t, e) for t, e in events if t.startswith("orders.")]
        self.assertEqual(orders[0][0], "orders.hyperliquid.created")
        self.assertEqual(orders[-1][0], "orders.hyperliquid.filled")
        for _, event in orders:
            self.assertEqual(list(event)[:5], ["event_type", "timestamp", "stream", "sequence", "topic_sequence"])
            for name, kind in ORDER_FIELDS.items():
                self.assertIn(name, event["data"])
                self.assertIsInstance(event["data"][name], kind, name)
        filled = orders[-1][1]["data"]
        self.assertEqual(filled["order_state"], "FILLED")
        self.assertEqual(filled["filled_amount"], Decimal("0.01"))
        sequences = [event["sequence"] for _, event in events]
        self.assertEqual(sequences, sorted(set(sequences)))
        fills = [event for topic, event in events if topic == "fills.hyperliquid.BTC-USD"]
        self.assertTrue(fills or "fills.hyperliquid.BTC-USD" not in topics)
        sub.close(0)

    def test_each_execution_is_one_order_event_and_one_fill(self):
        sub = self.suite.subscribe("gateway_events", "orders.hyperliquid.", "fills.hyperliquid.")
        time.sleep(0.3)
        self.suite.place("contract-2", price=self.marketable_price(), amount="0.02")
        events = self.events_of(sub, "contract-2", "order_filled")
        wait_for("fills in the pages", lambda: self.fills_of("contract-2"))
        executions = [e for t, e in events if t.endswith((".partial_fill", ".filled"))]
        fills = self.fills_of("contract-2")
        self.assertEqual(len(executions), len(fills))
        self.assertEqual(sum(f["amount"] for f in fills), Decimal("0.02"))
        for fill in fills:
            for name, kind in FILL_FIELDS.items():
                self.assertIsInstance(fill[name], kind, name)
        sub.close(0)

    def fills_of(self, order_id):
        pages = self.suite.pages(self.suite.ipc("gateway", "replay.sock"), ["fills."])
        return [event["data"] for _, event in pages if event["data"]["client_order_id"] == order_id]

    def test_replay_pages_over_plain_req_hold_every_event_once_and_in_order(self):
        self.suite.place("contract-3", price=self.marketable_price(), amount="0.01")
        endpoint = self.suite.ipc("gateway", "replay.sock")
        wait_for("filled in the pages", lambda: any(
            t == "orders.hyperliquid.filled" and e["data"]["client_order_id"] == "contract-3"
            for t, e in self.suite.pages(endpoint, ["orders."])))
        events = self.suite.pages(endpoint, limit=7)
        sequences = [event["sequence"] for _, event in events]
        self.assertEqual(sequences, list(range(1, len(sequences) + 1)))
        per_topic = {}
        for topic, event in events:
            per_topic.setdefault(topic, []).append(event["topic_sequence"])
        for topic, numbers in per_topic.items():
            self.assertEqual(numbers, list(range(1, len(numbers) + 1)), topic)
        head = loads(self.suite.request(endpoint, {"type": "replay", "request_id": "x", "stream": "no.such.stream",
                                                   "from_sequence": 1})[0])
        self.assertEqual((head["type"], head["code"]), ("replay_error", "UNKNOWN_STREAM"))

    def test_same_id_with_same_content_is_answered_the_same_and_placed_once(self):
        price = (self.suite.mid("BTC") * Decimal("0.95")).quantize(Decimal(1))
        first = self.suite.place("contract-4", price=price, amount="0.01")
        again = self.suite.place("contract-4", price=price, amount="0.01")
        self.assertEqual((first["status"], again["status"]), ("ACCEPTED", "ACCEPTED"))
        other = self.suite.place("contract-4", price=price, amount="0.02")
        self.assertEqual((other["status"], other["code"]), ("REJECTED", "DUPLICATE_CLIENT_ORDER_ID"))
        wait_for("one order on the venue", lambda: len(self.suite.venue_open_orders()) >= 1)
        time.sleep(0.5)
        matching = [o for o in self.suite.venue_open_orders() if Decimal(o["limitPx"]) == price]
        self.assertEqual(len(matching), 1)
        self.assertEqual(self.suite.command(type="cancel", request_id="c4", client_order_id="contract-4", account="main")
                         ["status"], "ACCEPTED")
        wait_for("cancelled", lambda: not [o for o in self.suite.venue_open_orders() if Decimal(o["limitPx"]) == price])

    def test_refusals_name_code_and_reason_and_change_nothing(self):
        cases = [
            ({"price": "50000.01"}, "PRICE_TICK"),
            ({"price": "50000", "amount": "0.000001"}, "AMOUNT_LOT"),
            ({"price": "50000", "amount": "0.0001"}, "MIN_NOTIONAL"),
            ({"price": "50000", "pair": "NOPE-USD"}, "UNKNOWN_PAIR"),
            ({"price": "50000", "order_type": "LIMIT", "time_in_force": "GTD"}, "UNSUPPORTED"),
        ]
        for number, (order, code) in enumerate(cases):
            reply = self.suite.place(f"refused-{number}", **order)
            self.assertEqual(reply["status"], "REJECTED", order)
            self.assertEqual(reply["code"], code, reply)
            self.assertTrue(reply["reason"])
        reply = self.suite.place("refused-tick", price="50000.01")
        self.assertEqual(reply["reason"], "price 50000.01 of BTC-USD is not on its tick 1: nearest are 50000 and 50001")

    def test_malformed_commands_get_one_precise_error_each_and_the_gateway_lives(self):
        endpoint = self.suite.ipc("gateway", "commands.sock")
        for raw in (b"{", b"{}", b'{"type":"place"}', b'{"type":"fly"}', b" {}", b"\xff\xfe\x00", b"[1,2]", b'{"type":7}',
                    b'{"type":"place","order":{"client_order_id":"a b"}}', b"{" + b"[" * 5000, b'{"type":"cancel"}'):
            socket = self.suite.context.socket(zmq.REQ)
            socket.connect(endpoint)
            socket.send(raw)
            self.assertTrue(socket.poll(3000), raw)
            parts = socket.recv_multipart()
            self.assertEqual(len(parts), 1)
            if raw[:1] == b"{":
                reply = json.loads(parts[0])
                self.assertEqual(reply["status"], "REJECTED", raw)
                self.assertIn(reply["code"], ("INVALID_COMMAND", "UNSUPPORTED"))
                self.assertTrue(reply["reason"])
            socket.close(0)
        self.assertEqual(self.suite.command(type="get_open_orders", request_id="alive", account="main")["status"], "OK")

    def test_queries_answer_with_lists(self):
        for kind, name in (("get_open_orders", "orders"), ("get_positions", "positions"), ("get_balances", "balances")):
            reply = self.suite.command(type=kind, request_id="q", account="main")
            self.assertEqual(reply["status"], "OK", reply)
            self.assertIsInstance(reply[name], list)
        unknown = self.suite.command(type="get_order", request_id="q", account="main", client_order_id="never-seen")
        self.assertEqual((unknown["status"], unknown["code"]), ("REJECTED", "ORDER_NOT_FOUND"))

    def test_market_data_topics_carry_exact_numbers_and_numbering(self):
        channels = ["book", "bbo", "trade", "ticker", "delta"]
        sub = self.suite.subscribe("market_events", *[f"md.hyperliquid.{c}.BTC-USD" for c in channels],
                                   "md.hyperliquid.candle.1m.BTC-USD", "md.hyperliquid.mids.main")
        seen = {}
        end = time.monotonic() + 15
        while time.monotonic() < end and len(seen) < 7:
            if sub.poll(200):
                topic, payload = sub.recv_multipart()
                seen.setdefault(topic.decode(), loads(payload))
        self.assertEqual(len(seen), 7, sorted(seen))
        book = seen["md.hyperliquid.book.BTC-USD"]["data"]
        self.assertLess(book["bids"][0][0], book["asks"][0][0])
        self.assertIsInstance(book["bids"][0][0], Decimal)
        self.assertEqual(book["trading_pair"], "BTC-USD")
        ticker = seen["md.hyperliquid.ticker.BTC-USD"]["data"]
        self.assertEqual(ticker["funding_interval"], 3600)
        sub.close(0)


if __name__ == "__main__":
    unittest.main()
