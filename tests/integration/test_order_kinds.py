"""Stops, take-profits, groups, TWAP, leverage and margin, sessions and the dead man's switch against the simulated venue, under
both readings of what the venue does with them."""

import signal
import unittest
from decimal import Decimal

from suite import ACCOUNT_ADDRESS, Suite, loads, wait_for


class OrderKinds(unittest.TestCase):
    READINGS = {}

    def setUp(self):
        self.suite = Suite(block_ms=20)
        self.addCleanup(self.suite.__exit__, None, None, None)
        text = self.suite.config.read_text()
        self.suite.config.write_text(text.replace("[order_gateway]\n", '[order_gateway]\nschedule_cancel_after = "15s"\n', 1))
        self.suite.start_all()
        self.suite.control("/background", on=False)
        if self.READINGS:
            self.suite.control("/readings", set=self.READINGS)

    def order(self, client_order_id):
        reply = self.suite.command(type="get_order", request_id="q", client_order_id=client_order_id)
        return reply["orders"][0] if reply["status"] == "OK" else {"order_state": reply.get("code")}

    def wait_state(self, client_order_id, state, seconds=15):
        return wait_for(f"{client_order_id} {state}",
                        lambda: self.order(client_order_id)["order_state"] == state and self.order(client_order_id), seconds)

    def price(self, factor):
        return (self.suite.mid("BTC") * Decimal(factor)).quantize(Decimal(1))

    def agree(self):
        """Gateway and venue hold the same position."""
        def same():
            ours = self.suite.command(type="get_positions", request_id="p")["positions"]
            held = {p["trading_pair"]: Decimal(str(p["amount"])) for p in ours}
            venue = self.suite.venue_positions().get("BTC", Decimal(0))
            return held.get("BTC-USD", Decimal(0)) == venue
        wait_for("positions agree", same)

    def open_long(self, amount="0.01"):
        self.assertEqual(self.suite.place("open", amount=amount)["status"], "ACCEPTED")
        self.wait_state("open", "FILLED")

    def test_a_stop_fires_and_closes(self):
        self.open_long()
        at = self.price("0.97")
        reply = self.suite.place("stop", side="SELL", order_type="STOP_MARKET", trigger_price=str(at), reduce_only=True)
        self.assertEqual(reply["status"], "ACCEPTED", reply)
        self.wait_state("stop", "OPEN")
        self.suite.control("/price", coin="BTC", price=str(self.price("0.96")))
        self.wait_state("stop", "FILLED")
        self.agree()
        self.assertEqual(self.suite.venue_positions().get("BTC", Decimal(0)), 0)

    def test_a_stop_that_waits_is_cancelled(self):
        self.open_long()
        self.suite.place("stop", side="SELL", price=self.price("0.96"), order_type="STOP_LIMIT",
                         trigger_price=str(self.price("0.97")), reduce_only=True)
        self.wait_state("stop", "OPEN")
        self.suite.command(type="cancel", request_id="c", client_order_id="stop")
        self.wait_state("stop", "CANCELLED")
        self.assertEqual(self.suite.venue_open_orders(), [])

    def test_children_wake_with_their_parent_and_end_each_other(self):
        entry = self.price("0.99")
        order = {"account": "main", "trading_pair": "BTC-USD", "amount": "0.01"}
        reply = self.suite.command(type="place_batch", request_id="g", grouping="normalTpsl", orders=[
            {**order, "client_order_id": "parent", "trade_type": "BUY", "order_type": "LIMIT", "price": str(entry)},
            {**order, "client_order_id": "tp", "trade_type": "SELL", "order_type": "TAKE_PROFIT_MARKET", "reduce_only": True,
             "trigger_price": str(self.price("1.02"))},
            {**order, "client_order_id": "sl", "trade_type": "SELL", "order_type": "STOP_MARKET", "reduce_only": True,
             "trigger_price": str(self.price("0.95"))}])
        self.assertEqual([r["status"] for r in reply["results"]], ["ACCEPTED"] * 3, reply)
        for name in ("parent", "tp", "sl"):
            self.wait_state(name, "OPEN")
        oid = int(self.order("parent")["exchange_order_id"])
        self.suite.control("/orders/fill", oid=oid, size="0.01")
        self.wait_state("parent", "FILLED")
        self.suite.control("/price", coin="BTC", price=str(self.price("1.04")))
        self.wait_state("tp", "FILLED")
        self.wait_state("sl", "CANCELLED")
        self.agree()

    def test_a_parents_cancel_takes_its_children_along(self):
        order = {"account": "main", "trading_pair": "BTC-USD", "amount": "0.01"}
        self.suite.command(type="place_batch", request_id="g", grouping="normalTpsl", orders=[
            {**order, "client_order_id": "parent", "trade_type": "BUY", "order_type": "LIMIT", "price": str(self.price("0.95"))},
            {**order, "client_order_id": "sl", "trade_type": "SELL", "order_type": "STOP_MARKET", "reduce_only": True,
             "trigger_price": str(self.price("0.9"))}])
        self.wait_state("parent", "OPEN")
        self.wait_state("sl", "OPEN")
        self.suite.command(type="cancel", request_id="c", client_order_id="parent")
        self.wait_state("parent", "CANCELLED")
        self.wait_state("sl", "CANCELLED")

    def test_a_twap_fills_in_slices_and_is_cancelled(self):
        reply = self.suite.place("twap", amount="0.05", order_type="TWAP", twap_minutes=5)
        self.assertEqual(reply["status"], "ACCEPTED", reply)
        wait_for("a slice", lambda: Decimal(str(self.order("twap")["filled_amount"])) > 0)
        self.suite.command(type="cancel", request_id="c", client_order_id="twap")
        done = self.wait_state("twap", "CANCELLED")
        self.assertTrue(done["exchange_order_id"].startswith("twap:"))
        self.agree()
        self.assertEqual(Decimal(str(self.order("twap")["filled_amount"])), self.suite.venue_positions()["BTC"])

    def test_leverage_and_isolated_margin(self):
        reply = self.suite.command(type="set_leverage", request_id="l", trading_pair="BTC-USD", leverage=7, margin_mode="ISOLATED")
        self.assertEqual(reply["status"], "ACCEPTED", reply)
        self.open_long()

        def terms():
            rows = self.suite.command(type="get_positions", request_id="p")["positions"]
            return rows and rows[0]["leverage"] == 7 and rows[0]["margin_mode"] == "ISOLATED"
        wait_for("terms in the position", terms)
        more = dict(type="set_isolated_margin", request_id="m", trading_pair="BTC-USD", amount="12.5")
        self.assertEqual(self.suite.command(**more)["status"], "ACCEPTED")
        self.assertEqual(self.suite.command(**more)["status"], "ACCEPTED")  # asked once
        back = dict(type="set_leverage", request_id="b", trading_pair="BTC-USD", leverage=7, margin_mode="CROSS")
        self.assertEqual(self.suite.command(**back)["status"], "ACCEPTED")
        refused = wait_for("the venue's refusal", lambda: self.suite.command(**back)["status"] == "REJECTED"
                           and self.suite.command(**back))
        self.assertIn("Cannot switch leverage type", refused["reason"])

    def test_a_silent_strategy_loses_its_orders(self):
        self.suite.place("mine", price=self.price("0.95"), strategy="mm")
        self.suite.place("other", price=self.price("0.94"))
        self.wait_state("mine", "OPEN")
        self.wait_state("other", "OPEN")
        reply = self.suite.command(type="session", request_id="s",
                                   session={"name": "mm", "cancel_on_disconnect": "strategy", "heartbeat_timeout_ms": 500})
        self.assertEqual(reply["status"], "ACCEPTED", reply)
        self.wait_state("mine", "CANCELLED", 5)
        self.assertEqual(self.order("other")["order_state"], "OPEN")

    def test_the_dead_mans_switch_fires_when_the_gateway_stays_down(self):
        self.suite.control("/accounts/volume", user=ACCOUNT_ADDRESS, usdc="2000000")
        self.suite.place("left", price=self.price("0.95"))
        self.wait_state("left", "OPEN")
        status = self.suite.subscribe("gateway_events", "gateway.hyperliquid.status")
        self.addCleanup(status.close, 0)

        def armed():
            return status.poll(50) and loads(status.recv_multipart()[1])["data"]["scheduled_cancel_timestamp"]
        wait_for("armed", armed, 10)
        self.suite.kill("order-gateway", signal.SIGKILL)
        wait_for("everything cancelled by the venue", lambda: not self.suite.venue_open_orders(), 25)
        self.suite.start("order-gateway")
        self.suite.wait_ready(30)
        self.wait_state("left", "CANCELLED")


class OtherReadings(OrderKinds):
    READINGS = {"trigger_makes_child": 1, "waiting_children_are_open": 1, "answer_after_streams": 1, "twap_slices_in_updates": 1,
                "partial_gtc_answers_filled": 1}

    # What the readings do not touch need not be shown twice.
    test_leverage_and_isolated_margin = None
    test_a_silent_strategy_loses_its_orders = None
    test_the_dead_mans_switch_fires_when_the_gateway_stays_down = None


if __name__ == "__main__":
    unittest.main()
