"""Building an index in a real engine: what lands there, going on after a kill, the swap, refusals, back-pressure."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.api import open_pipeline
from engine.embedders.static import StaticEmbedder
from engine.errors import EngineError, IndexMismatchError, RankscopeError, SettingsError, StoreError, UsageError
from engine.executor import make_executor
from engine.indexing import IndexReport, build_index
from engine.ingest.base import Item, Problem, ProblemKind, SourceDocument, SourceSchema
from engine.records import Document
from engine.settings.schema import DenseLeg, LexicalLeg, Settings, StoreSettings
from engine.stores.elastic import bulk, writer
from engine.stores.elastic.building import build_in_engine
from engine.stores.elastic.bulk import Entry, portions, reason
from engine.stores.elastic.detect import ELASTICSEARCH, OPENSEARCH, Engine
from engine.stores.elastic.layout import Layout, index_body, swap, vector_field
from engine.stores.elastic.writer import ElasticWriter
from engine.stores.embedded.schema import EmbeddingSpec, IndexSpec
from tests.corpus import DOCUMENTS
from tests.servers.engine_index import send
from tests.servers.engines import Server

TEXTS = {"title": "standard", "text": "english"}
EMBEDDING = EmbeddingSpec("static", 256, StaticEmbedder.info.revision)
SPEC = IndexSpec(TEXTS, EMBEDDING)
PLAIN = IndexSpec(TEXTS)
NAME = "written"


class Corpus:
    """Documents as a source; ``stop_at`` breaks off before that one, as a killed process does."""

    name, schema = "corpus", SourceSchema(TEXTS)

    def __init__(self, documents: Sequence[Document], stop_at: int = -1) -> None:
        self._documents, self._stop_at = documents, stop_at

    def fingerprint(self) -> str:
        return f"corpus of {len(self._documents)}"

    def count(self) -> int:
        return len(self._documents)

    def documents(self) -> Iterator[Item]:
        for number, document in enumerate(self._documents):
            if number == self._stop_at:
                raise KeyboardInterrupt
            yield SourceDocument(document, f"corpus:{number + 1}")


def many(count: int) -> list[Document]:
    return [Document(f"d{number}", {"title": f"number {number}", "text": "wing flow"}) for number in range(count)]


async def built(server: Server, documents: Sequence[Document], spec: IndexSpec = PLAIN, **more: Any) -> IndexReport:
    stop_at, knn = more.pop("stop_at", -1), more.pop("knn", "exact")
    store = more.pop("store", server.store(""))
    embedder = StaticEmbedder(make_executor()) if spec.embedding else None
    layout = Layout(more.pop("name", NAME), spec, knn)
    return await build_in_engine(Corpus(documents, stop_at), store, layout, embedder, **more)


@pytest.fixture(autouse=True)
def _clean(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    for name in ("elasticsearch_8", "opensearch_2"):
        if name in request.fixturenames:
            server = request.getfixturevalue(name)
            found = send(server, "GET", f"/{NAME}*?expand_wildcards=all")
            for index in found:
                send(server, "DELETE", f"/{index}")


def aliases(server: Server) -> dict[str, list[str]]:
    return {index: sorted(one["aliases"]) for index, one in send(server, "GET", f"/{NAME}*/_alias").items()}


def held(server: Server) -> dict[str, int]:
    """Id → order of every document behind the name."""
    hits = send(server, "POST", f"/{NAME}/_search", {"size": 1000, "_source": ["order"]})["hits"]["hits"]
    return {hit["_id"]: hit["_source"]["order"] for hit in hits}


# ---- what is written


async def searched(settings: Settings, base: Path) -> dict[str, list[tuple[str, float]]]:
    """Each leg's hits over some queries."""
    pipeline = open_pipeline(settings, base, cache_dir=None)
    found: dict[str, list[tuple[str, float]]] = {}
    factor = pipeline.store.info.bm25_factor
    try:
        for text in ("wait some seconds on a thread", "open a file", "regular expression match"):
            trace = await pipeline.search(text, settings)
            for column, leg in enumerate(trace.pool.legs):
                name = leg.name
                scores = trace.pool.scores[:, column] / (factor if name == "lexical" else 1)
                rows = np.argsort(-scores, kind="stable")
                found[f"{name}: {text}"] = [(trace.pool.ids[row], float(scores[row])) for row in rows]
            found[f"fused: {text}"] = [(trace.pool.ids[row], 0.0) for row in trace.ranking.order]
    finally:
        await pipeline.close()
    return found


