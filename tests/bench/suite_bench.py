#!/usr/bin/env python3
"""Starts a suite for perpwire-bench and runs it: without limits, under the venue's documented ones, and with orders coalesced."""

import argparse
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

from suite import Suite  # noqa: E402


def run(bin_dir, limits, block_ms, arguments, order_gateway=""):
    print(f"# venue-sim --limits {limits} --block-ms {block_ms} {order_gateway.strip()}", flush=True)
    with Suite(bin_dir=bin_dir, limits=limits, block_ms=block_ms, settings="", order_gateway=order_gateway) as suite:
        suite.start_all()
        return subprocess.run([suite.bin / "perpwire-bench", "--config", suite.config, *arguments], timeout=300).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seconds", default="10")
    parser.add_argument("--coalesced-rate", default="5000")
    arguments = parser.parse_args()
    bin_dir = pathlib.Path(arguments.bin).resolve()
    code = run(bin_dir, "off", 0, ["--seconds", arguments.seconds])
    # The gateway's 60 % of 2,000 messages a minute are 20 a second: ten batches of 40 and their ten cancels, 400 orders/s.
    # An address starts with 10,000 actions (and 1 per USDC traded): orders and cancels of ten seconds together.
    code = run(bin_dir, "documented", 50,
               ["--round-trips", "20", "--batch", "40", "--rate", "400", "--seconds", "10"]) or code
    # Orders one at a time again, but those of 10 ms share an action.
    code = run(bin_dir, "off", 0, ["--round-trips", "20", "--rate", arguments.coalesced_rate, "--seconds", "30"],
               'coalesce_window = "10ms"\n') or code
    return code


if __name__ == "__main__":
    sys.exit(main())
