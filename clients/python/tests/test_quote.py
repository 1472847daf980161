import unittest
from concurrent.futures import Future
from decimal import Decimal

from perpwire import OutcomeUnknown, Quote, Rejected
from perpwire.events import Event


class Recorder:
    """Stands for the client: notes what is asked of it, answers when the test says so."""

    def __init__(self):
        self.asked, self.callbacks, self.modifies = [], {}, []

    def on(self, kind, callback):
        self.callbacks[kind] = callback

    def on_order(self, callback):
        self.callbacks["order"] = callback

    def buy(self, pair, amount, price, **more):
        self.asked.append(("buy", price, more))
        return f"id{len(self.asked)}"

    def cancel(self, order_id):
        self.asked.append(("cancel", order_id))

    def resend(self, order_id):
        self.asked.append(("resend", order_id))

    def modify(self, order_id, price, amount):
        self.asked.append(("modify", order_id, price, amount))
        self.modifies.append(Future())
        return self.modifies[-1]


class QuoteTest(unittest.TestCase):
    def setUp(self):
        self.now = 100.0
        self.client = Recorder()
        self.quote = Quote(self.client, "BTC-USD", "BUY", Decimal(1), clock=lambda: self.now)

    def order(self, order_id, state, price=50000, **more):
        self.client.callbacks["order"](Event("order_update", "t", 0, "s", 1, 1, {
            "client_order_id": order_id, "order_state": state, "price": Decimal(price), **more}))

    def want(self, price, after=2.0):
        self.now += after
        self.client.asked.clear()
        self.quote.want(None if price is None else Decimal(price))
        return self.client.asked

    def opened(self):
        self.want(50000)
        self.order("id1", "OPEN")

    def test_is_placed_once_and_waits_for_the_venue(self):
        self.assertEqual(self.want(50000), [("buy", Decimal(50000), {"time_in_force": "ALO"})])
        self.assertEqual(self.want(50100), [])
        self.order("id1", "OPEN")
        self.assertEqual(self.want(50100), [("modify", "id1", Decimal(50100), Decimal(1))])

    def test_stays_for_small_moves_and_pauses_between_requests(self):
        self.opened()
        self.assertEqual(self.want("50004.9"), [])
        self.assertEqual(len(self.want("50005")), 1)
        self.assertEqual(self.want(51000, after=0.9), [])
        self.assertEqual(len(self.want(51000, after=0.2)), 1)

    def test_is_withdrawn_and_placed_anew(self):
        self.opened()
        self.assertEqual(self.want(None), [("cancel", "id1")])
        self.order("id1", "CANCELLED")
        self.assertEqual(self.want(None), [])
        self.assertEqual(self.want(50000)[0][0], "buy")

    def test_a_refused_modify_is_a_cancel_from_either_side(self):
        self.opened()
        self.want(50100)
        self.client.modifies[0].set_exception(Rejected("POST_ONLY", "would cross"))
        self.assertEqual(self.client.asked[-1], ("cancel", "id1"))
        self.client.asked.clear()
        self.order("id1", "OPEN", failure={"code": "POST_ONLY", "reason": ""})
        self.assertEqual(self.client.asked, [("cancel", "id1")])

    def test_a_rejected_order_is_forgotten_and_an_unknown_one_sent_again(self):
        self.want(50000)
        self.client.callbacks["order_unknown"]("id1", OutcomeUnknown())
        self.assertEqual(self.client.asked[-1], ("resend", "id1"))
        self.client.callbacks["order_rejected"]("other", Rejected("HALTED", ""))
        self.assertEqual(self.quote.id, "id1")
        self.client.callbacks["order_rejected"]("id1", Rejected("HALTED", ""))
        self.assertIsNone(self.quote.id)

    def test_orders_of_others_change_nothing(self):
        self.opened()
        self.order("other", "FILLED")
        self.assertEqual(self.quote.id, "id1")


if __name__ == "__main__":
    unittest.main()
