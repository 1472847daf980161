"""The README's first command, from the binaries that are already built."""

import os
import pathlib
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Demo(unittest.TestCase):
    def test_demo_shows_an_order_fills_and_stored_rows_and_ends_by_itself(self):
        done = subprocess.run(
            ["/usr/bin/python3", str(ROOT / "deploy/demo.py"), "--bin", os.environ["PERPWIRE_BIN_DIR"], "--seconds", "8"],
            capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for expected in ("Gateway READY, risk RUNNING", "ACCEPTED", "orders.hyperliquid.created", "orders.hyperliquid.filled",
                         "stages in us", "fill 1:", "order_events", "fills "):
            self.assertIn(expected, done.stdout)


if __name__ == "__main__":
    unittest.main()
