"""Fills in deploy/config/sim.toml.in: a whole suite against the venue simulator in one folder, on free ports.

For deploy/demo.py and the integration tests.
"""

import os
import pathlib
import socket

ROOT = pathlib.Path(__file__).resolve().parents[1]
ACCOUNT_ADDRESS = "0x9f1b4a6a5b8c7d6e5f4031221304958677889900"
PASSPHRASE = "simulation only"
SERVICES = ("signer", "marketstream", "order-gateway", "risk", "persister")
PORT_NAMES = ("venue", "control", "market_events", "market_requests", "gateway_events", "risk_events")
METRICS_OFFSETS = 6

LIMITS = """\
# Limits of the simulated account; "*" is the account's default for every pair.
[[limits]]
account = "main"
trading_pair = "*"
max_order_notional = "200000"
max_position_notional = "500000"
max_open_orders = 2000
price_collar_bps = 1000
max_daily_loss = "50000"
"""


def free_ports(count):
    """Ports that were free a moment ago: bound to 0 all at once, then released."""
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def free_run_of_ports(count):
    """The first of `count` free ports in a row, outside the range that the kernel hands out."""
    for base in range(10000 + os.getpid() % 997 * 10, 32000, count):
        held = []
        try:
            for port in range(base, base + count):
                s = socket.socket()
                held.append(s)
                s.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
        finally:
            for s in held:
                s.close()
    raise RuntimeError("no run of free ports on 127.0.0.1")


class SimConfig:
    """One folder with perpwire.toml, limits, passphrase file, run, data and log folders."""

    def __init__(self, folder, limits="documented", settings="", order_gateway="", tables=None):
        self.folder = pathlib.Path(folder)
        self.run_dir, self.data_dir, self.log_dir = (self.folder / name for name in ("run", "data", "log"))
        self.config = self.folder / "perpwire.toml"
        self.passphrase_file = self.folder / "passphrase"
        self.ports = dict(zip(PORT_NAMES, free_ports(len(PORT_NAMES))))
        self.metrics_port = free_run_of_ports(METRICS_OFFSETS)
        for path in (self.run_dir, self.data_dir, self.log_dir):
            path.mkdir(parents=True, exist_ok=True)
        limits_file = self.folder / "limits.toml"
        if not limits_file.exists():
            limits_file.write_text(LIMITS)
        words = {
            "RUN_DIR": self.run_dir, "DATA_DIR": self.data_dir, "VENUE_PORT": self.ports["venue"], "VENUE_LIMITS": limits,
            "ACCOUNT_ADDRESS": ACCOUNT_ADDRESS, "LIMITS_FILE": limits_file,
            "GATEWAY_EVENTS_PORT": self.ports["gateway_events"], "MARKET_EVENTS_PORT": self.ports["market_events"],
            "MARKET_REQUESTS_PORT": self.ports["market_requests"], "RISK_EVENTS_PORT": self.ports["risk_events"],
            "METRICS_PORT": self.metrics_port,
        }
        text = (ROOT / "deploy/config/sim.toml.in").read_text()
        for word, value in words.items():
            text = text.replace(f"@{word}@", str(value))
        # Lines of tables of the template, by name; `settings` are tables of their own.
        for table, lines in {"order_gateway": order_gateway, **(tables or {})}.items():
            assert f"[{table}]\n" in text, table
            text = text.replace(f"[{table}]\n", f"[{table}]\n{lines}")
        self.config.write_text(text + settings)
        self.passphrase_file.touch(mode=0o600)
        self.passphrase_file.write_text(PASSPHRASE)

    def venue_command(self, bin_dir, agent_address, seed=1, block_ms=50, limits="documented", more=()):
        return [str(word) for word in (
            pathlib.Path(bin_dir) / "perpwire-venue-sim", "--listen", f"127.0.0.1:{self.ports['venue']}", "--control",
            f"127.0.0.1:{self.ports['control']}", "--seed", seed, "--block-ms", block_ms, "--limits", limits, "--fund",
            f"{ACCOUNT_ADDRESS}=1000000", "--agent", f"{ACCOUNT_ADDRESS}={agent_address}", *more)]

    def service_command(self, bin_dir, service):
        command = [str(pathlib.Path(bin_dir) / f"perpwire-{service}"), "--config", str(self.config)]
        return self.with_passphrase(command) if service == "signer" else command

    def with_passphrase(self, command):
        """The passphrase comes through descriptor 3, opened anew at each start: restarts by a supervisor work."""
        return ["/bin/sh", "-c", f'exec "$0" "$@" 3<{self.passphrase_file}', *command]
