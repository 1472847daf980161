"""The bus is a hint, pages are the truth: what is missing, and when everything is in step again.

Pure: no socket, no clock, no thread. The client feeds these classes and does what they say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

from .events import Event

STALE_AFTER_NS = 2_000_000_000
SILENCE_NS = 4_000_000_000
_LONGEST_CHAIN = 1_000


@dataclass(frozen=True)
class StreamPosition:
    """A consumer has everything of `stream` below `next_sequence`."""

    stream: str
    next_sequence: int


@dataclass(frozen=True)
class PageWanted:
    """Ask `replay` for this; answer with on_page, on_not_kept or on_unknown_stream."""

    stream: str
    from_sequence: int
    limit: int


class StreamTracker:
    """Orders the events of one publisher's streams (gateway, risk): every event is delivered exactly once and
    in order of (stream, sequence), or reported lost, whatever the bus loses, doubles or reorders.

    Feed it everything of the publisher, of all topics: `sequence` then has no holes of its own. When a stream
    ends and a new one begins, the first event of the new one (stream_opened) names the old one: the tracker
    walks that chain back to where it stands, reads each stream to its end by pages, then goes on.
    """

    def __init__(self, deliver: Callable[[Event], None], lost: Callable[[str, int, int], None],
                 start: StreamPosition | None = None, max_held: int = 10_000) -> None:
        """`lost(stream, first, last)`: events that cannot be had any more; last 0 = unknown how many."""
        self._deliver = deliver
        self._lost = lost
        self._stream = start.stream if start else ""
        self._next = start.next_sequence if start else 0
        self._known = 0  # newest sequence known to exist in the present stream
        self._last: int | None = None  # the last sequence of the present stream, once it has ended
        self._ended = False  # the present stream has ended, its last sequence is what a page says
        self._suspicion = start is not None
        self._held: dict[str, dict[int, Event]] = {}
        self._max_held = max_held
        # Streams after the present one, oldest first; while the chain is open, what lies between is not known.
        self._later: list[str] = []
        self._chain_open = False
        self._chain_steps = 0
        self._finished: set[str] = set()
        self.duplicates = 0
        self.gaps = 0
        self.held_dropped = 0

    @property
    def position(self) -> StreamPosition | None:
        return StreamPosition(self._stream, self._next) if self._stream else None

    @property
    def in_step(self) -> bool:
        """Nothing is known to be missing."""
        return bool(self._stream) and self.page_wanted() is None

    def on_event(self, event: Event) -> None:
        if not self._stream:
            self._stream, self._next = event.stream, event.sequence
        if event.stream == self._stream:
            if event.sequence < self._next:
                self.duplicates += 1
            elif event.sequence == self._next:
                self._take(event)
                self._drain()
            else:
                self._hold(event)
                self._know(event.sequence)
        elif event.stream in self._finished:
            self.duplicates += 1
        else:
            self._hold(event)
            self._see_stream(event.stream)

    def on_heartbeat(self, stream: str, newest_sequence: int) -> None:
        if not self._stream:
            self._stream, self._next = stream, newest_sequence + 1
        elif stream == self._stream:
            self._know(newest_sequence)
        elif stream not in self._finished:
            self._see_stream(stream)

    def on_suspicion(self) -> None:
        """Messages may have been lost unseen: a start, a reconnect, heartbeats over 4 s apart."""
        self._suspicion = bool(self._stream)

    def page_wanted(self, limit: int = 1000) -> PageWanted | None:
        """What to ask now. Asking twice for the same does no harm."""
        if self._chain_open:
            return PageWanted(self._later[0], 1, 1)
        if self._stream and (self._known >= self._next or self._suspicion):
            return PageWanted(self._stream, self._next, limit)
        return None

    def on_page(self, stream: str, events: list[Event], next_sequence: int, last_sequence: int) -> None:
        """The answer to a page of `stream`: events in order, and where the next page begins."""
        if self._chain_open and self._later and stream == self._later[0]:
            return self._on_first_event(events)
        if stream != self._stream:
            return
        for event in events:
            if event.sequence >= self._next:
                self._take(event)
        self._next = max(self._next, next_sequence)
        self._known = max(self._known, last_sequence)
        if self._next > self._known:
            self._suspicion = False
            if self._ended:
                self._last = self._known
        self._drain()

    def on_not_kept(self, stream: str, first_sequence: int) -> None:
        """The journal begins at first_sequence only."""
        if self._chain_open and self._later and stream == self._later[0]:
            return self._close_chain(None)
        if stream != self._stream:
            return
        if first_sequence > self._next:
            self._lost(stream, self._next, first_sequence - 1)
            self._next = first_sequence
            self._drain()
        else:  # an answer that would change nothing must not be asked for for ever
            self._suspicion = False
            self._known = min(self._known, self._next - 1)
            if self._ended:
                self._last = self._known
                self._drain()

    def on_unknown_stream(self, stream: str) -> None:
        if self._chain_open and self._later and stream == self._later[0]:
            return self._close_chain(None)
        if stream != self._stream:
            return
        self._lost(stream, self._next, 0)
        self._known, self._suspicion = 0, False
        if self._later:
            self._end_stream()
        else:
            self._finished.add(stream)
            self._stream, self._next = "", 0

    def _know(self, sequence: int) -> None:
        if sequence >= self._next and self._known < self._next:
            self.gaps += 1
        self._known = max(self._known, sequence)

    def _take(self, event: Event) -> None:
        self._next = event.sequence + 1
        self._known = max(self._known, event.sequence)
        self._deliver(event)

    def _hold(self, event: Event) -> None:
        held = self._held.setdefault(event.stream, {})
        if event.sequence in held:
            self.duplicates += 1
        elif sum(map(len, self._held.values())) >= self._max_held:
            self.held_dropped += 1  # pages have it
        else:
            held[event.sequence] = event

    def _drain(self) -> None:
        held = self._held.get(self._stream, {})
        while self._next in held:
            self._take(held.pop(self._next))
        for sequence in [s for s in held if s < self._next]:
            del held[sequence]
        if self._last is not None and self._next > self._last and not self._chain_open:
            self._end_stream()

    def _see_stream(self, stream: str) -> None:
        if stream in self._later:
            return
        self._later.append(stream)
        self.gaps += 1
        if len(self._later) == 1:
            self._chain_open = True

    def _on_first_event(self, events: list[Event]) -> None:
        first = events[0] if events else None
        if first is None or first.kind != "stream_opened":
            return self._close_chain(None)
        previous = first.data.get("previous_stream")
        if previous == self._stream:
            return self._close_chain(first.data.get("last_sequence"))
        self._chain_steps += 1
        if not previous or previous in self._finished or self._chain_steps > _LONGEST_CHAIN:
            return self._close_chain(None)
        if previous in self._later:  # seen already, out of order
            self._later.remove(previous)
        self._later.insert(0, previous)

    def _close_chain(self, last: int | None) -> None:
        """The chain reaches back to the present stream (last = its last sequence), or no further."""
        self._chain_open, self._chain_steps = False, 0
        if last is None:
            self._ended = self._suspicion = True  # its own pages know its end
            return
        self._last = last
        self._known = max(self._known, last)
        self._drain()

    def _end_stream(self) -> None:
        self._finished.add(self._stream)
        self._held.pop(self._stream, None)
        self._stream, self._next, self._known, self._last = self._later.pop(0), 1, 0, None
        self._ended, self._suspicion = False, True  # read it from its beginning
        if self._later:
            # The one after it is known, and that its first event names this one.
            self._chain_open = True
        self._drain()


@dataclass
class TopicVerdict:
    deliver: bool
    missed: int = 0
    new_stream: bool = False


class TopicTracker:
    """Topics one by one, where the newest message is what counts (market data, positions): drops what was seen
    already, says how many were missed."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, int]] = {}
        self.missed = 0
        self.duplicates = 0

    def on_event(self, event: Event) -> TopicVerdict:
        stream, newest = self._seen.get(event.topic, ("", 0))
        if stream != event.stream:
            self._seen[event.topic] = (event.stream, event.topic_sequence)
            return TopicVerdict(True, 0, True)
        if event.topic_sequence <= newest:
            self.duplicates += 1
            return TopicVerdict(False)
        missed = event.topic_sequence - newest - 1
        self.missed += missed
        self._seen[event.topic] = (stream, event.topic_sequence)
        return TopicVerdict(True, missed)

    def forget(self, topic: str) -> None:
        self._seen.pop(topic, None)


