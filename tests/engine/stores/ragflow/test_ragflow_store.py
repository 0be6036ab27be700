"""RAGFlow's index on the real engines: the legs, and the five rankings taken apart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.analysis.query import Query
from engine.api import open_pipeline
from engine.errors import IndexMismatchError, SettingsError, StoreError
from engine.fusion import presets
from engine.pipeline import Pipeline
from engine.settings import knobs
from engine.settings.schema import LexicalLeg, Settings
from engine.stores.base import LegRequest
from engine.stores.ragflow import bodies, fields, similarity
from engine.stores.ragflow.comparison import Comparison
from engine.stores.ragflow.store import RagflowStore
from tests.servers import ragflow
from tests.servers.engines import Server

QUESTION = "how are failed requests repeated after a delay"
INDEX = ragflow.OWN_INDEX


@pytest.fixture(scope="module")
def chunks() -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in ragflow.chunks()}


@pytest.fixture
def on_opensearch(ragflow_index: Server) -> Server:
    return ragflow_index


@pytest.fixture(scope="module")
def on_elasticsearch(elasticsearch_8: Server) -> Server:
    asyncio.run(ragflow.build(elasticsearch_8.store(INDEX)))
    return elasticsearch_8


@asynccontextmanager
async def opened(server: Server, **options: Any) -> AsyncIterator[tuple[Pipeline, Settings]]:
    async with ragflow.embedding() as service:
        settings = ragflow.settings(server.store(INDEX), service.url, **options)
        async with open_pipeline(settings, Path()) as pipeline:
            yield pipeline, settings


async def compared(server: Server, text: str = QUESTION, **options: Any) -> Comparison:
    async with opened(server, **options) as (pipeline, settings):
        store = pipeline.store
        assert isinstance(store, RagflowStore)
        return await store.compare(text, ragflow.embed([text])[0].tolist(), settings=settings)


def cosines(chunks: dict[str, dict[str, Any]], ids: tuple[str, ...], text: str = QUESTION) -> list[float]:
    """True ones, of the vectors as they were sent."""
    query = ragflow.embed([text])[0]
    vectors = np.array([chunks[i]["q_512_vec"] for i in ids])
    return (vectors @ query / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query)).tolist()


# ---- the five rankings


async def test_what_the_text_does_not_match_is_lost_to_the_vectors(on_opensearch, chunks):
    view = await compared(on_opensearch)
    text, knn, filtered = (view.ranking(key) for key in "ABC")
    # retry-3 says the same in other words: no token of it is in the question
    assert not set(chunks["retry-3"]["content_ltks"].split()) & set(view.found.question.keywords)
    assert "retry-3" in knn.ids
    assert "retry-3" not in filtered.ids
    assert set(view.lost) == set(knn.ids) - set(text.ids)
    assert set(filtered.ids) == set(knn.ids) & set(text.ids)
    assert view.chunks["retry-3"].quirks == ("prefilter",)
    assert list(knn.scores) == sorted(knn.scores, reverse=True)
    assert min(knn.scores) >= 0.2
    assert knn.scores == pytest.approx(cosines(chunks, knn.ids), abs=1e-5)
    every = {i for key in "ABCDE" for i in view.ranking(key).ids}
    assert not any(i.startswith(("hidden", "graph")) for i in every)


async def test_since_july_2026_the_first_stage_is_the_cosine(on_opensearch):
    view = await compared(on_opensearch)
    filtered, first = view.ranking("C"), view.ranking("D")
    assert first.ids[: len(filtered.ids)] == filtered.ids
    assert first.scores[: len(filtered.ids)] == pytest.approx((1 + filtered.scores) / 2)
    assert set(first.scores[len(filtered.ids) :]) == {0.0}


async def test_before_the_first_stage_adds_a_twentieth_of_text_and_rank(on_opensearch, chunks):
    text = "what keeps answers for an hour"
    view = await compared(on_opensearch, text, version="2026-05")
    bm25 = dict(zip(view.ranking("A").ids, view.ranking("A").scores, strict=True))
    [cosine] = cosines(chunks, ("cache-1",), text)
    # 0.05·(text + 10·50) + (1 + cos)/2, the rank feature inside the query's boost
    score = view.chunks["cache-1"].scores["D"]
    assert score == pytest.approx(0.05 * (bm25["cache-1"] + 500) + (1 + cosine) / 2, abs=1e-4)
    assert "raw-features" in view.chunks["cache-1"].quirks
    # the raw page rank decides the re-rank: 0.7·token + 0.3·knn is at most 1
    assert view.chunks["cache-1"].parts.total == pytest.approx(
        0.7 * view.chunks["cache-1"].parts.token + 0.3 * (1 + cosine) / 2 + 50, abs=1e-4
    )
    assert view.ranking("E").ids[0] == "cache-1"


async def test_the_rerank_adds_token_and_vector(on_opensearch, chunks):
    now = await compared(on_opensearch)
    keys = similarity.question_keys(now.found.question.keywords)
    for i, [cosine] in ((i, cosines(chunks, (i,))) for i in now.ranking("E").ids):
        parts = now.chunks[i].parts
        assert parts.token == pytest.approx(similarity.token_similarity(keys, now.chunks[i].document))
        assert parts.knn == pytest.approx((1 + cosine) / 2, abs=1e-5)
        assert parts.total == pytest.approx(0.7 * parts.token + 0.3 * parts.knn)
        assert parts.total >= 0.2
    before = await compared(on_opensearch, version="2026-04")
    assert before.chunks["retry-1"].parts.knn == pytest.approx(cosines(chunks, ("retry-1",))[0], abs=1e-5)
    # the half cosine carries what the cosine alone does not
    carried = {i for i, chunk in now.chunks.items() if "half-cosine" in chunk.quirks}
    assert carried
    assert carried.isdisjoint(before.ranking("E").ids)
    assert {*before.ranking("E").ids, *carried} >= set(now.ranking("E").ids)


async def test_tags_of_the_question_add_ten_times_their_cosine(on_opensearch):
    view = await compared(on_opensearch, "work for the next free worker", tags={"work": 3.0, "order": 4.0})
    assert view.chunks["queue-1"].parts.tags == pytest.approx(10)
    assert view.ranking("E").ids[0] == "queue-1"


async def test_what_its_words_earned_is_lost_since_the_text_is_0(on_opensearch):
    options = {"page_size": 3, "similarity_threshold": 0.0}
    now = await compared(on_opensearch, **options)
    before = await compared(on_opensearch, version="2026-05", **options)
    hit = {i for i, chunk in now.chunks.items() if "text-zero" in chunk.quirks}
    assert hit == set(before.ranking("D").ids[:3]) - set(now.ranking("D").ids[:3])
    assert "text-zero" not in {quirk for chunk in before.chunks.values() for quirk in chunk.quirks}


async def test_a_keyword_that_is_a_token_counts_thirtyfold(on_opensearch):
    view = await compared(on_opensearch, "sleep thread")
    assert "keyword-30" in view.chunks["sleep-1"].quirks
    assert view.ranking("A").ids[0] == "sleep-1"
    assert "chinese-form" in view.notes
    phrase = await compared(on_opensearch, "retry policy")
    assert "keyword-whole" in phrase.chunks["retry-1"].quirks  # "retry policy" as one token, which no question has


async def test_two_shards_count_apart(on_opensearch):
    view = await compared(on_opensearch)
    dfs = view.found.text_dfs
    moved = {i for i in dfs.ids if dfs.ranks()[i] != view.ranking("A").ids.index(i) + 1}
    flagged = {i for i, chunk in view.chunks.items() if "shards" in chunk.quirks}
    assert flagged
    assert flagged <= moved


async def test_nothing_found_is_asked_again_for_less(on_opensearch):
    view = await compared(on_opensearch, "zzyzx qwertz plugh")
    assert view.found.retried
    assert view.notes == ("chinese-form", "retried", "opensearch")
    assert view.ranking("E").ids == ()
    assert view.lost == view.ranking("B").ids


async def test_documents_without_a_match_are_taken_as_they_are(on_opensearch):
    view = await compared(on_opensearch, "zzyzx qwertz plugh", doc_ids=["doc-resilience-guide"])
    assert view.ranking("A").ids == ()
    assert set(view.ranking("D").ids) == {"retry-2", "retry-3"}
    assert set(view.ranking("D").scores) == {0.0}
    assert "unscored" in view.notes
    assert set(view.found.parts) == {"retry-2", "retry-3"}


async def test_synonyms_of_a_file_are_searched_for_and_cost(on_opensearch, tmp_path):
    file = tmp_path / "synonyms.txt"
    file.write_text("failed, broken, unsuccessful\ndelay, pause\nrepeat => again\n")
    async with opened(on_opensearch) as (pipeline, settings):
        leg = msgspec.structs.replace(settings.legs["lexical"], synonyms=str(file))
        vector = ragflow.embed([QUESTION])[0].tolist()
        view = await pipeline.store.compare(QUESTION, vector, leg, settings)
        plain = await pipeline.store.compare(QUESTION, vector, settings=settings)
    question = view.found.question
    assert set(question.synonyms) == {"broken", "unsuccess", "paus"}
    assert '(delai^0.2000 "paus"^0.0500)' in question.query
    # retry-2 has "pause" and is found by it as well; what matched before is divided by more
    assert view.chunks["retry-2"].scores["A"] > plain.chunks["retry-2"].scores["A"]
    assert view.chunks["retry-1"].parts.token < plain.chunks["retry-1"].parts.token
    assert "synonyms" in view.chunks["retry-1"].quirks


async def test_a_raw_query_string_goes_out_as_typed(on_opensearch):
    text = "content_ltks:(retri AND polici)"
    view = await compared(on_opensearch, text, raw=True)
    assert view.ranking("A").ids == ("retry-1",)


async def test_documents_narrow_the_search(on_opensearch):
    view = await compared(on_opensearch, doc_ids=["doc-resilience-guide"])
    assert set(view.ranking("B").ids) == {"retry-2", "retry-3"}
    assert view.lost == ("retry-3",)


async def test_the_next_block_waits_however_well_it_scores(on_opensearch):
    text = "the flow of a boundary layer over a flat plate with heat transfer in supersonic stream"
    options = {"page_size": 2, "version": "2026-05", "similarity_threshold": 0.0, "kb_ids": [ragflow.PAPERS]}
    first = await compared(on_opensearch, text, **options)
    assert first.found.block == (0, 64)
    waiting = [i for i, chunk in first.chunks.items() if "blocks" in chunk.quirks]
    least = first.chunks[first.ranking("E").ids[1]].parts.total
    for i in waiting:
        assert 64 < first.chunks[i].ranks["D"] <= 128
        assert first.chunks[i].parts.total > least
        assert "E" not in first.chunks[i].ranks
    later = await compared(on_opensearch, text, page=33, **options)
    assert later.found.block == (64, 64)
    assert set(later.ranking("E").ids) <= set(first.ranking("D").ids[64:128])


# ---- as a store


async def test_the_pipeline_ranks_as_the_first_stage_and_the_rerank_do(on_opensearch):
    async with opened(on_opensearch, version="2026-05") as (pipeline, settings):
        settings = presets.apply(settings, "ragflow")
        settings = knobs.replace(settings, "weights.graph", 0.0)
        trace = await pipeline.search(QUESTION, settings)
        view = await pipeline.store.compare(QUESTION, ragflow.embed([QUESTION])[0].tolist(), settings=settings)
    ids, ranking = trace.pool.ids, trace.ranking
    fused = {ids[row]: float(ranking.fused_score[row]) for row in ranking.fused_order}
    first = view.ranking("D")
    assert fused.keys() == set(first.ids)
    assert [fused[i] for i in first.ids] == pytest.approx(first.scores.tolist(), abs=1e-5)
    tokens = {ids[row]: trace.rerank.token_similarity[row] for row in ranking.order}
    assert tokens["retry-1"] == pytest.approx(view.chunks["retry-1"].parts.token)
    assert [ids[row] for row in ranking.results][: len(view.ranking("E").ids)] == [*view.ranking("E").ids][:10]


async def test_the_dense_leg_finds_all_without_the_prefilter(on_opensearch):
    async with opened(on_opensearch, prefilter=False) as (pipeline, settings):
        trace = await pipeline.search(QUESTION, settings)
    assert "retry-3" in trace.pool.ids
    assert trace.stage("dense").outcome.ok


async def test_the_knowledge_graph_is_a_leg_of_its_own(on_opensearch):
    async with opened(on_opensearch) as (pipeline, settings):
        only = knobs.replace_all(settings, {"weights.graph": 1.0, "weights.dense": 0.0, "weights.lexical": 0.0})
        only = knobs.replace(only, "legs.graph.similarity_threshold", 0.05)
        trace = await pipeline.search("failed requests are repeated with a delay", only)
        entities = knobs.replace(only, "legs.graph.types", ["entity"])
        fewer = await pipeline.search("failed requests are repeated with a delay", entities)
    titles = {trace.documents[i].title for i in trace.pool.ids}
    assert titles == {"RETRY POLICY", "RETRY POLICY → BACKOFF"}
    assert fewer.pool.ids == ("graph-1",)


async def test_explain_and_highlights(on_opensearch):
    async with opened(on_opensearch) as (pipeline, settings):
        search = pipeline.begin("retry policy of failed requests")
        trace = await search.finish(settings)
        terms = await search.explain("retry-1")
        marks = await search.highlights("retry-1")
        text = (await search.fetch(["retry-1"]))["retry-1"].text_of("text")
    row = trace.pool.ids.index("retry-1")
    assert sum(score for _, score in terms) == pytest.approx(trace.pool.scores[row, 0], abs=1e-3)
    assert {term.text for term, _ in terms} >= {"retri", "polici", "phrases"}
    assert {text[mark.start : mark.end] for mark in marks if mark.field == "text"} >= {"retry", "policy", "failed"}


async def test_exclusions_phrases_and_filters_restrict_every_leg(on_opensearch):
    async with opened(on_opensearch) as (pipeline, settings):
        without = await pipeline.search(f"{QUESTION} -client", settings)
        whole = await pipeline.search('requests "failed requests"', settings)
        one = knobs.replace(settings, "filter.docnm_kwd", "resilience guide")
        filtered = await pipeline.search(QUESTION, one)
    assert "retry-2" not in without.pool.ids
    assert "retry-1" in without.pool.ids
    assert whole.pool.ids == ("retry-1",)
    assert filtered.pool.ids == ("retry-2",)


async def test_filters_of_no_value_hold_and_of_no_field_are_refused(on_opensearch, chunks):
    """None stands for chunks without the field; it let every chunk pass."""
    async with opened(on_opensearch) as (pipeline, settings):
        every = await pipeline.search(QUESTION, settings)
        named = {i for i in every.pool.ids if chunks[i].get("important_kwd")}
        bare = await pipeline.search(QUESTION, with_filter(settings, important_kwd=None))
        unknown = await pipeline.search(QUESTION, with_filter(settings, docnm="x"))
        with pytest.raises(SettingsError, match="no stored field 'docnm'; the nearest is 'docnm_kwd'"):
            await pipeline.store.facets(LegRequest("lexical", LexicalLeg(), Query.plain(QUESTION)), ["docnm"])
    assert named
    assert named < set(every.pool.ids)
    assert not named & set(bare.pool.ids)
    assert all("no stored field 'docnm'" in unknown.stage(leg).outcome.text for leg in ("lexical", "dense"))


def with_filter(settings: Settings, **filters: Any) -> Settings:
    return msgspec.structs.replace(settings, filter=filters)


async def test_knowledge_bases_and_documents_are_listed(on_opensearch):
    async with opened(on_opensearch) as (pipeline, _):
        papers, manuals = await pipeline.store.catalogue()
    assert (papers.id, papers.chunks, papers.graph) == (ragflow.PAPERS, 300, 0)
    assert (manuals.id, manuals.chunks, manuals.graph) == (ragflow.MANUALS, 12, 2)
    assert ("doc-resilience-guide", "resilience guide", 2) in manuals.documents


# ---- faults


def open_with(server: Server, **options: Any) -> None:
    settings = ragflow.settings(server.store(options.pop("index", INDEX)), "http://127.0.0.1:9", **options)
    open_pipeline(settings, Path())


def test_no_knowledge_base_named_lists_those_there_are(on_opensearch):
    with pytest.raises(SettingsError, match="no knowledge base is named") as caught:
        open_with(on_opensearch, kb_ids=[])
    assert f"{ragflow.PAPERS} (300 chunks)" in caught.value.hint


def test_an_index_that_is_not_there_or_not_ragflows(on_opensearch):
    with pytest.raises(StoreError, match="no index"):
        open_with(on_opensearch, index="ragflow_nobody")

    async def make() -> None:
        from engine.stores.elastic.connection import connect

        async with connect(on_opensearch.store("plain")) as client:
            await client.options(ignore_status=404).indices.delete(index="plain")
            headers = {"accept": "application/json", "content-type": "application/json"}
            body = {"mappings": {"properties": {"text": {"type": "text"}}}}
            await client.perform_request("PUT", "/plain", headers=headers, body=body)

    asyncio.run(make())
    with pytest.raises(StoreError, match="no index of RAGFlow"):
        open_with(on_opensearch, index="plain")


async def test_another_embedder_is_told_by_its_dimension(on_opensearch):
    async with opened(on_opensearch) as (pipeline, settings):
        with pytest.raises(StoreError, match=r"7 dimensions, those of .* have 512"):
            await pipeline.store.compare(QUESTION, [1.0] * 7, settings=settings)


def test_an_embedder_of_another_dimension_is_refused_at_once(on_opensearch):
    settings = ragflow.settings(on_opensearch.store(INDEX), "http://127.0.0.1:9")
    settings = knobs.replace(settings, "legs.dense.embedder", "static")
    with pytest.raises(IndexMismatchError, match=r"makes vectors of 256 dimensions, but those of .* have 512"):
        open_pipeline(settings, Path())


# ---- Elasticsearch, which fuses itself; these builds have no rank features


async def test_the_first_stage_is_what_elasticsearch_answers(on_elasticsearch):
    for version, boost in (("2026-05", 0.05), ("2026-07", 0.0)):
        async with opened(on_elasticsearch, version=version) as (pipeline, settings):
            store = pipeline.store
            assert not store.shape.rank_features
            vector = ragflow.embed([QUESTION])[0].tolist()
            view = await store.compare(QUESTION, vector, settings=settings)
            clause = bodies.text_clause(view.found.question)
            where = bodies.scope([ragflow.MANUALS, ragflow.PAPERS])
            how = {"boost": boost, "features": [], "threshold": 0.2, "top": 1024, "offset": 0, "size": 64}
            body = bodies.first_stage(fields.vector_field(512), vector, clause, where, **how)
            answer = await store.index.hits(body)
        ours = view.ranking("D")
        theirs = dict(zip(answer.ids, answer.scores.tolist(), strict=True))
        assert theirs.keys() == set(ours.ids)
        assert [theirs[i] for i in ours.ids] == pytest.approx(ours.scores.tolist(), abs=1e-5)
        scored = int((ours.scores > 0).sum())
        assert answer.ids[:scored] == ours.ids[:scored]  # those at 0 stand in the engine's own order


async def test_all_five_without_rank_features(on_elasticsearch):
    view = await compared(on_elasticsearch, version="2026-05")
    assert "retry-3" in view.lost
    assert all(view.ranking(key).ids for key in "ABCDE")
    assert view.notes == ("no-minimum",)
    told = await compared(on_elasticsearch, "what keeps answers for an hour", version="2026-05")
    # the engine knows no rank here: the first stage is text and cosine alone, but the re-rank adds the number
    bm25, cosine = told.chunks["cache-1"].scores["A"], told.chunks["cache-1"].scores["C"]
    assert told.chunks["cache-1"].scores["D"] == pytest.approx(0.05 * bm25 + (1 + cosine) / 2, abs=1e-5)
    assert told.chunks["cache-1"].parts.pagerank == 50


def test_the_mapping_is_ragflows_own(on_opensearch):
    made = ragflow.mapping(opensearch=True, rank_features=True)
    text = json.dumps(made)
    assert made["settings"]["index"]["number_of_shards"] == 2
    assert "scripted_sim" in text
    assert '"rank_features"' in text
