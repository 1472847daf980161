"""The supervised installation as deploy/supervisord describes it, with a user for each process, below a temporary folder.

Makes system users and removes them again: only as root, and only if PERPWIRE_TEST_INSTALL is set.
"""

import grp
import json
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from suite import ROOT, wait_for

import sim_config

USERS = ("perpwire", "perpwire-risk", "perpwire-signer")
GROUPS = ("perpwire-sign", "perpwire-ops")
OPERATOR = "perpwire-drill"
SERVICES = ("signer", "marketstream", "risk", "order-gateway", "persister")


def names_are_free():
    names = {u.pw_name for u in pwd.getpwall()} | {g.gr_name for g in grp.getgrall()}
    return not names & {*USERS, *GROUPS, OPERATOR}


@unittest.skipUnless(os.environ.get("PERPWIRE_TEST_INSTALL") and os.geteuid() == 0 and names_are_free(),
                     "set PERPWIRE_TEST_INSTALL=1, as root, on a machine without perpwire's users")
class Installed(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="pw-", dir="/tmp"))
        self.root.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.root, True)
        self.addCleanup(self.remove_users)
        self.bin, self.etc = self.root / "bin", self.root / "etc"
        for folder in (self.bin, self.etc):
            folder.mkdir()
        for tool in ("perpwire", "perpwire-venue-sim", *(f"perpwire-{s}" for s in SERVICES)):
            shutil.copy(pathlib.Path(os.environ["PERPWIRE_BIN_DIR"]) / tool, self.bin)
        self.environment = {**os.environ, **{f"{n.upper()}_DIR": str(self.root / n) for n in ("run", "data", "log")}}

    @staticmethod
    def remove_users():
        for user in (OPERATOR, *USERS):
            subprocess.run(["userdel", user], capture_output=True)
        for group in (*GROUPS, *USERS):
            subprocess.run(["groupdel", group], capture_output=True)

    def prepare(self):
        subprocess.run(["bash", str(ROOT / "deploy/supervisord/prepare.sh")], env=self.environment, check=True)

    def here(self, text):
        """The installation's paths, moved below the temporary folder."""
        for path, name in (("/usr/local/bin", "bin"), ("/etc/perpwire", "etc"), ("/run/perpwire", "run"),
                           ("/var/lib/perpwire", "data"), ("/var/log/perpwire", "log")):
            text = text.replace(path, str(self.root / name))
        return text

    def write_configuration(self):
        rest, control, *events = sim_config.free_ports(6)
        text = self.here((ROOT / "deploy/config/perpwire.toml").read_text())
        for old, new in (('mode = "testnet"', 'mode = "sim"'), ("# allow_users", "allow_users"), ("0x" + "0" * 40, sim_config.ACCOUNT_ADDRESS),
                         ("[venues.hyperliquid]", f'[venues.hyperliquid]\nrest_url = "http://127.0.0.1:{rest}"\nws_url = "ws://127.0.0.1:{rest}/ws"'),
                         ("[order_gateway]", f'[order_gateway]\nevents = "tcp://127.0.0.1:{events[0]}"'),
                         ("[risk]", f'[risk]\nevents = "tcp://127.0.0.1:{events[1]}"')):
            self.assertIn(old, text)
            text = text.replace(old, new)
        text += (f'\n[marketstream]\nevents = "tcp://127.0.0.1:{events[2]}"\nrequests = "tcp://127.0.0.1:{events[3]}"\n'
                 f"\n[metrics]\nbase_port = {sim_config.free_run_of_ports(6)}\n")
        self.config = self.etc / "perpwire.toml"
        self.config.write_text(text)
        shutil.copy(ROOT / "deploy/config/limits.toml", self.etc)
        (self.etc / "perpwire.conf").write_text(self.here((ROOT / "deploy/supervisord/perpwire.conf").read_text()))
        passphrase = self.etc / "signer.passphrase"
        passphrase.write_text("drill only")
        shutil.chown(passphrase, "perpwire-signer")
        passphrase.chmod(0o400)
        (self.etc / "supervisord.conf").write_text(
            f"[unix_http_server]\nfile={self.root}/supervisor.sock\n[supervisord]\nnodaemon=true\nuser=root\n"
            f"logfile={self.root}/supervisord.log\npidfile={self.root}/supervisord.pid\nchildlogdir={self.root}\n"
            "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
            f"[supervisorctl]\nserverurl=unix://{self.root}/supervisor.sock\n[include]\nfiles={self.etc}/perpwire.conf\n")
        return rest, control

    def run_as(self, user, *command, ok=True):
        done = subprocess.run(["runuser", "-u", user, "--", *map(str, command)], capture_output=True, text=True, timeout=60)
        if ok:
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done

    def cli(self, user, *arguments, ok=True):
        return self.run_as(user, self.bin / "perpwire", "--config", self.config, *arguments, ok=ok)

    def control(self, *arguments):
        return subprocess.run(["supervisorctl", "-c", str(self.etc / "supervisord.conf"), *arguments], capture_output=True, text=True)

    def spawn(self, *command):
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait, 20)
        self.addCleanup(process.terminate)
        return process

    def wait_well(self):
        wait_for("every process up and well", lambda: self.cli(OPERATOR, "status", ok=False).returncode == 0, 40, 0.5)

    def test_a_user_for_each_process_and_an_operator(self):
        self.prepare()
        self.prepare()  # again: nothing changes
        subprocess.run(["useradd", "--system", "--no-create-home", "-G", "perpwire-ops", OPERATOR], check=True)
        rest, control = self.write_configuration()
        new_key = (f"exec {self.bin}/perpwire --config {self.config} keys new agent-1 --passphrase fd:3 -o json "
                   f"3<{self.etc}/signer.passphrase")
        agent = json.loads(self.run_as("perpwire-signer", "/bin/sh", "-c", new_key).stdout)["address"]
        account = sim_config.ACCOUNT_ADDRESS
        self.spawn(self.bin / "perpwire-venue-sim", "--listen", f"127.0.0.1:{rest}", "--control", f"127.0.0.1:{control}",
                   "--fund", f"{account}=100000", "--agent", f"{account}={agent}")
        self.spawn("/usr/bin/supervisord", "-c", self.etc / "supervisord.conf")
        self.wait_well()

        owners = {s: pwd.getpwuid(os.stat(f"/proc/{self.control('pid', f'perpwire-{s}').stdout.strip()}").st_uid).pw_name for s in SERVICES}
        self.assertEqual(owners, {"signer": "perpwire-signer", "risk": "perpwire-risk", "marketstream": "perpwire",
                                  "order-gateway": "perpwire", "persister": "perpwire"})
        # An operator trades, sees that all is well, and cannot reach the signer; anybody else can do nothing.
        placed = self.cli(OPERATOR, "order", "place", "--pair", "BTC-USD", "--side", "buy", "--amount", "0.004", "--px", "+20bps")
        self.assertIn("FILLED", placed.stdout)
        self.cli(OPERATOR, "order", "place", "--pair", "BTC-USD", "--side", "buy", "--amount", "0.004", "--px", "-90bps")
        self.assertIn("HIDDEN", self.cli(OPERATOR, "status").stdout)
        self.cli(OPERATOR, "doctor")
        refused = self.cli("nobody", "order", "place", "--pair", "BTC-USD", "--side", "buy", "--amount", "0.004", "--px", "-90bps", ok=False)
        self.assertEqual((refused.returncode, "permission denied" in refused.stderr), (2, True), refused.stderr)
        self.assertEqual(self.run_as("perpwire", "cat", self.root / "data/keystore/agent-1.json", ok=False).returncode, 1)
        # Killed, each comes again by itself; stopped, it ends in time; /run is empty after a boot.
        for service in SERVICES:
            os.kill(int(self.control("pid", f"perpwire-{service}").stdout), signal.SIGKILL)
        time.sleep(1.5)  # heartbeats of the dead are stale
        self.wait_well()
        began = time.monotonic()
        self.control("stop", "all")
        self.assertLess(time.monotonic() - began, 5)
        shutil.rmtree(self.root / "run")
        self.prepare()
        self.control("start", "all")
        self.wait_well()
        self.assertIn("OPEN", self.cli(OPERATOR, "order", "list").stdout)
        self.cli(OPERATOR, "risk", "halt", "--reason", "drill")
        wait_for("no open order", lambda: "OPEN" not in self.cli(OPERATOR, "order", "list").stdout, 10)
        self.assertIn("READY", (self.root / "log/perpwire-order-gateway.log").read_text())
        self.control("stop", "all")


if __name__ == "__main__":
    unittest.main()
