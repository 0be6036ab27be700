"""A loopback HTTP server that answers what it is told to, in bytes of one's own: faults as real sockets have them."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. ``raw`` is sent as it is, in the place of all else, and the connection closed after it.

    delay_s    before the first byte
    drip_s     between two bytes of the body
    cut        bytes of the body after which the connection is closed; −1: none
    """

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    drip_s: float = 0.0
    cut: int = -1
    raw: bytes | None = None

    @classmethod
    def gzipped(cls, body: bytes) -> Reply:
        return cls(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})

    def head(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} Whatever", f"Content-Length: {len(self.body)}"]
        return "\r\n".join([*lines, *(f"{k}: {v}" for k, v in self.headers.items()), "", ""]).encode()


@dataclass(frozen=True, slots=True)
class Request:
    """What came in; header names in lower case. ``at`` is loop time."""

    line: str
    headers: Mapping[str, str]
    body: bytes
    at: float


class Loopback:
    """``replies`` are given in turn, the last for ever; or a function of the request."""

    def __init__(self, replies: Sequence[Reply] | Callable[[Request], Reply]) -> None:
        self._replies = replies
        self.requests: list[Request] = []
        self.connections = 0
        self.at_once = self.most_at_once = 0
        self.asked = asyncio.Event()
        self.abandoned = asyncio.Event()
        """Set once a client closes its connection before it has its answer."""
        self.url = ""

    def _reply(self, request: Request) -> Reply:
        if callable(self._replies):
            return self._replies(request)
        return self._replies[min(len(self.requests), len(self._replies)) - 1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while (request := await _read(reader)) is not None:
                self.requests.append(request)
                self.asked.set()
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                try:
                    if not await self._answer(self._reply(request), reader, writer):
                        break
                finally:
                    self.at_once -= 1
        except ConnectionError:
            self.abandoned.set()
        finally:
            writer.close()

    async def _answer(self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on."""
        if reply.delay_s and await _closed_within(reader, reply.delay_s):
            self.abandoned.set()
            return False
        if reply.raw is not None:
            writer.write(reply.raw)
            await writer.drain()
            return False
        writer.write(reply.head())
        body = reply.body if reply.cut < 0 else reply.body[: reply.cut]
        for part in (body[i : i + 1] for i in range(len(body))) if reply.drip_s else (body,):
            writer.write(part)
            await writer.drain()
            if reply.drip_s and await _closed_within(reader, reply.drip_s):
                self.abandoned.set()
                return False
        return reply.cut < 0


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    line, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(line, headers, body, asyncio.get_running_loop().time())


async def _closed_within(reader: asyncio.StreamReader, seconds: float) -> bool:
    """Whether the other side hangs up in that time; nothing else is expected of it."""
    try:
        return not await asyncio.wait_for(reader.read(1), seconds)
    except TimeoutError:
        return False


@asynccontextmanager
async def serving(*replies: Reply, answer: Callable[[Request], Reply] | None = None) -> AsyncIterator[Loopback]:
    """A server on a free port of 127.0.0.1, closed with everything it has open."""
    loopback = Loopback(answer or replies or (Reply(),))
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(loopback._serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    loopback.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield loopback
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
