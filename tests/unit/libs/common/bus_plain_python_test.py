"""A plain SUB and a plain REQ socket, no client library, against the suite's own sockets."""
import json
import os
import subprocess
import sys
import tempfile

import zmq


def check(condition, what):
    if not condition:
        sys.exit("FAILED: " + what)


def request(context, endpoint, message):
    socket = context.socket(zmq.REQ)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVTIMEO, 10_000)
    socket.connect(endpoint)
    socket.send(message if isinstance(message, bytes) else json.dumps(message).encode())
    parts = socket.recv_multipart()
    socket.close()
    return parts


def main():
    folder = tempfile.mkdtemp(prefix="perpwire-plain-")
    path = os.path.join(folder, "replay.sock")
    peer = subprocess.Popen([sys.argv[1], path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        events, pages, stream = peer.stdout.readline().split()
        check(oct(os.stat(path).st_mode & 0o777) == "0o660", "the socket's mode is 0660")
        context = zmq.Context()
        sub = context.socket(zmq.SUB)
        sub.setsockopt(zmq.RCVTIMEO, 10_000)
        for topic in (b"orders.hyperliquid.created", b"pb.orders.hyperliquid.created", b"hb."):
            sub.setsockopt(zmq.SUBSCRIBE, topic)
        sub.connect(events)
        json_events, protobuf_events, beats = [], 0, []
        while len(json_events) < 5 or protobuf_events < 5 or len(beats) < 2:
            topic, payload = sub.recv_multipart()
            if topic == b"hb.order-gateway.main":
                beats.append(json.loads(payload))
            elif topic == b"orders.hyperliquid.created":
                json_events.append(json.loads(payload))
            else:
                check(topic == b"pb.orders.hyperliquid.created", f"topic {topic}")
                check(payload[:1] != b"{", "protobuf is no JSON")
                protobuf_events += 1

        for before, after in zip(json_events, json_events[1:]):
            check(after["sequence"] == before["sequence"] + 1, "sequence goes up by one")
            check(after["topic_sequence"] == before["topic_sequence"] + 1, "topic_sequence goes up by one")
        event = json_events[0]
        check(event["event_type"] == "order_created" and event["stream"] == stream, "an order event")
        check(event["data"]["price"] == 50000.0 and event["data"]["amount"] == 0.001, "exact numbers")
        check(event["data"]["exchange_order_id"] is None, "not known is null")
        beat = beats[-1]
        fields = {"event_type", "timestamp", "process", "instance", "version", "build", "contract", "state",
                  "stream", "newest_sequence", "topics"}
        check(fields <= set(beat), f"heartbeat fields, found {sorted(beat)}")
        check(beat["state"] == "READY" and beat["stream"] == stream, "heartbeat says who it is")
        check(beat["topics"]["orders.hyperliquid.created"] > 0, "heartbeat lists what moved")
        check(250 <= (beats[1]["timestamp"] - beats[0]["timestamp"]) / 1e6 + 125, "a beat each 250 ms")

        # REQ puts an empty frame before its request, and wants it back before the reply.
        head, *rest = request(context, pages, {"type": "replay", "request_id": "r-1", "from_sequence": 1, "limit": 3})
        head = json.loads(head)
        check(head["type"] == "replay_page" and head["request_id"] == "r-1", f"a page, found {head}")
        check(head["next_sequence"] == 4 and head["last_sequence"] >= 6, f"its numbers, found {head}")
        check(len(rest) == 6, "three topic, payload pairs")
        check(rest[0] == b"stream.order-gateway.main", "the stream begins with stream_opened")
        opened = json.loads(rest[1])
        check(opened["event_type"] == "stream_opened" and opened["sequence"] == 1, f"found {opened}")
        check(rest[2] == b"orders.hyperliquid.created", "topics in pages carry no pb.")
        replayed = json.loads(request(context, pages, {
            "type": "replay", "request_id": "r-2", "from_sequence": event["sequence"], "limit": 1})[2])
        check(replayed == event, "a page says what the bus said")

        for message, code in (({"type": "replay", "request_id": "x", "stream": "nobody.main.1"}, "UNKNOWN_STREAM"),
                              ({"type": "replay", "request_id": "x", "limit": "many"}, "INVALID_COMMAND"),
                              ({"type": "replay", "request_id": "x", "surprise": 1}, "INVALID_COMMAND"),
                              (b"{", "INVALID_COMMAND"), (b"", "INVALID_COMMAND"), (b"\xff\xfe", "INVALID_COMMAND")):
            answer = request(context, pages, message)[0]
            check(code.encode() in answer, f"{message} is {code}, found {answer}")
        hello = json.loads(request(context, pages, {"type": "hello", "request_id": "h", "hello": {
            "process": "test", "contract": "another"}})[0])
        check(hello["code"] == "VERSION_MISMATCH" and "another" in hello["reason"], f"found {hello}")
        check(beat["contract"] in hello["reason"], "both contracts are named")
    finally:
        peer.stdin.close()
        peer.wait(10)
        if os.path.exists(path):
            os.remove(path)
        os.rmdir(folder)


main()
