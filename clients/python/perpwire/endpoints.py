"""Where the suite's sockets are."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zmq.auth import load_certificate


@dataclass(frozen=True)
class Curve:
    """Keys of a CURVE connection, in Z85."""

    server_key: bytes
    public_key: bytes
    secret_key: bytes = field(repr=False)


@dataclass(frozen=True)
class Endpoints:
    """The defaults of the contract; `from_file` reads them from perpwire.toml."""

    market_events: str = "tcp://127.0.0.1:5555"
    market_requests: str = "tcp://127.0.0.1:5554"
    order_events: str = "tcp://127.0.0.1:5556"
    commands: str = "ipc:///run/perpwire/gateway/commands.sock"
    replay: str = "ipc:///run/perpwire/gateway/replay.sock"
    #: Where commands and replay are on TCP: the gateway's public key, and the file of our own pair.
    curve_server_key: str = ""
    curve_key_file: str = ""

    @staticmethod
    def from_file(path: str | Path) -> "Endpoints":
        """Relative run_dir: relative to the file, as the suite itself reads it."""
        with open(path, "rb") as file:
            config: dict[str, Any] = tomllib.load(file)
        run_dir = Path(path).resolve().parent / config.get("run_dir", "/run/perpwire")
        market, gateway = config.get("marketstream", {}), config.get("order_gateway", {})
        defaults = Endpoints()
        return Endpoints(
            market.get("events", defaults.market_events), market.get("requests", defaults.market_requests),
            gateway.get("events", defaults.order_events),
            gateway.get("commands", f"ipc://{run_dir}/gateway/commands.sock"),
            gateway.get("replay", f"ipc://{run_dir}/gateway/replay.sock"),
            gateway.get("curve_public_key", ""), config.get("curve", {}).get("key", ""))

    def curve(self, endpoint: str) -> "Curve | None":
        """What a socket to `endpoint` needs; None where that is not TCP with a server key."""
        if not endpoint.startswith("tcp://") or not self.curve_server_key:
            return None
        if not self.curve_key_file:
            raise ValueError(f"curve.key: expected a key file of ours to connect to {endpoint}, found none")
        public, secret = load_certificate(self.curve_key_file)
        if secret is None:
            raise ValueError(f"{self.curve_key_file}: expected a line secret-key, found none")
        return Curve(self.curve_server_key.encode(), public, secret)
