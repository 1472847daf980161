"""Every fault that the simulator can play, one after the other, while a strategy trades; then everything is well again.

The order and the details come from a seed, printed first; PERPWIRE_SEED repeats it.
"""

import os
import random
import signal
import time
import unittest
import urllib.request
from decimal import Decimal

from agreement import check_everything_agrees
from load import CROSSES_ITSELF, Load
from suite import ROOT, SERVICES, Suite, wait_for

# From the end of a fault until the gateway is READY and marketstream has fresh books: an answer that hangs is given up
# after 5 s, a mute connection is found after 10 s; then the backoff (5 s at most) and the reconciliation.
WELL_WITHIN = 15
# An order whose fate is unknown is known when venue time is past its expiry (8 s) + 2 s and the venue was asked.
NO_UNKNOWN_WITHIN = 25


class Faults(unittest.TestCase):
    def setUp(self):
        self.seed = int(os.environ.get("PERPWIRE_SEED", "1"))
        self.random, self.probes = random.Random(self.seed), 0
        print(f"seed {self.seed}", flush=True)

    # Each fault: what to do; it is cleared afterwards by quiet().

    def requests(self, kind, match="any", count=-1, **more):
        return lambda: self.suite.control("/faults/request", kind=kind, match=match, count=count, **more)

    def frames(self, kind, delay_ms=0):
        return lambda: self.suite.control("/faults/frames", kind=kind, delay_ms=delay_ms, count=-1)

    def all_faults(self):
        chance, control = self.random, self.suite.control
        few = chance.randint(1, 4)
        faults = {
            "drop": lambda: control("/connections/close", code=chance.choice([1000, 1001, 1011]), reason="Expired"),
            "drop abruptly": lambda: control("/connections/close", abrupt=True),
            "half-open": lambda: control("/connections/stall", half_open=True),
            "stall": lambda: control("/connections/stall", duration_ms=1500, half_open=False),
            "refuse": lambda: control("/connections/refuse", on=True),
            "refuse and drop": lambda: (control("/connections/refuse", on=True), control("/connections/close", abrupt=True)),
            "lost before": self.requests("lose_before", "exchange", few),
            "lost after": self.requests("lose_after", "exchange", few),
            "queries lost": self.requests("lose_before", "info", few),
            "answers late": self.requests("delay", "exchange", few, delay_ms=chance.choice([300, 1500, 6000])),
            "executed late": self.requests("hold", "exchange", few, delay_ms=chance.choice([300, 1500, 6000])),
            "answered twice": self.requests("duplicate", "post"),
            "429": self.requests("reply", status=429, body="null", execute=False),
            "502": self.requests("reply", status=502, body="<html>502 Bad Gateway</html>", execute=False),
            "502 of what was done": self.requests("reply", "exchange", status=502, body="", execute=True),
            "HTML": self.requests("reply", status=200, body="<!DOCTYPE html><html></html>", execute=False),
            "garbage": self.requests("reply", status=200, body='{"status":"ok","response":[[[', execute=False),
            "events late": self.frames("delay", 800),
            "events twice": self.frames("duplicate"),
            "events reordered": self.frames("reorder", 600),
            "events suppressed": self.frames("drop"),
            "info lags": lambda: control("/info/lag", ms=2500),
            "block time stands still": lambda: control("/blocks/stall", on=True),
            "clock ahead": lambda: control("/clock/shift", ms=300),
            "post-only": lambda: control("/post_only", on=True),
        }
        names = list(faults)
        chance.shuffle(names)
        return [(name, faults[name]) for name in names]

    def quiet(self):
        control = self.suite.control
        control("/faults/clear")
        control("/connections/refuse", on=False)
        control("/blocks/stall", on=False)
        control("/info/lag", ms=0)

    # What must hold again.

    def metric(self, service, name):
        port = self.suite.metrics_port + {"marketstream": 0, "order-gateway": 1}[service]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return [float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((name + "{", name + " "))]

    def is_well(self):
        return self.suite.is_ready() and self.suite.books_are_fresh()

    def an_order_lives_and_dies(self):
        """From a command to the venue and back by the user stream or the answer, both ways."""
        self.probes += 1
        order_id = f"probe-{self.probes}"
        price = (self.suite.mid("ETH") * Decimal("0.9")).quantize(Decimal("0.1"))
        reply = self.suite.place(order_id, pair="ETH-USD", price=price, amount="0.01")
        assert reply["status"] == "ACCEPTED", reply

        def state():
            return self.suite.command(type="get_order", request_id="q", account="main",
                                      client_order_id=order_id)["orders"][0]["order_state"]

        wait_for(f"{order_id} is OPEN", lambda: state() == "OPEN", 10)
        self.suite.command(type="cancel", request_id=f"c-{order_id}", account="main", client_order_id=order_id)
        wait_for(f"{order_id} is CANCELLED", lambda: state() == "CANCELLED", 10)
        return True

    def connections_made(self):
        return self.suite.log("order-gateway").count("user stream connected")

    def check_processes(self):
        for name in (*SERVICES, "venue-sim", "strategy"):
            process = self.suite.processes[name]
            self.assertIsNone(process.poll(), f"{name} ended: {self.suite.log(name)[-2000:]}")
        self.assertEqual({n: p.pid for n, p in self.suite.processes.items()}, self.pids, "a process was restarted")

    def start_strategy(self):
        os.environ["PYTHONPATH"] = str(ROOT / "clients/python")
        self.suite._spawn("strategy", ["/usr/bin/python3", str(ROOT / "clients/python/examples/market_maker.py"),
                                       "--config", str(self.suite.config), "--amount", "0.001"])

    def test_everything_is_well_after_each_fault(self):
        # Without the documented limits: two dozen faults in a minute cost more of them than a minute gives.
        with Suite(seed=self.seed, limits="off", order_gateway=CROSSES_ITSELF) as self.suite:
            suite = self.suite
            suite.start_all()
            self.start_strategy()
            wait_for("the strategy's first fill", lambda: suite.venue_fills(), 20)
            self.pids = {name: process.pid for name, process in suite.processes.items()}
            load = Load(suite, self.seed, "load", pause=0.1)
            load.start()
            slowest = []
            for name, begin in self.all_faults():
                connections = self.connections_made()
                begin()
                time.sleep(self.random.uniform(0.8, 1.4))
                self.quiet()
                began = time.monotonic()
                if name == "half-open":
                    wait_for("a new user stream in place of the mute one", lambda: self.connections_made() > connections, WELL_WITHIN)
                wait_for(f"well again after {name}", self.is_well, WELL_WITHIN)
                wait_for(f"orders live and die after {name}", self.an_order_lives_and_dies, WELL_WITHIN)
                slowest.append((round(time.monotonic() - began, 1), name))
                print(f"{name}: well after {slowest[-1][0]} s", flush=True)
                self.check_processes()
            load.stop_now.set()
            load.join(20)
            wait_for("no action of unknown fate", lambda: self.metric("order-gateway", "perpwire_gateway_actions_unknown") == [0.0],
                     NO_UNKNOWN_WITHIN)
            suite.processes["strategy"].send_signal(signal.SIGINT)
            self.assertEqual(suite.processes["strategy"].wait(15), 0, suite.log("strategy"))
            result = check_everything_agrees(self, suite, load.accepted)
            print(f"slowest {sorted(slowest)[-3:]}, {result}", flush=True)
            self.assertGreater(result["fills"], 30)


if __name__ == "__main__":
    unittest.main()
