#!/usr/bin/python3
"""Risk kills alone: a gateway that is frozen is passed by, with real processes against the simulator.

What is shown: with the gateway stopped in the middle (SIGSTOP), `halt` leads to every order cancelled and the venue's own
word for it, by risk's path through the signer; the latch and its version survive a kill -9 of risk; the thawed gateway
obeys. Prints how long the halt took. Ends by itself.
"""

import pathlib
import signal
import sys
import time
import unittest
from decimal import Decimal

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[4] / "tests/integration"))

from suite import Suite, loads, wait_for  # noqa: E402

ORDERS = 100


class FrozenGateway(unittest.TestCase):
    def setUp(self):
        self.suite = Suite(limits="off")
        self.addCleanup(self.suite.__exit__, None, None, None)
        self.suite.make_key()
        self.suite.start_venue()
        for service in ("signer", "marketstream", "order-gateway", "risk"):
            self.suite.start(service)
        self.suite.wait_ready()

    def control(self, **message):
        return loads(self.suite.request(self.suite.ipc("risk", "control.sock"), message)[0])

    def state(self):
        return self.control(type="status", request_id="s")["state"]

    def kills(self):
        pages = self.suite.pages(self.suite.ipc("risk", "replay.sock"), topics=["risk.hyperliquid.kill"])
        return [(event["data"]["stage"], event["data"]["path"]) for _, event in pages]

    def rest_orders(self):
        price = (self.suite.mid("BTC") * Decimal("0.95")).quantize(Decimal(1))
        for i in range(ORDERS):
            wait_for(f"order {i} taken", lambda: self.suite.place(
                f"frozen-{i}", price=price - i % 50, amount="0.001")["status"] == "ACCEPTED", 10)
        wait_for("orders rest on the venue", lambda: len(self.suite.venue_open_orders()) == ORDERS, 20)

    def test_halt_cancels_and_confirms_without_the_gateway(self):
        self.rest_orders()
        version = self.state()["level_version"]
        self.suite.kill("order-gateway", signal.SIGSTOP)
        begin = time.monotonic()
        reply = self.control(type="halt", request_id="h", reason="gateway frozen", operator="test")
        self.assertEqual(reply["status"], "OK", reply)
        self.assertFalse(reply["state"].get("confirmed_flat", False))
        wait_for("confirmed", lambda: self.state().get("confirmed_flat"), 15, 0.01)
        took = time.monotonic() - begin
        self.assertEqual(self.suite.venue_open_orders(), [])
        print(f"halt of {ORDERS} orders with a frozen gateway: confirmed after {took * 1000:.0f} ms", flush=True)
        self.assertLess(took, 8.0)
        stages = self.kills()
        self.assertIn(("own_path", "risk"), stages)
        self.assertEqual(stages[-1], ("confirmed", "risk"))
        self.assertNotIn("gateway_acknowledged", [stage for stage, _ in stages])

        # Killed and started again, with the gateway still frozen: latched, and confirmed anew.
        self.suite.kill("risk", signal.SIGKILL)
        self.suite.start("risk")
        wait_for("risk answers", lambda: self.state()["level"] == "CANCEL_ALL", 15)
        self.assertGreater(self.state()["level_version"], version + 1)
        wait_for("confirmed again", lambda: self.state().get("confirmed_flat"), 15)

        # Thawed, the gateway obeys what it missed.
        self.suite.kill("order-gateway", signal.SIGCONT)
        price = (self.suite.mid("BTC") * Decimal("0.95")).quantize(Decimal(1))
        wait_for("refused", lambda: self.suite.place(f"late-{time.monotonic_ns()}", price=price, amount="0.001")
                 .get("code") == "HALTED", 15)
        self.assertEqual(self.suite.venue_open_orders(), [])
        resumed = self.control(type="resume", request_id="r", operator="test", reason="thawed")
        self.assertEqual(resumed["status"], "OK", resumed)
        wait_for("trading again", lambda: self.suite.place(f"again-{time.monotonic_ns()}", price=price, amount="0.001")
                 ["status"] == "ACCEPTED", 15)


if __name__ == "__main__":
    unittest.main()
