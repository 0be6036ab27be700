"""Which engine answers, found once: by ``GET /``, or by the node's own page where ``/`` is not served."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.errors import StoreError

if TYPE_CHECKING:
    from elasticsearch import AsyncElasticsearch

ELASTICSEARCH, OPENSEARCH = "elasticsearch", "opensearch"
_LABELS = {ELASTICSEARCH: "Elasticsearch", OPENSEARCH: "OpenSearch"}
_OPENSEARCH_BIT = 0x08000000
_JSON = {"accept": "application/json"}
_OLDEST = {ELASTICSEARCH: (8, 0, 0), OPENSEARCH: (2, 0, 0)}


@dataclass(frozen=True, slots=True, order=True)
class Engine:
    """``name`` is ``elasticsearch`` or ``opensearch``, ``version`` (major, minor, patch)."""

    name: str
    version: tuple[int, int, int]

    def __str__(self) -> str:
        return f"{_LABELS[self.name]} {'.'.join(map(str, self.version))}"

    @property
    def is_opensearch(self) -> bool:
        return self.name == OPENSEARCH

    @property
    def has_k1_factor(self) -> bool:
        """Whether BM25 scores come (k1 + 1) times Lucene's current formula: OpenSearch 3 dropped the factor."""
        return not self.is_opensearch or self.version < (3, 0, 0)

    @property
    def has_knn_section(self) -> bool:
        """``knn`` beside ``query``; OpenSearch has a query clause instead."""
        return not self.is_opensearch

    @property
    def has_sparse_vector(self) -> bool:
        """The query ``sparse_vector`` (Elasticsearch 8.15); OpenSearch has ``neural_sparse``."""
        return not self.is_opensearch and self.version >= (8, 15, 0)


async def detect(client: AsyncElasticsearch, index: str = "") -> Engine:
    """The engine behind the client. A key that may read ``index`` and nothing else is enough.

    Raises what the client raises, and ``StoreError`` for what is not supported.
    """
    from elasticsearch import ApiError

    try:
        body: Any = (await client.perform_request("GET", "/", headers=_JSON)).body
    except ApiError as error:
        if error.meta.status not in (400, 403, 405):
            raise
        body = await _from_nodes(client, index)
    engine = engine_of(body)
    if engine is None:
        raise StoreError(
            "the server answers, but it is neither Elasticsearch nor OpenSearch",
            hint="check store.url; behind a proxy it needs the path as well",
        )
    if engine.version < _OLDEST[engine.name]:
        oldest = _OLDEST[engine.name][0]
        raise StoreError(f"{engine} is too old", hint=f"{_LABELS[engine.name]} {oldest} or newer is needed")
    return engine


async def _from_nodes(client: AsyncElasticsearch, index: str) -> Any:
    """What the node says of itself, else what the index says of the version that made it."""
    from elasticsearch import ApiError

    try:
        return (await client.perform_request("GET", "/_nodes/_local", headers=_JSON)).body
    except ApiError as error:
        if error.meta.status != 403 or not index:
            raise
        made = (await client.indices.get_settings(index=index)).body
        created = [one["settings"]["index"]["version"]["created"] for one in made.values()]
        return {"version": version_of(int(max(created)))} if created else None


def version_of(created: int) -> dict[str, str]:
    """``GET /``'s account of a version from the number that an index keeps of it.

    OpenSearch marks its numbers by a bit; those of Elasticsearch tell the major version alone since 8.11, and then
    stand for the first that has all that is asked of it here.
    """
    theirs = bool(created & _OPENSEARCH_BIT)
    number = created ^ _OPENSEARCH_BIT if theirs else created
    major, minor = number // 1_000_000, number // 10_000 % 100
    if not theirs and number >= 8_500_000:
        minor = 15 if major == 8 else 0
    return {"number": f"{major}.{minor}.0", "distribution": OPENSEARCH if theirs else ""}


def engine_of(body: object) -> Engine | None:
    """What the answer of ``/`` or of ``/_nodes/_local`` says; None where it is that of something else."""
    if not isinstance(body, Mapping):
        return None
    if isinstance(version := body.get("version"), Mapping):
        number = str(version.get("number", ""))
        theirs = version.get("distribution") == OPENSEARCH or "OpenSearch" in str(body.get("tagline", ""))
    elif isinstance(nodes := body.get("nodes"), Mapping) and nodes:
        node = next(iter(nodes.values()))
        number = str(node.get("version", ""))
        parts = [*node.get("plugins", ()), *node.get("modules", ())]
        theirs = any("opensearch_version" in part for part in parts)
    else:
        return None
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", number)
    if found is None:
        return None
    return Engine(OPENSEARCH if theirs else ELASTICSEARCH, (int(found[1]), int(found[2]), int(found[3] or 0)))
