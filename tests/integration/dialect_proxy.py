"""A proxy in front of the simulator that says the same in other words: what a second, independent venue may do within
HTTP/1.1, RFC 6455 and JSON, and ours does not. Plain asyncio, nothing of ours or of the simulator's."""

import asyncio
import base64
import hashlib
import json
import os
import random
import struct
import threading

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MAPS = ("mids", "data_by_coin")  # objects whose keys are data


class Dialect:
    """How the proxy speaks. Everything off: as the simulator."""

    def __init__(self, **flags):
        self.lower_case = flags.pop("lower_case", False)  # header names
        self.chunked = flags.pop("chunked", False)  # answers without Content-Length
        self.close = flags.pop("close", False)  # Connection: close with each answer
        self.http10 = flags.pop("http10", False)  # HTTP/1.0, ended by the connection's end
        self.dribble = flags.pop("dribble", 0)  # bytes a write, flushed each
        self.idle_close = flags.pop("idle_close", 0)  # seconds after which a quiet HTTP connection is closed
        self.interim = flags.pop("interim", False)  # 103 before the answer
        self.fragments = flags.pop("fragments", False)  # WebSocket messages in pieces, pings between them
        self.ws_pings = flags.pop("ws_pings", 0)  # seconds between pings of the server
        # Keys shuffled and added, white space, escapes in values (in keys they would be malformed to us: simdjson compares
        # keys as they stand).
        self.other_json = flags.pop("other_json", False)
        assert not flags, flags


class JsonDialect:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def rewrite(self, text):
        try:
            value = json.loads(text, parse_float=lambda digits: RawNumber(digits))
        except ValueError:
            return text
        return self.write(self.shuffled(value, "")) + self.random.choice(["", "\n", " \r\n"])

    def shuffled(self, value, key):
        if isinstance(value, list):
            return [self.shuffled(one, "") for one in value]
        if not isinstance(value, dict):
            return value
        items = [(k, self.shuffled(v, k)) for k, v in value.items()]
        if key not in MAPS and not key[:1].isupper():
            items.append((self.random.choice(["zzNew", "aNew"]), self.random.choice([None, 1, "x", {"deep": [1, {"a": []}]}])))
        self.random.shuffle(items)
        return dict(items)

    def write(self, value):
        gap = self.random.choice(["", " ", "\n\t"])
        if isinstance(value, dict):
            return "{" + gap + ("," + gap).join(f"{json.dumps(k)}{gap}:{gap}{self.write(v)}" for k, v in value.items()) + gap + "}"
        if isinstance(value, list):
            return "[" + gap + ("," + gap).join(self.write(one) for one in value) + gap + "]"
        if isinstance(value, RawNumber):
            return value.digits
        return self.text(value) if isinstance(value, str) else json.dumps(value)

    def text(self, value):
        if value and value.isalnum() and self.random.random() < 0.1:
            at = self.random.randrange(len(value))
            return '"' + value[:at] + f"\\u{ord(value[at]):04X}" + value[at + 1:] + '"'
        return json.dumps(value, ensure_ascii=False).replace("/", self.random.choice(["/", "\\/"]))


class RawNumber:
    def __init__(self, digits):
        self.digits = digits


