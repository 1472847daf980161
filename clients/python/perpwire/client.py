"""The client for strategies: subscribe, place, cancel, modify, query. See README.md."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections import defaultdict, deque
from concurrent.futures import Future
from decimal import Decimal
from typing import Any, Callable, Iterable, Mapping

import zmq

from .endpoints import Endpoints
from .errors import MalformedMessage, OutcomeUnknown, PerpwireError, Rejected
from .events import GATEWAY_EVENTS, MARKET_EVENTS, ORDER_EVENTS, Event, Order, Position, is_final, parse_event, parse_json
from .gaps import Conflator, DeltaTracker, HeartbeatMonitor, StreamPosition, StreamTracker, TopicTracker
from .ids import ClientOrderIds, new_request_id
from .requests import Reply, RequestSocket, resolve

_log = logging.getLogger("perpwire")

#: Everything that the order gateway publishes: its `sequence` has no holes only if all of it is subscribed.
_GATEWAY_PREFIXES = ("orders.", "fills.", "positions.", "balances.", "adjustments.", "funding.", "ledger.",
                     "gateway.", "stream.", "hb.")
#: Last values: re-sent to a new subscriber with their old numbers, and each one stands for itself.
_STATE_KINDS = ("position", "balance", "gateway_status")
_CONFLATED_KINDS = ("book", "bbo", "ticker", "mids")
_PAGE_RETRY_NS = 250_000_000
_POLL_MS = 50

Kinds = GATEWAY_EVENTS + MARKET_EVENTS + ("heartbeat", "order_rejected", "order_unknown", "stale", "lost", "gap")


class Client:
    """One strategy's connection to the suite: one background thread does all I/O and calls all callbacks.

    Callbacks must be quick and must not wait for futures (use future.add_done_callback there). All methods may be
    called from any thread. Order events and fills come exactly once and in order; market data come newest first
    where the callback is slower than the market (book, bbo, ticker, mids: newest per topic, skips are counted).
    """

    def __init__(self, endpoints: Endpoints = Endpoints(), *, account: str = "main", venue: str = "hyperliquid",
                 strategy: str | None = None, id_prefix: str = "PY", request_timeout: float = 2.0,
                 start: StreamPosition | None = None) -> None:
        """`start`: where an earlier life ended (`position`); its missed events are then delivered first."""
        self.endpoints, self.account, self.venue, self.strategy = endpoints, account, venue, strategy
        self._ids = ClientOrderIds(id_prefix)
        self._timeout_ns = int(request_timeout * 1e9)
        self._callbacks: dict[str, list[Callable[..., None]]] = defaultdict(list)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._calls: deque[Callable[[], None]] = deque()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._thread: threading.Thread | None = None
        self._stopping = False

        self._market_topics: set[str] = set()
        self._orders = StreamTracker(self._deliver, self._lost, start)
        self._state_topics = TopicTracker()
        self._market_tracker = TopicTracker()
        self._deltas = DeltaTracker(self._deliver)
        self._conflator = Conflator()
        self._heartbeats = {"order-gateway": HeartbeatMonitor(), "marketstream": HeartbeatMonitor()}
        self._is_stale: dict[str, bool] = {}
        self._next_page_ns = 0
        self._page_open = False
        self._snapshots_open: set[str] = set()
        self._snapshots_asked_ns = 0
        self._unanswered: dict[str, dict[str, Any]] = {}  # orders whose place was not answered
        self._unended: set[str] = set()  # orders placed here whose end no event told yet
        self.counters: dict[str, int] = defaultdict(int)

    # Life

    def start(self) -> "Client":
        self._market = self._subscriber(self.endpoints.market_events)
        self._gateway = self._subscriber(self.endpoints.order_events)
        for prefix in _GATEWAY_PREFIXES:
            self._gateway.subscribe(prefix)
        self._market.subscribe("hb.")
        self._commands = RequestSocket(self._context, self.endpoints.commands,
                                       curve=self.endpoints.curve(self.endpoints.commands))
        self._replay = RequestSocket(self._context, self.endpoints.replay,
                                     curve=self.endpoints.curve(self.endpoints.replay))
        self._market_requests = RequestSocket(self._context, self.endpoints.market_requests)
        self._thread = threading.Thread(target=self._run, name="perpwire-client", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ends the thread; unanswered futures fail with OutcomeUnknown. Orders stay where they are."""
        self._stopping = True
        self._wake()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join()
            self._wake_in.close()

    def __enter__(self) -> "Client":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # Events

    def on(self, kind: str, callback: Callable[..., None]) -> None:
        """Calls `callback(event)` for every event of that kind (Kinds; `event_type` of the contract). Besides:
        order_rejected(client_order_id, Rejected | NotSent), order_unknown(client_order_id, OutcomeUnknown),
        stale(process, bool), lost(stream, first, last) and gap(topic, missed)."""
        if kind not in Kinds:
            raise ValueError(f"kind: expected one of {', '.join(Kinds)}, found {kind!r}")
        self._callbacks[kind].append(callback)

    def on_order(self, callback: Callable[[Event], None]) -> None:
        """For all six kinds of order events."""
        for kind in ORDER_EVENTS:
            self.on(kind, callback)

    def run(self, function: Callable[[], Any]) -> Future[Any]:
        """Runs `function` on the client's thread, between two callbacks."""
        future: Future[Any] = Future()

        def call() -> None:
            try:
                resolve(future, function())
            except Exception as error:
                resolve(future, error)

        self._call(call)
        return future

    def subscribe(self, channels: Iterable[str], trading_pairs: Iterable[str]) -> None:
        """Market data: `md.<venue>.<channel>.<trading_pair>`, whole topics. Candles: channel "candle.1m"."""
        topics = [f"md.{self.venue}.{c}.{p}" for p in trading_pairs for c in channels]
        self._call(lambda: [self._subscribe(topic) for topic in topics])

    def unsubscribe(self, channels: Iterable[str], trading_pairs: Iterable[str]) -> None:
        topics = [f"md.{self.venue}.{c}.{p}" for p in trading_pairs for c in channels]
        self._call(lambda: [self._unsubscribe(topic) for topic in topics])

    @property
    def position(self) -> StreamPosition | None:
        """Everything of the gateway's stream below it was delivered. Store it to start there again."""
        return self._orders.position

    # Commands

    def buy(self, trading_pair: str, amount: Decimal, price: Decimal | None = None, **more: Any) -> str:
        """Sends a LIMIT order (without a price: MARKET) and returns its client_order_id at once. The gateway's
        refusal comes as order_rejected, the venue's word as order events. `more`: further fields of the order
        (time_in_force, reduce_only, order_type, trigger_price, ...)."""
        return self._place("BUY", trading_pair, amount, price, more)

    def sell(self, trading_pair: str, amount: Decimal, price: Decimal | None = None, **more: Any) -> str:
        return self._place("SELL", trading_pair, amount, price, more)

    def resend(self, client_order_id: str) -> None:
        """After order_unknown: sends the very same order again. The gateway places an id once and answers as the
        first time, so this is how to learn what became of it. Raises KeyError if it was answered."""
        self._send_order(client_order_id, self._unanswered[client_order_id])

    def cancel(self, client_order_id: str) -> Future[None]:
        """Resolves when the gateway has taken the cancel (Rejected: its refusal); the order's end is an event."""
        return self._ask({"type": "cancel", "client_order_id": client_order_id}, lambda reply: None)

    def cancel_all(self, trading_pair: str | None = None) -> Future[None]:
        return self._ask({"type": "cancel_all", "trading_pair": trading_pair}, lambda reply: None)

    def cancel_and_wait(self, client_order_ids: Iterable[str], timeout: float = 5.0) -> list[str]:
        """Cancels these orders and waits until they have ended, and the callbacks have heard of it. Returns those that
        have not, or are not known to have. Not for callbacks: it waits."""
        left, deadline = list(client_order_ids), time.monotonic() + timeout
        while left and time.monotonic() < deadline:
            for client_order_id in list(left):
                try:
                    if is_final(self.get_order(client_order_id).result()):
                        if client_order_id not in self._unended:
                            left.remove(client_order_id)
                    else:
                        self.cancel(client_order_id).result()
                except PerpwireError as error:
                    if isinstance(error, Rejected) and error.code == "ORDER_NOT_FOUND":
                        left.remove(client_order_id)
            time.sleep(0.1)
        return left

    def modify(self, client_order_id: str, price: Decimal | None = None, amount: Decimal | None = None) -> Future[None]:
        """`amount`: the new total, fills included. The new leg is post-only: one that would cross is refused."""
        modify = {"client_order_id": client_order_id, "account": self.account, "price": _number(price),
                  "amount": _number(amount)}
        return self._ask({"type": "modify", "modify": _without_none(modify)}, lambda reply: None)

    def get_order(self, client_order_id: str) -> Future[Order]:
        """Rejected with ORDER_NOT_FOUND if the gateway does not know it."""
        return self._ask({"type": "get_order", "client_order_id": client_order_id},
                         lambda reply: reply["orders"][0])

    def get_open_orders(self, trading_pair: str | None = None) -> Future[list[Order]]:
        return self._ask({"type": "get_open_orders", "trading_pair": trading_pair},
                         lambda reply: reply.get("orders", []))

    def get_positions(self, trading_pair: str | None = None) -> Future[list[Position]]:
        return self._ask({"type": "get_positions", "trading_pair": trading_pair},
                         lambda reply: reply.get("positions", []))

    # The client's thread from here on

    def _run(self) -> None:
        while not self._stopping:
            poller = zmq.Poller()
            for source in (self._market, self._gateway, *self._commands.sockets(), *self._replay.sockets(),
                           *self._market_requests.sockets()):
                poller.register(source, zmq.POLLIN)
            poller.register(self._wake_out.fileno(), zmq.POLLIN)
            poller.poll(_POLL_MS)
            try:
                while self._wake_out.recv(4096):
                    pass
            except BlockingIOError:
                pass
            while self._calls:
                self._calls.popleft()()
            self._drain(self._gateway, self._on_gateway_message)
            self._drain(self._market, self._on_market_message)
            for requests in (self._commands, self._replay, self._market_requests):
                requests.receive()
                requests.check_deadlines(time.monotonic_ns())
            for event in self._conflator.pop_all():
                self._deliver(event)
            self.counters["conflated"] = self._conflator.conflated
            self._ask_for_pages()
            self._ask_for_snapshots()
            self._check_stale()
        while self._calls:
            self._calls.popleft()()
        for requests in (self._commands, self._replay, self._market_requests):
            requests.close()
        self._market.close(0)
        self._gateway.close(0)
        self._context.term()
        self._wake_out.close()

    def _drain(self, source: zmq.Socket[bytes], handle: Callable[[str, bytes], None]) -> None:
        for _ in range(1_000):
            try:
                parts = source.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            if len(parts) != 2:
                self.counters["malformed"] += 1
                continue
            try:
                handle(parts[0].decode("utf-8", "replace"), parts[1])
            except MalformedMessage as error:
                self.counters["malformed"] += 1
                _log.warning("dropped a message: %s", error)

    def _on_gateway_message(self, topic: str, payload: bytes) -> None:
        if topic.startswith("hb."):
            beat = self._on_heartbeat(topic, payload)
            if beat:
                self._orders.on_heartbeat(str(beat.get("stream", "")), int(beat.get("newest_sequence", 0)))
            return
        event = parse_event(topic, payload)
        position = self._orders.position
        if event.kind in _STATE_KINDS:
            # A last value from before our beginning is news to us, and no reason to ask for what lies between.
            early = position is None or (event.stream == position.stream and event.sequence < position.next_sequence)
            if early:
                if self._state_topics.on_event(event).deliver:
                    self._emit(event.kind, event)
                return
        self._orders.on_event(event)

    def _on_market_message(self, topic: str, payload: bytes) -> None:
        if topic.startswith("hb."):
            self._on_heartbeat(topic, payload)
            return
        if topic not in self._market_topics:
            self.counters["other_topics"] += 1  # caught by the prefix of another
            return
        event = parse_event(topic, payload)
        if event.kind == "delta":
            return self._deltas.on_event(event)
        verdict = self._market_tracker.on_event(event)
        if verdict.missed:
            self.counters["missed"] += verdict.missed
            self._emit("gap", topic, verdict.missed)
        if not verdict.deliver:
            return
        if event.kind in _CONFLATED_KINDS:
            self._conflator.push(event)
        else:
            self._deliver(event)

    def _on_heartbeat(self, topic: str, payload: bytes) -> dict[str, Any] | None:
        beat = parse_json(payload)
        process, timestamp = str(beat.get("process")), beat.get("timestamp")
        monitor = self._heartbeats.get(process)
        if monitor is None or not isinstance(timestamp, int) or not isinstance(beat.get("newest_sequence", 0), int):
            raise MalformedMessage(f"{topic}: expected a heartbeat, found {beat}")
        if monitor.on_heartbeat(timestamp, time.monotonic_ns()) and process == "order-gateway":
            self._orders.on_suspicion()
        self._emit("heartbeat", beat)
        return beat

    def _deliver(self, event: Event) -> None:
        if event.kind in _STATE_KINDS and not self._state_topics.on_event(event).deliver:
            return
        self._emit(event.kind, event)
        if event.kind in ORDER_EVENTS and is_final(event.data):
            self._unended.discard(event.data["client_order_id"])

    def _lost(self, stream: str, first: int, last: int) -> None:
        self.counters["lost"] += max(1, last - first + 1)
        self._unended.clear()  # the end may be among them
        self._emit("lost", stream, first, last)

    def _emit(self, kind: str, *arguments: Any) -> None:
        self.counters[kind] += 1
        for callback in self._callbacks.get(kind, ()):
            try:
                callback(*arguments)
            except Exception:  # a strategy's own mistake must not end the client
                self.counters["callback_errors"] += 1
                _log.exception("a callback for %s failed", kind)

    def _ask_for_pages(self) -> None:
        wanted = self._orders.page_wanted()
        now = time.monotonic_ns()
        if wanted is None or self._page_open or now < self._next_page_ns:
            return
        self._page_open, self._next_page_ns = True, now + _PAGE_RETRY_NS
        request_id = new_request_id()
        request = {"type": "replay", "request_id": request_id, "stream": wanted.stream,
                   "from_sequence": wanted.from_sequence, "limit": wanted.limit}
        self.counters["pages"] += 1
        self._replay.send(request_id, _encode(request), now + self._timeout_ns,
                          lambda reply: self._on_page(wanted.stream, reply))

    def _on_page(self, stream: str, reply: Reply | Exception) -> None:
        self._page_open = False
        if isinstance(reply, Exception):
            self.counters["page_errors"] += 1
            return  # asked again after _PAGE_RETRY_NS
        head, pairs = reply
        try:
            if head.get("type") == "replay_page":
                events = [parse_event(topic, payload) for topic, payload in pairs]
                self._next_page_ns = 0  # the next one at once
                self._orders.on_page(stream, events, int(head["next_sequence"]), int(head["last_sequence"]))
            elif head.get("code") == "NOT_KEPT":
                self._orders.on_not_kept(stream, int(head["first_sequence"]))
            elif head.get("code") == "UNKNOWN_STREAM":
                self._orders.on_unknown_stream(stream)
            else:
                raise MalformedMessage(f"expected a page, found {head}")
        except (MalformedMessage, KeyError, ValueError, TypeError) as error:
            self.counters["page_errors"] += 1
            _log.warning("a page of %s was of no use: %s", stream, error)

    def _ask_for_snapshots(self) -> None:
        topics = [t for t in self._deltas.snapshots_wanted() if t not in self._snapshots_open]
        now = time.monotonic_ns()
        if not topics or now < self._snapshots_asked_ns + _PAGE_RETRY_NS:
            return
        self._snapshots_asked_ns = now
        self._snapshots_open.update(topics)
        request_id = new_request_id()
        self._market_requests.send(
            request_id, _encode({"type": "snapshot", "request_id": request_id, "topics": topics}),
            now + self._timeout_ns, lambda reply: self._on_snapshot(topics, reply))

    def _on_snapshot(self, topics: list[str], reply: Reply | Exception) -> None:
        self._snapshots_open.difference_update(topics)
        if isinstance(reply, Exception):
            return
        for topic, payload in reply[1]:
            if topic in self._market_topics:
                try:
                    self._deltas.on_snapshot(parse_event(topic, payload))
                except MalformedMessage:
                    self.counters["malformed"] += 1

    def _check_stale(self) -> None:
        for process, monitor in self._heartbeats.items():
            stale = monitor.stale(time.time_ns(), time.monotonic_ns())
            if self._is_stale.get(process) != stale:
                first = process not in self._is_stale
                self._is_stale[process] = stale
                if not (first and stale):  # before the first heartbeat: not worth a word
                    self._emit("stale", process, stale)

    def _subscribe(self, topic: str) -> None:
        if topic not in self._market_topics:
            self._market_topics.add(topic)
            self._market.subscribe(topic)

    def _unsubscribe(self, topic: str) -> None:
        if topic in self._market_topics:
            self._market_topics.remove(topic)
            self._market.unsubscribe(topic)
            self._market_tracker.forget(topic)
            self._deltas.forget(topic)

    def _subscriber(self, endpoint: str) -> zmq.Socket[bytes]:
        source = self._context.socket(zmq.SUB)
        source.setsockopt(zmq.RCVHWM, 100_000)
        source.setsockopt(zmq.LINGER, 0)
        source.connect(endpoint)
        return source

    # Any thread

    def _call(self, function: Callable[[], Any]) -> None:
        self._calls.append(function)
        self._wake()

    def _wake(self) -> None:
        try:
            self._wake_in.send(b"x")
        except OSError:
            pass  # enough wake-ups are on their way, or the client has ended

    def _place(self, side: str, trading_pair: str, amount: Decimal, price: Decimal | None,
               more: Mapping[str, Any]) -> str:
        client_order_id = self._ids.next()
        self._unended.add(client_order_id)
        order = {"client_order_id": client_order_id, "account": self.account, "trading_pair": trading_pair,
                 "trade_type": side, "order_type": "MARKET" if price is None else "LIMIT",
                 "price": _number(price), "amount": _number(amount), "strategy": self.strategy,
                 **{k: _number(v) if isinstance(v, Decimal) else v for k, v in more.items()}}
        self._send_order(client_order_id, _without_none(order))
        return client_order_id

    def _send_order(self, client_order_id: str, order: dict[str, Any]) -> None:
        self._unanswered[client_order_id] = order
        future: Future[None] = self._ask({"type": "place", "order": order}, lambda reply: None)
        future.add_done_callback(lambda done: self._placed(client_order_id, done))

    def _placed(self, client_order_id: str, done: Future[None]) -> None:
        error = done.exception()
        if isinstance(error, OutcomeUnknown):
            return self._emit("order_unknown", client_order_id, error)
        self._unanswered.pop(client_order_id, None)
        if error is not None:
            self._unended.discard(client_order_id)
            self._emit("order_rejected", client_order_id, error)

    def _ask(self, command: dict[str, Any], use: Callable[[dict[str, Any]], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        request_id = new_request_id()
        command = _without_none({"account": self.account, **command, "request_id": request_id})
        if command["type"] in ("place", "modify"):
            command.pop("account")  # it stands inside
        payload = _encode(command)
        self._call(lambda: self._commands.send(request_id, payload, time.monotonic_ns() + self._timeout_ns,
                                               lambda reply: resolve(future, _use(reply, use))))
        return future


def _use(reply: Reply | Exception, use: Callable[[dict[str, Any]], Any]) -> Any:
    if isinstance(reply, Exception):
        return reply
    head = reply[0]
    if head.get("status") not in ("ACCEPTED", "OK"):
        return Rejected(str(head.get("code", "INTERNAL")), str(head.get("reason", head)),
                        str(head.get("client_order_id", "")))
    try:
        return use(head)
    except (KeyError, IndexError, TypeError) as error:
        return MalformedMessage(f"expected an answer, found {head}: {error!r}")


def _number(value: Decimal | int | None) -> str | None:
    """Prices and amounts are strings in commands. Floats are refused: they are not what was meant."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (Decimal, int)):
        raise TypeError(f"expected a Decimal, found {type(value).__name__} {value!r}")
    value = Decimal(value)
    if not value.is_finite():
        raise ValueError(f"expected a number, found {value}")
    return format(value, "f")


def _without_none(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}


def _encode(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()
