"""Gateway and signer end, as by kill -9, at every named point (libs/common/crash_point.hpp) while orders are traded.

Which pass of a point it is comes from a seed, printed first; PERPWIRE_SEED repeats it.
"""

import os
import random
import signal
import unittest

from agreement import check_everything_agrees
from load import CROSSES_ITSELF, Load
from suite import ROOT, Suite, wait_for

POINTS = {
    "order-gateway": ["intent_journaled", "sending_journaled", "event_journaled", "event_published", "signed", "action_queued",
                      "action_written", "frame_received"],
    "signer": ["nonce_mark_saved", "nonce_noted", "before_audit", "before_reply"],
}
# A signer saves a mark of its nonces ahead for 2 s of them, not for each.
RARE = ("nonce_mark_saved",)
# 128 + 9 where the sandbox forbids the signal.
KILLED = (-signal.SIGKILL, 137)


class CrashPoints(unittest.TestCase):
    def test_every_point_of_gateway_and_signer_is_survived_and_nothing_is_lost_or_doubled(self):
        seed = int(os.environ.get("PERPWIRE_SEED", "1"))
        print(f"seed {seed}", flush=True)
        chance = random.Random(seed)
        points = [(process, point) for process, names in POINTS.items() for point in names]
        chance.shuffle(points)
        with Suite(seed=seed, limits="off", order_gateway=CROSSES_ITSELF) as suite:
            suite.start_all()
            load = Load(suite, seed, "crash")
            load.start()
            for process, point in points:
                passes = 1 if point in RARE else chance.randint(1, 25)
                name = f"{process.removeprefix('order-')}.{point}"
                suite.kill(process)
                suite.start(process, PERPWIRE_CRASH_AT=f"{name}:{passes}")
                wait_for(f"{process} ends at {name}", lambda p=process: suite.processes[p].poll() is not None, 30)
                self.assertIn(suite.processes[process].returncode, KILLED, suite.log(process)[-2000:])
                suite.start(process)
                suite.wait_ready(30)
                print(f"{name}: ended at pass {passes}", flush=True)
            load.stop_now.set()
            load.join(20)
            self.assertGreater(len(load.accepted), 50)
            print(check_everything_agrees(self, suite, load.accepted, modifies=False), flush=True)

    def test_every_point_of_the_sources_is_among_them(self):
        known = {f"{process.removeprefix('order-')}.{point}" for process, names in POINTS.items() for point in names}
        found = set()
        for file in (ROOT / "services").rglob("*.cpp"):
            for piece in file.read_text().split('crash_point("')[1:]:
                found.add(piece.split('"')[0])
        self.assertEqual(found, known)


if __name__ == "__main__":
    unittest.main()
