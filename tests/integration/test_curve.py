"""The suite's commands and control over TCP: CURVE keys and an allow-list, real processes."""

import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import unittest
from decimal import Decimal

import zmq
from zmq.auth import load_certificate

from suite import ROOT, Suite, wait_for
from sim_config import free_ports

sys.path.insert(0, str(ROOT / "clients/python"))

from perpwire import Client, Endpoints  # noqa: E402

WHO = ("signer", "order_gateway", "risk", "persister", "alice", "bob", "mallory")


class CurveSuite(Suite):
    """Signer, gateway commands and replay, risk control and replay on TCP."""

    def __init__(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="pw-", dir="/tmp"))
        keys = folder / "curve"
        keys.mkdir()
        self.secrets, self.public = {}, {}
        binary = pathlib.Path(os.environ.get("PERPWIRE_BIN_DIR", ROOT / "build/dev/bin")) / "perpwire"
        for name in WHO:
            self.secrets[name] = keys / f"{name}.key_secret"
            made = subprocess.run([binary, "keys", "curve", self.secrets[name], "-o", "json"], capture_output=True, text=True,
                                  check=True)
            self.public[name] = json.loads(made.stdout)["public_key"]
            assert self.secrets[name].stat().st_mode & 0o777 == 0o600
        self.tcp = dict(zip(("signer", "commands", "replay", "control", "risk_replay"),
                            (f"tcp://127.0.0.1:{port}" for port in free_ports(5))))

        def own(name):
            return f'curve_key = "{self.secrets[name]}"\ncurve_public_key = "{self.public[name]}"\n'

        def client(name, may, role="client"):
            words = ", ".join(f'"{word}"' for word in may)
            return f'[curve.clients.{name}]\npublic_key = "{self.public[name]}"\nmay = [{words}]\nrole = "{role}"\n'

        super().__init__(folder=folder, tables={
            "signer": own("signer") + f'endpoint = "{self.tcp["signer"]}"\n',
            "order_gateway": own("order_gateway") + f'commands = "{self.tcp["commands"]}"\nreplay = "{self.tcp["replay"]}"\n',
            "risk": own("risk") + f'control = "{self.tcp["control"]}"\nreplay = "{self.tcp["risk_replay"]}"\n',
            "persister": f'curve_key = "{self.secrets["persister"]}"\n',
        }, settings=f'[curve]\nkey = "{self.secrets["alice"]}"\n' + client("order_gateway", ["signer"])
            + client("risk", ["signer", "commands", "replay"]) + client("persister", ["replay"])
            + client("alice", ["signer", "commands", "replay", "control"], "operator") + client("bob", ["commands", "replay"]))
        self.own_folder = True

    def as_(self, name, *arguments):
        return self.cli("--curve-key", self.secrets[name], "--timeout", "1500", *arguments)

    def ask(self, endpoint, server, name, message, seconds=2):
        """The answer of one request with the keys of `name` (None: a plain socket); None without an answer."""
        socket_ = self.context.socket(zmq.REQ)
        try:
            if name:
                socket_.curve_publickey, socket_.curve_secretkey = load_certificate(self.secrets[name])
                socket_.curve_serverkey = self.public[server].encode()
            socket_.connect(endpoint)
            socket_.send_string(json.dumps(message))
            return json.loads(socket_.recv_multipart()[0]) if socket_.poll(int(seconds * 1000)) else None
        finally:
            socket_.close(0)


