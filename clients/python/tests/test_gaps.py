import random
import unittest
from decimal import Decimal

from perpwire.events import Event
from perpwire.gaps import Conflator, DeltaTracker, HeartbeatMonitor, StreamPosition, StreamTracker, TopicTracker


def event(sequence, stream="g.main.1", topic="orders.hyperliquid.created", topic_sequence=None, kind="order_created",
          **data):
    return Event(kind, topic, 0, stream, sequence, topic_sequence or sequence, data)


class Journal:
    """The publisher's side: all events of all streams, and pages of them."""

    def __init__(self):
        self.streams = {}
        self.current = None
        self.first_kept = {}

    def open(self, name):
        previous = self.current
        self.streams[name] = []
        self.current = name
        if previous:
            self.publish(kind="stream_opened", topic="stream.order-gateway.main", previous_stream=previous,
                         last_sequence=len(self.streams[previous]))

    def publish(self, **more):
        events = self.streams[self.current]
        events.append(event(len(events) + 1, self.current, **more))
        return events[-1]

    def answer(self, tracker, wanted):
        if wanted.stream not in self.streams:
            return tracker.on_unknown_stream(wanted.stream)
        first = self.first_kept.get(wanted.stream, 1)
        if wanted.from_sequence < first:
            return tracker.on_not_kept(wanted.stream, first)
        events = self.streams[wanted.stream]
        page = events[wanted.from_sequence - 1:wanted.from_sequence - 1 + wanted.limit]
        tracker.on_page(wanted.stream, page, wanted.from_sequence + len(page), len(events))


