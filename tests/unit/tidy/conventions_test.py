"""Conventions that no tool knows: dependency direction, no floating point near money, no clock or socket in deciding code,
the same file names for every venue, and the rules that keep the contracts exact."""

import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]


def sources(*folders):
    """Every C++ file below the folders that git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "--", *folders], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    return [ROOT / name for name in listed if name.endswith((".cpp", ".hpp")) and (ROOT / name).exists()]


def code_lines(path):
    """(number, line) without comments and string literals."""
    in_block = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if in_block:
            end = line.find("*/")
            if end < 0:
                continue
            line, in_block = line[end + 2 :], False
        line = re.sub(r'"(\\.|[^"\\])*"', '""', line)
        line = re.sub(r"/\*.*?\*/", "", line)
        if "/*" in line:
            line, in_block = line[: line.index("/*")], True
        yield number, line.split("//")[0]


def includes(path):
    return re.findall(r'^#include "((?:libs|services|tools|tests)/[^"]+)"', path.read_text(), re.MULTILINE)


def allowed(own, included):
    """Whether a file in `own` may include `included`: from the ground up, never sideways between services or venues."""
    def place(name):
        parts = name.split("/")
        if parts[0] == "libs" and parts[1] == "venues":
            return "venue", parts[2]
        return parts[0] if parts[0] != "libs" else "lib", parts[1]

    kind, name = place(own)
    other_kind, other = place(included)
    if (kind, name) == (other_kind, other):
        return True
    ground = {"common": 0, "net": 1, "journal": 1, "limits": 1, "keystore": 1, "client": 3}
    if kind == "lib":
        rank = ground[name]
        if other_kind == "lib":
            return ground[other] < rank
        return other_kind == "venue" and rank == 3
    if kind == "venue":
        return other_kind == "lib" and ground[other] < 2
    if kind in ("services", "tools"):
        return other_kind in ("lib", "venue")
    return True  # tests see everything


class Conventions(unittest.TestCase):
    def test_dependencies_go_from_the_ground_up_only(self):
        wrong = []
        for path in sources("libs", "services", "tools"):
            own = str(path.relative_to(ROOT))
            wrong += [f"{own} includes {name}" for name in includes(path) if not allowed(own, name)]
        self.assertEqual(wrong, [])

    def test_no_floating_point_on_paths_of_money(self):
        # Metrics and benchmarks measure seconds; nothing else has a reason. A line with a reason says `not money:`.
        free = re.compile(r"libs/common/(metrics|backoff)")
        wrong = []
        for path in sources("libs", "services", "tools"):
            own = str(path.relative_to(ROOT))
            if free.match(own):
                continue
            raw = path.read_text().splitlines()
            for number, line in code_lines(path):
                if re.search(r"\b(double|float|get_double|strtod|stod|atof)\b", line) and "not money:" not in raw[number - 1]:
                    wrong.append(f"{own}:{number}: {line.strip()}")
        self.assertEqual(wrong, [])

    def test_deciding_code_has_no_clock_socket_thread_or_random_source(self):
        io = re.compile(
            r"\b(wall_clock_now|monotonic_now|boottime_now|system_clock::now|steady_clock::now|clock_gettime|random_device|"
            r"std::j?thread|::socket\(|asio|zmq)\b"
        )
        # Files that do I/O for a service are named for it; everything else in these folders decides.
        drivers = re.compile(
            r"(main|.*_endpoint|.*_publisher|.*_link|.*_client|.*_server|.*_session|.*_driver|.*_io|.*_store|.*_writer|"
            r".*_canceller|.*service|.*_app|sandbox|.*_feed|.*_reader_loop)\.(cpp|hpp)$"
        )
        wrong = []
        for path in sources("libs/venues", "libs/limits", "services"):
            if drivers.match(path.name):
                continue
            own = str(path.relative_to(ROOT))
            wrong += [f"{own}:{n}: {line.strip()}" for n, line in code_lines(path) if io.search(line)]
        self.assertEqual(wrong, [])

    def test_every_venue_has_the_same_file_names(self):
        known = {
            "README.md", "CMakeLists.txt", "endpoints", "symbols", "instruments", "market_messages", "market_protocol",
            "account_messages", "account_protocol", "order_codec", "signing", "errors", "rate_limits",
        }
        extra = {
            # Hyperliquid alone: actions as types with their two encodings, the actions that move money (account_actions,
            # user_signed: the signer must not link them), and the offline tools of the command line.
            "hyperliquid": {"actions", "action_writers", "action_encoder", "json_fields", "cloid", "exchange_request",
                            "account_actions", "user_signed", "sign_lines", "decode", "exchange_reply",
                            # Books that come as snapshots only, trades without a sequence: checked, compared, remembered here.
                            "market_book", "market_envelopes", "market_events", "market_instruments", "trade_memory"},
        }
        for venue in sorted((ROOT / "libs/venues").iterdir()):
            if not venue.is_dir():
                continue
            names = {p.name if p.suffix in (".md", ".txt") else p.stem for p in venue.iterdir() if p.is_file()}
            self.assertLessEqual(names, known | extra.get(venue.name, set()), venue.name)

    def test_contracts_are_exact_and_keep_field_15_free(self):
        for path in sorted((ROOT / "proto/perpwire/v1").glob("*.proto")):
            text = re.sub(r"//.*", "", path.read_text())
            self.assertIsNone(re.search(r"\b(double|float|enum)\b", text), path.name)
        top_level = {
            "envelope.proto": ["Envelope"], "orders.proto": ["Command", "Reply"], "risk.proto": ["RiskCommand", "RiskReply"],
            "requests.proto": ["PageRequest", "PageReply"], "signing.proto": ["SignRequest", "SignReply"],
        }
        for name, messages in top_level.items():
            text = (ROOT / "proto/perpwire/v1" / name).read_text()
            for message in messages:
                body = re.search(r"^message %s \{(.*?)^\}" % message, text, re.MULTILINE | re.DOTALL).group(1)
                self.assertIn("reserved 15;", body, message)

    def test_lock_files_name_no_host(self):
        locks = sorted((ROOT / "tests/integration").glob("*/package-lock.json"))
        self.assertTrue(locks)
        for lock in locks:
            self.assertNotIn('"resolved"', lock.read_text(), lock.name)


if __name__ == "__main__":
    unittest.main()
