"""The client against a publisher and routers on this machine that lose what a test tells them to lose."""

import asyncio
import json
import tempfile
import threading
import time
import unittest
from decimal import Decimal

import zmq

import perpwire.aio
from perpwire import Client, Endpoints, NotSent, OutcomeUnknown, Rejected, StreamPosition, price_from_middle, round_amount, round_price
from perpwire.client import _number
from perpwire.events import parse_event, parse_json
from perpwire.errors import MalformedMessage
from perpwire.ids import ClientOrderIds, is_client_order_id, new_request_id

STREAM = "order-gateway.main.7f3a"


class Suite:
    """Stands for gateway and marketstream: numbers, publishes, answers commands, pages and snapshots."""

    def __init__(self):
        self.context = zmq.Context()
        self.gateway, self.market = (self.context.socket(zmq.XPUB) for _ in range(2))
        self.routers = {name: self.context.socket(zmq.ROUTER) for name in ("commands", "replay", "market_requests")}
        for socket in (self.gateway, self.market, *self.routers.values()):
            socket.setsockopt(zmq.LINGER, 0)
        self.ports = {name: socket.bind_to_random_port("tcp://127.0.0.1")
                      for name, socket in (("order_events", self.gateway), ("market_events", self.market),
                                           *self.routers.items())}
        self.endpoints = Endpoints(**{name: f"tcp://127.0.0.1:{port}" for name, port in self.ports.items()})
        self.journal, self.topics, self.seen, self.commands = [], {}, set(), []
        self.answer = lambda command: {"status": "ACCEPTED"}
        self.silent = False
        self.lock = threading.Lock()
        self.stopping = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        beat = 0
        while not self.stopping:
            for socket in (self.gateway, self.market):
                while socket.poll(0):
                    self.seen.add(socket.recv()[1:].decode())
            for name, router in self.routers.items():
                while router.poll(0):
                    peer, *rest = router.recv_multipart()
                    request = json.loads(rest[-1])
                    if name == "commands":
                        self.commands.append(request)
                    if not self.silent:
                        parts = getattr(self, "on_" + name)(request)
                        router.send_multipart([peer, *rest[:-1], *parts])
            if time.monotonic() > beat + 0.1 and not self.silent:
                beat = time.monotonic()
                with self.lock:
                    heartbeat = {"event_type": "heartbeat", "timestamp": time.time_ns(), "process": "order-gateway",
                                 "stream": STREAM, "newest_sequence": len(self.journal)}
                    self.gateway.send_multipart([b"hb.order-gateway.main", json.dumps(heartbeat).encode()])
            time.sleep(0.002)

    def stop(self):
        self.stopping = True
        self.thread.join()
        self.context.destroy(0)

    def on_commands(self, command):
        return [json.dumps({"request_id": command["request_id"], **self.answer(command)}).encode()]

    def on_replay(self, request):
        first = request["from_sequence"]
        with self.lock:
            page = self.journal[first - 1:first - 1 + min(request["limit"], 2)]
            head = {"type": "replay_page", "request_id": request["request_id"], "next_sequence": first + len(page),
                    "last_sequence": len(self.journal)}
        return [json.dumps(head).encode(), *(part for topic, payload in page for part in (topic, payload))]

    def on_market_requests(self, request):
        snapshot = market("delta", 5, snapshot=True, bids=[[1.0, 2.0]])
        return [json.dumps({"type": "snapshot_page", "request_id": request["request_id"], "count": 1}).encode(),
                b"md.hyperliquid.delta.BTC-USD", snapshot]

    def publish(self, topic, kind, data, lose=False):
        with self.lock:
            number = self.topics[topic] = self.topics.get(topic, 0) + 1
            payload = json.dumps({"event_type": kind, "timestamp": time.time_ns(), "stream": STREAM,
                                  "sequence": len(self.journal) + 1, "topic_sequence": number, "data": data}).encode()
            self.journal.append((topic.encode(), payload))
            if not lose:
                self.gateway.send_multipart([topic.encode(), payload])


