"""`perpwire panic`: with none of our processes running, everything of the account is cancelled, closed and confirmed."""

import json
import signal
import unittest
import urllib.request
from decimal import Decimal

from suite import ACCOUNT_ADDRESS, Suite, loads, wait_for

SERVICES = ["order-gateway", "signer", "marketstream", "risk", "persister"]


class Panic(unittest.TestCase):
    def setUp(self):
        self.suite = Suite()
        self.addCleanup(self.suite.__exit__, None, None, None)
        self.suite.start_all()

    def panic(self, *more):
        done = self.suite.cli("-o", "json", "--yes", "panic", "--passphrase", "fd:3", *more, with_passphrase=True, timeout=90)
        return done, loads(done.stdout) if done.stdout else None

    def sign(self, **message):
        message = {"key": "agent-1", "account": "main", "network": "testnet", **message}
        return loads(self.suite.request(self.suite.ipc("signer", "signer.sock"), message)[0])

    def start_twap(self):
        """A TWAP, which outlives every process: asked of the signer and posted by hand."""
        lease = self.sign(type="lease", lease={"holder": "test.main", "boot_id": "b", "take_over": True})
        self.assertEqual(lease["status"], "OK", lease)
        signed = self.sign(type="sign", lease_epoch=lease["lease"]["epoch"], expires_after_ms=8000,
                           twap_order={"asset": 0, "trading_pair": "BTC-USD", "is_buy": True, "quantity": "0.05", "minutes": 30})
        self.assertEqual(signed["status"], "OK", signed)
        request = urllib.request.Request(f"http://127.0.0.1:{self.suite.ports['venue']}/exchange", signed["body"].encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            reply = json.loads(answer.read())
        self.assertIn("running", reply["response"]["data"]["status"], reply)

    def running_twaps(self):
        newest = {}
        for entry in sorted(self.suite.info(type="twapHistory", user=ACCOUNT_ADDRESS), key=lambda e: e["time"]):
            newest[entry.get("twapId")] = entry["status"]["status"]
        return [i for i, status in newest.items() if status == "activated"]

    def kill_all(self):
        for name in SERVICES:
            self.suite.kill(name, signal.SIGKILL)

    def test_cancels_closes_and_confirms_with_the_keystore_and_the_network_alone(self):
        mid = self.suite.mid("BTC")
        for i in range(50):  # more than one action holds
            price = (mid * Decimal("0.95")).quantize(Decimal(1)) - i
            reply = self.suite.place(f"rest-{i}", price=price, amount="0.001")
            self.assertEqual(reply["status"], "ACCEPTED", reply)
            if i % 20 == 19:  # the gateway holds at most 40 unanswered
                wait_for("orders rest", lambda: len(self.suite.venue_open_orders()) == i + 1)
        self.assertEqual(self.suite.place("rest-hyna", pair="hyna:BTC-USD", price=(mid * Decimal("0.95")).quantize(Decimal(1)),
                                          amount="0.001")["status"], "ACCEPTED")
        self.assertEqual(self.suite.place("held", amount="0.01")["status"], "ACCEPTED")
        wait_for("orders rest", lambda: len(self.suite.venue_open_orders()) == 51)
        wait_for("a position", lambda: self.suite.venue_positions().get("BTC"))
        self.start_twap()
        self.kill_all()
        done, said = self.panic("--flatten")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(said["confirmed"], said)
        self.assertGreaterEqual(said["cancelled"], 52)
        self.assertEqual(self.suite.venue_open_orders(), [])
        self.assertFalse([q for q in self.suite.venue_positions().values() if q != 0])
        self.assertEqual(self.running_twaps(), [])
        # What the gateway knew is put right when it comes back.
        for name in ["signer", "marketstream", "order-gateway", "risk", "persister"]:
            self.suite.start(name)
        self.suite.wait_ready(40)
        self.assertEqual(self.suite.command(type="get_open_orders", request_id="o", account="main")["orders"], [])

    def test_a_venue_that_does_not_answer_is_not_confirmed(self):
        price = (self.suite.mid("BTC") * Decimal("0.95")).quantize(Decimal(1))
        self.assertEqual(self.suite.place("rest", price=price, amount="0.001")["status"], "ACCEPTED")
        wait_for("it rests", lambda: len(self.suite.venue_open_orders()) == 1)
        self.kill_all()
        self.suite.kill("venue-sim", signal.SIGSTOP)
        done, said = self.panic("--seconds", "3", "--timeout", "1000")
        self.suite.kill("venue-sim", signal.SIGCONT)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertFalse(said["confirmed"])
        done, said = self.panic()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.suite.venue_open_orders(), [])


if __name__ == "__main__":
    unittest.main()
