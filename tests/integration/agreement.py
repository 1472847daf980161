"""Once the network is quiet: venue = gateway = database, to the last order, fill and position."""

import sqlite3
from decimal import Decimal

from suite import loads, wait_for

OUR_CLOIDS = "0xf1a50001"  # accounts.main.cloid_prefix of deploy/config/sim.toml.in
FINAL_STATES = ("FILLED", "CANCELLED", "FAILED")


def coin_of(pair):
    """BTC-USD -> BTC, hyna:BTC-USD -> hyna:BTC."""
    return pair.rsplit("-", 1)[0]


def signed(fill):
    return fill["amount"] if fill["trade_type"] == "BUY" else -fill["amount"]


def make_quiet(suite, seconds=40):
    """Everything cancelled, and no order is left in doubt."""
    wait_for("cancel_all accepted",
             lambda: suite.command(type="cancel_all", request_id="end", account="main")["status"] == "ACCEPTED", 20)
    wait_for("no open order on the venue", lambda: not suite.venue_open_orders(), seconds)
    wait_for("no open order in the gateway",
             lambda: not suite.command(type="get_open_orders", request_id="q", account="main")["orders"], seconds)


def check_everything_agrees(test, suite, accepted=(), modifies=True):
    """`accepted`: client order ids that the gateway took; each must have an end. `modifies`: some orders were modified, so
    that one cloid may have several venue ids."""
    make_quiet(suite)
    events = suite.pages(suite.ipc("gateway", "replay.sock"))
    fills = [e["data"] for t, e in events if t.startswith("fills.")]
    orders = {}
    venue_ids = {}
    for topic, event in events:
        if topic.startswith("orders."):
            data = event["data"]
            orders[data["client_order_id"]] = data
            venue_ids.setdefault(data["client_order_id"], set()).add(data["exchange_order_id"])

    # Fills: the venue's, each once.
    venue_keys = sorted((str(f["tid"]), str(f["oid"])) for f in suite.venue_fills())
    gateway_keys = sorted((f["trade_id"], f["exchange_order_id"]) for f in fills)
    test.assertEqual(gateway_keys, venue_keys, "fills: gateway against venue")
    test.assertEqual(len(gateway_keys), len(set(gateway_keys)), "a fill counted twice")
    executions = [e["data"] for t, e in events if t.startswith("orders.") and t.endswith((".filled", ".partial_fill"))]
    test.assertEqual(len(executions), len([f for f in fills if f["client_order_id"]]), "executions against fills")

    # Orders: each at most once at the venue.
    venue_orders = {str(order["oid"]): order for order in suite.venue_orders()}
    ours = [o for o in venue_orders.values() if (o["cloid"] or "").startswith(OUR_CLOIDS)]
    if not modifies:
        test.assertEqual(len({o["cloid"] for o in ours}), len(ours), "one order, several venue ids")
    known = set().union(*venue_ids.values()) if venue_ids else set()
    unknown = sorted(str(o["oid"]) for o in ours if str(o["oid"]) not in known and Decimal(o["filledSz"]) != 0)
    test.assertEqual(unknown, [], "executed orders of ours that no event names")
    for client_order_id, data in orders.items():
        test.assertIn(data["order_state"], FINAL_STATES, client_order_id)
        executed = sum((f["amount"] for f in fills if f["client_order_id"] == client_order_id), Decimal(0))
        test.assertEqual(data["filled_amount"], executed, f"executed quantity of {client_order_id}")
        at_venue = sum((Decimal(venue_orders[i]["filledSz"]) for i in venue_ids[client_order_id] if i in venue_orders), Decimal(0))
        test.assertEqual(at_venue, executed, f"executed quantity of {client_order_id} at the venue")
    test.assertEqual(set(accepted) - set(orders), set(), "accepted orders without an end")

    # Positions: the sum of the fills is the venue's, and the newest one told.
    positions = {}
    for fill in fills:
        coin = coin_of(fill["trading_pair"])
        positions[coin] = positions.get(coin, Decimal(0)) + signed(fill)
    positions = {coin: amount for coin, amount in positions.items() if amount}
    test.assertEqual(positions, {c: a for c, a in suite.venue_positions().items() if a}, "positions: fills against venue")

    def told():
        newest = suite.command(type="get_positions", request_id="p", account="main")["positions"]
        found = {coin_of(p["trading_pair"]): p["amount"] for p in newest if p["amount"]}
        assert found == positions, (found, positions)
        return True

    def risk_told():
        accounts = loads(suite.request(suite.ipc("risk", "control.sock"), {"type": "status", "request_id": "r"})[0]).get("accounts", [])
        found = {coin_of(a["trading_pair"]): a["position"] for a in accounts if a["position"]}
        assert found == positions, (found, positions)
        assert not any(a["open_orders"] for a in accounts), accounts
        return True

    wait_for("positions: gateway against venue", told, 20)
    wait_for("positions: risk against venue", risk_told, 20)
    # It counts fills; a position that it took over instead is one whose fills it missed.
    test.assertNotIn("position taken over from the gateway", suite.log("risk"))
    wait_for("the database has caught up", lambda: _stored(suite, orders, fills, positions), 20)
    return {"orders": len(orders), "fills": len(fills), "positions": positions}


def _stored(suite, orders, fills, positions):
    # Read anew: that a cancel came too late is told as an update after the end, when its answer comes.
    events = suite.pages(suite.ipc("gateway", "replay.sock"))
    database = sqlite3.connect(f"file:{suite.data_dir}/perpwire.db?mode=ro", uri=True, timeout=5)
    try:
        stored_events = database.execute("SELECT count(*) FROM order_events").fetchone()[0]
        stored_orders = {i: (s, Decimal(f)) for i, s, f in database.execute(
            "SELECT client_order_id, order_state, filled_amount FROM orders")}
        stored_fills = sorted(database.execute("SELECT trade_id, exchange_order_id FROM fills").fetchall())
        stored_positions = {coin_of(p): Decimal(a) for p, a in database.execute(
            "SELECT trading_pair, amount FROM positions")}
        gaps = database.execute("SELECT count(*) FROM gaps").fetchone()[0]
    except sqlite3.Error as error:
        raise AssertionError(str(error)) from error
    finally:
        database.close()
    count = len([1 for t, _ in events if t.startswith("orders.")])
    assert gaps == 0, f"{gaps} gaps"
    assert stored_events == count, f"order events {stored_events} of {count}"
    assert stored_fills == sorted((f["trade_id"], f["exchange_order_id"]) for f in fills), "fills differ"
    wanted = {i: (o["order_state"], o["filled_amount"]) for i, o in orders.items()}
    assert stored_orders == wanted, set(stored_orders.items()) ^ set(wanted.items())
    assert {c: a for c, a in stored_positions.items() if a} == positions, (stored_positions, positions)
    return True