class StreamTrackerTest(unittest.TestCase):
    def setUp(self):
        self.journal = Journal()
        self.journal.open("g.main.1")
        self.got, self.lost = [], []

    def tracker(self, start=None, **more):
        return StreamTracker(self.got.append, lambda *l: self.lost.append(l), start, **more)

    def repair(self, tracker, limit=3):
        for _ in range(1000):
            wanted = tracker.page_wanted(limit)
            if wanted is None:
                return
            self.journal.answer(tracker, wanted)
        self.fail("pages are asked for for ever")

    def numbers(self):
        return [(e.stream, e.sequence) for e in self.got]

    def test_delivers_in_order_and_drops_doubles(self):
        tracker = self.tracker()
        tracker.on_heartbeat("g.main.1", 0)
        events = [self.journal.publish() for _ in range(3)]
        for e in (events[0], events[0], events[1], events[2], events[1]):
            tracker.on_event(e)
        self.assertEqual(self.got, events)
        self.assertEqual(tracker.duplicates, 2)
        self.assertTrue(tracker.in_step)

    def test_a_hole_is_filled_from_pages_before_what_follows(self):
        tracker = self.tracker()
        events = [self.journal.publish() for _ in range(9)]
        tracker.on_event(events[0])
        tracker.on_event(events[5])
        self.assertEqual(self.got, events[:1])
        self.assertFalse(tracker.in_step)
        self.repair(tracker)
        self.assertEqual(self.got, events)

    def test_the_last_event_being_lost_shows_in_the_heartbeat(self):
        tracker = self.tracker()
        events = [self.journal.publish() for _ in range(2)]
        tracker.on_event(events[0])
        tracker.on_heartbeat("g.main.1", 2)
        self.repair(tracker)
        self.assertEqual(self.got, events)

    def test_asks_on_until_the_pages_end_even_when_they_are_empty(self):
        events = [self.journal.publish() for _ in range(5)]
        tracker = self.tracker(StreamPosition("g.main.1", 1))
        self.assertEqual(tracker.page_wanted(3).from_sequence, 1)
        tracker.on_page("g.main.1", [], 3, 5)  # a page may be short or empty
        self.assertEqual(tracker.page_wanted(3).from_sequence, 3)
        tracker.on_page("g.main.1", events[2:], 6, 5)
        self.assertIsNone(tracker.page_wanted(3))
        self.assertEqual(self.got, events[2:])

    def test_without_a_position_nothing_before_the_beginning_is_asked_for(self):
        for _ in range(5):
            self.journal.publish()
        tracker = self.tracker()
        tracker.on_heartbeat("g.main.1", 5)
        self.assertIsNone(tracker.page_wanted())
        self.assertEqual(tracker.position, StreamPosition("g.main.1", 6))

    def test_events_no_longer_kept_are_reported_lost(self):
        events = [self.journal.publish() for _ in range(5)]
        self.journal.first_kept["g.main.1"] = 4
        tracker = self.tracker(StreamPosition("g.main.1", 1))
        self.repair(tracker)
        self.assertEqual(self.lost, [("g.main.1", 1, 3)])
        self.assertEqual(self.got, events[3:])

    def test_a_new_stream_is_begun_only_when_the_old_one_is_complete(self):
        tracker = self.tracker()
        self.journal.publish()
        tracker.on_event(self.journal.streams["g.main.1"][0])
        for _ in range(4):
            self.journal.publish()
        self.journal.open("g.main.2")
        tracker.on_event(self.journal.publish())
        self.repair(tracker)
        self.assertEqual(self.numbers(), [("g.main.1", i) for i in range(1, 6)] + [("g.main.2", 1), ("g.main.2", 2)])

    def test_streams_opened_while_we_were_away_are_walked_one_by_one(self):
        tracker = self.tracker(StreamPosition("g.main.1", 2))
        for name in ("g.main.2", "g.main.3", "g.main.4"):
            for _ in range(4):
                self.journal.publish()
            self.journal.open(name)
        tracker.on_heartbeat("g.main.4", 1)
        self.repair(tracker)
        expected = [("g.main.1", i) for i in range(2, 5)]
        expected += [(f"g.main.{s}", i) for s in (2, 3) for i in range(1, 6)] + [("g.main.4", 1)]
        self.assertEqual(self.numbers(), expected)
        self.assertEqual(self.lost, [])

    def test_an_unknown_stream_is_reported_and_left_behind(self):
        self.journal.publish()
        tracker = self.tracker(StreamPosition("g.main.0", 7))
        tracker.on_heartbeat("g.main.1", 1)
        self.repair(tracker)
        self.assertEqual(self.lost, [("g.main.0", 7, 0)])
        self.assertEqual(self.numbers(), [("g.main.1", 1)])

    def test_held_events_are_bounded_and_pages_bring_what_was_not_held(self):
        tracker = self.tracker(max_held=2)
        events = [self.journal.publish() for _ in range(10)]
        tracker.on_event(events[0])
        for e in events[2:]:
            tracker.on_event(e)
        self.assertEqual(tracker.held_dropped, 6)
        self.repair(tracker)
        self.assertEqual(self.got, events)

    def test_whatever_is_lost_doubled_and_reordered_each_event_comes_once_and_in_order(self):
        seed = random.randrange(1 << 32)
        for round_number in range(200):
            rng = random.Random(seed + round_number)
            self.setUp()
            tracker = self.tracker(max_held=rng.choice([2, 10_000]))
            tracker.on_event(self.journal.publish())
            wire = []
            for step in range(rng.randrange(1, 60)):
                if rng.random() < 0.1:
                    self.journal.open(f"g.main.{step + 2}")
                wire.append(self.journal.publish())
                if rng.random() < 0.3:
                    wire.append(wire[-1])
                if rng.random() < 0.3:
                    rng.shuffle(wire)
                while wire and rng.random() < 0.7:
                    e = wire.pop(0)
                    if rng.random() < 0.6:
                        tracker.on_event(e)
                if rng.random() < 0.3:
                    tracker.on_heartbeat(self.journal.current, len(self.journal.streams[self.journal.current]))
                if rng.random() < 0.3 and tracker.page_wanted(2):
                    self.journal.answer(tracker, tracker.page_wanted(rng.randrange(1, 5)))
            tracker.on_heartbeat(self.journal.current, len(self.journal.streams[self.journal.current]))
            self.repair(tracker)
            expected = [(n, e.sequence) for n, events in self.journal.streams.items() for e in events]
            self.assertEqual(self.numbers(), expected, f"seed {seed} round {round_number}")
            self.assertEqual(self.lost, [], f"seed {seed} round {round_number}")


