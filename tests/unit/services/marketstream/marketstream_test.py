"""perpwire-marketstream as a process, against a scripted venue: what a plain subscriber sees, and what faults do to it.

usage: marketstream_test.py PATH/perpwire-marketstream [unittest arguments]"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import zmq

from scripted_venue import Venue

BINARY = None


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


CONFIG = """
mode = "sim"
run_dir = "{folder}/run"
data_dir = "{folder}/data"
[venues.hyperliquid]
rest_url = "http://127.0.0.1:{venue}"
ws_url = "ws://127.0.0.1:{venue}/ws"
dexs = ["", "hyna"]
symbols = {symbols}
limits = "{limits}"
[marketstream]
events = "tcp://127.0.0.1:{events}"
requests = "tcp://127.0.0.1:{requests}"
stale_after_s = {stale}
instruments_interval = "{interval}"
[metrics]
enabled = false
"""


class Suite:
    """The venue, the process, one subscriber to everything."""

    def __init__(self, symbols='["BTC-USD", "hyna:BTC-USD", "OLD-USD"]', stale=10, interval="60s", limits="documented", venue=None):
        self.folder = tempfile.TemporaryDirectory(prefix="pw-ms-")
        self.venue = venue or Venue().start()
        self.events, self.requests = free_port(), free_port()
        self.config = pathlib.Path(self.folder.name) / "perpwire.toml"
        self.config.write_text(
            CONFIG.format(folder=self.folder.name, venue=self.venue.port, symbols=symbols, events=self.events,
                          requests=self.requests, stale=stale, interval=interval, limits=limits)
        )
        self.context = zmq.Context()
        self.sub = self.context.socket(zmq.SUB)
        self.sub.setsockopt(zmq.RCVHWM, 0)
        # Last values come to a subscription that matches few topics: one for each channel.
        for channel in ("book", "delta", "bbo", "trade", "ticker", "mids", "candle", "instrument", "status"):
            self.sub.subscribe(f"md.hyperliquid.{channel}.")
        self.sub.connect(f"tcp://127.0.0.1:{self.events}")
        self.log = open(pathlib.Path(self.folder.name) / "log", "w+")
        self.start()

    def start(self):
        self.process = subprocess.Popen([BINARY, "--config", str(self.config)], stdout=self.log, stderr=self.log)

    def log_text(self):
        self.log.flush()
        return (pathlib.Path(self.folder.name) / "log").read_text()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(5)
        self.venue.stop()
        self.context.destroy(linger=0)
        self.log.close()
        self.folder.cleanup()

    def next(self, timeout):
        """(topic, message) of the next JSON event; heartbeats and protobuf are left out."""
        end = time.monotonic() + timeout
        while True:
            left = end - time.monotonic()
            if left <= 0 or not self.sub.poll(left * 1000):
                return None
            topic, payload = self.sub.recv_multipart()
            topic = topic.decode()
            if not topic.startswith(("hb.", "pb.")):
                return topic, json.loads(payload)

    def wait(self, want, timeout, what):
        """The first event for which want(topic, message); fails with the log."""
        end = time.monotonic() + timeout
        while True:
            event = self.next(max(0, end - time.monotonic()))
            if event is None:
                raise AssertionError(f"{what} did not come within {timeout} s\n{self.log_text()[-3000:]}")
            if want(*event):
                return event[1]

    def wait_topic(self, topic, timeout=8):
        return self.wait(lambda t, m: t == topic, timeout, topic)

    def wait_status(self, channel, pair, state, timeout):
        topic = f"md.hyperliquid.status.{channel}.{pair}"
        return self.wait(lambda t, m: t == topic and m["data"]["state"] == state, timeout, f"{topic} {state}")

    def ask(self, request, timeout=5):
        req = self.context.socket(zmq.REQ)
        req.connect(f"tcp://127.0.0.1:{self.requests}")
        req.send_json(request) if isinstance(request, dict) else req.send(request)
        if not req.poll(timeout * 1000):
            req.close(linger=0)
            raise AssertionError(f"no answer to {request}\n{self.log_text()[-3000:]}")
        parts = req.recv_multipart()
        req.close(linger=0)
        return [json.loads(part) if part[:1] == b"{" else part.decode() for part in parts]


class Marketstream(unittest.TestCase):
    def suite(self, **options):
        suite = Suite(**options)
        self.addCleanup(suite.stop)
        return suite

    def test_every_channel_is_published_under_the_contracts_names(self):
        s = self.suite(venue=(venue := Venue()).start())
        venue.trade("BTC", push=False)
        got = {}
        wanted = {
            "md.hyperliquid.book.BTC-USD", "md.hyperliquid.delta.BTC-USD", "md.hyperliquid.bbo.BTC-USD",
            "md.hyperliquid.ticker.BTC-USD", "md.hyperliquid.candle.1m.BTC-USD", "md.hyperliquid.instrument.BTC-USD",
            "md.hyperliquid.mids.main", "md.hyperliquid.mids.hyna", "md.hyperliquid.book.hyna:BTC-USD",
            "md.hyperliquid.status.book.BTC-USD", "md.hyperliquid.status.*.*", "md.hyperliquid.status.book.OLD-USD",
        }
        end = time.monotonic() + 8
        while wanted - got.keys():
            venue.mid = 101 if venue.mid == 100 and "md.hyperliquid.book.BTC-USD" in got else venue.mid  # deltas have no last value
            event = s.next(max(0, end - time.monotonic()))
            self.assertIsNotNone(event, f"missing {wanted - got.keys()}\n{s.log_text()[-3000:]}")
            got.setdefault(event[0], event[1])
        tid = venue.trade("BTC")
        trade = s.wait_topic("md.hyperliquid.trade.BTC-USD", 3)
        self.assertEqual((trade["data"]["trade_id"], trade["data"]["aggressor_side"], trade["data"]["backfilled"]), (str(tid), "BUY", False))
        book = got["md.hyperliquid.book.BTC-USD"]
        self.assertEqual(book["event_type"], "book")
        self.assertEqual(book["data"]["bids"][0], [99.0, 1.5])
        self.assertEqual(book["data"]["depth"], 20)
        self.assertTrue(got["md.hyperliquid.delta.BTC-USD"]["data"]["asks"])
        ticker = got["md.hyperliquid.ticker.BTC-USD"]["data"]
        self.assertEqual((ticker["funding_interval"], ticker["next_funding_timestamp"] % 3_600_000_000_000), (3600, 0))
        candle = got["md.hyperliquid.candle.1m.BTC-USD"]["data"]
        self.assertEqual(candle["close_timestamp"] - candle["open_timestamp"], 60_000_000_000)
        self.assertEqual(list(got["md.hyperliquid.mids.hyna"]["data"]["mids"]), ["hyna:BTC-USD"])
        self.assertEqual(got["md.hyperliquid.status.book.OLD-USD"]["data"]["reason"], "delisted")
        for message in got.values():
            self.assertLessEqual({"event_type", "timestamp", "stream", "sequence", "topic_sequence", "data"}, message.keys())
        self.assertTrue(book["stream"].startswith("marketstream.main."))

    def test_a_lost_connection_is_down_at_once_and_live_again_with_every_trade_once(self):
        venue = Venue().start()
        s = self.suite(venue=venue)
        s.wait_status("*", "*", "LIVE", 8)
        s.wait_status("trade", "BTC-USD", "LIVE", 5)
        seen = [venue.trade("BTC")]
        s.wait_topic("md.hyperliquid.trade.BTC-USD", 3)
        venue.first_trades = []  # the first message after the reconnect holds nothing: REST has to help
        venue.refuse(True)
        lost = time.monotonic()
        venue.drop_all()
        s.wait_status("*", "*", "DOWN", 2)
        self.assertLess(time.monotonic() - lost, 2)
        missed = [venue.trade("BTC", push=False) for _ in range(20)]
        venue.refuse(False)
        s.wait_status("*", "*", "LIVE", 8)
        trades = []
        end = time.monotonic() + 8
        while len(trades) < len(missed) and time.monotonic() < end:
            event = s.next(0.5)
            if event and event[0] == "md.hyperliquid.trade.BTC-USD":
                trades.append((int(event[1]["data"]["trade_id"]), event[1]["data"]["backfilled"]))
        self.assertEqual(trades, [(tid, True) for tid in missed], s.log_text()[-2000:])
        self.assertNotIn(seen[0], [tid for tid, _ in trades])
        live = venue.trade("BTC")
        trade = s.wait_topic("md.hyperliquid.trade.BTC-USD", 3)
        self.assertEqual((trade["data"]["trade_id"], trade["data"]["backfilled"]), (str(live), False))

    def test_a_silent_stream_is_stale_alone_and_is_subscribed_anew(self):
        venue = Venue().start()
        s = self.suite(venue=venue, stale=1)
        s.wait_status("book", "BTC-USD", "LIVE", 8)
        before = len(venue.received)
        venue.silent.add("l2Book")
        s.wait_status("book", "BTC-USD", "STALE", 3)
        ended = {"method": "unsubscribe", "subscription": {"type": "l2Book", "coin": "BTC"}}
        end = time.monotonic() + 3
        while ended not in venue.received[before:] and time.monotonic() < end:
            time.sleep(0.02)
        self.assertIn(ended, venue.received[before:])
        venue.silent.clear()
        s.wait_status("book", "BTC-USD", "LIVE", 8)

    def test_garbage_and_doubtful_books_are_not_published(self):
        venue = Venue().start()
        s = self.suite(venue=venue)
        s.wait_status("book", "BTC-USD", "LIVE", 8)
        for text in ("<html>502</html>", '{"channel":"l2Book","data":{"coin":"BTC"}}', '{"channel":"new","data":1}', "\x01", "{" * 1000):
            venue.send_raw(text)
        crossed = venue.book("BTC")
        crossed["time"] += 1
        crossed["levels"].reverse()
        venue.send_raw(json.dumps({"channel": "l2Book", "data": crossed}))
        status = s.wait_status("book", "BTC-USD", "RESYNCING", 3)
        self.assertIn("bid", status["data"]["reason"])
        s.wait_status("book", "BTC-USD", "LIVE", 8)
        book = s.wait_topic("md.hyperliquid.book.BTC-USD", 3)
        self.assertLess(book["data"]["bids"][0][0], book["data"]["asks"][0][0])
        self.assertIsNone(s.process.poll())

    def test_a_snapshot_and_the_deltas_after_it_are_the_book(self):
        venue = Venue().start()
        s = self.suite(venue=venue)
        s.wait_status("book", "BTC-USD", "LIVE", 8)
        head, topic, snapshot = s.ask({"type": "snapshot", "request_id": "r-1", "topics": ["md.hyperliquid.delta.BTC-USD"]})
        self.assertEqual((head["type"], head["request_id"], head["count"], topic), ("snapshot_page", "r-1", 1, "md.hyperliquid.delta.BTC-USD"))
        self.assertTrue(snapshot["data"]["snapshot"])
        sides = {side: {price: amount for price, amount in snapshot["data"][side]} for side in ("bids", "asks")}
        last = snapshot["topic_sequence"]
        venue.mid = 105
        end = time.monotonic() + 5
        while min(sides["asks"]) != 106 and time.monotonic() < end:
            event = s.next(1)
            if event and event[0] == "md.hyperliquid.delta.BTC-USD" and event[1]["topic_sequence"] > last:
                self.assertEqual(event[1]["topic_sequence"], last + 1)
                last += 1
                for side in sides:
                    for price, amount in event[1]["data"][side]:
                        sides[side].pop(price, None) if amount == 0 else sides[side].update({price: amount})
        self.assertEqual(sorted(sides["bids"]), [100, 101, 102, 103, 104])
        self.assertEqual(sorted(sides["asks"]), [106, 107, 108, 109, 110])

    def test_requests_are_answered_or_refused_by_name(self):
        s = self.suite()
        s.wait_status("book", "BTC-USD", "LIVE", 8)
        ask = lambda **request: s.ask({"request_id": "r", **request})[0]
        listed = ask(type="get_instruments", venue="hyperliquid")
        self.assertEqual(listed["status"], "OK")
        by_pair = {i["trading_pair"]: i for i in listed["instruments"]}
        self.assertEqual(by_pair["BTC-USD"]["price_rule"], {"significant_figures": 5, "max_decimals": 1})
        self.assertEqual(by_pair["OLD-USD"]["status"], "DELISTED")
        minute = 60_000_000_000
        now = time.time_ns()
        candles = ask(type="get_candles", venue="hyperliquid", trading_pair="BTC-USD", interval="1m", start=now - 10 * minute, end=now + minute)
        self.assertEqual((candles["status"], len(candles["candles"]), candles["candles"][0]["interval"]), ("OK", 1, "1m"))
        none = ask(type="get_candles", venue="hyperliquid", trading_pair="BTC-USD", interval="1m", start=0, end=minute)
        self.assertEqual((none["status"], none["candles"]), ("OK", []))
        refused = [
            (dict(type="snapshot", topics=["md.hyperliquid.book.NOPE-USD"]), "UNKNOWN_TOPIC"),
            (dict(type="snapshot", topics=["md.hyperliquid.trade.BTC-USD"]), "UNKNOWN_TOPIC"),
            (dict(type="snapshot", topics=["orders.hyperliquid.created"]), "UNKNOWN_TOPIC"),
            (dict(type="snapshot"), "INVALID_COMMAND"),
            (dict(type="get_candles", venue="hyperliquid", trading_pair="NOPE-USD", interval="1m", start=0, end=1), "UNKNOWN_PAIR"),
            (dict(type="get_candles", venue="hyperliquid", trading_pair="BTC-USD", interval="7m", start=0, end=1), "INVALID_TIME_INTERVAL"),
            (dict(type="get_candles", venue="hyperliquid", trading_pair="BTC-USD", interval="1m", start=2, end=1), "INVALID_TIME_INTERVAL"),
            (dict(type="subscribe", venue="hyperliquid", trading_pairs=["NOPE-USD"], channels=["book"]), "UNKNOWN_PAIR"),
            (dict(type="subscribe", venue="hyperliquid", trading_pairs=["ETH-USD"], channels=["fills"]), "INVALID_COMMAND"),
            (dict(type="subscribe", venue="bybit", trading_pairs=["ETH-USD"], channels=["book"]), "INVALID_COMMAND"),
            (dict(type="fly"), "INVALID_COMMAND"),
            (dict(type="snapshot", topics=7), "INVALID_COMMAND"),
        ]
        for request, code in refused:
            answer = ask(**request)
            self.assertEqual((answer["status"], answer["code"]), ("REJECTED", code), (request, answer))
            self.assertTrue(answer["reason"])
        self.assertEqual(s.ask(b"{not json")[0]["code"], "INVALID_COMMAND")

    def test_a_pair_is_subscribed_and_left_at_run_time(self):
        venue = Venue().start()
        s = self.suite(venue=venue)
        s.wait_status("book", "BTC-USD", "LIVE", 8)
        self.assertEqual(s.ask({"type": "snapshot", "topics": ["md.hyperliquid.book.ETH-USD"]})[0]["code"], "UNKNOWN_TOPIC")
        client = s.context.socket(zmq.DEALER)
        client.connect(f"tcp://127.0.0.1:{s.requests}")

        def ask(kind):
            client.send_json({"type": kind, "request_id": kind, "venue": "hyperliquid", "trading_pairs": ["ETH-USD"], "channels": ["book"]})
            self.assertTrue(client.poll(3000))
            self.assertEqual(json.loads(client.recv_multipart()[-1]), {"request_id": kind, "status": "OK"})

        ask("subscribe")
        s.wait_topic("md.hyperliquid.book.ETH-USD", 3)
        ask("unsubscribe")
        end = time.monotonic() + 3
        gone = {"method": "unsubscribe", "subscription": {"type": "l2Book", "coin": "ETH"}}
        while gone not in venue.received and time.monotonic() < end:
            time.sleep(0.05)
        self.assertIn(gone, venue.received)
        client.close(linger=0)

    def test_a_delisting_and_a_listing_show_within_one_poll(self):
        venue = Venue().start()
        s = self.suite(venue=venue, symbols='["*"]', interval="1s", limits="off")
        s.wait_status("book", "ETH-USD", "LIVE", 8)
        venue.universe[""][1]["isDelisted"] = True
        venue.universe[""].append({"szDecimals": 2, "name": "NEW", "maxLeverage": 5, "marginTableId": 5})
        instrument = s.wait(lambda t, m: t == "md.hyperliquid.instrument.ETH-USD" and m["data"]["status"] == "DELISTED", 4, "delisting")
        self.assertEqual(instrument["data"]["trading_pair"], "ETH-USD")
        s.wait_topic("md.hyperliquid.book.NEW-USD", 4)
        topic, status = s.ask({"type": "snapshot", "topics": ["md.hyperliquid.status.book.ETH-USD"]})[1:]
        self.assertEqual((status["data"]["state"], status["data"]["reason"]), ("DOWN", "delisted"))

    def test_a_venue_that_is_not_there_at_the_start_is_found_when_it_comes(self):
        port = free_port()

        class Nobody:
            def __init__(self):
                self.port = port

            def stop(self):
                pass

        s = self.suite(venue=Nobody())
        status = s.wait_status("*", "*", "DOWN", 5)
        self.assertIn("instruments", status["data"]["reason"])
        time.sleep(1.5)
        s.venue = Venue(port).start()
        s.wait_status("book", "BTC-USD", "LIVE", 8)

    def test_each_start_opens_a_new_stream_and_sigterm_ends_it_within_two_seconds(self):
        s = self.suite()
        first = s.wait_topic("md.hyperliquid.book.BTC-USD", 8)["stream"]
        begun = time.monotonic()
        s.process.send_signal(signal.SIGTERM)
        self.assertEqual(s.process.wait(5), 0)
        self.assertLess(time.monotonic() - begun, 2)
        s.start()
        again = s.wait(lambda t, m: t == "md.hyperliquid.book.BTC-USD" and m["stream"] != first, 8, "a new stream")
        self.assertEqual(again["topic_sequence"], 1)


if __name__ == "__main__":
    BINARY = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