async def same_as_embedded(server: Server, knn: str, tmp_path: Path) -> None:
    """What the engine answers over an index of ours is what the embedded store answers."""
    report = await built(server, DOCUMENTS, SPEC, knn=knn)
    assert (report.documents, report.generation) == (len(DOCUMENTS), 1)
    await build_index(Corpus(DOCUMENTS), tmp_path / "index", SPEC, StaticEmbedder(make_executor()))
    legs = {"lexical": LexicalLeg(), "dense": DenseLeg()}
    ours = await searched(Settings(legs=legs, store=StoreSettings(path=str(tmp_path / "index"))), tmp_path)
    theirs = await searched(Settings(legs=legs, store=server.store(NAME)), tmp_path)
    assert ours.keys() == theirs.keys()
    for name, hits in ours.items():
        assert [one for one, _ in hits] == [one for one, _ in theirs[name]], name
        assert [score for _, score in hits] == pytest.approx([score for _, score in theirs[name]], abs=1e-4), name


@pytest.mark.parametrize("knn", ["exact", "hnsw"])
async def test_elasticsearch_answers_as_the_embedded_store(elasticsearch_8: Server, knn: str, tmp_path: Path) -> None:
    await same_as_embedded(elasticsearch_8, knn, tmp_path)
    field = send(elasticsearch_8, "GET", f"/{NAME}/_mapping")[f"{NAME}-000001"]["mappings"]["properties"]["vector"]
    assert field["index_options"]["type"] == ("flat" if knn == "exact" else "hnsw")


@pytest.mark.parametrize("knn", ["exact", "hnsw"])
async def test_opensearch_answers_as_the_embedded_store(opensearch_2: Server, knn: str, tmp_path: Path) -> None:
    await same_as_embedded(opensearch_2, knn, tmp_path)


async def test_a_query_by_another_embedder_is_refused(elasticsearch_8: Server, tmp_path: Path) -> None:
    other = EmbeddingSpec("local/minilm", 256)
    await built(elasticsearch_8, DOCUMENTS[:4], IndexSpec(TEXTS, other))
    with pytest.raises(IndexMismatchError, match=r"vectors of written are by local/minilm"):
        open_pipeline(Settings(store=elasticsearch_8.store(NAME)), tmp_path, cache_dir=None)


# ---- the swap


async def test_the_name_changes_hands_at_the_end_and_the_old_index_goes(elasticsearch_8: Server) -> None:
    await built(elasticsearch_8, many(3))
    with pytest.raises(UsageError, match="holds an index of 3 documents already") as taken:
        await built(elasticsearch_8, many(5))
    assert "--rebuild" in taken.value.hint
    assert aliases(elasticsearch_8) == {f"{NAME}-000001": [NAME]}
    report = await built(elasticsearch_8, many(5), rebuild=True)
    assert report.documents == 5
    assert aliases(elasticsearch_8) == {f"{NAME}-000002": [NAME]}
    await built(elasticsearch_8, many(2), rebuild=True, keep_old=True)
    assert aliases(elasticsearch_8) == {f"{NAME}-000002": [], f"{NAME}-000003": [NAME]}
    settings = send(elasticsearch_8, "GET", f"/{NAME}/_settings")[f"{NAME}-000003"]["settings"]["index"]
    assert "refresh_interval" not in settings
    assert settings["auto_expand_replicas"] == "0-1"


async def test_a_name_that_is_not_ours_is_left_alone(elasticsearch_8: Server) -> None:
    send(elasticsearch_8, "PUT", f"/{NAME}")
    with pytest.raises(UsageError, match="written is an index and no alias"):
        await built(elasticsearch_8, many(1), rebuild=True)
    send(elasticsearch_8, "DELETE", f"/{NAME}")
    send(elasticsearch_8, "PUT", f"/{NAME}-theirs", {"aliases": {NAME: {}}})
    with pytest.raises(UsageError, match="which Rankscope did not write"):
        await built(elasticsearch_8, many(1), rebuild=True)
    assert aliases(elasticsearch_8) == {f"{NAME}-theirs": [NAME]}


