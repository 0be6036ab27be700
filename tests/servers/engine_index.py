"""An index of an engine for the tests, and plain requests to it: by urllib, not through any client of ours."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from engine.records import Document
from tests.servers.engines import Server

VECTOR = "vector"


def send(server: Server, method: str, path: str, body: object = None, *, ignore: int = 0) -> Any:
    """The engine's answer; ``body`` may be lines already. Raises ``AssertionError`` for a refusal but ``ignore``."""
    data = None if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
    kind = "application/x-ndjson" if isinstance(body, str) else "application/json"
    request = urllib.request.Request(server.url + path, data, {"Content-Type": kind}, method=method)
    context = None
    if server.ca:
        pair = f"{server.username}:{server.password}".encode()
        request.add_header("Authorization", "Basic " + base64.b64encode(pair).decode())
        context = ssl.create_default_context(cafile=server.ca)
    try:
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == ignore:
            return None
        raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()[:500]}") from None


def make(
    server: Server,
    name: str,
    documents: Sequence[Document],
    vectors: Mapping[str, Sequence[float]] | None = None,
    *,
    text: Mapping[str, Any],
    other: Mapping[str, Any] | None = None,
    exact: bool = True,
    shards: int = 1,
    ours: bool = True,
) -> None:
    """The index ``name`` anew with these documents.

    text     text field → analyzer
    other    further fields → mapping
    exact    every vector is compared, where the engine can be told so
    ours     as Rankscope writes it: with ``order`` and ``_meta``
    """
    dimension = len(next(iter(vectors.values()))) if vectors else 0
    fields: dict[str, Any] = {field: {"type": "text", "analyzer": how} for field, how in text.items()}
    fields |= other or {}
    if dimension:
        fields[VECTOR] = vector_mapping(server, dimension, exact)
    if ours:
        fields["order"] = {"type": "long"}
    meta = {"_meta": {"rankscope": {"embedder": "static"}}} if ours else {}
    settings = {"number_of_shards": shards, "number_of_replicas": 0}
    if server.kind == "opensearch":
        settings |= {"index.knn": True}
    send(server, "DELETE", f"/{name}", ignore=404)
    send(server, "PUT", f"/{name}", {"settings": settings, "mappings": {**meta, "properties": fields}})
    lines = []
    for number, document in enumerate(documents):
        source: dict[str, Any] = dict(document.fields)
        if ours:
            source["order"] = number
        if vectors and document.id in vectors:
            source[VECTOR] = list(vectors[document.id])
        lines += [json.dumps({"index": {"_id": document.id}}), json.dumps(source)]
    done = send(server, "POST", f"/{name}/_bulk?refresh=true", "\n".join(lines) + "\n")
    assert not done["errors"], done["items"][0]


def vector_mapping(server: Server, dimension: int, exact: bool) -> dict[str, Any]:
    """A field of unit vectors; OpenSearch has no field that is searched exactly, and asks by a script for that."""
    if server.kind == "opensearch":
        method = {"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil"}
        return {"type": "knn_vector", "dimension": dimension, "method": method}
    kind = "flat" if exact else "hnsw"
    return {"type": "dense_vector", "dims": dimension, "similarity": "cosine", "index_options": {"type": kind}}
