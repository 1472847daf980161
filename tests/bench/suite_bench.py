#!/usr/bin/env python3
"""Starts a suite for perpwire-bench and runs it, twice: without limits, and under the venue's documented ones."""

import argparse
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

from suite import Suite  # noqa: E402


def run(bin_dir, limits, block_ms, arguments):
    print(f"# venue-sim --limits {limits} --block-ms {block_ms}", flush=True)
    with Suite(bin_dir=bin_dir, limits=limits, block_ms=block_ms, settings="") as suite:
        suite.start_all()
        return subprocess.run([suite.bin / "perpwire-bench", "--config", suite.config, *arguments], timeout=300).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seconds", default="10")
    arguments = parser.parse_args()
    bin_dir = pathlib.Path(arguments.bin).resolve()
    code = run(bin_dir, "off", 0, ["--seconds", arguments.seconds])
    # 2,000 messages a minute over the WebSocket: an order and its cancel each are one.
    code = run(bin_dir, "documented", 50, ["--round-trips", "20", "--rate", "10", "--seconds", arguments.seconds]) or code
    return code


if __name__ == "__main__":
    sys.exit(main())
