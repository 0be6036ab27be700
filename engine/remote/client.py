"""The one HTTP client: httpx over aiohttp's connections. Imported with the first call, and nowhere else is httpx.

httpx's own pool looks over every connection at every request (encode/httpx #3215) and stalls at some hundred in
flight. Requests go to the transport directly: redirects, cookies and authentication flows, which ``httpx.AsyncClient``
adds around it, are not wanted here.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from dataclasses import dataclass
from typing import cast

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from engine import __version__
from engine.logs import logger
from engine.remote import retry
from engine.remote.faults import Fault, refusal, transport_fault, unsendable
from engine.remote.gate import Gate, TooLate
from engine.remote.wire import Limits, Service, Timeouts, WireRequest, WireResponse, WireTiming

log = logger(__name__)

_HEADERS = {"User-Agent": f"rankscope/{__version__}", "Accept-Encoding": "gzip, deflate"}
_KEEP_ALIVE_S = 30.0
_DNS_S = 60


@dataclass(frozen=True, slots=True)
class _Call:
    """What the attempts of one call share. ``began`` is a ``perf_counter``, ``deadline`` a loop time."""

    service: Service
    request: WireRequest
    tokens: int
    deadline: float
    began: float


class Client:
    """Requests to one origin, over connections that are kept. Belongs to the loop it is made on."""

    def __init__(self, limits: Limits, timeouts: Timeouts, tls: ssl.SSLContext, proxy: str | None = None) -> None:
        self._limits, self._timeouts = limits, timeouts
        self._gate = Gate(limits)
        connector = aiohttp.TCPConnector(
            limit=0,  # the gate counts
            ssl=tls,
            ttl_dns_cache=_DNS_S,
            keepalive_timeout=_KEEP_ALIVE_S,
        )
        session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        self._transport = AiohttpTransport(verify=tls, client=session, proxy=httpx.Proxy(proxy) if proxy else None)
        waits = {"connect": timeouts.connect_s, "pool": timeouts.connect_s, "read": timeouts.read_s}
        self._urls: dict[str, httpx.URL] = {}
        self._extensions = {"timeout": waits}

    async def send(
        self, service: Service, request: WireRequest, *, tokens: int = 0, deadline: float = float("inf")
    ) -> WireResponse:
        """The answer, below 300; asked again as the provider's limits allow.

        ``tokens`` is the caller's estimate of what the request costs; no pause reaches past ``deadline`` (loop time:
        the end of the stage's budget). Raises ``RemoteError``; a cancelled caller's connection is closed at once.
        """
        total_s, now = self._timeouts.total_s, asyncio.get_running_loop().time()
        call = _Call(service, request, tokens, min(deadline, now + total_s), time.perf_counter())
        try:
            async with asyncio.timeout(total_s):
                return await self._attempts(call)
        except TimeoutError:
            raise Fault("timeout", f"no answer within {total_s:g} s").error(service, request) from None

    async def _attempts(self, call: _Call) -> WireResponse:
        loop, attempt = asyncio.get_running_loop(), 1
        while True:
            answer = await self._attempt(call, attempt)
            if isinstance(answer, WireResponse):
                return answer
            if not retry.passing(answer.kind) or attempt > self._limits.retries:
                raise answer.error(call.service, call.request, attempt)
            pause = retry.pause_s(answer.wait_s, attempt, random.random())
            if answer.wait_s is not None:
                self._gate.close_until(loop.time() + answer.wait_s)
            left = call.deadline - loop.time()
            if pause >= left:
                raise answer.late(pause, left).error(call.service, call.request, attempt)
            log.info("%s: %s; again in %.2f s", call.service.name, answer.what, pause)
            await asyncio.sleep(pause)
            attempt += 1

    async def _attempt(self, call: _Call, attempt: int) -> WireResponse | Fault:
        """One request over the wire, once it is its turn."""
        queued = time.perf_counter()
        try:
            async with self._gate.turn(call.tokens, call.deadline):
                return await self._exchange(call, queued, attempt)
        except TooLate as late:
            what = f"the next request may go in {late.wait_s:.3g} s only, which is past the budget"
            return Fault("limited", what)

    async def _exchange(self, call: _Call, queued: float, attempt: int) -> WireResponse | Fault:
        request = call.request
        started = time.perf_counter()
        response: httpx.Response | None = None
        try:
            if unfit := unsendable(request.headers):
                return unfit
            response = await self._transport.handle_async_request(self._prepared(request))
            first_byte = time.perf_counter()
            try:
                body = await self._read(response)
            finally:
                await response.aclose()
        except (httpx.InvalidURL, UnicodeError):
            return Fault("dns", f"no host can have the name of {request.shown_url}")
        except (httpx.HTTPError, aiohttp.ClientError) as error:
            return transport_fault(error, request, self._timeouts, answering=response is not None)
        headers = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in response.headers.raw}
        if body is None:
            return Fault("body", f"an answer of more than {self._limits.max_response_bytes:,} bytes")
        if response.status_code >= 300:
            return refusal(response.status_code, headers, body, call.service, time.time())
        ended = time.perf_counter()
        timing = WireTiming(
            waited_ms=(started - queued) * 1e3,
            retried_ms=(queued - call.began) * 1e3,
            first_byte_ms=(first_byte - started) * 1e3,
            body_ms=(ended - first_byte) * 1e3,
            attempts=attempt,
            began=call.began,
        )
        return WireResponse(response.status_code, headers, body, timing)

    def _prepared(self, request: WireRequest) -> httpx.Request:
        url = self._urls.get(request.url)
        if url is None:
            self._urls = {request.url: (url := httpx.URL(request.url))}  # mostly the one: parsing it is a tenth of all
        headers, body = {**_HEADERS, **request.headers}, httpx.ByteStream(request.body)
        prepared = httpx.Request(request.method, url, headers=headers, stream=body, extensions=self._extensions)
        prepared.read()  # a body given as a stream spares the second pass over the headers: aiohttp adds the same ones
        return prepared

    async def _read(self, response: httpx.Response) -> bytes | None:
        """The body, unpacked; None where it is longer than the limit."""
        parts: list[bytes] = []
        size = 0
        packed = "content-encoding" in response.headers
        async for part in response.aiter_bytes() if packed else cast(httpx.AsyncByteStream, response.stream):
            size += len(part)
            if size > self._limits.max_response_bytes:
                return None
            parts.append(part)
        return b"".join(parts)

    async def close(self) -> None:
        """Close every connection; what is in flight fails."""
        await self._transport.aclose()


def make_tls() -> ssl.SSLContext:
    """The certificates trusted: certifi's, or those of ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``. Takes milliseconds."""
    return httpx.create_ssl_context()
