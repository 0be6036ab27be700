"""One client to three engines: headers, detection, addresses, signing in, and what each fault is told as."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import SettingsError
from engine.remote.offline import OfflineRule
from engine.settings.schema import StoreSettings
from engine.stores.elastic.connection import connect, hosts, place
from engine.stores.elastic.detect import Engine, detect, engine_of
from engine.stores.elastic.faults import Place, failed_shards, refusal
from engine.stores.elastic.node import PlainNode, plain
from tests.servers.engines import Server
from tests.servers.loopback import Reply, serving

FINGERPRINT = "ab:" * 31 + "cd"


async def test_one_client_speaks_to_all_three(any_engine: Server) -> None:
    async with connect(any_engine.store("x")) as client:
        engine = await detect(client)
        assert (await client.indices.exists(index="not-there")).body is False
    assert engine.name == any_engine.kind
    assert engine.version[0] == int(any_engine.name.rpartition("-")[2])
    assert str(engine).startswith(("Elasticsearch ", "OpenSearch "))


def test_versioned_media_types_become_plain() -> None:
    assert plain("application/vnd.elasticsearch+json; compatible-with=9") == "application/json"
    assert plain("application/vnd.elasticsearch+x-ndjson; compatible-with=9") == "application/x-ndjson"
    assert plain("text/plain") == "text/plain"


@pytest.mark.parametrize(
    ("body", "engine"),
    [
        ({"version": {"number": "9.2.4"}}, Engine("elasticsearch", (9, 2, 4))),
        ({"version": {"number": "8.15.0-SNAPSHOT"}}, Engine("elasticsearch", (8, 15, 0))),
        ({"version": {"number": "3.1.0", "distribution": "opensearch"}}, Engine("opensearch", (3, 1, 0))),
        (
            {"version": {"number": "7.10.2"}, "tagline": "The OpenSearch Project: https://opensearch.org/"},
            Engine("opensearch", (7, 10, 2)),
        ),
        ({"nodes": {"a": {"version": "9.2.4", "modules": [{"name": "m"}]}}}, Engine("elasticsearch", (9, 2, 4))),
        (
            {"nodes": {"a": {"version": "2.19.1", "plugins": [{"opensearch_version": "2.19.1"}]}}},
            Engine("opensearch", (2, 19, 1)),
        ),
        ({"version": {"number": "soon"}}, None),
        ({"nodes": {}}, None),
        ({"hello": "world"}, None),
        ("<html>", None),
    ],
)
def test_what_the_first_page_says(body: object, engine: Engine | None) -> None:
    assert engine_of(body) == engine


def test_opensearch_3_reports_bm25_without_the_factor() -> None:
    assert Engine("opensearch", (2, 19, 1)).has_k1_factor
    assert not Engine("opensearch", (3, 0, 0)).has_k1_factor
    assert Engine("elasticsearch", (9, 2, 4)).has_k1_factor


@pytest.mark.parametrize(
    ("url", "made"),
    [
        ("http://localhost", ["http://localhost:9200"]),
        ("https://search.example.org/es/", ["https://search.example.org:443/es"]),
        ("http://a:1, http://b:2", ["http://a:1", "http://b:2"]),
        ("https://me:secret%21@h:9", ["https://h:9"]),
        ("http://[::1]:9200", ["http://[::1]:9200"]),
    ],
)
def test_addresses(url: str, made: list[str]) -> None:
    store = StoreSettings(url=url)
    assert hosts(store) == made
    assert "secret" not in place(store)


@pytest.mark.parametrize(
    ("signed", "header"),
    [
        ({"api_key": "env:OWN"}, "ApiKey a-secret"),
        ({"bearer": "env:OWN"}, "Bearer a-secret"),
        ({"username": "me", "password": "env:OWN"}, "Basic bWU6YS1zZWNyZXQ="),
        ({}, ""),
    ],
)
async def test_ways_of_signing_in(signed: dict[str, Any], header: str) -> None:
    body = json.dumps({"version": {"number": "9.2.4", "build_flavor": "default"}, "tagline": "You Know, for Search"})
    async with serving(answer=lambda request: Reply(body=body.encode())) as loopback:
        store = StoreSettings(url=loopback.url, **signed)
        async with connect(store, environ={"OWN": "a-secret"}) as client:
            assert (await detect(client)).name == "elasticsearch"
        assert {request.headers.get("authorization", "") for request in loopback.requests} == {header}


async def test_a_cloud_deployment_is_found_by_its_id() -> None:
    told = base64.b64encode(b"eu.example.org:9243$abc$kibana").decode()
    store = StoreSettings(cloud_id=f"mine:{told}", api_key="env:OWN")
    async with connect(store, environ={"OWN": "k"}) as client:
        assert [node.base_url for node in client.transport.node_pool.all()] == ["https://abc.eu.example.org:9243"]
        assert isinstance(client.transport.node_pool.get(), PlainNode)
    assert place(store) == "mine"


@pytest.mark.parametrize(
    ("store", "told", "hint"),
    [
        ({}, "store.url is empty", "http://localhost:9200"),
        ({"url": "localhost:9200"}, "no address", "https://localhost:9200"),
        ({"url": "http://h:port"}, "no valid port", ":9200"),
        ({"url": "http://h", "api_key": "k", "bearer": "b"}, "store.api_key and store.bearer", "take"),
        ({"url": "http://u:p@h", "api_key": "k"}, "store.api_key and store.username", "take"),
        ({"url": "http://h", "password": "p"}, "without a name", "store.username"),
        ({"url": "http://h", "api_key": "env:NOT_SET"}, "store.api_key: env:NOT_SET", "export NOT_SET"),
        ({"url": "https://h", "ca_file": "missing.crt"}, "there is no file", "http_ca.crt"),
        ({"url": "https://h", "fingerprint": "abc"}, "64 hexadecimal", "openssl"),
        ({"url": "http://h", "fingerprint": FINGERPRINT}, "begins with http:", "https://"),
    ],
)
def test_settings_that_cannot_connect(store: dict[str, str], told: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        connect(StoreSettings(**store), tmp_path, environ={})
    assert told in refused.value.message
    assert hint in refused.value.hint
    assert refused.value.path.startswith("store.")


def test_offline_leaves_only_this_machine() -> None:
    rule = OfflineRule(offline=True)
    with pytest.raises(SettingsError, match=r"offline: the engine search\.example\.org"):
        connect(StoreSettings(url="https://search.example.org"), rule=rule)
    connect(StoreSettings(url="http://127.0.0.1:9"), rule=rule)
    connect(StoreSettings(url="https://search.example.org"), rule=OfflineRule(True, ("search.example.org",)))


@pytest.mark.parametrize(
    ("status", "error", "kind", "told"),
    [
        (
            401,
            {"type": "security_exception", "reason": "missing authentication credentials"},
            "unauthorized",
            "nothing",
        ),
        (401, {"type": "security_exception", "reason": "unable to authenticate user [x]"}, "unauthorized", "not know"),
        (
            403,
            {
                "type": "security_exception",
                "reason": "current license is non-compliant for [Reciprocal Rank Fusion (RRF)]",
            },
            "licence",
            "does not include Reciprocal Rank Fusion",
        ),
        (
            403,
            {"type": "security_exception", "reason": "action [indices:data/read/search] is unauthorized for API key"},
            "forbidden",
            "may not do indices:data/read/search on docs",
        ),
        (404, {"type": "index_not_found_exception", "reason": "no such index [docs]"}, "index", "no index docs"),
        (
            400,
            {
                "type": "search_phase_execution_exception",
                "reason": "all shards failed",
                "failed_shards": [
                    {
                        "reason": {
                            "type": "illegal_argument_exception",
                            "reason": "the query vector has a different dimension [3] than the index vectors [256]",
                        }
                    }
                ],
            },
            "dimension",
            "3 dimensions, those of the index 256",
        ),
        (
            400,
            {"type": "x", "reason": "Query vector has invalid dimension: 3. Dimension should be: 256"},
            "dimension",
            "256",
        ),
        (
            400,
            {"type": "media_type_header_exception", "reason": "Invalid media-type value on headers [Accept]"},
            "headers",
            "another version",
        ),
        (429, {"type": "circuit_breaking_exception", "reason": "[parent] Data too large"}, "overloaded", "memory"),
        (429, {"type": "es_rejected_execution_exception", "reason": "queue full"}, "overloaded", "too busy"),
        (
            503,
            {"type": "search_phase_execution_exception", "reason": "all shards failed"},
            "shards",
            "no shard of docs",
        ),
        (500, {"type": "null_pointer_exception", "reason": "oops"}, "refused", "status 500: oops"),
    ],
)
def test_a_refusal_is_one_sentence(status: int, error: dict[str, object], kind: str, told: str) -> None:
    fault = refusal(status, {"error": error, "status": status}, Place("host:9200", "docs"))
    assert (fault.kind, fault.reason, fault.status) == (kind, kind, status)
    assert fault.message.startswith("host:9200: ")
    assert told in fault.message
    assert "\n" not in fault.message
    assert fault.hint or kind == "body"


def test_some_of_the_shards_are_told() -> None:
    answer = {
        "_shards": {
            "total": 4,
            "failed": 2,
            "failures": [
                {"reason": {"type": "x", "reason": "out of disk", "caused_by": {"type": "y", "reason": "full"}}}
            ],
        }
    }
    assert failed_shards(answer) == "2 of 4 shards failed: full"
    assert failed_shards({"_shards": {"total": 4, "failed": 0}}) == ""
    assert "time limit" in failed_shards({"_shards": {"total": 4, "failed": 0}, "timed_out": True})
