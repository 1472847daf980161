"""An account's key is changed while everything runs: orders open, more coming, some of them without an answer."""

import json
import signal
import time
import unittest

from agreement import check_everything_agrees
from load import CROSSES_ITSELF, Load
from sim_config import ACCOUNT_ADDRESS
from suite import SERVICES, Suite, wait_for

SEED = 21


class Rotation(unittest.TestCase):
    def start(self, suite):
        suite.make_key()
        self.addresses = {"agent-1": suite.agent_address}
        for name in ("agent-2", "agent-3"):
            made = suite.cli("keys", "new", name, "--passphrase", "fd:3", "--light", "-o", "json", with_passphrase=True, timeout=90)
            self.assertEqual(made.returncode, 0, made.stderr)
            self.addresses[name] = json.loads(made.stdout)["address"]
        # agent-3 is not approved at the venue.
        suite.venue_arguments += ["--agent", f"{ACCOUNT_ADDRESS}={self.addresses['agent-2']}"]
        suite.start_venue()
        for service in SERVICES:
            suite.start(service)
        suite.wait_ready()

    def states(self, suite):
        status = json.loads(suite.cli("signer", "status").stdout)
        return {key["name"]: key["state"] for key in status["keys"]}

    def audit(self, suite):
        lines = []
        for file in sorted((suite.data_dir / "signer/audit").glob("audit-*.log")):
            lines += [json.loads(line) for line in file.read_text().splitlines()]
        return lines

    def test_the_key_changes_under_load_and_the_old_one_is_drained_and_retired(self):
        print(f"seed {SEED}", flush=True)
        # Without the venue's budgets: what is asked about the orders in doubt would leave no room for new ones.
        with Suite(seed=SEED, order_gateway=CROSSES_ITSELF, limits="off") as suite:
            self.start(suite)
            load = Load(suite, SEED, "rotate")
            load.start()
            wait_for("orders open, made with the old key", lambda: len(load.accepted) > 40 and suite.venue_open_orders())

            # A key that the venue does not know changes nothing.
            refused = suite.cli("keys", "rotate", "main", "agent-3", "--yes")
            self.assertEqual(refused.returncode, 3, refused.stderr)
            self.assertIn("approved at the venue, found missing: nothing was changed", refused.stderr)
            self.assertEqual(self.states(suite)["agent-1"], "ARMED")

            # From here on the venue answers nothing: what the old key signed now is in doubt when the key changes. Fewer
            # orders meanwhile: each one in doubt takes seconds of the venue's request budget to settle.
            load.pause = 0.5
            suite.control("/faults/request", kind="lose_before", match="exchange", count=-1)
            time.sleep(1.0)
            rotated = suite.cli("keys", "rotate", "main", "agent-2", "--yes")
            self.assertEqual(rotated.returncode, 0, rotated.stderr)
            self.assertEqual(self.states(suite), {"agent-1": "DRAINING", "agent-2": "ARMED", "agent-3": "STANDBY"})
            early = suite.cli("keys", "retire", "agent-1", "--yes")
            self.assertEqual((early.returncode, "rule draining: what key agent-1 signed may still land" in early.stderr), (3, True),
                             early.stderr)
            time.sleep(5.5)
            suite.control("/faults/clear")
            load.pause = 0.02

            # In the middle of it the signer dies; its configuration still names the old key.
            suite.kill("signer", signal.SIGKILL)
            suite.start("signer")
            suite.wait_ready(30)
            before = len(load.accepted)
            wait_for("orders by the new key", lambda: len(load.accepted) > before + 40, 20)

            retired = suite.cli("keys", "retire", "agent-1", "--yes", "--wait", "60", timeout=80)
            self.assertEqual(retired.returncode, 0, retired.stderr)
            self.assertEqual(self.states(suite), {"agent-2": "ARMED"})
            again = suite.cli("keys", "rotate", "main", "agent-1", "--yes")
            self.assertIn("rule retired: key agent-1 was retired", again.stderr)
            for victim in ("signer", "order-gateway"):
                suite.kill(victim, signal.SIGKILL)
                suite.start(victim)
                suite.wait_ready(30)
            before = len(load.accepted)
            wait_for("orders after all were killed", lambda: len(load.accepted) > before + 20, 20)
            load.stop_now.set()
            load.join(20)
            suite.wait_ready(30)
            wait_for("fresh books", suite.books_are_fresh, 15)
            print(check_everything_agrees(self, suite, load.accepted, modifies=False), flush=True)

            lines = self.audit(suite)
            switched = next(i for i, line in enumerate(lines) if line["what"] == "key_used")
            gone = next(i for i, line in enumerate(lines) if line["what"] == "key_retired")
            signed = [(i, line["key"], line["type"]) for i, line in enumerate(lines) if line["what"] == "signed"]
            self.assertEqual({key for i, key, kind in signed if i < switched}, {"agent-1"})
            self.assertEqual({kind for i, key, kind in signed if i > switched and key == "agent-1"}, {"noop"},
                             "the old key signs the fences of its own nonces and nothing else")
            self.assertGreater(len([1 for i, key, kind in signed if i > switched and key == "agent-2" and kind == "order"]), 60)
            self.assertEqual([key for i, key, _ in signed if i > gone and key != "agent-2"], [])
            self.assertEqual(suite.cli("signer", "verify-log").returncode, 0)


if __name__ == "__main__":
    unittest.main()