class TopicTrackerTest(unittest.TestCase):
    def test_drops_what_was_seen_and_counts_what_was_missed(self):
        tracker = TopicTracker()
        self.assertTrue(tracker.on_event(event(10)).new_stream)
        self.assertFalse(tracker.on_event(event(10)).deliver)  # a last value, sent again
        self.assertEqual(tracker.on_event(event(13)).missed, 2)
        self.assertFalse(tracker.on_event(event(12)).deliver)
        self.assertEqual((tracker.missed, tracker.duplicates), (2, 2))
        verdict = tracker.on_event(event(1, stream="g.main.2"))
        self.assertEqual((verdict.deliver, verdict.missed, verdict.new_stream), (True, 0, True))


class DeltaTrackerTest(unittest.TestCase):
    def setUp(self):
        self.got = []
        self.tracker = DeltaTracker(self.got.append)

    def delta(self, number, stream="m.main.1", snapshot=False):
        return event(number, stream, "md.hyperliquid.delta.BTC-USD", number, "delta", snapshot=snapshot)

    def numbers(self):
        return [(e.topic_sequence, e.data["snapshot"]) for e in self.got]

    def test_a_book_begins_with_a_snapshot_and_goes_on_behind_it(self):
        for number in (4, 5, 6):
            self.tracker.on_event(self.delta(number))
        self.assertEqual(self.got, [])
        self.assertEqual(self.tracker.snapshots_wanted(), ["md.hyperliquid.delta.BTC-USD"])
        self.tracker.on_snapshot(self.delta(5, snapshot=True))
        self.assertEqual(self.numbers(), [(5, True), (6, False)])
        self.assertEqual(self.tracker.snapshots_wanted(), [])

    def test_a_hole_needs_a_new_snapshot(self):
        self.tracker.on_snapshot(self.delta(1, snapshot=True))
        self.tracker.on_event(self.delta(3))
        self.assertEqual(self.numbers(), [(1, True)])
        self.assertEqual(len(self.tracker.snapshots_wanted()), 1)
        self.tracker.on_snapshot(self.delta(2, snapshot=True))
        self.assertEqual(self.numbers(), [(1, True), (2, True), (3, False)])

    def test_a_new_stream_needs_a_new_snapshot(self):
        self.tracker.on_snapshot(self.delta(9, snapshot=True))
        self.tracker.on_event(self.delta(10, stream="m.main.2"))
        self.assertEqual(len(self.tracker.snapshots_wanted()), 1)
        self.assertEqual(self.tracker.resyncs, 1)


class HeartbeatMonitorTest(unittest.TestCase):
    def test_stale_by_either_clock_and_suspicious_after_silence(self):
        second = 1_000_000_000
        monitor = HeartbeatMonitor()
        self.assertTrue(monitor.stale(0, 0))
        self.assertTrue(monitor.on_heartbeat(10 * second, 100 * second))
        self.assertFalse(monitor.stale(12 * second, 102 * second))
        self.assertTrue(monitor.stale(12 * second + 1, 102 * second))
        self.assertTrue(monitor.stale(12 * second, 102 * second + 1))
        self.assertFalse(monitor.on_heartbeat(14 * second, 104 * second))
        self.assertTrue(monitor.on_heartbeat(18 * second + 1, 108 * second))


class ConflatorTest(unittest.TestCase):
    def test_keeps_the_newest_of_each_topic_and_counts_the_rest(self):
        conflator = Conflator()
        for number in (1, 2, 3):
            conflator.push(event(number, topic="a"))
        conflator.push(event(9, topic="b"))
        self.assertEqual([e.sequence for e in conflator.pop_all()], [3, 9])
        self.assertEqual(conflator.conflated, 2)
        self.assertEqual(conflator.pop_all(), [])


if __name__ == "__main__":
    unittest.main()
