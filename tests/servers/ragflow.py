"""An index as RAGFlow makes it: its mapping by name patterns, two shards, and chunks with the tokens, vectors, ranks
and tags that it gives them. The chunks are Cranfield's documents and some that each show one of its ways.

``python -m tests.servers.ragflow URL`` builds it there and answers embedding requests until it is interrupted.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.analysis import porter
from engine.embedders.static import StaticEmbedder
from engine.executor import make_executor
from engine.settings.schema import (
    DenseLeg,
    GraphLeg,
    LexicalLeg,
    ProviderSettings,
    RagflowSettings,
    RerankSettings,
    Settings,
    StoreSettings,
)
from engine.stores.elastic.connection import connect
from engine.stores.elastic.detect import detect
from tests.servers.engines import Server
from tests.servers.loopback import Loopback, Reply, Request, serving

INDEX = "ragflow_0123456789abcdef"
OWN_INDEX = f"{INDEX}_{os.getpid()}"
"""The tests' own: several processes may share an engine."""
MANUALS, PAPERS = "kb-manuals", "kb-papers"
DIMENSION = 512
DIMENSIONS = (512, 768, 1024, 1536)
CRANFIELD = Path(__file__).parents[3] / "shared" / "data" / "cranfield" / "corpus.jsonl"
PAPERS_TAKEN = 300

MANUAL = """
retry-1|retry policy|Configure the retry policy of failed requests: how often, and with what delay.|retry policy
retry-2|resilience guide|When a call does not succeed the client repeats it after a growing pause.|
retry-3|resilience guide|Attempts are made again with exponential backoff until the limit is reached.|backoff
sleep-1|time module|time.sleep suspends the calling thread for a number of seconds.|sleep
sleep-2|threading module|Halt the program for a moment without blocking the other workers.|
timer-1|threading module|A timer runs a function after a number of seconds have passed.|
cache-1|cache guide|The cache keeps answers for an hour, then asks the origin again.|
queue-1|queue guide|A queue hands work to the next free worker in order of arrival.|
login-1|accounts|Sign in with your password or a passkey; sessions end after a day.|
hidden-1|retry policy|This hidden chunk repeats: retry policy, retry policy, failed requests.|
"""
"""id|document|text|keyword of each chunk of the knowledge base ``kb-manuals``."""


_DATES = "yyyy-MM-dd HH:mm:ss||yyyy-MM-dd||yyyy-MM-dd_HH:mm:ss"


def tokens(text: str) -> list[str]:
    """As RAGFlow's tokenizer makes them of English: runs of letters and digits, lower case, stemmed."""
    return [porter.stem(word) for word in re.findall(r"[^\W_]+", text.lower())]


def mapping(*, opensearch: bool, rank_features: bool) -> dict[str, Any]:
    """RAGFlow's settings and dynamic templates; where the engine lacks them (``rank_features`` False: modules that are
    not in the build), numbers in place of rank features and BM25 in place of the scripted similarity."""
    similarity = {"similarity": "scripted_sim"} if rank_features else {}
    feature = {"type": "rank_feature" if rank_features else "float"}
    features = {"type": "rank_features"} if rank_features else {"type": "object", "enabled": False}
    patterns: list[tuple[str, str, dict[str, Any]]] = [
        ("int", "*_int", {"type": "integer", "store": True}),
        ("ulong", "*_ulong", {"type": "unsigned_long" if rank_features else "long", "store": True}),
        ("long", "*_long", {"type": "long", "store": True}),
        ("short", "*_short", {"type": "short", "store": True}),
        ("flt", "*_flt", {"type": "float", "store": True}),
        ("tks", "*_tks", {"type": "text", **similarity, "analyzer": "whitespace", "store": True}),
        ("ltks", "*_ltks", {"type": "text", "analyzer": "whitespace", "store": True}),
        ("text", "^.*_(with_weight|list)$", {"type": "text", "index": False, "store": True}),
        ("kwd", "^(.*_(kwd|id|ids|uid|uids)|uid|id)$", {"type": "keyword", "similarity": "boolean", "store": True}),
        ("fea", "*_fea", feature),
        ("feas", "*_feas", features),
        ("dt", "^.*(_dt|_time|_at)$", {"type": "date", "format": _DATES, "store": True}),
        ("nested", "*_nst", {"type": "nested"}),
        ("object", "*_obj", {"type": "object", "dynamic": True}),
        ("binary", "*_bin", {"type": "binary"}),
        *((f"vec-{size}", f"*_{size}_vec", _vector(size, opensearch)) for size in DIMENSIONS),
    ]
    templates = [
        {name: {**({"match_pattern": "regex"} if match[0] == "^" else {}), "match": match, "mapping": how}}
        for name, match, how in patterns
    ]
    rarity = "Math.log(1+(field.docCount-term.docFreq+0.5)/(term.docFreq+0.5))/Math.log(1+((field.docCount-0.5)/1.5))"
    script = f"double idf = {rarity}; return query.boost * idf * Math.min(doc.freq, 1);"
    settings: dict[str, Any] = {"number_of_shards": 2, "number_of_replicas": 0}
    if rank_features:
        settings["similarity"] = {"scripted_sim": {"type": "scripted", "script": {"source": script}}}
    if opensearch:
        settings["knn"] = True
    mappings = {
        "properties": {"lat_lon": {"type": "geo_point"}},
        "date_detection": True,
        "dynamic_templates": templates,
    }
    return {"settings": {"index": settings}, "mappings": mappings}


