"""Orders from many hands for the tests that break things meanwhile."""

import random
import threading
import time
from decimal import Decimal

# The orders below meet each other on purpose: settings of the gateway that let them.
CROSSES_ITSELF = 'self_trade = "allow"\n'


class Load(threading.Thread):
    """Places and cancels through plain sockets whatever happens meanwhile; remembers what was accepted."""

    def __init__(self, suite, seed, tag, pause=0.02):
        super().__init__(daemon=True)
        self.suite, self.random, self.tag, self.pause = suite, random.Random(seed), tag, pause
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
                pass  # a process is down, or the venue: exactly what is being tested
            time.sleep(self.pause)
