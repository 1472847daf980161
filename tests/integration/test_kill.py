"""Every process is killed with -9 in the middle of trading; afterwards database, gateway and venue agree."""

import random
import signal
import sqlite3
import threading
import time
import unittest
from decimal import Decimal

from suite import Suite, wait_for


class Load(threading.Thread):
    """Places and cancels through plain sockets while processes die; remembers what was accepted."""

    def __init__(self, suite, seed, tag):
        super().__init__(daemon=True)
        self.suite, self.random, self.tag = suite, random.Random(seed), tag
        self.accepted, self.stop_now, self.count = set(), threading.Event(), 0

    def run(self):
        while not self.stop_now.is_set():
            self.count += 1
            order_id = f"{self.tag}-{self.count}"
            try:
                mid = self.suite.mid("BTC")
                # A third crosses, a third rests near, a third rests far.
                factor = self.random.choice([Decimal("1.005"), Decimal("0.9995"), Decimal("0.97")])
                side = self.random.choice(["BUY", "SELL"])
                price = (mid * (factor if side == "BUY" else 2 - factor)).quantize(Decimal(1))
                reply = self.suite.place(order_id, side=side, price=price, amount="0.001")
                if reply["status"] == "ACCEPTED":
                    self.accepted.add(order_id)
                if self.accepted and self.random.random() < 0.3:
                    victim = self.random.choice(sorted(self.accepted))
                    self.suite.command(type="cancel", request_id=f"c-{self.count}", client_order_id=victim, account="main")
            except (AssertionError, OSError):
                pass  # a process is down: exactly what is being tested
            time.sleep(0.02)


class Kill(unittest.TestCase):
    def check_everything_agrees(self, suite, load):
        replay = suite.ipc("gateway", "replay.sock")
        # Quiet: everything cancelled, and no order is left in doubt.
        wait_for("cancel_all accepted", lambda: suite.command(type="cancel_all", request_id="end", account="main")["status"]
                 == "ACCEPTED", 20)
        wait_for("no open order on the venue", lambda: not suite.venue_open_orders(), 30)
        wait_for("no open order in the gateway", lambda: not suite.command(
            type="get_open_orders", request_id="q", account="main")["orders"], 40)

        events = [(t, e) for t, e in suite.pages(replay)]
        venue_fills = suite.venue_fills()
        venue_keys = sorted((str(f["tid"]), str(f["oid"])) for f in venue_fills)
        fills = [e["data"] for t, e in events if t.startswith("fills.")]
        gateway_keys = sorted((f["trade_id"], f["exchange_order_id"]) for f in fills)
        self.assertEqual(gateway_keys, venue_keys, "fills: gateway against venue")
        self.assertEqual(len(gateway_keys), len(set(gateway_keys)), "a fill counted twice")

        executions = [e["data"] for t, e in events if t.endswith((".filled", ".partial_fill")) and t.startswith("orders.")]
        self.assertEqual(len(executions), len([f for f in fills if f["client_order_id"]]), "executions against fills")
        # No order twice: as many orders at the venue with our prefix as client ids that reached it.
        oids = {}
        for order in suite.venue_orders():
            if (order["cloid"] or "").startswith("0xf1a50001"):
                oids.setdefault(order["cloid"], set()).add(order["oid"])
        self.assertEqual({cloid: ids for cloid, ids in oids.items() if len(ids) > 1}, {}, f"of {len(oids)} orders")
        # Every accepted order has an end that the gateway knows.
        final = {e["data"]["client_order_id"] for t, e in events if t.startswith("orders.")
                 and e["data"]["order_state"] in ("FILLED", "CANCELLED", "FAILED")}
        self.assertEqual(load.accepted - final, set(), "accepted orders without an end")

        position = sum((f["amount"] if f["trade_type"] == "BUY" else -f["amount"]) for f in fills
                       if f["trading_pair"] == "BTC-USD")
        self.assertEqual(suite.venue_positions().get("BTC", Decimal(0)), position, "position")
        wait_for("the database has caught up", lambda: self.database_matches(suite, events), 20)

    @staticmethod
    def database_matches(suite, events):
        database = sqlite3.connect(f"file:{suite.data_dir}/perpwire.db?mode=ro", uri=True, timeout=5)
        try:
            stored_fills = database.execute("SELECT count(*) FROM fills").fetchone()[0]
            stored_events = database.execute("SELECT count(*) FROM order_events").fetchone()[0]
        except sqlite3.Error as error:
            raise AssertionError(str(error)) from error
        finally:
            database.close()
        fills = len([1 for t, _ in events if t.startswith("fills.")])
        orders = len([1 for t, _ in events if t.startswith("orders.")])
        assert (stored_fills, stored_events) == (fills, orders), ((stored_fills, stored_events), (fills, orders))
        return True

    def kill_under_load(self, victim, seed):
        print(f"seed {seed}", flush=True)
        with Suite(seed=seed) as suite:
            suite.start_all()
            load = Load(suite, seed, f"kill-{victim}")
            load.start()
            chance = random.Random(seed)
            for _ in range(3):
                time.sleep(chance.uniform(0.8, 1.6))
                suite.kill(victim, signal.SIGKILL)
                time.sleep(chance.uniform(0.0, 0.4))
                suite.start(victim)
                suite.wait_ready(30)
            time.sleep(1.0)
            load.stop_now.set()
            load.join(20)
            self.assertGreater(len(load.accepted), 20)
            suite.wait_ready(30)
            self.check_everything_agrees(suite, load)

    def test_gateway(self):
        self.kill_under_load("order-gateway", 11)

    def test_signer(self):
        self.kill_under_load("signer", 12)

    def test_marketstream(self):
        self.kill_under_load("marketstream", 13)

    def test_risk(self):
        self.kill_under_load("risk", 14)

    def test_persister(self):
        self.kill_under_load("persister", 15)


if __name__ == "__main__":
    unittest.main()
