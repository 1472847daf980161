"""Every process is killed with -9 in the middle of trading; afterwards database, gateway and venue agree."""

import random
import signal
import time
import unittest

from agreement import check_everything_agrees
from load import CROSSES_ITSELF, Load
from suite import Suite, wait_for


class Kill(unittest.TestCase):
    def kill_under_load(self, victim, seed):
        print(f"seed {seed}", flush=True)
        with Suite(seed=seed, order_gateway=CROSSES_ITSELF) as suite:
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
            wait_for("fresh books", suite.books_are_fresh, 15)
            print(check_everything_agrees(self, suite, load.accepted, modifies=False), flush=True)

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
