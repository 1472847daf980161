"""Starts the whole suite from the built binaries in a folder of its own, on free ports, and stops it.

Used by the integration tests and by deploy/demo.sh. Plain Python and pyzmq: nothing here uses our client libraries, so that
what the tests see is what any outside program sees.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from decimal import Decimal

import zmq

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy"))

from sim_config import ACCOUNT_ADDRESS, SERVICES, SimConfig  # noqa: E402


def loads(text):
    """JSON with numbers as exact decimals."""
    return json.loads(text, parse_float=Decimal)


def wait_for(what, probe, seconds=15.0, interval=0.05):
    """Calls probe() until it returns something true; an AssertionError says what never came."""
    end = time.monotonic() + seconds
    last = None
    while time.monotonic() < end:
        try:
            last = probe()
            if last:
                return last
        except (OSError, zmq.ZMQError, AssertionError) as error:
            last = error
        time.sleep(interval)
    raise AssertionError(f"{what}: not within {seconds} s; last: {last}")


class Suite:
    """One run of the suite. `with Suite() as suite: ...`; on leaving, every process it started is stopped by its pid."""

    def __init__(self, bin_dir=None, folder=None, seed=1, block_ms=50, limits="documented", venue_arguments=(), settings="",
                 order_gateway="", tables=None):
        self.bin = pathlib.Path(bin_dir or os.environ.get("PERPWIRE_BIN_DIR", ROOT / "build/dev/bin"))
        self.own_folder = folder is None
        # Short: paths of ipc sockets have at most 107 bytes.
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="pw-", dir="/tmp"))
        self.sim = SimConfig(self.folder, limits=limits, settings=settings, order_gateway=order_gateway,
                             tables=tables)
        self.config, self.run_dir, self.data_dir = self.sim.config, self.sim.run_dir, self.sim.data_dir
        self.log_dir, self.ports, self.metrics_port = self.sim.log_dir, self.sim.ports, self.sim.metrics_port
        self.processes = {}
        self.context = zmq.Context()
        self.seed, self.block_ms, self.limits = seed, block_ms, limits
        self.venue_arguments = list(venue_arguments)

    # ---- processes ----

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.stop_all()
        self.context.destroy(linger=0)
        if kind is not None:
            print(f"logs are kept in {self.log_dir}", flush=True)
        elif self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start_all(self):
        self.make_key()
        self.start_venue()
        for service in SERVICES:
            self.start(service)
        self.wait_ready()

    def make_key(self):
        """An agent key in the keystore; its address goes to the venue as the account's API wallet."""
        done = self.cli("keys", "new", "agent-1", "--passphrase", "fd:3", "--light", "-o", "json", with_passphrase=True, timeout=90)
        assert done.returncode == 0, done.stderr
        self.agent_address = json.loads(done.stdout)["address"]

    def start_venue(self):
        self._spawn("venue-sim", self.sim.venue_command(self.bin, self.agent_address, self.seed, self.block_ms, self.limits,
                                                        self.venue_arguments))

    def start(self, service, **environment):
        self._spawn(service, self.sim.service_command(self.bin, service), **environment)

    def _spawn(self, name, command, **environment):
        assert name not in self.processes or self.processes[name].poll() is not None, f"{name} runs already"
        with open(self.log_dir / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                                    env={**os.environ, **environment})

    def kill(self, name, how=signal.SIGKILL):
        process = self.processes[name]
        process.send_signal(how)
        if how in (signal.SIGKILL, signal.SIGTERM):
            process.wait(10)

    def stop_all(self):
        order = [n for n in reversed(list(self.processes)) if self.processes[n].poll() is None]
        for name in [n for n in order if n not in SERVICES + ("venue-sim",)]:
            # A strategy that still runs belongs to a test that failed: it would wait for the gateway's answers.
            self.processes[name].kill()
            self.processes[name].wait(5)
            order.remove(name)
        for name in order:
            self.processes[name].send_signal(signal.SIGCONT)
            self.processes[name].terminate()
        for name in order:
            try:
                self.processes[name].wait(5)
            except subprocess.TimeoutExpired:
                self.processes[name].kill()
                self.processes[name].wait(5)
                raise AssertionError(f"{name} did not stop within 5 s of SIGTERM")

    def log(self, name):
        return (self.log_dir / f"{name}.log").read_text(errors="replace")

    def wait_ready(self, seconds=20):
        wait_for("gateway READY and risk RUNNING", self.is_ready, seconds)

    def is_ready(self):
        for name, process in self.processes.items():
            assert process.poll() is None, f"{name} ended with {process.returncode}: {self.log(name)[-2000:]}"
        beat = self.heartbeat("gateway_events", "hb.order-gateway.main", 1.0)
        risk = self.heartbeat("risk_events", "hb.risk.main", 1.0)
        return beat and beat["state"] == "READY" and risk and risk.get("level") == "RUNNING"

    def books_are_fresh(self, seconds=3):
        """marketstream's connections are LIVE, and its book is younger than `seconds`."""
        parts = self.request(f"tcp://127.0.0.1:{self.ports['market_requests']}", {
            "type": "snapshot", "request_id": "s",
            "topics": ["md.hyperliquid.status.*.*", "md.hyperliquid.status.bbo.BTC-USD", "md.hyperliquid.book.BTC-USD"]})
        head = loads(parts[0])
        assert head.get("type") == "snapshot_page" and head["count"] == 3, head
        data = {parts[i].decode(): loads(parts[i + 1])["data"] for i in range(1, len(parts), 2)}
        for topic, value in data.items():
            assert ".status." not in topic or value["state"] == "LIVE", (topic, value)
        age = time.time() - data["md.hyperliquid.book.BTC-USD"]["receive_timestamp"] / 1e9
        assert age < seconds, f"the book is {age:.1f} s old"
        return True

    # ---- what an outside program does ----

    def cli(self, *arguments, with_passphrase=False, timeout=30, stdin=None):
        command = [str(self.bin / "perpwire"), "--config", str(self.config), *[str(a) for a in arguments]]
        if with_passphrase:
            command = self.sim.with_passphrase(command)
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, input=stdin)

    def subscribe(self, port, *topics, hwm=100000):
        socket_ = self.context.socket(zmq.SUB)
        socket_.setsockopt(zmq.RCVHWM, hwm)
        for topic in topics:
            socket_.setsockopt_string(zmq.SUBSCRIBE, topic)
        socket_.connect(f"tcp://127.0.0.1:{self.ports[port]}")
        return socket_

    def heartbeat(self, port, topic, seconds):
        socket_ = self.subscribe(port, topic)
        try:
            if not socket_.poll(int(seconds * 1000)):
                return None
            return loads(socket_.recv_multipart()[1])
        finally:
            socket_.close(0)

    def request(self, endpoint, message, seconds=5):
        """One request over a plain REQ socket; all parts of the answer."""
        socket_ = self.context.socket(zmq.REQ)
        try:
            socket_.connect(endpoint)
            socket_.send_string(json.dumps(message))
            if not socket_.poll(int(seconds * 1000)):
                raise AssertionError(f"no answer from {endpoint} within {seconds} s to {message}")
            return socket_.recv_multipart()
        finally:
            socket_.close(0)

    def ipc(self, folder, name):
        return f"ipc://{self.run_dir}/{folder}/{name}"

    def command(self, seconds=5, **message):
        return loads(self.request(self.ipc("gateway", "commands.sock"), message, seconds)[0])

    def place(self, client_order_id, pair="BTC-USD", side="BUY", price=None, amount="0.01", **more):
        order = {"client_order_id": client_order_id, "account": "main", "trading_pair": pair, "trade_type": side,
                 "order_type": "LIMIT" if price is not None else "MARKET", "amount": str(amount), **more}
        if price is not None:
            order["price"] = str(price)
        return self.command(type="place", request_id=f"r-{client_order_id}", order=order)

    def pages(self, endpoint, topics=(), stream=None, limit=1000):
        """Every event of a stream by replay pages, oldest first."""
        events, following = [], 1
        while True:
            message = {"type": "replay", "request_id": "p", "from_sequence": following, "limit": limit}
            if topics:
                message["topics"] = list(topics)
            if stream:
                message["stream"] = stream
            parts = self.request(endpoint, message)
            head = loads(parts[0])
            assert head["type"] == "replay_page", head
            events += [(parts[i].decode(), loads(parts[i + 1])) for i in range(1, len(parts), 2)]
            following = head["next_sequence"]
            if following > head["last_sequence"]:
                return events

    # ---- the venue's own view ----

    def info(self, **request):
        return self._post(f"http://127.0.0.1:{self.ports['venue']}/info", request)

    def control(self, path, **request):
        return self._post(f"http://127.0.0.1:{self.ports['control']}{path}", request)

    @staticmethod
    def _post(url, body):
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return loads(answer.read())

    # Read from the control endpoint, which costs the account nothing of the venue's request budget.

    def venue_state(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['control']}/state", timeout=10) as answer:
            return loads(answer.read())

    def venue_account(self):
        return self.venue_state()["accounts"][ACCOUNT_ADDRESS]

    def venue_orders(self):
        """Every order of the account that the venue ever knew."""
        return self.venue_account()["orders"]

    def venue_open_orders(self):
        return [order for order in self.venue_orders() if order["live"]]

    def venue_fills(self):
        return self.venue_account()["fills"]

    def venue_positions(self):
        return {coin: Decimal(position["szi"]) for coin, position in self.venue_account()["positions"].items()}

    def mid(self, coin="BTC"):
        market = self.venue_state()["markets"][coin]
        return (Decimal(market["bid"]) + Decimal(market["ask"])) / 2