def market(channel, number, **data):
    return json.dumps({"event_type": channel, "timestamp": 1, "stream": "marketstream.main.1", "sequence": number,
                       "topic_sequence": number, "data": data}).encode()


def wait(condition, limit=5.0):
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


class ClientTest(unittest.TestCase):
    def setUp(self):
        self.suite = Suite()
        self.addCleanup(self.suite.stop)
        self.client = None

    def start(self, callbacks=(), **more):
        self.client = Client(self.suite.endpoints, **more)
        for kind, callback in callbacks:
            self.client.on(kind, callback)
        self.got = []
        for kind in ("order_created", "order_filled", "fill", "position", "lost", "order_rejected", "order_unknown"):
            self.client.on(kind, lambda *a, kind=kind: self.got.append((kind, *a)))
        self.client.start()
        self.addCleanup(self.client.stop)
        self.assertTrue(wait(lambda: {"orders.", "hb.", "positions."} <= self.suite.seen))
        return self.client

    def test_lost_order_events_are_fetched_and_come_once_and_in_order(self):
        self.start()
        self.assertTrue(wait(lambda: self.client.position is not None))
        for i in range(20):
            self.suite.publish("orders.hyperliquid.created", "order_created", {"n": i}, lose=i % 3 > 0)
        self.assertTrue(wait(lambda: len(self.got) == 20), self.got)
        self.assertEqual([event.data["n"] for _, event in self.got], list(range(20)))
        self.assertGreater(self.client.counters["pages"], 0)
        self.assertEqual(self.client.position, StreamPosition(STREAM, 21))

    def test_a_restart_delivers_what_happened_meanwhile(self):
        for i in range(5):
            self.suite.publish("fills.hyperliquid.BTC-USD", "fill", {"n": i})
        self.start(start=StreamPosition(STREAM, 3))
        self.assertTrue(wait(lambda: len(self.got) == 3), self.got)
        self.assertEqual([event.sequence for _, event in self.got], [3, 4, 5])

    def test_a_last_value_from_before_our_beginning_is_delivered_and_asks_for_nothing(self):
        self.suite.publish("positions.hyperliquid.main.BTC-USD", "position", {"amount": 1}, lose=True)
        for i in range(5):
            self.suite.publish("fills.hyperliquid.BTC-USD", "fill", {"n": i}, lose=True)
        self.start()
        self.suite.gateway.send_multipart(list(self.suite.journal[0]))  # the re-send, with its old numbers
        self.suite.gateway.send_multipart(list(self.suite.journal[0]))
        self.assertTrue(wait(lambda: len(self.got) == 1), self.got)
        self.suite.publish("fills.hyperliquid.BTC-USD", "fill", {"n": 9})
        self.assertTrue(wait(lambda: len(self.got) == 2), self.got)
        self.assertEqual([kind for kind, *_ in self.got], ["position", "fill"])

    def test_buy_returns_the_id_at_once_and_sends_strings(self):
        client = self.start(strategy="mm")
        client_order_id = client.buy("BTC-USD", Decimal("0.001"), Decimal("50000.0"), time_in_force="ALO")
        self.assertTrue(is_client_order_id(client_order_id))
        self.assertTrue(wait(lambda: self.suite.commands))
        command = self.suite.commands[0]
        self.assertEqual(command.pop("request_id")[:2], "r-")
        self.assertEqual(command, {"type": "place", "order": {
            "client_order_id": client_order_id, "account": "main", "trading_pair": "BTC-USD", "trade_type": "BUY",
            "order_type": "LIMIT", "price": "50000.0", "amount": "0.001", "strategy": "mm", "time_in_force": "ALO"}})
        client.sell("BTC-USD", Decimal(1))
        self.assertTrue(wait(lambda: len(self.suite.commands) == 2))
        self.assertEqual(self.suite.commands[1]["order"]["order_type"], "MARKET")
        self.assertNotIn("price", self.suite.commands[1]["order"])

    def test_a_refused_order_is_an_event_and_a_refused_cancel_an_exception(self):
        self.suite.answer = lambda command: {"status": "REJECTED", "code": "PRICE_TICK", "reason": "off its tick"}
        client = self.start()
        client_order_id = client.buy("BTC-USD", Decimal(1), Decimal("50000.01"))
        self.assertTrue(wait(lambda: self.got))
        self.assertEqual(self.got[0][:2], ("order_rejected", client_order_id))
        self.assertEqual(self.got[0][2].code, "PRICE_TICK")
        with self.assertRaises(Rejected) as raised:
            client.cancel(client_order_id).result(5)
        self.assertEqual((raised.exception.code, raised.exception.reason), ("PRICE_TICK", "off its tick"))

    def test_queries_give_exact_decimals(self):
        self.suite.answer = lambda command: {"status": "OK", "orders": [{"client_order_id": "x", "price": 50000.1}]}
        client = self.start()
        order = client.get_order("x").result(5)
        self.assertEqual(order["price"], Decimal("50000.1"))
        self.assertIsInstance(order["price"], Decimal)
        self.assertEqual(len(client.get_open_orders("BTC-USD").result(5)), 1)
        self.assertEqual(self.suite.commands[-1]["trading_pair"], "BTC-USD")

    def test_cancel_and_wait_asks_until_the_venue_has_ended_them(self):
        states = iter(["OPEN", "PENDING_CANCEL", "CANCELLED"])
        self.suite.answer = lambda command: ({"status": "OK", "orders": [{"order_state": next(states)}]}
                                             if command["type"] == "get_order" else {"status": "ACCEPTED"})
        self.assertEqual(self.start().cancel_and_wait(["x"]), [])
        self.assertEqual([command["type"] for command in self.suite.commands],
                         ["get_order", "cancel", "get_order", "cancel", "get_order"])
        self.suite.answer = lambda command: {"status": "OK", "orders": [{"order_state": "UNKNOWN"}]}
        self.assertEqual(self.client.cancel_and_wait(["y"], timeout=0.3), ["y"])

    def test_cancel_and_wait_ends_when_the_callbacks_have_heard_of_the_end(self):
        self.suite.answer = lambda command: {"status": "OK", "orders": [{"order_state": "FILLED"}]}
        client = self.start()
        order_id = client.buy("BTC-USD", Decimal("1"), Decimal("50000"))
        self.assertEqual(client.cancel_and_wait([order_id], timeout=0.3), [order_id], "the event is still on its way")
        self.suite.publish("orders.hyperliquid.filled", "order_filled", {"client_order_id": order_id, "order_state": "FILLED"})
        self.assertEqual(client.cancel_and_wait([order_id]), [])
        self.assertEqual([kind for kind, *_ in self.got], ["order_filled"])

    def test_modify_names_what_changes(self):
        client = self.start()
        client.modify("x", price=Decimal("1E+2")).result(5)
        self.assertEqual(self.suite.commands[0]["modify"], {"client_order_id": "x", "account": "main", "price": "100"})

    def test_silence_is_an_unknown_outcome_and_the_next_request_goes_by_a_new_socket(self):
        client = self.start(request_timeout=0.2)
        self.suite.silent = True
        client_order_id = client.buy("BTC-USD", Decimal(1), Decimal(1))
        with self.assertRaises(OutcomeUnknown):
            client.cancel(client_order_id).result(5)
        self.assertTrue(wait(lambda: self.got))
        self.assertEqual(self.got[0][:2], ("order_unknown", client_order_id))
        self.suite.silent = False
        client.resend(client_order_id)
        self.assertTrue(wait(lambda: [c for c in self.suite.commands if c["type"] == "place"][1:]))
        first, again = [c["order"] for c in self.suite.commands if c["type"] == "place"]
        self.assertEqual(first, again)
        self.assertIsNone(client.cancel(client_order_id).result(5))
        self.assertTrue(wait(lambda: not client._unanswered))
        with self.assertRaises(KeyError):
            client.resend(client_order_id)
        self.assertGreaterEqual(client._commands.sockets_made, 2)

    def test_without_a_server_nothing_leaves(self):
        client = Client(Endpoints(**{**vars(self.suite.endpoints), "commands": "tcp://127.0.0.1:1"})).start()
        self.addCleanup(client.stop)
        with self.assertRaises(NotSent):
            client.cancel("x").result(5)

    def test_market_data_match_whole_topics_and_gaps_are_told(self):
        client = self.start()
        trades, gaps = [], []
        client.on("trade", lambda event: trades.append(event.sequence))
        client.on("gap", lambda topic, missed: gaps.append(missed))
        client.subscribe(["trade"], ["BTC-USD"])
        self.assertTrue(wait(lambda: "md.hyperliquid.trade.BTC-USD" in self.suite.seen))
        for topic, number in (("BTC-USD", 1), ("BTC-USDT", 1), ("BTC-USD", 1), ("BTC-USD", 4)):
            self.suite.market.send_multipart([f"md.hyperliquid.trade.{topic}".encode(), market("trade", number)])
        self.assertTrue(wait(lambda: trades == [1, 4]), trades)
        self.assertEqual(gaps, [2])
        self.assertEqual(client.counters["other_topics"], 1)

    def test_deltas_wait_for_their_snapshot(self):
        client = self.start()
        deltas = []
        client.on("delta", lambda event: deltas.append((event.topic_sequence, event.data.get("snapshot", False))))
        client.subscribe(["delta"], ["BTC-USD"])
        self.assertTrue(wait(lambda: "md.hyperliquid.delta.BTC-USD" in self.suite.seen))
        for number in (5, 6):
            self.suite.market.send_multipart([b"md.hyperliquid.delta.BTC-USD", market("delta", number)])
        self.assertTrue(wait(lambda: deltas == [(5, True), (6, False)]), deltas)

    def test_a_slow_callback_gets_the_newest_and_the_rest_is_counted(self):
        client = self.start()
        seen = []
        client.on("bbo", lambda event: (seen.append(event.sequence), time.sleep(0.1)))
        client.subscribe(["bbo"], ["BTC-USD"])
        self.assertTrue(wait(lambda: "md.hyperliquid.bbo.BTC-USD" in self.suite.seen))
        for number in range(1, 101):
            self.suite.market.send_multipart([b"md.hyperliquid.bbo.BTC-USD", market("bbo", number)])
        self.assertTrue(wait(lambda: seen and seen[-1] == 100), seen)
        self.assertLess(len(seen), 10)
        self.assertTrue(wait(lambda: len(seen) + client.counters["conflated"] == 100))

    def test_garbage_is_counted_and_a_failing_callback_survived(self):
        client = self.start()
        client.on("order_filled", lambda event: 1 / 0)
        self.assertTrue(wait(lambda: client.position is not None))
        for parts in ([b"orders.x", b"{"], [b"orders.x", b"[]"], [b"orders.x", b"{}"], [b"orders.x"],
                      [b"hb.x", b'{"process":1}'], [b"orders.x", b'{"event_type":"a","timestamp":NaN}']):
            self.suite.gateway.send_multipart(parts)
        with self.assertLogs("perpwire", "ERROR"):
            self.suite.publish("orders.hyperliquid.filled", "order_filled", {})
            self.assertTrue(wait(lambda: any(kind == "order_filled" for kind, *_ in self.got)))
            self.assertTrue(wait(lambda: client.counters["callback_errors"] == 1))
        self.assertEqual(client.counters["malformed"], 6)

    def test_a_dead_gateway_is_told_as_stale_and_fresh_again(self):
        told = []
        self.start([("stale", lambda process, stale: told.append((process, stale)))])
        self.assertTrue(wait(lambda: told == [("order-gateway", False)]), told)
        self.suite.silent = True
        self.assertTrue(wait(lambda: told[1:] == [("order-gateway", True)]), told)
        self.suite.silent = False
        self.assertTrue(wait(lambda: told[2:] == [("order-gateway", False)]), told)

    def test_asyncio_awaits_answers_and_iterates_events(self):
        client = self.start()
        self.assertTrue(wait(lambda: client.position is not None))

        async def main():
            await perpwire.aio.result(client.cancel("x"))
            asyncio.get_running_loop().call_later(
                0.05, self.suite.publish, "fills.hyperliquid.BTC-USD", "fill", {"n": 1})
            async for event in perpwire.aio.stream(client, "fill"):
                return event.data["n"]

        self.assertEqual(asyncio.run(asyncio.wait_for(main(), 5)), 1)