@dataclass
class _Delta:
    stream: str = ""
    newest: int = 0
    in_step: bool = False
    held: list[Event] = field(default_factory=list)


class DeltaTracker:
    """`delta` topics: full books by differences. A book begins with a snapshot; a hole in topic_sequence or a
    new stream needs a new one, and deltas that the snapshot contains are dropped."""

    def __init__(self, deliver: Callable[[Event], None], max_held: int = 1_000) -> None:
        self._deliver = deliver
        self._topics: dict[str, _Delta] = {}
        self._max_held = max_held
        self.resyncs = 0

    def on_event(self, event: Event) -> None:
        state = self._topics.setdefault(event.topic, _Delta())
        if event.data.get("snapshot"):
            return self.on_snapshot(event)
        if state.in_step and state.stream == event.stream:
            if event.topic_sequence <= state.newest:
                return
            if event.topic_sequence == state.newest + 1:
                state.newest = event.topic_sequence
                return self._deliver(event)
        if state.in_step or state.stream != event.stream:
            self.resyncs += 1
            state.in_step, state.stream, state.held = False, event.stream, []
        if len(state.held) >= self._max_held:
            state.held.pop(0)
        state.held.append(event)

    def on_snapshot(self, event: Event) -> None:
        """It carries the topic_sequence of the last delta that it contains."""
        state = self._topics.setdefault(event.topic, _Delta())
        if state.in_step and state.stream == event.stream and event.topic_sequence < state.newest:
            return
        held, state.held = state.held, []
        state.stream, state.newest, state.in_step = event.stream, event.topic_sequence, True
        self._deliver(event)
        for late in held:
            if late.stream == event.stream:
                self.on_event(late)

    def forget(self, topic: str) -> None:
        self._topics.pop(topic, None)

    def snapshots_wanted(self) -> list[str]:
        return [topic for topic, state in self._topics.items() if not state.in_step]


class HeartbeatMonitor:
    """Whether a publisher is alive, from its heartbeats."""

    def __init__(self) -> None:
        self._timestamp: int | None = None
        self._arrived = 0

    def on_heartbeat(self, timestamp: int, monotonic_now: int) -> bool:
        """Returns whether it is the first, or over 4 s after the one before: ask for pages."""
        previous, self._timestamp, self._arrived = self._timestamp, timestamp, monotonic_now
        return previous is None or timestamp - previous > SILENCE_NS

    def stale(self, wall_now: int, monotonic_now: int) -> bool:
        """The newest is over 2 s old by its timestamp or by our monotonic clock; also before the first."""
        return (self._timestamp is None or wall_now - self._timestamp > STALE_AFTER_NS
                or monotonic_now - self._arrived > STALE_AFTER_NS)


class Conflator:
    """Newest per topic, for a consumer that is slower than the market: what it skips is counted."""

    def __init__(self) -> None:
        self._newest: dict[str, Event] = {}
        self.conflated = 0

    def push(self, event: Event) -> None:
        if event.topic in self._newest:
            self.conflated += 1
        self._newest[event.topic] = event

    def pop_all(self) -> list[Event]:
        newest, self._newest = list(self._newest.values()), {}
        return newest