# ---- broken off


async def test_a_broken_off_build_goes_on_and_the_old_index_serves_meanwhile(
    opensearch_2: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.indexing.CHUNK", 10)
    monkeypatch.setattr(writer, "REMEMBERED_S", 0.0)
    monkeypatch.setattr(bulk, "REQUESTS", 1)
    monkeypatch.setattr(bulk, "BULK_BYTES", 1)  # each document waits for the one before it
    await built(opensearch_2, many(3))
    with pytest.raises(KeyboardInterrupt):
        await built(opensearch_2, many(30), rebuild=True, stop_at=25)
    assert aliases(opensearch_2) == {f"{NAME}-000001": [NAME], f"{NAME}-000002": [f"{NAME}-000002-building"]}
    assert len(held(opensearch_2)) == 3
    report = await built(opensearch_2, many(30), rebuild=True)
    assert 5 <= report.resumed <= 20
    assert (report.resumed + report.added, report.documents, report.generation) == (30, 30, 2)
    assert held(opensearch_2) == {f"d{number}": number for number in range(30)}
    assert aliases(opensearch_2) == {f"{NAME}-000002": [NAME]}


async def test_another_build_does_not_go_on_with_it(elasticsearch_8: Server) -> None:
    with pytest.raises(KeyboardInterrupt):
        await built(elasticsearch_8, many(600), stop_at=550)
    report = await built(elasticsearch_8, many(7))
    assert (report.resumed, report.documents) == (0, 7)
    assert list(aliases(elasticsearch_8).values()) == [[NAME]]


async def test_of_two_builds_at_once_neither_gets_documents_of_the_other(elasticsearch_8: Server) -> None:
    def item(name: str) -> SourceDocument:
        return SourceDocument(Document(name, {"title": name, "text": "wing flow"}), name)

    layout, store = Layout(NAME, PLAIN), elasticsearch_8.store("")
    one, other = (ElasticWriter(store, layout, fingerprint=name) for name in ("one", "other"))
    async with one as first, other as second:
        await first.add(0, [item("from the one")], (None, None))
        await second.add(0, [item("from the other")], (None, None))
        with pytest.raises(EngineError, match="the index that was being built is gone") as told:
            await first.commit()
        assert "another build of the same name has taken over" in told.value.hint
        assert (await second.commit()).documents == 1
    assert list(held(elasticsearch_8)) == ["from the other"]


async def test_of_one_id_the_later_document_stays_however_requests_arrive(
    elasticsearch_8: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "BULK_BYTES", 1)  # a request each, four at a time
    documents = [Document(f"d{number % 3}", {"title": f"number {number}", "text": "x"}) for number in range(40)]
    report = await built(elasticsearch_8, documents)
    assert report.problems[ProblemKind.DUPLICATE] == 37
    assert held(elasticsearch_8) == {"d0": 39, "d1": 37, "d2": 38}


# ---- refusals


async def test_documents_that_the_engine_refuses_are_told_and_the_rest_is_taken(elasticsearch_8: Server) -> None:
    documents = [
        Document("number", {"title": "a", "price": 3}),
        Document("word", {"title": "b", "price": "cheap"}),
        Document("x" * 600, {"title": "c"}),
        Document("", {"title": "d"}),
        Document("fine", {"title": "e", "price": 4.5}),
    ]
    problems: list[Problem] = []
    report = await built(elasticsearch_8, documents, on_problem=problems.append)
    assert report.problems[ProblemKind.REFUSED] == 3
    assert sorted(held(elasticsearch_8)) == ["fine", "number"]
    refused = {one.where: one.text for one in problems if one.kind is ProblemKind.REFUSED}
    assert "'word' was refused" in refused["corpus:2"]
    assert "price" in refused["corpus:2"]
    assert "600 bytes, and 512 are the most" in refused["corpus:3"]
    assert "its id is empty" in refused["corpus:4"]


async def test_where_nothing_is_taken_the_build_ends_and_nothing_is_served(elasticsearch_8: Server) -> None:
    short = EmbeddingSpec("static", 3)
    with pytest.raises(EngineError, match=r"refused every one of the first 100 documents: .*more dimensions"):
        await built(elasticsearch_8, many(150), IndexSpec(TEXTS, short))
    with pytest.raises(StoreError, match="there is nothing to search"):
        await built(elasticsearch_8, [])
    assert all(NAME not in names for names in aliases(elasticsearch_8).values())


async def test_fields_of_ours_are_refused_by_name(elasticsearch_8: Server) -> None:
    with pytest.raises(SettingsError, match="have a field 'order'") as error:
        await built(elasticsearch_8, [Document("a", {"title": "t", "order": 7})])
    assert "--field my_order=order" in error.value.hint


async def test_the_other_engine_is_named(elasticsearch_8: Server) -> None:
    wrong = StoreSettings(kind="opensearch", url=elasticsearch_8.url)
    with pytest.raises(UsageError, match=r"is Elasticsearch 8") as error:
        await built(elasticsearch_8, many(1), store=wrong)
    assert "--into elasticsearch:written" in error.value.hint


async def test_an_index_deleted_meanwhile_is_not_made_anew(
    elasticsearch_8: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.indexing.CHUNK", 5)

    class Deleting(Corpus):
        def documents(self) -> Iterator[Item]:
            for number, item in enumerate(super().documents()):
                if number == 20:
                    send(elasticsearch_8, "DELETE", f"/{NAME}-000001")
                yield item

    layout = Layout(NAME, PLAIN)
    with pytest.raises(EngineError, match=r"gone|no index"):
        await build_in_engine(Deleting(many(40)), elasticsearch_8.store(""), layout, None)
    assert aliases(elasticsearch_8) == {}


# ---- back-pressure and busy engines, on a cluster that is played


class Played:
    """A cluster whose answers are given, in order, and which counts what is under way."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.requests: list[list[str]] = []
        self.under_way = self.most = 0
        self.place = type("Place", (), {"host": "played"})()

    async def call(self, method: str, path: str, body: bytes, params: Any, *, lines: bool) -> Any:
        sent = [json.loads(line)["index"]["_id"] for line in body.splitlines()[::2]]
        self.requests.append(sent)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0.001)
        self.under_way -= 1
        answer = self.answers.pop(0) if self.answers else {}
        if isinstance(answer, RankscopeError):
            raise answer
        items = [{"index": {"status": 201, **answer.get(one, {})}} for one in sent]
        return {"errors": any(item["index"]["status"] >= 300 for item in items), "items": items}


def entries(count: int, size: int = 10) -> list[Entry]:
    rows = (json.dumps({"index": {"_id": f"d{number}"}}) for number in range(count))
    return [Entry(number, f"d{number}", "", f'{row}\n"{"x" * size}"\n'.encode()) for number, row in enumerate(rows)]


def sender(played: Played, told: list[tuple[str, str]] | None = None) -> bulk.Bulk:
    heard = told if told is not None else []
    return bulk.Bulk(played, "t", lambda entry, why: heard.append((entry.id, why)))  # type: ignore[arg-type]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "FIRST_WAIT_S", 0.001)


@pytest.mark.usefixtures("quick")
async def test_only_the_documents_that_it_was_too_busy_for_are_sent_again() -> None:
    busy = {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": "queue full"}}
    played = Played({"d1": busy, "d3": busy}, {"d3": busy}, {})
    sending = sender(played)
    await sending.add(entries(4))
    await sending.drain()
    assert played.requests == [["d0", "d1", "d2", "d3"], ["d1", "d3"], ["d3"]]
    assert (sending.accepted, sending.done) == (4, 4)


@pytest.mark.usefixtures("quick")
async def test_a_request_that_is_refused_as_a_whole_is_sent_again_and_given_up_in_the_end() -> None:
    full = EngineError("busy", kind="overloaded", status=429)
    played = Played(full, full, {})
    sending = sender(played)
    await sending.add(entries(2))
    await sending.drain()
    assert len(played.requests) == 3
    gone = EngineError("gone", kind="reset")
    back = Played(gone, gone, {})
    starting = sender(back)
    await starting.add(entries(2))
    await starting.drain()
    assert starting.accepted == 2
    tired = sender(Played(*[full] * 20))
    await tired.add(entries(1))
    with pytest.raises(EngineError, match="busy"):
        await tired.drain()
    lost = Played(*[EngineError("no", kind="unauthorized", status=401)] * 2)
    signed_out = sender(lost)
    await signed_out.add(entries(1))
    with pytest.raises(EngineError, match="no"):
        await signed_out.drain()
    assert len(lost.requests) == 1


async def test_a_request_that_is_too_large_is_halved_down_to_the_one_document() -> None:
    large = EngineError("large", kind="size", status=413)
    told: list[tuple[str, str]] = []
    played = Played(large, {}, large, {}, large)
    sending = sender(played, told)
    await sending.add(entries(4))
    await sending.drain()
    assert played.requests == [["d0", "d1", "d2", "d3"], ["d0", "d1"], ["d2", "d3"], ["d2"], ["d3"]]
    assert [one for one, _ in told] == ["d3"]
    assert "more than the engine takes" in told[0][1]
    assert sending.done == 4


async def test_no_more_than_so_many_requests_are_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "BULK_BYTES", 100)
    played = Played()
    sending = sender(played)
    await sending.add(entries(200, size=40))
    await sending.drain()
    assert played.most == bulk.REQUESTS
    assert sending.accepted == 200


def test_portions_keep_order_and_limit() -> None:
    parts = portions(entries(7, size=10), len(entries(1, size=10)[0].lines) * 3)
    assert [[entry.id for entry in part] for part in parts] == [["d0", "d1", "d2"], ["d3", "d4", "d5"], ["d6"]]
    assert [len(part) for part in portions(entries(2, size=500), 100)] == [1, 1]
    assert portions([], 100) == []


def test_a_refusal_is_told_by_its_innermost_cause() -> None:
    error = {"type": "a", "reason": "failed to parse", "caused_by": {"type": "b", "reason": 'For input "cheap"'}}
    assert reason(error) == 'For input "cheap" · failed to parse'
    wrapped = {"type": "a", "reason": "[1:2] failed: no such thing", "caused_by": {"reason": "no such thing"}}
    assert reason(wrapped) == "no such thing"
    assert reason({}) == "no reason given"


# ---- layouts


def test_layouts_differ_by_engine_and_version() -> None:
    dot = EmbeddingSpec("x", 8, similarity="dot")
    new, old = Engine(ELASTICSEARCH, (8, 19, 0)), Engine(ELASTICSEARCH, (8, 9, 0))
    assert vector_field(dot, "hnsw", new)["similarity"] == "max_inner_product"
    assert vector_field(EMBEDDING, "exact", old) == {"type": "dense_vector", "dims": 256, "index": False}
    with pytest.raises(StoreError, match=r"Elasticsearch 8\.9\.0 has no similarity"):
        vector_field(dot, "exact", old)
    theirs = Engine(OPENSEARCH, (2, 19, 1))
    assert vector_field(EMBEDDING, "exact", theirs)["space_type"] == "cosinesimil"
    assert vector_field(dot, "hnsw", theirs)["method"]["engine"] == "lucene"
    with pytest.raises(StoreError, match="without a graph"):
        vector_field(EMBEDDING, "exact", Engine(OPENSEARCH, (2, 11, 0)))
    tuned = index_body(Layout("n", PLAIN, k1=0.9, b=0.4), "n-000001", new, {})["settings"]["index"]
    assert tuned["similarity"] == {"default": {"type": "BM25", "k1": 0.9, "b": 0.4}}


def test_the_swap_is_one_request() -> None:
    layout = Layout("n", PLAIN)
    assert swap(layout, "n-000002", ["n-000001"])["actions"] == [
        {"remove": {"index": "n-000001", "alias": "n"}},
        {"add": {"index": "n-000002", "alias": "n"}},
        {"remove": {"index": "n-000002", "alias": "n-000002-building"}},
    ]
    assert (layout.number("n-000012"), layout.number("n-12"), layout.number("other-000001")) == (12, 0, 0)
    assert layout.key("a") != layout.key("b")
    assert Layout("n", PLAIN, "hnsw").key("a") != layout.key("a")