def _vector(size: int, opensearch: bool) -> dict[str, Any]:
    """A field of so many numbers, searched by HNSW: with OpenSearch's engine named, and all of their precision kept."""
    if opensearch:
        method = {"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil"}
        return {"type": "knn_vector", "dimension": size, "method": method}
    options = {"type": "hnsw"}
    return {"type": "dense_vector", "index": True, "similarity": "cosine", "dims": size, "index_options": options}


def embed(texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """float32[n, 512]: the static vectors with zeros behind them, as a model with that many numbers."""
    vectors = _embedder().encode(texts)
    return np.pad(np.nan_to_num(vectors), ((0, 0), (0, DIMENSION - vectors.shape[1])))


@cache
def _embedder() -> StaticEmbedder:
    return StaticEmbedder(make_executor())


def chunks() -> list[dict[str, Any]]:
    """Every chunk with its vector; skips the test where Cranfield is not here."""
    if not CRANFIELD.exists():
        pytest.skip(f"no {CRANFIELD}")
    made = [*_manuals(), *_papers()]
    vectors = embed([f"{each['docnm_kwd']} {each['content_with_weight']}" for each in made])
    for each, vector in zip(made, vectors.tolist(), strict=True):
        if each["content_with_weight"].strip():
            each[f"q_{DIMENSION}_vec"] = vector
    return made


def _chunk(chunk_id: str, base: str, document: str, name: str, text: str, **more: Any) -> dict[str, Any]:
    words, title = " ".join(tokens(text)), " ".join(tokens(name))
    return {
        "id": chunk_id,
        "kb_id": base,
        "doc_id": document,
        "docnm_kwd": name,
        "title_tks": title,
        "title_sm_tks": title,
        "content_with_weight": text,
        "content_ltks": words,
        "content_sm_ltks": words,
        "available_int": 1,
        "page_num_int": [1],
        **more,
    }


def _manuals() -> Iterator[dict[str, Any]]:
    for line in MANUAL.strip().splitlines():
        chunk_id, name, text, keyword = line.split("|")
        more: dict[str, Any] = {}
        if keyword:
            more |= {"important_kwd": [keyword], "important_tks": " ".join(tokens(keyword))}
        if chunk_id == "retry-1":
            more |= {"question_kwd": ["How do I retry?"], "question_tks": " ".join(tokens("How do I retry?"))}
        if chunk_id == "cache-1":
            more |= {"pagerank_fea": 50.0}
        if chunk_id == "queue-1":
            more |= {"tag_feas": {"work": 3.0, "order": 4.0}}
        chunk = _chunk(chunk_id, MANUALS, f"doc-{name.replace(' ', '-')}", name, text, **more)
        yield chunk | ({"available_int": 0} if chunk_id.startswith("hidden") else {})
    about = json.dumps({"description": "How failed requests are repeated: delay, limit and backoff."})
    graph: dict[str, Any] = {"available_int": 0, "content_with_weight": about}
    yield _chunk("graph-1", MANUALS, "graph", "", "", knowledge_graph_kwd="entity", entity_kwd="RETRY POLICY") | graph
    ends = {"from_entity_kwd": "RETRY POLICY", "to_entity_kwd": "BACKOFF"}
    yield _chunk("graph-2", MANUALS, "graph", "", "", knowledge_graph_kwd="relation", **ends) | graph


def _papers() -> Iterator[dict[str, Any]]:
    with CRANFIELD.open(encoding="utf-8") as lines:
        for line, _ in zip(lines, range(PAPERS_TAKEN), strict=False):
            raw = json.loads(line)
            yield _chunk(f"paper-{raw['_id']}", PAPERS, f"doc-{int(raw['_id']) // 20}", raw["title"], raw["text"])


async def build(store: StoreSettings) -> int:
    """Make the index anew, as far as the engine can: rank features and the scripted similarity on OpenSearch alone of
    those that the tests have. How many chunks it has."""
    made = chunks()
    await drop(store)
    json_headers = {"accept": "application/json", "content-type": "application/json"}
    lines = {"accept": "application/json", "content-type": "application/x-ndjson"}
    async with connect(store) as client:
        engine = await detect(client)
        body = mapping(opensearch=engine.is_opensearch, rank_features=engine.is_opensearch)
        await client.perform_request("PUT", f"/{store.index}", headers=json_headers, body=body)
        for start in range(0, len(made), 100):
            bulk = [
                item
                for each in made[start : start + 100]
                for item in ({"index": {"_index": store.index, "_id": each["id"]}}, each)
            ]
            path = "/_bulk?refresh=true"
            answer: Any = (await client.perform_request("POST", path, headers=lines, body=bulk)).body
            assert not answer["errors"], next(item for item in answer["items"] if "error" in item["index"])
    return len(made)


async def drop(store: StoreSettings) -> None:
    async with connect(store) as client:
        await client.options(ignore_status=404).indices.delete(index=store.index)


@pytest.fixture(scope="session")
def ragflow_index(opensearch_2: Server) -> Iterator[Server]:
    """The OpenSearch on which the index is built, once for each process."""
    asyncio.run(build(opensearch_2.store(OWN_INDEX)))
    yield opensearch_2
    asyncio.run(drop(opensearch_2.store(OWN_INDEX)))


def answer(request: Request) -> Reply:
    """An OpenAI-compatible service's reply."""
    body = json.loads(request.body)
    data = [{"index": at, "embedding": vector} for at, vector in enumerate(embed(body["input"]).tolist())]
    return Reply(body=json.dumps({"data": data, "model": body["model"], "usage": {"total_tokens": 1}}).encode())


@asynccontextmanager
async def embedding() -> AsyncIterator[Loopback]:
    """The service that embeds these chunks."""
    async with serving(answer=answer) as loopback:
        yield loopback


@contextmanager
def embedding_beside() -> Iterator[str]:
    """The address of the same service, answering from a thread of its own: for what runs a loop itself."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    service = embedding()
    try:
        yield asyncio.run_coroutine_threadsafe(service.__aenter__(), loop).result().url
        asyncio.run_coroutine_threadsafe(service.__aexit__(None, None, None), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def settings(store: StoreSettings, service: str, **options: Any) -> Settings:
    """Settings that search the index, RAGFlow's way; ``options`` are of ``[store.ragflow]``."""
    embedder = "own/static-512"
    chosen = RagflowSettings(**{"kb_ids": [MANUALS, PAPERS], **options})
    values = {name: getattr(store, name) for name in store.__struct_fields__} | {"kind": "ragflow", "ragflow": chosen}
    return Settings(
        store=StoreSettings(**values),
        legs={
            "lexical": LexicalLeg(),
            "dense": DenseLeg(embedder=embedder, similarity_threshold=0.2),
            "graph": GraphLeg(embedder=embedder),
        },
        weights={"lexical": 0.05, "dense": 1.0, "graph": 0.0},
        rerank=RerankSettings(provider="term"),
        providers={"own": ProviderSettings(like="openai-compatible", base_url=service)},
    )


async def _serve(url: str) -> None:
    store = StoreSettings(kind="elasticsearch", url=url, index=INDEX)
    count = await build(store)
    async with embedding() as service:
        print(json.dumps({"chunks": count, "embedder": service.url}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
