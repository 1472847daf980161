"""Where the suite's sockets are."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Endpoints:
    """The defaults of the contract; `from_file` reads them from perpwire.toml."""

    market_events: str = "tcp://127.0.0.1:5555"
    market_requests: str = "tcp://127.0.0.1:5554"
    order_events: str = "tcp://127.0.0.1:5556"
    commands: str = "ipc:///run/perpwire/gateway/commands.sock"
    replay: str = "ipc:///run/perpwire/gateway/replay.sock"

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
            gateway.get("replay", f"ipc://{run_dir}/gateway/replay.sock"))
