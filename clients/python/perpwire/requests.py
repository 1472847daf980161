"""Requests to one ROUTER of the suite. Used by one thread only, the client's."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Callable

import zmq

from .endpoints import Curve
from .errors import MalformedMessage, NotSent, OutcomeUnknown
from .events import parse_json

#: A reply: its first part, and the topic, payload pairs that follow in pages.
Reply = tuple[dict[str, Any], list[tuple[str, bytes]]]
OnReply = Callable[[Reply | Exception], None]


@dataclass
class _Waiting:
    on_reply: OnReply
    deadline_ns: int


@dataclass
class _Connection:
    socket: zmq.Socket[bytes]
    waiting: dict[str, _Waiting] = field(default_factory=dict)
    fresh: bool = True


class RequestSocket:
    """A DEALER whose replies find their request by request_id. When a request is not answered in time the socket
    is made anew, so that nothing queued for a dead server reaches the next one; the old one is kept for as long
    as others wait on it."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str, max_waiting: int = 1_000,
                 curve: Curve | None = None) -> None:
        self._context = context
        self._endpoint = endpoint
        self._curve = curve
        self._max_waiting = max_waiting
        self._connections: list[_Connection] = []  # the last one takes new requests
        self.timeouts = 0
        self.unmatched = 0
        self.sockets_made = 0
        self._connect()

    def send(self, request_id: str, payload: bytes, deadline_ns: int, on_reply: OnReply) -> None:
        if sum(len(c.waiting) for c in self._connections) >= self._max_waiting:
            return on_reply(NotSent(f"{self._max_waiting} requests wait for {self._endpoint} already"))
        connection = self._connections[-1]
        # IMMEDIATE refuses to queue before the connection is up; on one machine that takes a moment, waited for once.
        if connection.fresh:
            connection.socket.poll(50, zmq.POLLOUT)
            connection.fresh = False
        try:
            connection.socket.send_multipart([b"", payload], zmq.DONTWAIT)
        except zmq.Again:
            return on_reply(NotSent(f"not connected to {self._endpoint}, or its queue is full"))
        connection.waiting[request_id] = _Waiting(on_reply, deadline_ns)

    def sockets(self) -> list[zmq.Socket[bytes]]:
        return [connection.socket for connection in self._connections]

    def receive(self) -> None:
        for connection in list(self._connections):
            while True:
                try:
                    parts = connection.socket.recv_multipart(zmq.DONTWAIT)
                except zmq.Again:
                    break
                self._on_parts(connection, parts)

    def check_deadlines(self, now_ns: int) -> None:
        for connection in list(self._connections):
            late = [i for i, w in connection.waiting.items() if w.deadline_ns <= now_ns]
            for request_id in late:
                self.timeouts += 1
                waiting = connection.waiting.pop(request_id)
                waiting.on_reply(OutcomeUnknown(f"no answer from {self._endpoint} in time"))
            if late and connection is self._connections[-1]:
                self._connect()
            if not connection.waiting and connection is not self._connections[-1]:
                self._connections.remove(connection)
                connection.socket.close(0)

    def close(self) -> None:
        for connection in self._connections:
            connection.socket.close(0)
            for waiting in connection.waiting.values():
                waiting.on_reply(OutcomeUnknown("the client was stopped before the answer"))
        self._connections = []

    def _connect(self) -> _Connection:
        socket = self._context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.IMMEDIATE, 1)
        socket.setsockopt(zmq.RECONNECT_IVL, 50)
        socket.setsockopt(zmq.RECONNECT_IVL_MAX, 1_000)
        if self._curve:
            socket.curve_serverkey = self._curve.server_key
            socket.curve_publickey = self._curve.public_key
            socket.curve_secretkey = self._curve.secret_key
        socket.connect(self._endpoint)
        self._connections.append(_Connection(socket))
        self.sockets_made += 1
        return self._connections[-1]

    def _on_parts(self, connection: _Connection, parts: list[bytes]) -> None:
        if parts and parts[0] == b"":
            parts = parts[1:]
        try:
            head = parse_json(parts[0] if parts else b"")
        except MalformedMessage:
            self.unmatched += 1
            return
        waiting = connection.waiting.pop(str(head.get("request_id", "")), None)
        if waiting is None:
            self.unmatched += 1
            return
        pairs = [(parts[i].decode("utf-8", "replace"), parts[i + 1]) for i in range(1, len(parts) - 1, 2)]
        waiting.on_reply((head, pairs))


def resolve(future: Future[Any], value: Any) -> None:
    """Sets the result or exception, unless the waiter cancelled the future."""
    if not future.set_running_or_notify_cancel():
        return
    if isinstance(value, Exception):
        future.set_exception(value)
    else:
        future.set_result(value)
