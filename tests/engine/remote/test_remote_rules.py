"""The pure parts: where a host is, how long to wait, whose turn it is, where the time went."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import RemoteError
from engine.remote.gate import WINDOW_S, Window
from engine.remote.offline import OfflineRule, Place, departure, place_of
from engine.remote.retry import MAX_BACKOFF_S, asked_wait_s, passing_status, pause_s
from engine.remote.timings import parts
from engine.remote.wire import WireRequest, WireTiming

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://localhost:8080/rerank", Place.MACHINE),
        ("http://LOCALHOST.:8080", Place.MACHINE),
        ("http://tei.localhost", Place.MACHINE),
        ("http://127.0.0.1", Place.MACHINE),
        ("http://127.8.9.1:1", Place.MACHINE),
        ("http://[::1]:80/", Place.MACHINE),
        ("http://[::ffff:127.0.0.1]/", Place.MACHINE),
        ("http://0.0.0.0:8000", Place.MACHINE),
        ("http://host.docker.internal:11434", Place.MACHINE),
        ("http://user:localhost@tei:8080", Place.NETWORK),
        ("http://tei:8080", Place.NETWORK),
        ("http://192.168.1.7", Place.NETWORK),
        ("http://10.0.0.1", Place.NETWORK),
        ("http://[fd00::1]", Place.NETWORK),
        ("http://[fe80::1%25eth0]:80", Place.NETWORK),
        ("http://gpu.local", Place.NETWORK),
        ("http://gpu.corp.internal", Place.NETWORK),
        ("https://api.cohere.com/v2/rerank", Place.INTERNET),
        ("https://localhost.evil.example", Place.INTERNET),
        ("https://localhost@evil.example", Place.INTERNET),
        ("https://127.0.0.1.evil.example", Place.INTERNET),
        ("http://8.8.8.8", Place.INTERNET),
        ("http://[2606:4700::1111]", Place.INTERNET),
    ],
)
def test_where_a_host_is(url: str, place: Place) -> None:
    assert place_of(url) is place


def test_offline_forbids_all_but_this_machine_and_the_trusted() -> None:
    rule = OfflineRule(offline=True, trusted=("tei",))
    rule.check("tei", "http://tei:8080")
    rule.check("ollama", "http://localhost:11434")
    with pytest.raises(RemoteError, match="the local network") as caught:
        rule.check("vllm", "http://gpu:8000")
    assert "trusted_hosts" in caught.value.hint
    OfflineRule().check("cohere", "https://api.cohere.com")


def test_what_leaves_is_said_in_one_sentence() -> None:
    gone = departure(
        OfflineRule(), "Cohere", "rerank-v3.5", "https://api.cohere.com/v2", ("title", "text"), ["ab", "c"], "query"
    )
    assert gone is not None
    assert gone.text == (
        "Cohere (rerank-v3.5) at api.cohere.com, on the internet, gets the query and title and text of 2 documents: "
        "8 characters"
    )
    assert departure(OfflineRule(), "TEI", "", "http://localhost:8080", ("text",), ["a"], "q") is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Fri, 15 Jan 2027 08:00:20 GMT"}, 20.0),
        ({"retry-after": "Fri, 15 Jan 2027 07:59:00 GMT"}, 0.0),
        ({"retry-after": "3", "x-ratelimit-reset": "60"}, 3.0),
        ({"x-ratelimit-reset": "12"}, 12.0),
        ({"x-ratelimit-reset": str(NOW + 30)}, 30.0),
        ({"x-ratelimit-reset": str((NOW + 30) * 1e3)}, 30.0),
        ({"x-ratelimit-reset": str(NOW - 30)}, 0.0),
    ],
)
def test_what_a_service_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_wait_s(headers, NOW) == seconds


@given(st.floats(0, 3600), st.integers(1, 40), st.floats(0, 1))
def test_a_pause_is_never_shorter_than_asked_and_a_back_off_never_endless(asked: float, attempt: int, c: float) -> None:
    assert asked <= pause_s(asked, attempt, c) <= asked * 1.1 + 1e-9
    assert 0.125 <= pause_s(None, attempt, c) <= MAX_BACKOFF_S
    assert pause_s(None, attempt, c) <= pause_s(None, attempt + 1, c)


def test_which_statuses_pass() -> None:
    passing = [status for status in range(300, 600) if passing_status(status)]
    assert passing == [408, 425, 429, *(s for s in range(500, 600) if s not in (501, 505))]


@given(
    st.integers(1, 20),
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 25)), max_size=60),
)
def test_no_sixty_seconds_hold_more_than_the_limit(limit: int, steps: list[tuple[int, int]]) -> None:
    window, now, sent = Window(limit), 0.0, []
    for step, amount in steps:
        now += step
        start, taken = window.reserve(now, amount)
        assert start >= now
        sent.append((start, taken))
    assert sent == sorted(sent, key=lambda entry: entry[0])
    for end, _ in sent:
        assert sum(taken for start, taken in sent if end - WINDOW_S < start <= end) <= limit


def test_a_turn_given_back_can_be_taken() -> None:
    window = Window(2)
    window.reserve(0, 1)
    second = window.reserve(0, 1)
    assert window.reserve(0, 1)[0] == 60
    window.release((60, 1))
    window.release(second)
    assert window.reserve(1, 1)[0] == 1


def spans(timing: WireTiming, server: dict[str, float]) -> dict[str, float]:
    found = parts(timing, server)
    assert all(one.end_ms == two.start_ms for one, two in pairwise(found))
    assert math.isclose(found[0].start_ms, timing.began * 1e3)
    assert math.isclose(found[-1].end_ms - found[0].start_ms, timing.total_ms)
    return {part.name: round(part.end_ms - part.start_ms, 6) for part in found}


def test_the_parts_of_a_call_fill_its_time() -> None:
    timing = WireTiming(waited_ms=5, retried_ms=100, first_byte_ms=60, body_ms=2, attempts=2, began=3.5)
    assert spans(timing, {}) == {"retries": 100, "limits": 5, "service": 60, "body": 2}
    assert spans(timing, {"queue": 10, "inference": 30, "network": 99}) == {
        "retries": 100, "limits": 5, "network": 20, "queue": 10, "inference": 30, "body": 2,
    }  # fmt: skip
    assert spans(timing, {"queue": 40, "inference": 80})["inference"] == 40


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://API.Acme.example/v1/rerank?x=1", "https://api.acme.example"),
        ("http://user:pw@host:8080/rerank", "http://host:8080"),
        ("http://[::1]:80/rerank", "http://[::1]:80"),
    ],
)
def test_an_origin_has_neither_path_nor_password(url: str, origin: str) -> None:
    assert WireRequest("GET", url).origin == origin
