"""The client against real sockets: what it sends, when it asks again, how it fails, what it leaves behind."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from email.utils import formatdate
from pathlib import Path

import aiohttp
import httpx
import pytest

from engine import logs
from engine.errors import EmbedderError, RemoteError, RerankerError
from engine.remote.faults import transport_fault
from engine.remote.gate import Gate, TooLate
from engine.remote.ledger import Ledger
from engine.remote.offline import OfflineRule
from engine.remote.pool import ClientPool
from engine.remote.wire import Limits, Service, Timeouts, WireRequest
from engine.secrets import Secret
from tests.servers.loopback import Loopback, Reply, Request, serving

SERVICE = Service("acme")
KEY = "sk-acme-6c1f9e55-do-not-tell"


@asynccontextmanager
async def pool(rule: OfflineRule | None = None, ledger: Ledger | None = None) -> AsyncIterator[ClientPool]:
    executor = ThreadPoolExecutor(2)
    pool = ClientPool(executor, rule, ledger)
    try:
        yield pool
    finally:
        await pool.close()
        executor.shutdown()


def post(server: Loopback | str, **headers: str) -> WireRequest:
    url = server if isinstance(server, str) else f"{server.url}/v1/rerank"
    return WireRequest.post(url, {"query": "q", "documents": ["a", "b"]}, headers)


def limited(**limits: float) -> Service:
    return Service("acme", Limits(**limits))  # type: ignore[arg-type]


async def failed(clients: ClientPool, request: WireRequest, service: Service = SERVICE) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        await clients.send(service, request)
    assert caught.value.provider == "acme"
    assert str(caught.value).startswith("acme: ")
    assert caught.value.hint
    return caught.value


async def test_sends_what_it_is_given_and_nothing_of_its_own_beside_the_usual() -> None:
    reply = Reply(body=b'{"results": []}', headers={"X-Total-Time": "7", "Set-Cookie": "a=b"})
    async with serving(reply) as server, pool() as clients:
        url = f"{server.url.replace('127.0.0.1', 'localhost')}/v1/rerank"  # an address would get no cookies anyway
        answer = await clients.send(SERVICE, post(url, Authorization="Bearer k"))
        await clients.send(SERVICE, post(url))
    first, second = server.requests
    assert first.line == "POST /v1/rerank HTTP/1.1"
    assert first.body == b'{"query":"q","documents":["a","b"]}'
    assert first.headers.keys() == {
        "host", "accept", "accept-encoding", "user-agent", "content-type", "content-length", "authorization",
    }  # fmt: skip
    assert first.headers["authorization"] == "Bearer k"
    assert "authorization" not in second.headers
    assert "cookie" not in second.headers
    assert (answer.status, answer.body, answer.headers["x-total-time"]) == (200, b'{"results": []}', "7")
    assert server.connections == 1
    assert answer.timing.attempts == 1
    assert answer.timing.total_ms == pytest.approx(answer.timing.first_byte_ms, abs=50)


async def test_a_get_has_no_body() -> None:
    async with serving() as server, pool() as clients:
        await clients.send(SERVICE, WireRequest("GET", f"{server.url}/info"))
    assert server.requests[0].line == "GET /info HTTP/1.1"
    assert server.requests[0].body == b""


async def test_unpacks_gzip_and_refuses_what_unpacks_to_too_much() -> None:
    async with serving(Reply.gzipped(b"[1]" * 9000)) as server, pool() as clients:
        assert (await clients.send(SERVICE, post(server))).body == b"[1]" * 9000
        error = await failed(clients, post(server), limited(max_response_bytes=20_000))
    assert error.kind == "body"
    assert "20,000 bytes" in str(error)


async def test_damaged_gzip_is_an_error() -> None:
    async with serving(Reply(body=b"not gzip", headers={"Content-Encoding": "gzip"})) as server, pool() as clients:
        assert (await failed(clients, post(server))).kind == "body"


@pytest.mark.parametrize(
    ("status", "headers", "least_s"),
    [
        (408, {}, 0.0),
        (429, {"Retry-After": "0.2"}, 0.2),
        (429, {"retry-after-ms": "150", "Retry-After": "9"}, 0.15),
        (429, {"x-ratelimit-reset": "0.2"}, 0.2),
        (503, {"Retry-After": "0.2"}, 0.2),
        (500, {}, 0.0),
        (529, {}, 0.0),
    ],
)
async def test_asks_again_and_waits_as_it_is_told(status: int, headers: dict[str, str], least_s: float) -> None:
    async with serving(Reply(status, headers=headers), Reply(body=b"[]")) as server, pool() as clients:
        answer = await clients.send(SERVICE, post(server))
    first, second = server.requests
    assert (answer.body, answer.timing.attempts) == (b"[]", 2)
    assert second.at - first.at >= least_s
    assert second.body == first.body
    assert answer.timing.retried_ms >= least_s * 1e3


async def test_a_date_to_wait_for_is_understood() -> None:
    soon = formatdate(time.time() + 1, usegmt=True)  # a date has whole seconds: this is up to one second away
    async with serving(Reply(503, headers={"Retry-After": soon}), Reply()) as server, pool() as clients:
        await clients.send(SERVICE, post(server))
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422, 424, 501])
async def test_what_will_not_pass_is_not_asked_again(status: int) -> None:
    async with serving(Reply(status, b'{"message": "no such model"}')) as server, pool() as clients:
        error = await failed(clients, post(server))
    assert len(server.requests) == 1
    assert (error.kind, error.status, error.attempts) == ("refused", status, 1)
    assert f"acme: {status} " in str(error)
    assert "no such model" in str(error)


async def test_gives_up_after_its_attempts() -> None:
    async with serving(Reply(503, b"<html><head><title>busy</title></head></html>")) as server, pool() as clients:
        error = await failed(clients, post(server))
    assert len(server.requests) == 3
    assert (error.kind, error.status, error.attempts) == ("overloaded", 503, 3)
    assert str(error) == "acme: 503 Service Unavailable: busy (3 attempts)"


async def test_the_dialect_reads_the_error() -> None:
    service = Service("acme", error_text=lambda status, body: f"read: {status} {len(body)}")
    async with serving(Reply(401, b"12345")) as server, pool() as clients:
        error = await failed(clients, post(server), service)
    assert str(error) == "acme: 401 Unauthorized: read: 401 5"


async def test_never_waits_past_the_budget() -> None:
    async with serving(Reply(429, b"slow down", {"Retry-After": "60"})) as server, pool() as clients:
        began = time.perf_counter()
        with pytest.raises(RemoteError, match="slow down; the next attempt would be in 6") as caught:
            await clients.send(SERVICE, post(server), deadline=asyncio.get_running_loop().time() + 5)
        assert time.perf_counter() - began < 2
    assert len(server.requests) == 1
    assert caught.value.retry_after_s == 60


async def test_a_service_that_asks_one_to_wait_asks_all() -> None:
    replies = iter([Reply(429, headers={"Retry-After": "0.4"})])
    async with serving(answer=lambda _: next(replies, Reply())) as server, pool() as clients:
        first = asyncio.create_task(clients.send(SERVICE, post(server)))
        await server.asked.wait()
        await asyncio.sleep(0.05)
        await clients.send(SERVICE, post(server))
        await first
    assert all(request.at - server.requests[0].at >= 0.4 for request in server.requests[1:])


async def test_who_waits_already_waits_on_where_another_is_asked_to() -> None:
    gate, loop = Gate(Limits()), asyncio.get_running_loop()
    began = loop.time()
    gate.close_until(began + 0.05)
    enters = asyncio.create_task(gate.turn(0, began + 10).__aenter__())
    late = asyncio.create_task(gate.turn(0, began + 0.1).__aenter__())
    await asyncio.sleep(0)
    gate.close_until(began + 0.2)
    await enters
    assert loop.time() - began >= 0.19
    with pytest.raises(TooLate):
        await late


async def test_the_whole_call_has_a_time_limit_retries_included() -> None:
    service = Service("acme", Limits(retries=50), Timeouts(total_s=0.5))
    async with serving(Reply(500)) as server, pool() as clients:
        began = time.perf_counter()
        await failed(clients, post(server), service)
        assert time.perf_counter() - began < 3


async def test_a_silent_server_and_one_that_drips_run_out_of_time() -> None:
    silent = Service("acme", timeouts=Timeouts(read_s=0.2))
    async with serving(Reply(delay_s=30)) as server, pool() as clients:
        error = await failed(clients, post(server), silent)
        assert (error.kind, str(error)) == ("timeout", "acme: nothing from 127.0.0.1 for 0.2 s")
    dripping = Service("acme", timeouts=Timeouts(read_s=5, total_s=0.4))
    async with serving(Reply(body=b"x" * 100, drip_s=0.1)) as server, pool() as clients:
        error = await failed(clients, post(server), dripping)
        assert (error.kind, str(error)) == ("timeout", "acme: no answer within 0.4 s")
        await asyncio.wait_for(server.abandoned.wait(), 5)


@pytest.mark.parametrize("reply", [Reply(delay_s=30), Reply(body=b"x" * 1000, drip_s=0.05)], ids=["waiting", "reading"])
async def test_cancelling_closes_the_connection_and_the_next_call_works(reply: Reply) -> None:
    replies = iter([reply])
    async with serving(answer=lambda _: next(replies, Reply(body=b"[]"))) as server, pool() as clients:
        task = asyncio.create_task(clients.send(limited(concurrency=1), post(server)))
        await server.asked.wait()
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.abandoned.wait(), 5)
        assert (await clients.send(limited(concurrency=1), post(server))).body == b"[]"


async def test_a_redirect_is_reported_and_not_followed() -> None:
    target = "https://user:pw123456@elsewhere.example/v1/rerank/"
    async with serving(Reply(307, headers={"Location": target})) as server, pool() as clients:
        error = await failed(clients, post(server))
    assert (error.kind, error.status, len(server.requests)) == ("redirect", 307, 1)
    assert str(error) == "acme: 307 Temporary Redirect, to https://•••@elsewhere.example/v1/rerank/"


async def test_an_answer_cut_short_is_no_answer() -> None:
    async with serving(Reply(body=b'{"results": []}', cut=5), Reply(body=b"[]")) as server, pool() as clients:
        error = await failed(clients, post(server))
        assert (error.kind, str(error)) == ("body", "acme: the answer of 127.0.0.1 ended early")
        assert (await clients.send(SERVICE, post(server))).body == b"[]"


async def test_what_is_not_http_is_said_to_be() -> None:
    async with serving(Reply(raw=b"SSH-2.0-OpenSSH_9.6\r\n\r\n")) as server, pool() as clients:
        error = await failed(clients, post(server))
    assert error.kind == "body"
    assert "does not answer in HTTP" in str(error)


async def test_a_connection_closed_without_an_answer_is_tried_again() -> None:
    async with serving(Reply(raw=b""), Reply(body=b"[]")) as server, pool() as clients:
        assert (await clients.send(SERVICE, post(server))).timing.attempts == 2
    async with serving(Reply(raw=b"")) as server, pool() as clients:
        error = await failed(clients, post(server))
    assert (error.kind, error.attempts) == ("reset", 3)


async def test_nobody_listening() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        async with pool() as clients:
            error = await failed(clients, post(f"http://user:pw123456@127.0.0.1:{port}/rerank"))
    assert (error.kind, error.attempts) == ("connect", 3)
    assert str(error) == f"acme: cannot connect to 127.0.0.1:{port}: Connection refused (3 attempts)"
    assert isinstance(error, RerankerError)
    assert isinstance(error, EmbedderError)


def test_a_connection_that_takes_too_long_is_no_question_of_how_much_is_sent() -> None:
    error = httpx.ConnectTimeout("")
    error.__cause__ = aiohttp.ConnectionTimeoutError()
    request = post("http://acme.example/rerank")
    told = transport_fault(error, request, Timeouts(), answering=False).error(SERVICE, request)
    assert (told.kind, str(told)) == ("timeout", "acme: no connection to acme.example within 5 s")
    assert told.hint == "is the server running, and is base_url its address?"


async def test_a_name_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nothing)
    async with pool() as clients:
        error = await failed(clients, post("http://nosuch.example/rerank"))
    assert (error.kind, error.attempts) == ("dns", 1)
    assert str(error) == "acme: cannot find nosuch.example: Name or service not known"


async def test_https_to_a_server_without_it() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server, pool() as clients:
        error = await failed(clients, post(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/rerank"))
    assert error.kind == "tls"
    assert "wrong version number" in str(error)
    assert "http and https" in error.hint


def contents(folder: Path) -> bytes:
    """Every file of the folder, one after the other."""
    return b"".join(path.read_bytes() for path in folder.iterdir())


def self_signed(folder: Path) -> ssl.SSLContext:
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost"
    subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
async def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    context = self_signed(tmp_path)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server, pool() as clients:
        error = await failed(clients, post(f"https://localhost:{server.sockets[0].getsockname()[1]}/rerank"))
    assert error.kind == "tls"
    assert "the certificate of localhost is not trusted: self" in str(error)
    assert "SSL_CERT_FILE" in error.hint


async def test_keeps_to_the_concurrency_and_makes_no_threads() -> None:
    async with serving(Reply(delay_s=0.05)) as server, pool() as clients:
        await clients.send(limited(concurrency=7), post(server))
        before = threading.active_count()
        answers = await asyncio.gather(*(clients.send(limited(concurrency=7), post(server)) for _ in range(60)))
        assert threading.active_count() == before
    assert server.most_at_once == 7
    assert server.connections <= 7
    assert max(answer.timing.waited_ms for answer in answers) >= 50


async def test_keeps_to_requests_and_tokens_a_minute() -> None:
    async with serving() as server, pool() as clients:
        loop = asyncio.get_running_loop()
        for service, tokens in ((limited(requests_per_minute=3), 0), (limited(tokens_per_minute=300), 100)):
            for _ in range(3):
                await clients.send(service, post(server), tokens=tokens)
            with pytest.raises(RemoteError, match=r"may go in (60|59\.\d+) s only") as caught:
                await clients.send(service, post(server), tokens=tokens, deadline=loop.time() + 1)
            assert caught.value.kind == "limited"
    assert len(server.requests) == 6


async def test_offline_sends_nothing_off_the_machine() -> None:
    async with serving() as server, pool(OfflineRule(offline=True)) as clients:
        await clients.send(SERVICE, post(server))
        with pytest.raises(RemoteError, match=r"offline: acme is on the internet \(api\.acme\.example\)") as caught:
            await clients.send(SERVICE, post("https://api.acme.example/rerank"))
    assert caught.value.kind == caught.value.reason == "offline"


async def test_a_proxy_of_the_environment_is_used_but_not_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(Reply(body=b'"proxied"')) as proxy, serving(Reply(body=b'"direct"')) as server:
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        async with pool() as clients:
            assert (await clients.send(SERVICE, post("http://acme.example/rerank"))).body == b'"proxied"'
            assert (await clients.send(SERVICE, post(server))).body == b'"direct"'
    assert proxy.requests[0].line == "POST http://acme.example/rerank HTTP/1.1"


@pytest.mark.parametrize("named", ["{}", "http://{}", "HTTP://{}"])
async def test_a_proxy_may_be_named_without_its_scheme_and_holds_for_trusted_hosts(
    monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    async with serving(Reply(body=b'"proxied"')) as proxy:
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, named.format(proxy.url.removeprefix("http://")))
        monkeypatch.delenv("no_proxy", raising=False)
        async with pool(OfflineRule(trusted=("acme.example",))) as clients:
            assert (await clients.send(SERVICE, post("http://acme.example/rerank"))).body == b'"proxied"'


@pytest.mark.parametrize("proxy", ["socks5://me:pass-of-proxy@127.0.0.1:9", "socks5h://127.0.0.1:9", "http://"])
async def test_a_proxy_that_does_not_speak_http_is_named(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    monkeypatch.delenv("no_proxy", raising=False)
    async with pool() as clients:
        error = await failed(clients, post("https://acme.example/rerank"))
    assert error.kind == "proxy"
    assert "pass-of-proxy" not in f"{error} {error.hint}"


@pytest.mark.parametrize("key", ["sk-one\nX-Other: two", "sk-\u201cquoted\u201d", "sk-\u00fcber", "sk-\x00"])
async def test_a_key_that_no_header_can_hold_is_told_without_it(key: str) -> None:
    async with serving() as server, pool() as clients:
        error = await failed(clients, post(server, Authorization=f"Bearer {key}"))
        assert error.kind == "header"
        assert error.attempts == 1
        assert key not in f"{error} {error.hint}"
        assert not server.requests
        await clients.send(SERVICE, post(server))


@pytest.mark.parametrize("name", ["Bad Name", "X-\u00dc", "X: y", "X\n", ""])
async def test_a_header_that_no_request_can_have_is_named(name: str) -> None:
    async with serving() as server, pool() as clients:
        error = await failed(clients, post(server, **{name: "v"}))
        assert (error.kind, error.hint) == ("header", "mend the provider's auth_header, headers")
        assert not server.requests


@pytest.mark.parametrize("host", ["a..b", "a" * 80 + ".com", "\u2603.example.invalid"])
async def test_a_host_name_that_cannot_be_one(host: str) -> None:
    async with pool() as clients:
        assert (await failed(clients, post(f"http://{host}/rerank"))).kind == "dns"


async def test_no_key_is_told(tmp_path: Path) -> None:
    """Not in errors, not where a service echoes it, not in what is printed of the records, not in the log or ledger."""
    secret = Secret(KEY)
    echo = Reply(401, f'{{"message": "invalid key {KEY}"}}'.encode())
    busy = Reply(503, f"try {KEY} later".encode())

    def answer(request: Request) -> Reply:
        return busy if "busy" in request.line else echo

    handler, told = logs.start(tmp_path / "log", "debug"), []
    async with serving(answer=answer) as server, pool(ledger=Ledger(tmp_path / "calls.sqlite3")) as clients:
        for path in ("busy", "echo"):
            request = post(f"{server.url}/{path}", **{"X-Api-Key": secret.reveal()})
            with suppress(RemoteError), clients.ledger.begin("acme", "m", "127.0.0.1"):
                raise (error := await failed(clients, request))
            told += [str(error), repr(error), error.hint, repr(request), request.shown_url]
    logs.stop(handler)
    files = contents(tmp_path)
    assert b"again in" in files
    assert b"overloaded" in files
    assert KEY.encode() not in files
    assert len(server.requests) == 4
    assert all(request.headers["x-api-key"] == KEY for request in server.requests)
    assert KEY not in " ".join(told)
    assert "•••" in told[0]


async def test_a_header_that_never_was_a_secret_is_masked_as_well() -> None:
    unregistered = "plain-key-9f8e7d6c"
    async with serving(Reply(401, f"bad {unregistered}".encode())) as server, pool() as clients:
        assert unregistered not in str(await failed(clients, post(server, Authorization=f"Bearer {unregistered}")))
