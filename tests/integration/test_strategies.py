"""Both sample market makers trade side by side; the gateway is killed in the middle; what each counted itself is the truth."""

import os
import re
import signal
import sqlite3
import time
import unittest
from decimal import Decimal

from agreement import check_everything_agrees, coin_of
from suite import ROOT, Suite, wait_for

LINE = re.compile(r"^stopped: (\d+) orders, (\d+) fills, traded (\S+), inventory (\S+), left open: (\d+), pages: (\d+)$", re.M)


class Strategies(unittest.TestCase):
    def commands(self, suite):
        """Each has a pair of its own, so that what it counts is its own."""
        python = ["/usr/bin/python3", str(ROOT / "clients/python/examples/market_maker.py"), "--config", str(suite.config)]
        return {
            "python": ("BTC-USD", [*python, "--pair", "BTC-USD", "--amount", "0.001"]),
            "cpp": ("ETH-USD", [str(suite.bin / "perpwire-sample-market-maker"), str(suite.config), "ETH-USD", "0.02"]),
        }

    def counted(self, suite, name):
        found = LINE.search(suite.log(name))
        self.assertIsNotNone(found, suite.log(name))
        orders, fills, traded, inventory, left, pages = found.groups()
        return {"orders": int(orders), "fills": int(fills), "traded": Decimal(traded), "inventory": Decimal(inventory),
                "left": int(left), "pages": int(pages)}

    @staticmethod
    def stored(suite, pair):
        database = sqlite3.connect(f"file:{suite.data_dir}/perpwire.db?mode=ro", uri=True, timeout=5)
        try:
            one = lambda query: database.execute(query, (pair,)).fetchall()
            signed = [Decimal(a) * (1 if t == "BUY" else -1) for t, a in
                      one("SELECT trade_type, amount FROM fills WHERE trading_pair = ?")]
            position = one("SELECT amount FROM positions WHERE trading_pair = ?")
            return {"orders": len(one("SELECT 1 FROM order_events WHERE event_type = 'order_created' AND trading_pair = ?")),
                    "fills": len(signed), "traded": sum(signed, Decimal(0)),
                    "inventory": Decimal(position[0][0]) if position else Decimal(0)}
        finally:
            database.close()

    def test_both_count_what_venue_and_database_hold_and_survive_a_kill_of_the_gateway(self):
        os.environ["PYTHONPATH"] = str(ROOT / "clients/python")
        with Suite(seed=4) as suite:
            suite.start_all()
            strategies = self.commands(suite)
            for name, (_, command) in strategies.items():
                suite._spawn(name, command)
            both_filled = lambda more: wait_for(f"{more} fills of both", lambda: all(
                len([f for f in suite.venue_fills() if f["coin"] == coin_of(pair)]) >= more
                for pair, _ in strategies.values()), 25)
            both_filled(2)
            time.sleep(5)
            before = {pair: len([f for f in suite.venue_fills() if f["coin"] == coin_of(pair)]) for pair, _ in strategies.values()}
            suite.kill("order-gateway", signal.SIGKILL)
            # Their orders rest at the venue, and fill unseen; heartbeats over 4 s apart demand pages.
            time.sleep(4.5)
            suite.start("order-gateway")
            suite.wait_ready(20)
            time.sleep(5)
            both_filled(max(before.values()) + 1)  # they go on trading
            for name in strategies:
                self.assertIsNone(suite.processes[name].poll(), suite.log(name))
                suite.processes[name].send_signal(signal.SIGINT)
            for name in strategies:
                self.assertEqual(suite.processes[name].wait(15), 0, suite.log(name))
            self.assertEqual(suite.venue_open_orders(), [], "a strategy left orders behind")
            print(check_everything_agrees(self, suite), flush=True)
            for name, (pair, _) in strategies.items():
                counted = self.counted(suite, name)
                print(name, counted, flush=True)
                venue = [f for f in suite.venue_fills() if f["coin"] == coin_of(pair)]
                self.assertEqual(counted["fills"], len(venue), name)
                self.assertEqual(counted["traded"], suite.venue_positions().get(coin_of(pair), Decimal(0)), name)
                stored = self.stored(suite, pair)
                self.assertEqual({k: counted[k] for k in stored}, stored, name)
                self.assertEqual(counted["left"], 0, name)
                self.assertGreaterEqual(counted["pages"], 2, f"{name} asked for pages at its start only")


if __name__ == "__main__":
    unittest.main()