class Curve(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.suite = CurveSuite()
        cls.addClassCleanup(cls.suite.__exit__, None, None, None)
        cls.suite.start_all()  # gateway READY: it holds the signer's lease; risk RUNNING: it has the gateway's pages

    def test_a_strategy_trades_and_the_database_hears_of_it(self):
        suite = self.suite
        mid = int(suite.mid())
        with Client(Endpoints.from_file(suite.config), account="main", id_prefix="CV") as client:
            order_id = client.buy("BTC-USD", Decimal("0.01"), Decimal(mid * 96 // 100))
            wait_for("the order on the venue", lambda: client.get_order(order_id).result(5)["exchange_order_id"])

        def stored():
            with sqlite3.connect(f"file:{suite.data_dir}/perpwire.db?mode=ro", uri=True) as database:
                return any(order_id in str(row) for row in database.execute("select * from orders"))
        wait_for("the order in the database", stored)

    def test_the_cpp_client_trades_too(self):
        suite = self.suite
        suite._spawn("market-maker", [str(suite.bin / "perpwire-sample-market-maker"), str(suite.config), "ETH-USD", "0.02"])
        wait_for("its quotes on the venue", lambda: [order for order in suite.venue_orders() if order["coin"] == "ETH"])
        suite.kill("market-maker", signal.SIGTERM)

    def test_an_operator_does_everything_over_tcp(self):
        for command in (["status"], ["order", "list"], ["risk", "status"], ["signer", "status"], ["signer", "log"],
                        ["signer", "verify-log", "--socket"], ["risk", "halt", "--level", "PAUSED", "--reason", "test", "--yes"],
                        ["risk", "resume", "--reason", "done", "--yes"]):
            done = self.suite.as_("alice", *command)
            self.assertEqual(done.returncode, 0, (command, done.stdout, done.stderr))

    def test_at_the_signer_a_client_is_no_operator(self):
        suite = self.suite
        refused = suite.as_("order_gateway", "signer", "log")
        self.assertEqual((refused.returncode, "rule operator: the audit log is for operators alone" in refused.stderr), (3, True),
                         refused.stderr)
        self.assertEqual(suite.as_("alice", "signer", "lock").returncode, 0)
        refused = suite.as_("order_gateway", "signer", "unlock", "--yes")
        self.assertIn("rule operator: unlock of what another user locked", refused.stderr)
        # Its own lock it takes back; alice's stays.
        self.assertEqual(suite.as_("alice", "signer", "unlock", "--yes").returncode, 0)
        self.assertEqual(suite.as_("order_gateway", "signer", "lock").returncode, 0)
        self.assertEqual(suite.as_("order_gateway", "signer", "unlock", "--yes").returncode, 0)

    def test_a_client_is_let_in_where_it_may_and_nowhere_else(self):
        self.assertEqual(self.suite.as_("bob", "order", "list").returncode, 0)
        for command in (["signer", "status"], ["risk", "status"]):
            done = self.suite.as_("bob", *command)
            self.assertEqual(done.returncode, 2, (command, done.stdout, done.stderr))
            self.assertIn("is our key in its curve.clients", done.stderr)

    def test_nobody_unlisted_and_nobody_plain_hears_anything(self):
        suite = self.suite
        endpoints = (("signer", "signer"), ("commands", "order_gateway"), ("replay", "order_gateway"), ("control", "risk"),
                     ("risk_replay", "risk"))
        message = {"type": "hello", "request_id": "h"}
        for endpoint, server in endpoints:
            for name in ("mallory", None):
                self.assertIsNone(suite.ask(suite.tcp[endpoint], server, name, message, 0.5), (endpoint, name))
            answer = suite.ask(suite.tcp[endpoint], server, "alice", message)
            self.assertIsNotNone(answer, endpoint)
        text = suite.ask(suite.tcp["signer"], "signer", "alice", {"type": "metrics", "request_id": "m"})["text"]
        refused = [line for line in text.splitlines()
                   if line.startswith('perpwire_curve_handshakes_total{endpoint="signer",outcome="refused"}')]
        self.assertTrue(refused and float(refused[0].split()[-1]) >= 1, text)
        self.assertIn(suite.public["mallory"], suite.log("signer"))

    def test_the_gateway_finds_a_killed_signer_again(self):
        suite = self.suite
        suite.kill("signer")
        suite.start("signer")
        mid = int(suite.mid())

        def placed():
            done = suite.as_("alice", "order", "place", "--pair", "BTC-USD", "--side", "buy", "--amount", "0.01", "--px",
                             mid * 96 // 100, "-o", "json")
            assert done.returncode == 0, done.stderr
            return True
        wait_for("an order signed by the new signer", placed, 20, 0.5)

    def test_the_signer_neither_connects_nor_makes_sockets(self):
        # What forbids it is shown by signer_files_test; here: the filter is on, and its only IP sockets are those it accepted
        # from and the one that listens.
        pid = self.suite.processes["signer"].pid
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        self.assertIn("Seccomp:\t2", status)
        self.assertIn("Seccomp_filters:\t2", status)

    def test_without_keys_the_start_is_refused(self):
        config = self.suite.folder / "bad.toml"
        text = self.suite.config.read_text()
        config.write_text(text.replace(f'curve_key = "{self.suite.secrets["signer"]}"\n', ""))
        done = subprocess.run(self.suite.sim.with_passphrase([str(self.suite.bin / "perpwire-signer"), "--config", str(config)]),
                              capture_output=True, text=True, timeout=10)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        self.assertIn(f'signer.endpoint: expected ipc://PATH, or TCP together with curve_key and curve_public_key, found '
                      f'{self.suite.tcp["signer"]}', done.stderr.replace('"', ""))


if __name__ == "__main__":
    unittest.main()
