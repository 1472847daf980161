"""The suite against the same venue in other words: what HTTP, WebSocket and JSON allow and the simulator does not do."""

import time
import unittest
from decimal import Decimal

from agreement import check_everything_agrees
from dialect_proxy import Dialect, DialectProxy
from suite import Suite, wait_for

ORDERS = 24


class Dialects(unittest.TestCase):
    def trade(self, flags, host="127.0.0.1", slash="", ws_post=True):
        """Places orders through a venue that speaks so; nothing of what it says may be called malformed or lost."""
        with Suite(seed=6) as suite, DialectProxy(suite.ports["venue"], Dialect(**flags)) as proxy:
            venue = f"127.0.0.1:{suite.ports['venue']}"
            text = suite.config.read_text()
            for old, new in ((f'"http://{venue}"', f'"http://{host}:{proxy.port}{slash}"'),
                             (f'"ws://{venue}/ws"', f'"ws://{host}:{proxy.port}/ws"'),
                             ("[order_gateway]", f"[order_gateway]\nws_post = {{ enabled = {str(ws_post).lower()} }}")):
                self.assertIn(old, text)
                text = text.replace(old, new)
            suite.config.write_text(text)
            suite.start_all()
            accepted = set()
            for number in range(ORDERS):
                side = "BUY" if number % 2 else "SELL"
                factor = Decimal("1.004") if number % 3 else Decimal("0.98")
                price = (suite.mid("BTC") * (factor if side == "BUY" else 2 - factor)).quantize(Decimal(1))
                # By REST they share the budget with what the start asked for: the first may have to wait.
                wait_for(f"order {number} is accepted", lambda: suite.place(
                    f"d-{number}", side=side, price=price, amount="0.001")["status"] == "ACCEPTED", 30)
                accepted.add(f"d-{number}")
                time.sleep(0.02)
            result = check_everything_agrees(self, suite, accepted, modifies=False)
            self.assertGreater(result["fills"], ORDERS // 2)
            logs = {service: suite.log(service) for service in ("order-gateway", "marketstream", "risk")}
            suite.stop_all()  # before the proxy
            print(result, proxy.counts, flush=True)
            self.assertEqual(logs["order-gateway"].count("user stream connected"), 1, "the user stream was lost")
            for service, log in logs.items():
                for line in log.splitlines():
                    self.assertNotRegex(line, "malformed|expected .* found|connection lost|not complete|UNKNOWN", service)
            return proxy

    def test_lower_case_chunked_with_trailers_interim_answers_and_other_json(self):
        self.trade(dict(lower_case=True, chunked=True, interim=True, other_json=True), ws_post=False)

    def test_http_1_0_and_messages_in_pieces_with_pings_between(self):
        proxy = self.trade(dict(http10=True, fragments=True), host="localhost")
        self.assertGreater(proxy.counts["pongs"], 50)

    def test_connection_close_in_small_writes_and_a_slash_at_the_end_of_the_url(self):
        self.trade(dict(close=True, dribble=100, ws_pings=0.2), host="localhost", slash="/", ws_post=False)

    def test_idle_connections_closed_soon_and_other_json_in_pieces(self):
        self.trade(dict(idle_close=0.05, fragments=True, other_json=True, dribble=1000))


if __name__ == "__main__":
    unittest.main()
