"""For asyncio: `await result(client.cancel(id))`, and `async for event in stream(client, "bbo", "fill")`."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Any, AsyncIterator, TypeVar

from .client import Client
from .errors import PerpwireError

T = TypeVar("T")


async def result(future: Future[T]) -> T:
    return await asyncio.wrap_future(future)


async def stream(client: Client, *kinds: str, max_queued: int = 10_000) -> AsyncIterator[Any]:
    """Events of these kinds, in order. A consumer that falls max_queued behind gets PerpwireError: events are never
    dropped silently."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Any] = asyncio.Queue()

    def put(*arguments: Any) -> None:
        event = arguments[0] if len(arguments) == 1 else arguments
        loop.call_soon_threadsafe(queue.put_nowait, event)

    for kind in kinds:
        client.on(kind, put)
    while True:
        event = await queue.get()
        if queue.qsize() > max_queued:
            raise PerpwireError(f"{queue.qsize()} events wait for their reader")
        yield event