class IdsTest(unittest.TestCase):
    def test_ids_are_valid_unique_and_differ_between_instances(self):
        ids, others = ClientOrderIds("LS", now=1705747200), ClientOrderIds("LS", now=1705747200)
        made = {f.next() for f in (ids, others) for _ in range(1000)}
        self.assertEqual(len(made), 2000)
        self.assertTrue(all(is_client_order_id(i) and i.startswith("LS-1705747200-") for i in made))
        self.assertEqual(len({new_request_id() for _ in range(1000)}), 1000)
        for bad in ("a b", "x" * 60, "ü"):
            with self.assertRaises(ValueError):
                ClientOrderIds(bad)


class ValuesTest(unittest.TestCase):
    def test_floats_are_refused_in_commands(self):
        for bad in (0.1, True, "1"):
            with self.assertRaises(TypeError):
                _number(bad)
        for bad in (Decimal("NaN"), Decimal("Infinity")):
            with self.assertRaises(ValueError):
                _number(bad)
        self.assertEqual(_number(Decimal("1e-12")), "0.000000000001")

    def test_json_keeps_every_digit(self):
        self.assertEqual(parse_json(b'{"a":0.000000000001}')["a"], Decimal("0.000000000001"))
        self.assertEqual(parse_json(b'{"a":123456789012345678.123456789012}')["a"],
                         Decimal("123456789012345678.123456789012"))
        with self.assertRaises(MalformedMessage):
            parse_json(b'{"a":NaN}')
        with self.assertRaises(MalformedMessage):
            parse_event("t", b'{"event_type":"x","timestamp":1,"stream":"s","sequence":"1"}')

    def test_prices_are_rounded_to_what_the_venue_takes_and_never_against_us(self):
        perp = {"price_rule": {"significant_figures": 5, "max_decimals": 6}, "lot_size": Decimal("0.00001")}
        rows = [("50000.4", "BUY", "50000"), ("50000.4", "SELL", "50001"), ("123456.7", "BUY", "123456"),
                ("1234.56", "BUY", "1234.5"), ("1234.56", "SELL", "1234.6"), ("0.00123456", "BUY", "0.001234"),
                ("0.00123456", "SELL", "0.001235")]
        for price, side, expected in rows:
            self.assertEqual(round_price(perp, Decimal(price), side), Decimal(expected), (price, side))
        book = {"bid_price": Decimal(49999), "ask_price": Decimal(50001)}
        self.assertEqual(price_from_middle(perp, book, "BUY", -3), Decimal(49985))
        self.assertIsNone(price_from_middle(None, book, "BUY", -3))
        self.assertIsNone(price_from_middle(perp, {**book, "ask_price": None}, "BUY", -3))
        tick = {"tick_size": Decimal("0.5"), "lot_size": Decimal("0.1")}
        self.assertEqual(round_price(tick, Decimal("10.7"), "BUY"), Decimal("10.5"))
        self.assertEqual(round_amount(tick, Decimal("0.27")), Decimal("0.2"))

    def test_endpoints_come_from_the_configuration_file(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write('run_dir = "/tmp/pw"\n[marketstream]\nevents = "tcp://127.0.0.1:6555"\n')
            file.flush()
            endpoints = Endpoints.from_file(file.name)
        self.assertEqual(endpoints.market_events, "tcp://127.0.0.1:6555")
        self.assertEqual(endpoints.commands, "ipc:///tmp/pw/gateway/commands.sock")
        self.assertEqual(endpoints.order_events, "tcp://127.0.0.1:5556")


if __name__ == "__main__":
    unittest.main()
