"""A venue that does exactly what a test says: Hyperliquid's public REST answers and WebSocket frames, and its faults.

Shapes are those of the venue reference (sections 7.1 and 8); values are made up. Runs on its own thread, bound to 127.0.0.1."""

import asyncio
import base64
import hashlib
import json
import struct
import threading
import time

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Venue:
    def __init__(self, port=0):
        self.universe = {
            "": [
                {"szDecimals": 5, "name": "BTC", "maxLeverage": 40, "marginTableId": 56},
                {"szDecimals": 4, "name": "ETH", "maxLeverage": 25, "marginTableId": 55},
                {"szDecimals": 1, "name": "OLD", "maxLeverage": 3, "marginTableId": 3, "isDelisted": True},
            ],
            "hyna": [{"szDecimals": 5, "name": "hyna:BTC", "maxLeverage": 20, "marginTableId": 20}],
        }
        self.trades = {}  # coin -> all trades, oldest first
        self.first_trades = None  # what a new `trades` subscription is sent; None = the newest 5
        self.silent = set()  # stream types that send nothing, or "all"
        self.deaf = False  # frames of the client are not answered: a half-open connection
        self.mid = 100
        self.received = []  # every text frame of clients
        self.connections = 0
        self.asked = []  # types of /info
        self._next_tid = 1
        self._clients = {}  # writer -> set of subscriptions as JSON
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    # -- life -------------------------------------------------------------------------------------------------------------

    def start(self):
        self._ready.clear()
        self._thread.start()
        if not self._ready.wait(5):
            raise RuntimeError("venue did not start")
        return self

    @property
    def port(self):
        return self._port

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._pusher = self._loop.create_task(self._push_for_ever())
        self._ready.set()
        self._loop.run_forever()

    async def _listen(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(5)

    def stop(self):
        async def end():
            self._pusher.cancel()
            self._server.close()
            for writer in list(self._clients):
                writer.transport.abort()
            await asyncio.sleep(0)

        self.call(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def drop_all(self):
        async def drop():
            for writer in list(self._clients):
                writer.transport.abort()

        self.call(drop())

    def refuse(self, yes):
        """Whether new connections are refused; open ones stay."""

        async def change():
            if yes:
                self._server.close()
            else:
                await self._listen()

        self.call(change())

    def send_raw(self, text):
        async def send():
            for writer in list(self._clients):
                writer.write(self._frame(text))

        self.call(send())

    # -- trades -----------------------------------------------------------------------------------------------------------

    def trade(self, coin, push=True):
        item = {
            "coin": coin, "side": "B", "px": str(self.mid), "sz": "0.5", "time": int(time.time() * 1000),
            "hash": "0x0", "tid": self._next_tid, "users": ["0x1", "0x2"],
        }
        self._next_tid += 1
        self.trades.setdefault(coin, []).append(item)
        if push:
            self.call(self._send("trades", coin, [item]))
        return item["tid"]

    # -- frames -----------------------------------------------------------------------------------------------------------

    @staticmethod
    def _frame(text):
        data = text.encode()
        if len(data) < 126:
            head = struct.pack("!BB", 0x81, len(data))
        elif len(data) < 65536:
            head = struct.pack("!BBH", 0x81, 126, len(data))
        else:
            head = struct.pack("!BBQ", 0x81, 127, len(data))
        return head + data

    async def _send(self, kind, coin, data, only=None):
        if kind in self.silent or "all" in self.silent:
            return
        text = json.dumps({"channel": kind, "data": data}, separators=(",", ":"))
        for writer, subscriptions in list(self._clients.items()):
            if only is not None and writer is not only:
                continue
            for subscription in map(json.loads, subscriptions):
                if subscription["type"] == kind and subscription.get("coin", subscription.get("dex", "")) == coin:
                    writer.write(self._frame(text))

    def book(self, coin):
        level = lambda price: {"px": str(price), "sz": "1.5", "n": 2}
        now = int(time.time() * 1000)
        return {"coin": coin, "time": now, "levels": [[level(self.mid - 1 - i) for i in range(5)], [level(self.mid + 1 + i) for i in range(5)]]}

    def candle(self, coin, interval="1m"):
        start = int(time.time()) // 60 * 60_000
        return {"t": start, "T": start + 59_999, "s": coin, "i": interval, "o": "100", "c": str(self.mid), "h": "200", "l": "1", "v": "3.5", "n": 7}

    async def _push_for_ever(self):
        while True:
            await self._push()
            await asyncio.sleep(0.1)

    async def _push(self, only=None):
        for coin in [asset["name"] for dex in self.universe.values() for asset in dex]:
            book = self.book(coin)
            await self._send("l2Book", coin, book, only)
            top = {"coin": coin, "time": book["time"], "bbo": [book["levels"][0][0], book["levels"][1][0]]}
            await self._send("bbo", coin, top, only)
            context = {"funding": "0.0000125", "openInterest": "5259.34", "oraclePx": "100.5", "markPx": str(self.mid), "midPx": None}
            await self._send("activeAssetCtx", coin, {"coin": coin, "ctx": context}, only)
            await self._send("candle", coin, self.candle(coin), only)
        for dex, assets in self.universe.items():
            mids = {asset["name"]: str(self.mid) for asset in assets}
            await self._send("allMids", dex, {"mids": mids, **({"dex": dex} if dex else {})}, only)

    # -- one connection ---------------------------------------------------------------------------------------------------

    async def _serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in head.split("\r\n")[1:] if ":" in line)}
                if headers.get("upgrade", "").lower() == "websocket":
                    await self._websocket(headers, reader, writer)
                    return
                body = json.loads(await reader.readexactly(int(headers["content-length"])))
                answer = self._info(body)
                text = json.dumps(answer).encode()
                status = "200 OK" if answer is not NotImplemented else "422 Unprocessable Entity"
                writer.write(f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._clients.pop(writer, None)
            writer.close()

    def _info(self, body):
        self.asked.append(body["type"])
        if body["type"] == "meta":
            return {"universe": self.universe[body.get("dex", "")], "marginTables": [], "collateralToken": 0}
        if body["type"] == "spotMeta":
            return {"tokens": [{"name": "USDC", "szDecimals": 8, "weiDecimals": 8, "index": 0, "tokenId": "0x", "isCanonical": True}], "universe": []}
        if body["type"] == "perpDexs":
            return [None, {"name": "hyna", "fullName": "HyENA", "deployer": "0x1", "oracleUpdater": None, "feeRecipient": None}]
        if body["type"] == "recentTrades":
            return list(reversed(self.trades.get(body["coin"], [])))
        if body["type"] == "candleSnapshot":
            return [self.candle(body["req"]["coin"], body["req"]["interval"])]
        return NotImplemented

    async def _websocket(self, headers, reader, writer):
        accept = base64.b64encode(hashlib.sha1((headers["sec-websocket-key"] + GUID).encode()).digest()).decode()
        writer.write(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode())
        self.connections += 1
        self._clients[writer] = set()
        writer.write(self._frame("Websocket connection established."))
        while True:
            first, second = await reader.readexactly(2)
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack("!H", await reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await reader.readexactly(8))
            mask = await reader.readexactly(4) if second & 0x80 else b"\0\0\0\0"
            data = bytes(b ^ mask[i % 4] for i, b in enumerate(await reader.readexactly(size)))
            opcode = first & 0x0F
            if opcode == 8:
                return
            if opcode == 1 and not self.deaf:
                await self._on_text(json.loads(data), writer)

    async def _on_text(self, frame, writer):
        self.received.append(frame)
        if frame["method"] == "ping":
            writer.write(self._frame('{"channel":"pong"}'))
            return
        subscription = frame["subscription"]
        coins = {asset["name"] for dex in self.universe.values() for asset in dex}
        if "coin" in subscription and subscription["coin"] not in coins:
            writer.write(self._frame(json.dumps({"channel": "error", "data": "Invalid subscription " + json.dumps(subscription)})))
            return
        key = json.dumps(subscription, sort_keys=True)
        if frame["method"] == "subscribe":
            self._clients[writer].add(key)
        else:
            self._clients[writer].discard(key)
        echo = dict(subscription)
        if subscription["type"] == "l2Book":
            echo.update(nSigFigs=None, mantissa=None)
        writer.write(self._frame(json.dumps({"channel": "subscriptionResponse", "data": {"method": frame["method"], "subscription": echo}})))
        if frame["method"] == "subscribe" and subscription["type"] == "trades":
            known = self.trades.get(subscription["coin"], [])
            await self._send("trades", subscription["coin"], known[-5:] if self.first_trades is None else self.first_trades, writer)
