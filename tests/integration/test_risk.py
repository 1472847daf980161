"""Risk stops everything on its own: halt and resume, a dead risk engine, a frozen gateway."""

import signal
import time
import unittest
from decimal import Decimal

from suite import Suite, loads, wait_for


class Risk(unittest.TestCase):
    def setUp(self):
        self.suite = Suite()
        self.addCleanup(self.suite.__exit__, None, None, None)
        self.suite.start_all()

    def rest_orders(self, count, tag):
        price = (self.suite.mid("BTC") * Decimal("0.95")).quantize(Decimal(1))
        for i in range(count):
            reply = self.suite.place(f"{tag}-{i}", price=price - i, amount="0.001")
            self.assertEqual(reply["status"], "ACCEPTED", reply)
        wait_for("orders rest on the venue", lambda: len(self.suite.venue_open_orders()) == count)

    def key_state(self):
        text = loads(self.suite.request(self.suite.ipc("signer", "signer.sock"), {"type": "status"})[0])["text"]
        return loads(text)["keys"][0]["state"]

    def control(self, **message):
        return loads(self.suite.request(self.suite.ipc("risk", "control.sock"), message)[0])

    def test_halt_cancels_everything_confirms_it_and_latches_until_resume(self):
        self.rest_orders(10, "halt")
        reply = self.control(type="halt", request_id="h", reason="drill", operator="test")
        self.assertEqual(reply["status"], "OK", reply)
        wait_for("nothing open on the venue", lambda: not self.suite.venue_open_orders(), 10)
        wait_for("confirmed by risk", lambda: self.control(type="status", request_id="s")["state"].get("confirmed_flat"), 10)
        refused = self.suite.place("after-halt", price="50000", amount="0.001")
        self.assertEqual(refused["status"], "REJECTED")
        # Even a gateway that does not obey could not place: its key signs cancels alone.
        wait_for("the signer's key is locked", lambda: self.key_state() == "CANCEL_ONLY", 5)
        # Killed and started again it is still halted.
        self.suite.kill("risk", signal.SIGKILL)
        self.suite.start("risk")
        wait_for("risk answers", lambda: self.control(type="status", request_id="s")["status"] == "OK", 15)
        self.assertEqual(self.control(type="status", request_id="s")["state"]["level"], "CANCEL_ALL")
        refused = self.suite.place("after-restart", price="50000", amount="0.001")
        self.assertEqual(refused["status"], "REJECTED")
        unnamed = self.control(type="resume", request_id="r")
        self.assertEqual(unnamed["status"], "REJECTED")
        resumed = self.control(type="resume", request_id="r", operator="test", reason="drill over")
        self.assertEqual(resumed["status"], "OK", resumed)
        wait_for("the signer's key is free", lambda: self.key_state() == "ARMED", 5)
        self.suite.wait_ready()
        price = (self.suite.mid("BTC") * Decimal("0.95")).quantize(Decimal(1))
        wait_for("orders are taken again", lambda: self.suite.place(
            f"resumed-{time.monotonic_ns()}", price=price, amount="0.001")["status"] == "ACCEPTED", 10)

    def test_gateway_fails_closed_within_two_seconds_of_losing_risk(self):
        self.suite.kill("risk", signal.SIGKILL)
        price = (self.suite.mid("BTC") * Decimal("0.95")).quantize(Decimal(1))
        died = time.monotonic()
        wait_for("refused", lambda: self.suite.place(f"late-{time.monotonic_ns()}", price=price, amount="0.001").get("code")
                 == "RISK_UNAVAILABLE", 5)
        self.assertLess(time.monotonic() - died, 3.0)
        # Cancels go on.
        self.assertEqual(self.suite.command(type="cancel_all", request_id="c", account="main")["status"], "ACCEPTED")

    def test_frozen_gateway_is_passed_by_on_risks_own_path(self):
        self.rest_orders(10, "frozen")
        self.suite.kill("order-gateway", signal.SIGSTOP)
        try:
            self.control(type="halt", request_id="h", reason="gateway frozen", operator="test")
            wait_for("risk cancelled by itself", lambda: not self.suite.venue_open_orders(), 15)
            wait_for("confirmed", lambda: self.control(type="status", request_id="s")["state"].get("confirmed_flat"), 10)
        finally:
            self.suite.kill("order-gateway", signal.SIGCONT)


if __name__ == "__main__":
    unittest.main()
