#!/usr/bin/env python3
"""The demo behind deploy/demo.sh: starts the suite under supervisord against the simulator and shows an order's life."""

import argparse
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from decimal import Decimal

import zmq

from sim_config import ROOT, SERVICES, SimConfig

SUPERVISOR = """\
[supervisord]
nodaemon=true
logfile={log}/supervisord.log
pidfile={folder}/supervisord.pid
childlogdir={log}

[unix_http_server]
file={folder}/supervisor.sock

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{folder}/supervisor.sock
"""

# Exit code 1 is a wrong configuration: starting again would not help.
PROGRAM = """
[program:{name}]
command={command}
autostart=true
autorestart=unexpected
exitcodes=0,1
startsecs=1
startretries=1000
stopsignal=TERM
stopwaitsecs=3
redirect_stderr=true
stdout_logfile={log}/{name}.log
stdout_logfile_maxbytes=50MB
"""


def loads(text):
    return json.loads(text, parse_float=Decimal)


def say(text=""):
    print(text, flush=True)


class Demo:
    def __init__(self, bin_dir, seconds):
        self.bin = pathlib.Path(bin_dir).resolve()
        self.seconds = seconds
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="perpwire-demo-", dir="/tmp"))
        self.sim = SimConfig(self.folder)
        self.context = zmq.Context()
        self.supervisor = None
        self.maker = None

    def cli(self, *arguments, with_passphrase=False):
        command = [str(self.bin / "perpwire"), "--config", str(self.sim.config), *arguments]
        if with_passphrase:
            command = self.sim.with_passphrase(command)
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    def start(self):
        made = self.cli("keys", "new", "agent-1", "--passphrase", "fd:3", "--light", "-o", "json", with_passphrase=True)
        if made.returncode != 0:
            raise SystemExit(f"keys new: {made.stderr.strip()}")
        agent = json.loads(made.stdout)["address"]
        programs = {"venue-sim": self.sim.venue_command(self.bin, agent)}
        programs.update({service: self.sim.service_command(self.bin, service) for service in SERVICES})
        text = SUPERVISOR.format(log=self.sim.log_dir, folder=self.folder)
        for name, command in programs.items():
            quoted = " ".join(json.dumps(word) if " " in word or "$" in word else word for word in command)
            text += PROGRAM.format(name=name, command=quoted, log=self.sim.log_dir)
        config = self.folder / "supervisord.conf"
        config.write_text(text)
        self.supervisor = subprocess.Popen(["/usr/bin/supervisord", "-c", str(config)], stdout=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL)
        say(f"Six processes under supervisord; configuration, journals, database and logs in {self.folder}")

    def subscribe(self, port, *topics):
        socket = self.context.socket(zmq.SUB)
        for topic in topics:
            socket.setsockopt_string(zmq.SUBSCRIBE, topic)
        socket.connect(f"tcp://127.0.0.1:{self.sim.ports[port]}")
        return socket

    def wait_ready(self, seconds=30):
        """Until the gateway says READY and risk RUNNING in their heartbeats."""
        gateway = self.subscribe("gateway_events", "hb.")
        risk = self.subscribe("risk_events", "hb.")
        states = {"order-gateway": "no heartbeat", "risk": "no heartbeat"}
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.supervisor.poll() is not None:
                raise SystemExit(f"supervisord ended with {self.supervisor.returncode}; see {self.sim.log_dir}")
            for socket, process, field in ((gateway, "order-gateway", "state"), (risk, "risk", "level")):
                while socket.poll(0):
                    states[process] = loads(socket.recv_multipart()[1]).get(field)
            if states == {"order-gateway": "READY", "risk": "RUNNING"}:
                return
            time.sleep(0.05)
        raise SystemExit(f"not ready within {seconds} s: {states}; see {self.sim.log_dir}")

    def request(self, folder, name, **message):
        socket = self.context.socket(zmq.REQ)
        try:
            socket.connect(f"ipc://{self.sim.run_dir}/{folder}/{name}")
            socket.send_string(json.dumps(message))
            if not socket.poll(5000):
                raise SystemExit(f"no answer from {folder}/{name} within 5 s")
            return loads(socket.recv_multipart()[0])
        finally:
            socket.close(0)

    def show_one_order(self):
        """A marketable order by hand, with the microseconds of each stage."""
        orders = self.subscribe("gateway_events", "orders.hyperliquid.")
        book = self.subscribe("market_events", "md.hyperliquid.bbo.BTC-USD")
        if not book.poll(5000):
            raise SystemExit("no bbo of BTC-USD within 5 s")
        ask = loads(book.recv_multipart()[1])["data"]["ask_price"]
        time.sleep(0.3)  # the subscription must have reached the publisher before the order does
        order_id = f"demo-{int(time.time())}"
        placed = time.monotonic_ns()
        reply = self.request("gateway", "commands.sock", type="place", request_id="demo", order={
            "client_order_id": order_id, "account": "main", "trading_pair": "BTC-USD", "trade_type": "BUY",
            "order_type": "LIMIT", "price": str(ask.to_integral_value()), "amount": "0.01", "time_in_force": "GTC"})
        say(f"\nOne order by hand: BUY 0.01 BTC-USD at {ask}")
        say(f"  {order_id}  {reply['status']}  {(time.monotonic_ns() - placed) // 1000} us until place returned"
            + (f"  {reply.get('code')}: {reply.get('reason')}" if reply["status"] != "ACCEPTED" else ""))
        end = time.monotonic() + 5
        while time.monotonic() < end and orders.poll(int(max(0, end - time.monotonic()) * 1000)):
            topic, payload = orders.recv_multipart()
            event = loads(payload)
            if event["data"]["client_order_id"] != order_id:
                continue
            data, stamps = event["data"], event["data"].get("stamps", {})
            say(f"  {topic.decode():34} filled {data['filled_amount']} of {data['amount']}"
                f" at {data['average_executed_price']}, fee {data['fee_paid']} {data['fee_asset'] or ''}")
            if event["event_type"] in ("order_filled", "order_failed", "order_cancelled"):
                names = ("command_received", "decided", "signed", "sent", "acked")
                moments = [(name, stamps.get(name, 0)) for name in names]
                steps = [f"{b} +{(t - s) // 1000}" for (a, s), (b, t) in zip(moments, moments[1:]) if s and t]
                say("  stages in us after command_received: " + ", ".join(steps))
                break
        orders.close(0)
        book.close(0)

    def trade(self):
        maker = ROOT / "clients/python/examples/market_maker.py"
        environment = dict(os.environ, PYTHONPATH=str(ROOT / "clients/python"))
        log = open(self.sim.log_dir / "market_maker.log", "ab")
        self.maker = subprocess.Popen(
            ["/usr/bin/python3", str(maker), "--config", str(self.sim.config), "--pair", "BTC-USD", "--amount", "0.01"],
            env=environment, stdout=log, stderr=log)
        say(f"\nThe sample market maker quotes BTC-USD: {maker.relative_to(ROOT)}")
        end = time.monotonic() + self.seconds if self.seconds else None
        fills = self.subscribe("gateway_events", "fills.hyperliquid.")
        count = 0
        while end is None or time.monotonic() < end:
            if self.maker.poll() is not None:
                raise SystemExit(f"the market maker ended with {self.maker.returncode}; see {self.sim.log_dir}/market_maker.log")
            if fills.poll(500):
                fill = loads(fills.recv_multipart()[1])["data"]
                count += 1
                if count <= 10 or count % 50 == 0:
                    say(f"  fill {count}: {fill['trade_type']:4} {fill['amount']} {fill['trading_pair']} at {fill['price']}"
                        f" {fill['liquidity']} fee {fill['fee_paid']}")
        fills.close(0)

    def stop_maker(self):
        if self.maker and self.maker.poll() is None:
            self.maker.send_signal(signal.SIGINT)
            try:
                self.maker.wait(10)
            except subprocess.TimeoutExpired:
                self.maker.kill()

    def show_result(self):
        status = self.request("risk", "control.sock", type="status", request_id="demo")
        say("\nRisk's own count")
        for row in status.get("accounts", []):
            say(f"  {row['account']} {row['trading_pair']}: position {row['position']}, realized {row.get('realized_pnl')},"
                f" unrealized {row.get('unrealized_pnl')}")
        say(f"  level {status['state']['level']}, PnL of the day {status['state'].get('pnl_day')}")
        time.sleep(1)  # the persister polls every 250 ms
        say("\nRows in the database")
        database = sqlite3.connect(f"file:{self.sim.data_dir}/perpwire.db?mode=ro", uri=True)
        for table in ("orders", "order_events", "fills", "positions", "risk_events"):
            say(f"  {table:13} {database.execute(f'SELECT count(*) FROM {table}').fetchone()[0]}")
        database.close()

    def stop(self):
        self.stop_maker()
        if self.supervisor and self.supervisor.poll() is None:
            self.supervisor.terminate()
            self.supervisor.wait(20)
        self.context.destroy(linger=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="folder of the built binaries")
    parser.add_argument("--seconds", type=int, default=0, help="end by itself after that long; 0 = until Ctrl-C")
    parser.add_argument("--keep", action="store_true", help="leave the folder behind")
    arguments = parser.parse_args()
    demo = Demo(arguments.bin, arguments.seconds)
    clean = False
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        demo.start()
        demo.wait_ready()
        say("Gateway READY, risk RUNNING")
        say(f"Look around: {demo.bin}/perpwire --config {demo.sim.config} status")
        say(f"Order events: tcp://127.0.0.1:{demo.sim.ports['gateway_events']}  market data: tcp://127.0.0.1:"
            f"{demo.sim.ports['market_events']}")
        demo.show_one_order()
        try:
            demo.trade()
        except KeyboardInterrupt:
            say()
        demo.stop_maker()
        demo.show_result()
        clean = True
    finally:
        demo.stop()
        if clean and not arguments.keep:
            shutil.rmtree(demo.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
