"""The store on each real engine against the embedded store over the same documents, and what only an engine has."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from engine.analysis.query import Query, parse
from engine.api import SyncPipeline, open_pipeline
from engine.errors import EngineError, IndexMismatchError, SettingsError
from engine.executor import make_executor
from engine.pipeline import Pipeline
from engine.records import Document, RanOn, ScoreKind
from engine.settings.knobs import replace
from engine.settings.schema import (
    CutSettings,
    DenseLeg,
    FeatureSettings,
    LegSettings,
    LexicalLeg,
    RerankSettings,
    Settings,
    SparseLeg,
    StoreSettings,
)
from engine.stores.base import LegRequest
from engine.stores.elastic.store import ElasticStore
from engine.stores.registry import open_store
from tests.corpus import DOCUMENTS
from tests.engine.stores.elastic.parity import Corpus
from tests.servers.engine_index import make, send
from tests.servers.engines import Server

INDEX = "rankscope-store"
OTHER = {
    "section": {"type": "keyword"},
    "pagerank": {"type": "long"},
    "key": {"type": "keyword"},
    "sold": {"type": "boolean"},
}
LEG = LexicalLeg(fields={"title": 2.0, "text": 1.0})
TYPED = [
    "wait seconds",
    '"number of seconds" thread',
    "thread -timer",
    "thread title:threading.Timer",
    "section:threading lock",
    '-"flag of the event" wait',
    "time.sleep JSON string",
    "nothing like this xyzzy",
    "the of a",
]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    more = {
        "zebra": {"key": "k-zebra", "sold": True, "meta": {"lang": "en", "tags": ["a", "b"]}},
        "queue": {"name": "a queue"},
    }
    return Corpus.of([Document(one.id, {**one.fields, **more.get(one.id, {})}) for one in DOCUMENTS])  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def filled(any_engine: Server, corpus: Corpus) -> Server:
    corpus.into(any_engine, INDEX, "standard", other=OTHER)
    return any_engine


@pytest.fixture(scope="module")
def embedded(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    plain = Corpus(
        [Document(one.id, {k: v for k, v in one.fields.items() if k != "meta"}) for one in corpus.documents],
        corpus.vectors,
    )
    return plain.embedded(tmp_path_factory.mktemp("embedded") / "index", "standard")


def wanted(store: StoreSettings, **more: object) -> Settings:
    legs = {"lexical": LEG, "dense": DenseLeg(exact=store.kind == "opensearch")}
    return Settings(store=store, **{"legs": legs, "rerank": RerankSettings(enabled=False), **more})  # type: ignore[arg-type]


@pytest.fixture
async def theirs(filled: Server) -> AsyncIterator[Pipeline]:
    async with open_pipeline(wanted(filled.store(INDEX)), Path()) as pipeline:
        yield pipeline


@pytest.fixture
async def ours(embedded: Path) -> AsyncIterator[Pipeline]:
    async with open_pipeline(wanted(StoreSettings(path=str(embedded))), embedded) as pipeline:
        yield pipeline


def typed(text: str) -> Query:
    return parse(text, ("title", "text", "section"))


def request(leg: LegSettings, query: Query, **more: object) -> LegRequest:
    vector = np.array(VECTOR, dtype=np.float32) if isinstance(leg, DenseLeg) else None
    return LegRequest(leg.kind, leg, query, vector=vector, **more)  # type: ignore[arg-type]


VECTOR = np.random.default_rng(7).normal(size=256).tolist()


async def test_legs_restrict_and_count_as_the_embedded_store_does(ours: Pipeline, theirs: Pipeline) -> None:
    factor = theirs.store.info.bm25_factor
    assert factor == 2.2
    dense = DenseLeg(exact=theirs.store.info.kind == "opensearch")
    every = [one.id for one in DOCUMENTS]
    for text in TYPED:
        for filters in ({}, {"section": ["threading", "os"]}, {"pagerank": 2}, {"pagerank": None}):
            query = typed(text)
            mine = await ours.store.search_leg(request(LEG, query, filter=filters))
            their = await theirs.store.search_leg(request(LEG, query, filter=filters))
            assert their.ids == mine.ids, (text, filters)
            assert their.total == mine.total
            assert their.rows.tolist() == mine.rows.tolist()
            np.testing.assert_allclose(their.scores / factor, mine.scores, atol=1e-5)
            np.testing.assert_allclose(their.field_scores / factor, mine.field_scores, atol=1e-5)
            completed = await theirs.store.complete(request(LEG, query, filter=filters), every)
            expected = await ours.store.complete(request(LEG, query, filter=filters), every)
            np.testing.assert_allclose(completed.scores / factor, expected.scores, atol=1e-5)
            np.testing.assert_allclose(completed.field_scores / factor, expected.field_scores, atol=1e-5)
            mine = await ours.store.search_leg(request(dense, query, filter=filters))
            their = await theirs.store.search_leg(request(dense, query, filter=filters))
            assert (their.ids, their.total) == (mine.ids, mine.total), (text, filters)
            np.testing.assert_allclose(their.scores, mine.scores, atol=1e-5)


async def test_completed_cosines_are_nan_without_a_vector(ours: Pipeline, theirs: Pipeline) -> None:
    for leg in (DenseLeg(), DenseLeg(exact=theirs.store.info.kind == "opensearch")):
        mine = await ours.store.complete(request(leg, typed("x")), ["zebra", "blank", "gone", "sleep"])
        their = await theirs.store.complete(request(leg, typed("x")), ["zebra", "blank", "gone", "sleep"])
        np.testing.assert_allclose(their.scores, mine.scores, atol=1e-5)
        assert np.isnan(their.scores).tolist() == [False, True, True, False]


async def test_groups_facets_features_and_documents(ours: Pipeline, theirs: Pipeline) -> None:
    query = typed("thread seconds event time")
    for leg in (LEG, DenseLeg(exact=theirs.store.info.kind == "opensearch")):
        mine = await ours.store.search_leg(request(leg, query, group="section"))
        their = await theirs.store.search_leg(request(leg, query, group="section"))
        assert their.ids == mine.ids
        facets = [await one.store.facets(request(leg, query), ["section"]) for one in (ours, theirs)]
        assert facets[0] == facets[1]
    ids = ["timer", "gone", "json", "sleep"]
    for one in (ours, theirs):
        values = await one.store.feature_values(["pagerank"], ids)
        np.testing.assert_array_equal(values, [[3.0], [np.nan], [np.nan], [5.0]])
        assert await one.store.group_values("section", ids) == ["threading", "", "json", "time"]
    fetched = await theirs.store.fetch([*ids, "zebra"])
    assert [one.id for one in fetched] == [*ids, "zebra"]
    assert fetched[0].fields["title"] == "threading.Timer"
    assert fetched[1].fields == {}
    assert "vector" not in fetched[0].fields
    assert fetched[4].fields["meta.tags"] == ["a", "b"]
    assert fetched[4].fields["meta.lang"] == "en"


async def test_terms_and_explanations_are_those_of_the_embedded_store(ours: Pipeline, theirs: Pipeline) -> None:
    query = typed('wait "number of seconds" -timer thred')
    mine, their = [await one.store.analyze(query, LEG) for one in (ours, theirs)]
    assert (their.positive_text, their.phrases, their.excluded) == (mine.positive_text, mine.phrases, mine.excluded)
    key = {(t.field, t.text): (t.df, round(t.idf, 6)) for t in mine.terms}
    assert {(t.field, t.text): (t.df, round(t.idf, 6)) for t in their.terms} == key
    assert ("thread", "threads") in {t.nearest for t in their.terms if t.text == "thred"}
    query = typed("wait seconds thread")
    for name in ("timer", "queue", "zebra"):
        mine_, their_ = [await one.store.explain(query, LEG, [name]) for one in (ours, theirs)]
        factor = theirs.store.info.bm25_factor
        given = {(t.field, t.text): v for t, v in zip(mine_.terms, mine_.contributions[0], strict=True) if v}
        told = {(t.field, t.text): v / factor for t, v in zip(their_.terms, their_.contributions[0], strict=True)}
        assert told == pytest.approx(given, abs=1e-5)
    store = theirs.store
    assert isinstance(store, ElasticStore)
    tree = await store.explanation_tree(query, LEG, "timer")
    score = (await store.search_leg(request(LEG, query))).scores[0]
    assert tree["value"] == pytest.approx(score, abs=1e-5)
    assert await store.explanation_tree(query, LEG, "zebra") == {}


async def test_highlights_are_spans_of_the_text(ours: Pipeline, theirs: Pipeline) -> None:
    query = typed("WAIT seconds queue")
    document = (await theirs.store.fetch(["queue"]))[0]
    mine, their = [await one.store.highlights(query, LEG, document) for one in (ours, theirs)]
    assert [(h.field, h.start, h.end) for h in their] == [(h.field, h.start, h.end) for h in mine]
    assert {h.term for h in their} == {"wait", "seconds", "queue"}


async def test_the_trace_tells_network_from_engine(theirs: Pipeline) -> None:
    settings = wanted(
        StoreSettings(), cut=CutSettings(group="section"), features={"p": FeatureSettings(field="pagerank", weight=0.1)}
    )
    trace = await theirs.search("wait for seconds", settings)
    assert not trace.failed_legs
    for name in ("lexical", "dense"):
        stage = trace.stage(name)
        assert stage is not None
        assert stage.ran_on is RanOn.REMOTE
        assert [part.name for part in stage.parts][:1] == ["network"]
        assert stage.start_ms <= stage.parts[0].start_ms <= stage.parts[-1].end_ms <= stage.end_ms


async def test_a_profile_is_asked_for_and_kept(theirs: Pipeline) -> None:
    plain, search = wanted(StoreSettings()), theirs.begin("wait for seconds")
    await search.finish(plain)
    profiled = replace(plain, "store.profile", True)
    assert search.missing(profiled).legs == ("lexical", "dense")
    trace = await search.finish(profiled)
    for name in ("lexical", "dense"):
        assert "query" in [part.name for part in trace.stage(name).parts]  # type: ignore[union-attr]
    assert not search.missing(profiled).legs
    assert not search.missing(plain).legs, "an answer with a profile does without one too"


async def test_a_body_of_ones_own_and_its_names(theirs: Pipeline, tmp_path: Path) -> None:
    body = {
        "size": 3,
        "query": {
            "bool": {
                "should": [
                    {"match": {"title": {"query": "{{query}}", "boost": 3, "_name": "in title"}}},
                    {"match": {"text": {"query": "{{query}}", "_name": "in text"}}},
                ]
            }
        },
    }
    (tmp_path / "own.json").write_text(json.dumps(body))
    store = theirs.store
    assert isinstance(store, ElasticStore)
    store.legs.base_dir = tmp_path
    same = LexicalLeg(fields={"title": 3.0, "text": 1.0})
    for text in ('say "number of seconds"', "wait -timer"):
        query = typed(text)
        plain = await store.search_leg(request(same, query))
        own = await store.search_leg(request(LexicalLeg(body="own.json"), query))
        assert own.ids == plain.ids
        np.testing.assert_allclose(own.scores, plain.scores, rtol=1e-6)
        assert own.field_names == ("in title", "in text")
        every = [one.id for one in DOCUMENTS]
        completed = await store.complete(request(LexicalLeg(body="own.json"), query), every)
        np.testing.assert_allclose(completed.scores, (await store.complete(request(same, query), every)).scores)
    (tmp_path / "own.json").write_text("{")  # read anew for every search
    with pytest.raises(SettingsError, match="no JSON"):
        await store.search_leg(request(LexicalLeg(body="own.json"), typed("x")))


async def test_a_stored_template(filled: Server, theirs: Pipeline) -> None:
    if filled.name == "elasticsearch-9" or (filled.name == "elasticsearch-8" and not _has_templates(filled)):
        pytest.skip("this build has no search templates")
    source = json.dumps({"query": {"match": {"text": "{{query}}"}}, "size": "{{size}}"})
    send(filled, "PUT", "/_scripts/rankscope-test", {"script": {"lang": "mustache", "source": source}})
    own = await theirs.store.search_leg(request(LexicalLeg(template="rankscope-test"), typed("seconds")))
    assert own.ids == (await theirs.store.search_leg(request(LexicalLeg(fields={"text": 1.0}), typed("seconds")))).ids
    with pytest.raises(EngineError):
        await theirs.store.search_leg(request(LexicalLeg(template="not-there"), typed("seconds")))


def _has_templates(server: Server) -> bool:
    try:
        send(server, "POST", "/_render/template", {"source": {"query": {"match_all": {}}}})
    except AssertionError:
        return False
    return True


async def test_a_sparse_leg(any_engine: Server) -> None:
    kind = "rank_features" if any_engine.kind == "opensearch" else "sparse_vector"
    documents = [
        Document("a", {"text": "x", "terms": {"sea": 2.0, "wind": 1.0}}),
        Document("b", {"text": "y", "terms": {"sea": 0.5}}),
    ]  # type: ignore[dict-item]
    make(any_engine, "rankscope-sparse", documents, text={"text": "standard"}, other={"terms": {"type": kind}})
    legs = {"sparse": SparseLeg(), "lexical": LexicalLeg(fields={"text": 1.0})}
    settings = wanted(any_engine.store("rankscope-sparse"), legs=legs, weights={"sparse": 0.5, "lexical": 0.5})
    async with open_pipeline(settings, Path()) as pipeline:
        trace = await pipeline.search("Sea sea wind y", settings)
        column = trace.pool.leg_names.index("sparse")
        assert trace.pool.legs[column].kind is ScoreKind.SPARSE
        scores = dict(zip(trace.pool.ids, trace.pool.scores[:, column].tolist(), strict=True))
        assert scores == pytest.approx({"a": 5.0, "b": 1.0}, rel=1e-2)


async def test_ids_and_titles_of_ones_own_and_an_order_that_is_not_ours(any_engine: Server) -> None:
    documents = [
        Document(f"d{n}", {"sku": f"s-{9 - n}", "name": f"Thing {n}", "text": "the same words", "order": 5})
        for n in range(4)
    ]
    make(
        any_engine,
        "rankscope-foreign",
        documents,
        text={"text": "standard", "name": "standard"},
        other={"sku": {"type": "keyword"}, "order": {"type": "long"}},
        ours=False,
    )
    store = any_engine.store("rankscope-foreign", id_field="sku", title_field="name", fields=["name", "text"])
    legs = {"lexical": LexicalLeg(fields={"text": 1.0, "name": 1.0})}
    settings = wanted(store, legs=legs, weights={"lexical": 1.0})
    async with open_pipeline(settings, Path()) as pipeline:
        trace = await pipeline.search("words thing", settings)
        assert sorted(trace.pool.ids) == ["s-6", "s-7", "s-8", "s-9"]
        found = (await pipeline.store.fetch(["s-9"]))[0]
        assert (found.id, found.title, "sku" in found.fields) == ("s-9", "Thing 0", False)
        completed = await pipeline.store.complete(request(legs["lexical"], typed("3")), ["s-9", "s-6"])
        assert completed.scores[0] == 0 < completed.scores[1]


async def test_shards_are_counted_as_one_index(any_engine: Server, corpus: Corpus) -> None:
    corpus.into(any_engine, "rankscope-shards", "standard", other=OTHER, shards=3)
    query = typed("wait seconds thread")
    found = {}
    for how in ("auto", "query_then_fetch"):
        settings = wanted(any_engine.store("rankscope-shards", search_type=how, preference="mine"))
        async with open_pipeline(settings, Path()) as pipeline:
            found[how] = await pipeline.store.search_leg(request(LEG, query))
            told = "the whole index" if how == "auto" else "each shard alone"
            assert any(told in note for note in pipeline.store.info.notes)
    async with open_pipeline(wanted(any_engine.store(INDEX)), Path()) as pipeline:
        corpus.into(any_engine, INDEX, "standard", other=OTHER)
        one = await pipeline.store.search_leg(request(LEG, query))
    assert found["auto"].ids == one.ids
    np.testing.assert_allclose(found["auto"].scores, one.scores, rtol=1e-5)
    assert not np.allclose(np.sort(found["query_then_fetch"].scores), np.sort(one.scores))


async def test_many_searches_at_once_travel_together(filled: Server, theirs: Pipeline) -> None:
    settings = wanted(filled.store(INDEX))
    texts = [f"{word} seconds" for word in ("wait", "thread", "lock", "json", "path", "signal")] * 12
    alone = {text: (await theirs.search(text, settings)).pool.scores for text in dict.fromkeys(texts)}
    traces = await asyncio.gather(*(theirs.search(text, settings) for text in texts))
    for text, trace in zip(texts, traces, strict=True):
        np.testing.assert_allclose(trace.pool.scores, alone[text], atol=1e-6)  # 32 bits, summed as they come
    dense = DenseLeg(exact=theirs.store.info.kind == "opensearch")
    bad = LegRequest("dense", dense, typed("x"), vector=np.ones(3, dtype=np.float32))
    jobs = [theirs.store.search_leg(bad if n % 8 == 5 else request(LEG, typed("wait"))) for n in range(48)]
    answers = await asyncio.gather(*jobs, return_exceptions=True)
    for n, answer in enumerate(answers):
        if n % 8 == 5:
            assert isinstance(answer, EngineError)
            assert "256" in answer.message
        else:
            assert not isinstance(answer, BaseException)


async def test_a_cancelled_search_leaves_the_store_usable(theirs: Pipeline) -> None:
    tasks = [asyncio.create_task(theirs.store.search_leg(request(LEG, typed("wait")))) for _ in range(40)]
    await asyncio.sleep(0.005)
    for task in tasks[::2]:
        task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(answer, asyncio.CancelledError) for answer in answers[::2])
    assert all(not isinstance(answer, BaseException) for answer in answers[1::2])


def test_what_does_not_fit_is_refused_when_the_index_is_opened(filled: Server) -> None:
    executor = make_executor()

    def refused(kind: type[Exception], told: str, store: StoreSettings, **more: object) -> None:
        with pytest.raises(kind, match=told) as error:
            open_store(wanted(store, **more), Path(), executor)
        assert getattr(error.value, "hint", "")

    there = filled.store(INDEX)
    refused(EngineError, "it has no index nowhere", filled.store("nowhere"))
    refused(SettingsError, "store.index is empty", filled.store(""))
    other = "opensearch" if filled.kind == "elasticsearch" else "elasticsearch"
    refused(SettingsError, f"store.kind is '{other}'", filled.store(INDEX, kind=other))
    refused(
        SettingsError,
        "nearest is 'title'",
        there,
        legs={"lexical": LexicalLeg(fields={"titel": 1.0})},
        weights={"lexical": 1.0},
    )
    refused(
        SettingsError,
        "no vectors in 'pagerank'",
        there,
        legs={"dense": DenseLeg(field="pagerank")},
        weights={"dense": 1.0},
    )
    refused(SettingsError, "no field of sparse vectors", there, legs={"sparse": SparseLeg()}, weights={"sparse": 1.0})
    refused(SettingsError, "synonyms", there, legs={"lexical": LexicalLeg(synonyms="s.txt")}, weights={"lexical": 1.0})
    refused(
        IndexMismatchError,
        "'whitespace'",
        there,
        legs={"lexical": LexicalLeg(analyzer="whitespace")},
        weights={"lexical": 1.0},
    )


async def test_a_boost_moves_what_is_here_at_once_and_asks_once_it_rests(theirs: Pipeline) -> None:
    store = StoreSettings(kind=theirs.store.info.kind)
    before = wanted(store)
    search = theirs.begin("wait seconds thread lock")
    await search.finish(before)
    after = wanted(store, legs={**before.legs, "lexical": LexicalLeg(fields={"title": 0.5, "text": 3.0})})
    turned = search.turn(after)
    assert search.missing(after).legs == ("lexical",)
    settled = await search.finish(after)
    assert not search.missing(after)
    assert [turned.pool.ids[row] for row in turned.ranking.order] == [
        settled.pool.ids[row] for row in settled.ranking.order
    ]
    np.testing.assert_allclose(turned.pool.scores, settled.pool.scores, atol=1e-5)
    np.testing.assert_allclose(turned.pool.field_scores["lexical"], settled.pool.field_scores["lexical"], atol=1e-5)


def test_a_program_without_a_loop(filled: Server) -> None:
    with SyncPipeline.open(wanted(filled.store(INDEX)), Path()) as search:
        assert search("wait for seconds").pool.ids