class DialectProxy:
    """`with DialectProxy(port_of_the_simulator, Dialect(...)) as proxy: proxy.port`"""

    def __init__(self, venue_port, dialect, seed=1):
        self.venue_port, self.dialect, self.json = venue_port, dialect, JsonDialect(seed)
        self.counts = {"http": 0, "connections": 0, "websockets": 0, "frames": 0, "pongs": 0}
        self.requests_seen = set()
        self.loop, self.started = asyncio.new_event_loop(), threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert self.started.wait(5)
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)

    def _run(self):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self.started.set()
        self.loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.close()

    # ---- HTTP ----

    async def _serve(self, reader, writer):
        self.counts["connections"] += 1
        try:
            while True:
                wait = self.dialect.idle_close or None
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), wait)
                start, *lines = head.decode().split("\r\n")
                headers = {name.strip().lower(): value.strip() for name, value in (l.split(":", 1) for l in lines if l)}
                self.requests_seen.add(tuple(sorted(headers)))
                if headers.get("upgrade", "").lower() == "websocket":
                    return await self._websocket(start, headers, reader, writer)
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                status, kind, answer = await self._ask(start, body)
                self.counts["http"] += 1
                await self._answer(writer, status, kind, answer)
                if self.dialect.close or self.dialect.http10:
                    return
        except (asyncio.IncompleteReadError, asyncio.TimeoutError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _ask(self, start, body):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.venue_port)
        method, path, _ = start.split(" ")
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: venue\r\nContent-Type: application/json\r\nConnection: close\r\n"
                     f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        raw = await reader.read()
        writer.close()
        head, _, answer = raw.partition(b"\r\n\r\n")
        if not head:
            raise ConnectionError("the simulator did not answer")
        kind = next((l.split(b":", 1)[1].strip().decode() for l in head.split(b"\r\n") if l.lower().startswith(b"content-type")),
                    "application/json")
        return int(head.split(b" ")[1]), kind, answer

    async def _answer(self, writer, status, kind, body):
        speak = self.dialect
        if speak.other_json:
            body = self.json.rewrite(body.decode()).encode()
        headers = [("Server", "another"), ("Content-Type", kind + "; charset=utf-8"), ("X-Cache", "Miss from somewhere"), ("Vary", "Origin")]
        if speak.chunked:
            headers.append(("Transfer-Encoding", "chunked"))
            cut = max(1, len(body) // 3)
            pieces = [body[i:i + cut] for i in range(0, len(body), cut)]
            body = b"".join(f"{len(p):x};ext=1\r\n".encode() + p + b"\r\n" for p in pieces) + b"0\r\nX-Trailer: 1\r\n\r\n"
        elif not speak.http10:
            headers.append(("Content-Length", str(len(body))))
        if speak.close:
            headers.append(("Connection", "close"))
        names = [(n.lower() if speak.lower_case else n, v) for n, v in headers]
        version = "HTTP/1.0" if speak.http10 else "HTTP/1.1"
        head = f"{version} {status} \r\n" + "".join(f"{n}:{v}\r\n" for n, v in names) + "\r\n"
        early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" if speak.interim else b""
        await self._write(writer, early + head.encode() + body)

    async def _write(self, writer, data):
        step = self.dialect.dribble or len(data)
        for at in range(0, len(data), step):
            writer.write(data[at:at + step])
            await writer.drain()
            if self.dialect.dribble:
                await asyncio.sleep(0)

    # ---- WebSocket ----

    async def _websocket(self, start, headers, reader, writer):
        self.counts["websockets"] += 1
        accept = base64.b64encode(hashlib.sha1(headers["sec-websocket-key"].encode() + GUID).digest()).decode()
        names = [("upgrade", "WebSocket"), ("connection", "keep-alive, Upgrade"), ("sec-websocket-accept", accept), ("date", "now")]
        writer.write(b"HTTP/1.1 101 Switching\r\n" + b"".join(f"{n}: {v}\r\n".encode() for n, v in names) + b"\r\n")
        venue_reader, venue_writer = await asyncio.open_connection("127.0.0.1", self.venue_port)
        key = base64.b64encode(os.urandom(16)).decode()
        path = start.split(" ")[1]
        venue_writer.write(f"GET {path} HTTP/1.1\r\nHost: venue\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        answer = await venue_reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in answer.split(b"\r\n")[0]:
            return writer.close()
        lock = asyncio.Lock()
        jobs = [asyncio.ensure_future(one) for one in (
            self._up(lock, reader, venue_writer, writer), self._down(lock, venue_reader, writer), self._ping(lock, writer))]
        _, pending = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        for job in pending:
            job.cancel()
        venue_writer.close()
        writer.close()

    @staticmethod
    async def _frame(reader):
        first, second = await reader.readexactly(2)
        length = second & 127
        if length == 126:
            length = struct.unpack(">H", await reader.readexactly(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", await reader.readexactly(8))[0]
        mask = await reader.readexactly(4) if second & 128 else b""
        data = await reader.readexactly(length)
        if mask:
            data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
        return bool(first & 128), first & 15, data

    @staticmethod
    def _packed(final, kind, data, mask=False):
        head = bytes([(128 if final else 0) | kind])
        flag = 128 if mask else 0
        if len(data) < 126:
            head += bytes([flag | len(data)])
        elif len(data) < 65536:
            head += bytes([flag | 126]) + struct.pack(">H", len(data))
        else:
            head += bytes([flag | 127]) + struct.pack(">Q", len(data))
        if not mask:
            return head + data
        key = os.urandom(4)
        return head + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(data))

    async def _up(self, lock, reader, venue_writer, writer):
        try:
            while True:
                final, kind, data = await self._frame(reader)
                if kind == 10:
                    self.counts["pongs"] += 1
                elif kind == 9:
                    async with lock:
                        writer.write(self._packed(True, 10, data))
                else:
                    venue_writer.write(self._packed(final, kind, data, mask=True))
                if kind == 8:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return

    async def _down(self, lock, venue_reader, writer):
        try:
            while True:
                final, kind, data = await self._frame(venue_reader)
                if kind == 1 and final:
                    self.counts["frames"] += 1
                    if self.dialect.other_json:
                        data = self.json.rewrite(data.decode()).encode()
                    if self.dialect.fragments and len(data) > 3:
                        third = len(data) // 3
                        pieces = [self._packed(False, 1, data[:third]), self._packed(True, 9, b"between"),
                                  self._packed(False, 0, data[third:2 * third]), self._packed(True, 0, data[2 * third:])]
                    else:
                        pieces = [self._packed(True, 1, data)]
                else:
                    pieces = [self._packed(final, kind, data)]
                for piece in pieces:
                    async with lock:
                        await self._write(writer, piece)
                if kind == 8:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return

    async def _ping(self, lock, writer):
        while True:
            await asyncio.sleep(self.dialect.ws_pings or 3600)
            async with lock:  # between frames, never inside one
                writer.write(self._packed(True, 9, b"are you there"))
