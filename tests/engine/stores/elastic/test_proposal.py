"""What is proposed for an index that nobody described: fields, title, ids, vectors and their embedder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.embedders.base import EmbedContext
from engine.embedders.static import StaticEmbedder
from engine.errors import EngineError, SettingsError, StoreError
from engine.executor import make_executor
from engine.records import Document
from engine.stores.elastic.bodies import stored
from engine.stores.elastic.detect import ELASTICSEARCH, Engine
from engine.stores.elastic.embedder_guess import fitting, guess, nearness, templates
from engine.stores.elastic.listing import Listed, Sample, Seen, list_indices, listed, see
from engine.stores.elastic.mapping import shape_of
from engine.stores.elastic.proposal import Embedding, Proposal, propose, with_field, with_vector
from tests.corpus import DOCUMENTS
from tests.servers.engine_index import VECTOR, make, send
from tests.servers.engines import Server

ENGINE = Engine(ELASTICSEARCH, (8, 19, 0))
TEXT: Mapping[str, Any] = {"type": "text", "fields": {"keyword": {"type": "keyword"}}}
LONG = "the flow over a delta wing at supersonic speed was measured in a tunnel of the laboratory"


def seen(properties: Mapping[str, Any], samples: Sequence[Sample] = (), meta: Mapping[str, str] | None = None) -> Seen:
    mappings = {"properties": properties, **({"_meta": {"rankscope": meta}} if meta else {})}
    shape = shape_of("things", {"things-000001": {"mappings": mappings, "settings": {}}}, 3)
    return Seen(ENGINE, shape, tuple(samples))


def samples(*documents: Mapping[str, Any], ids: Sequence[str] = (), vectors: Sequence[Any] = ()) -> list[Sample]:
    named = ids or [f"d{number}" for number in range(len(documents))]
    held = vectors or [{} for _ in documents]
    return [Sample(Document(name, dict(one)), vector) for name, one, vector in zip(named, documents, held, strict=True)]


# ---- fields


def test_texts_are_searched_and_tags_and_addresses_are_not() -> None:
    documents = [{"headline": f"wings {n}", "body": LONG, "url": f"http://a/{n}", "status": "ok"} for n in range(4)]
    found = propose(seen(dict.fromkeys(["headline", "body", "url", "status"], TEXT), samples(*documents)))
    assert found.fields == {"headline": 2.0, "body": 1.0}
    assert (found.title, found.title_reason) == ("headline", "by its name")
    reasons = {use.name: use.reason for use in found.texts}
    assert reasons["url"] == reasons["status"] == "single words: an id, a tag or an address"
    assert reasons["body"] == "17 words on average, analyzer standard"
    assert found.template == "{title}\n{body}"


def test_a_field_analysed_twice_is_searched_once_and_an_empty_one_is_not() -> None:
    twice = {"type": "text", "fields": {"english": {"type": "text", "analyzer": "english"}}}
    found = propose(seen({"body": twice, "summary_fr": TEXT}, samples({"body": LONG}, {"body": LONG})))
    assert found.fields == {"body": 1.0}
    reasons = {use.name: use.reason for use in found.texts}
    assert reasons["body.english"] == "the same text as body, analysed otherwise"
    assert reasons["summary_fr"] == "empty in the documents looked at"


def test_without_a_name_the_shortest_text_is_the_title() -> None:
    found = propose(seen({"a": TEXT, "b": TEXT}, samples({"a": LONG, "b": "delta wings"})))
    assert (found.title, found.fields) == ("b", {"b": 2.0, "a": 1.0})
    assert found.title_reason == "the shortest text, 2 words on average"
    alone = propose(seen({"a": TEXT}, samples({"a": LONG})))
    assert (alone.title, alone.template) == ("", "{a}")


def test_a_keyword_can_be_the_title_and_one_text_is_always_searched() -> None:
    found = propose(seen({"docnm_kwd": {"type": "keyword"}, "code": TEXT}, samples({"docnm_kwd": "a b", "code": "x1"})))
    assert found.title == "docnm_kwd"
    assert found.fields == {"code": 1.0}
    assert found.texts[0].reason.startswith("the longest that there is")


def test_scripts_without_spaces_have_words_too() -> None:
    found = propose(seen({"正文": TEXT}, samples({"正文": "机翼上的超音速流动在风洞中测量"})))
    assert found.fields == {"正文": 1.0}
    assert found.texts[0].words > 5


def test_an_empty_index_is_judged_by_names_alone() -> None:
    empty = seen({"title": TEXT, "text": TEXT})
    found = propose(replace(empty, shape=replace(empty.shape, documents=0)))
    assert found.fields == {"title": 2.0, "text": 1.0}
    assert "the index is empty: fields were chosen by their names alone" in found.notes


def test_made_up_ids_give_way_to_a_field_that_differs_everywhere() -> None:
    properties = {"title": TEXT, "sku": {"type": "keyword"}, "kind": {"type": "keyword"}}
    documents = [{"title": "a b", "sku": f"s{n}", "kind": "x"} for n in range(3)]
    made_up = [f"AVxyz_0123456789abc{n}" for n in range(3)]
    assert propose(seen(properties, samples(*documents, ids=made_up))).id_field == "sku"
    own = propose(seen(properties, samples(*documents)))
    assert (own.id_field, own.id_reason) == ("", "the engine's own _id")
    assert own.ids == ("sku",)


def test_of_wide_documents_only_what_matters_is_fetched() -> None:
    wide = {"title": "a b", "body": LONG, **{f"n{number}": number for number in range(30)}}
    properties = {"title": TEXT, "body": TEXT, **{f"n{number}": {"type": "long"} for number in range(30)}}
    found = propose(seen(properties, samples(wide)))
    assert found.display == ("title", "body")
    assert "the documents have 32 fields" in found.display_reason


def test_an_index_with_nothing_to_search_by_is_refused() -> None:
    with pytest.raises(StoreError, match=r"things has neither a text field nor a field of vectors; its fields: sku"):
        propose(seen({"sku": {"type": "keyword"}}))
    found = with_field(propose(seen({"body": TEXT}, samples({"body": LONG}))), "body", 0.0)
    with pytest.raises(StoreError, match="no text field is chosen, and it has no vectors"):
        found.check()


# ---- vectors


def vectored(dimension: int, held: Sequence[Sample], **meta: str) -> Proposal:
    field = {"type": "dense_vector", "dims": dimension, "index_options": {"type": "flat"}}
    return propose(seen({"title": TEXT, "text": TEXT, "v": field}, held, meta))


def test_of_several_fields_of_vectors_the_one_that_documents_have_is_proposed() -> None:
    field = {"type": "dense_vector", "dims": 4}
    found = propose(seen({"text": TEXT, "a": field, "b": field}, samples({"text": LONG}, vectors=[{"b": [1.0] * 4}])))
    assert found.vector is not None
    assert found.vector.name == "b"
    assert "one of 2, and most documents have it" in found.vector_reason
    assert "approximate" in found.vector_reason
    other = with_vector(replace(found, embedding=Embedding("static", sure=True)), "a")
    assert other.vector is not None
    assert (other.vector.name, other.embedding) == ("a", Embedding())
    assert with_vector(found, "").weights == {"lexical": 1.0, "dense": 0.0}


def test_the_field_that_an_embedder_can_be_had_for_is_proposed_and_not_the_shorter_name() -> None:
    def field(dimension: int) -> dict[str, Any]:
        return {"type": "dense_vector", "dims": dimension}

    both = seen({"text": TEXT, "v": field(7), "text_vector": field(256)})
    near = nearness(EmbedContext(make_executor()))
    assert [near(dimension) for dimension in (256, 1536, 7, 0)] == [2, 1, 0, 0]
    found = propose(both, near)
    assert found.vector is not None
    assert found.vector.name == "text_vector"
    assert found.vector_reason == "one of 2, and an embedder can be had for it: 256 dimensions, cosine, approximate"
    held = samples(*[{"text": LONG}] * 3, vectors=[{"v": [1.0] * 7}, {"v": [1.0] * 7}, {"v": [1.0] * 7}])
    rare = propose(replace(both, samples=tuple(held)), near)
    assert rare.vector is not None
    assert (rare.vector.name, rare.vector_reason[:40]) == ("v", "one of 2, and most documents have it: 7 ")


def test_the_field_fits_the_embedder_that_the_user_names() -> None:
    fields = {name: {"type": "dense_vector", "dims": size} for name, size in (("v", 256), ("bge", 1024), ("x", 9))}
    context = EmbedContext(make_executor())
    for wanted, name in (("local/bge-m3", "bge"), ("cohere/embed-multilingual-v3.0", "bge"), ("static", "v")):
        found = propose(seen({"text": TEXT, **fields}), nearness(context, wanted))
        assert found.vector is not None
        assert found.vector.name == name
    with pytest.raises(SettingsError, match="there is no embedder 'nobody/x'"):
        nearness(context, "nobody/x")


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ({"type": "dense_vector", "dims": 256, "element_type": "byte"}, "bytes"),
        ({"type": "dense_vector", "dims": 256, "element_type": "bit"}, "bits"),
        ({"type": "knn_vector", "dimension": 256, "data_type": "BYTE"}, "bytes"),
        ({"type": "knn_vector", "dimension": 256, "data_type": "BINARY"}, "bits"),
    ],
)
def test_vectors_of_bytes_and_bits_are_told_and_never_searched(spec: Mapping[str, Any], parts: str) -> None:
    """On Elasticsearch 8.19 and OpenSearch 2.19 a query of floats over them is refused by the engine."""
    alone = seen({"text": TEXT, "v": spec})
    said = f"v holds vectors of {parts}, and an embedder makes floats"
    found = propose(alone)
    assert (found.vector, found.vector_reason) == (None, f"{said}: words alone are searched")
    assert found.vectors == ()
    with pytest.raises(SettingsError, match=f"has vectors of {parts} alone, in v"):
        alone.shape.vector_field("", "dense")
    assert "v" in stored(["1"], alone.shape, ())["_source"]["excludes"]
    beside = seen({"text": TEXT, "v": spec, "floats": {"type": "dense_vector", "dims": 4, "element_type": "float"}})
    other = propose(beside)
    assert other.vector is not None
    assert (other.vector.name, other.notes[0]) == ("floats", said)
    with pytest.raises(SettingsError, match=f"no vectors in 'v': it holds vectors of {parts}"):
        beside.shape.vector_field("v", "dense")
    with pytest.raises(StoreError, match=rf"its fields: v \(vectors of {parts}\)"):
        propose(seen({"v": spec}))


async def test_the_embedder_is_proven_by_a_stored_vector_and_its_template_found() -> None:
    documents = [{"title": f"wing {n}", "text": f"{LONG} {n}"} for n in range(4)]
    encoder = StaticEmbedder(make_executor())
    made = encoder.encode([f"{one['title']}. {one['text']}" for one in documents])
    held = samples(*documents, vectors=[{"v": row.tolist()} for row in made])
    found = await guess(vectored(256, held), held, EmbedContext(make_executor()))
    assert (found.embedding.name, found.embedding.sure) == ("static", True)
    assert found.embedding.text == "{title}. {text}"
    assert "cosine 1.0000" in found.embedding.reason
    assert found.weights == {"lexical": 0.3, "dense": 0.7}


async def test_vectors_by_somebody_else_are_not_claimed() -> None:
    rng = np.random.default_rng(1)
    documents = [{"title": f"wing {n}", "text": LONG} for n in range(4)]
    held = samples(*documents, vectors=[{"v": rng.normal(size=256).tolist()} for _ in documents])
    context = EmbedContext(make_executor())
    found = await guess(vectored(256, held), held, context)
    assert (found.embedding.name, found.dense) == ("", False)
    assert found.embedding.reason.startswith("static makes others (cosine")
    assert found.weights == {"lexical": 1.0, "dense": 0.0}
    said = await guess(vectored(256, held), held, context, wanted="openai/text-embedding-3-small")
    assert said.embedding.name == "openai/text-embedding-3-small"
    assert said.embedding.reason == "as you say; it was not compared with the stored vectors"
    with pytest.raises(SettingsError, match="there is no embedder 'openia/x'"):
        await guess(vectored(256, held), held, context, wanted="openia/x")


async def test_what_cannot_be_tried_is_named_by_its_dimension() -> None:
    held = samples({"title": "a b", "text": LONG}, vectors=[{"v": [0.1] * 1536}])
    found = await guess(vectored(1536, held), held, EmbedContext(make_executor()))
    assert "openai/text-embedding-3-small" in found.embedding.reason
    assert "cannot be tried here" in found.embedding.reason
    odd = await guess(vectored(7, held), held, EmbedContext(make_executor()))
    assert odd.embedding.reason == "no embedder in the list makes 7 dimensions"
    unread = await guess(vectored(256, []), [], EmbedContext(make_executor()))
    assert "no vector could be read to compare" in unread.embedding.reason


async def test_an_index_of_ours_says_itself_who_made_its_vectors() -> None:
    held = samples({"title": "a b", "text": LONG}, vectors=[{"v": [0.1] * 384}])
    found = await guess(vectored(384, held, embedder="local/minilm"), held, EmbedContext(make_executor()))
    assert (found.embedding.name, found.embedding.reason) == ("local/minilm", "the index says so itself")


def test_embedders_are_known_by_dimension() -> None:
    assert fitting(256) == ("static",)
    assert "local/minilm" in fitting(384)
    assert {"local/bge-m3", "cohere/embed-multilingual-v3.0"} <= set(fitting(1024))
    proposal = propose(seen({"title": TEXT, "text": TEXT}, samples({"title": "a b", "text": LONG})))
    assert templates(proposal)[:4] == ["{title}\n{text}", "{title} {text}", "{title}. {text}", "{text}"]


# ---- lists


def test_indices_aliases_and_data_streams_are_listed() -> None:
    rows = [
        {"index": "docs-000002", "docs.count": "7", "store.size": "1000"},
        {"index": ".ds-logs-1", "docs.count": "3", "store.size": "10"},
        {"index": ".ds-logs-2", "docs.count": "4", "store.size": "20"},
        {"index": ".kibana", "docs.count": "1", "store.size": "1"},
        {"index": "closed", "docs.count": None, "store.size": None},
    ]
    resolved = {
        "indices": [{"name": "docs-000002", "aliases": ["docs", "all"]}, {"name": ".ds-logs-1"}],
        "data_streams": [{"name": "logs", "backing_indices": [".ds-logs-1", ".ds-logs-2"]}],
        "aliases": [
            {"name": "docs", "indices": ["docs-000002"]},
            {"name": "all", "indices": ["docs-000002", ".kibana", "closed"]},
        ],
    }
    found = {one.name: one for one in listed(rows, resolved)}
    assert found["docs-000002"] == Listed("docs-000002", 7, 1000, ("docs", "all"))
    assert found["docs-000002"].asked == "docs"
    assert found["logs"] == Listed("logs", 7, 30, stream=True)
    assert found[".kibana"].system
    assert found["closed"].documents == -1
    assert found["all"] == Listed("all", 8, 1001, of=3)
    assert set(found) == {"docs-000002", "logs", ".kibana", "closed", "all"}


async def looked_at(server: Server) -> None:
    """A foreign index: its fields are found, its vectors read back, their embedder proven."""
    encoder = StaticEmbedder(make_executor())
    texts = [f"{one.title}\n{one.text_of('text')}" for one in DOCUMENTS]
    vectors = {one.id: row.tolist() for one, row in zip(DOCUMENTS, encoder.encode(texts), strict=True)}
    make(server, "foreign", DOCUMENTS, vectors, text={"title": "standard", "text": "english"}, ours=False)
    try:
        listing = await list_indices(server.store(""))
        one = next(one for one in listing.indices if one.name == "foreign")
        assert (one.documents, one.asked) == (len(DOCUMENTS), "foreign")
        found = await see(server.store("foreign"))
        assert found.engine.name == server.kind
        proposal = await guess(propose(found), found.samples, EmbedContext(make_executor()))
        assert proposal.fields == {"title": 2.0, "text": 1.0}
        assert proposal.vector is not None
        assert (proposal.vector.name, proposal.vector.dimension) == (VECTOR, 256)
        assert (proposal.embedding.name, proposal.embedding.sure) == ("static", True)
        with pytest.raises(EngineError, match="has no index nowhere"):
            await see(server.store("nowhere"))
    finally:
        send(server, "DELETE", "/foreign")


async def test_a_foreign_index_of_elasticsearch_is_understood(elasticsearch_8: Server) -> None:
    await looked_at(elasticsearch_8)


async def test_a_foreign_index_of_opensearch_is_understood(opensearch_2: Server) -> None:
    await looked_at(opensearch_2)


def test_opensearch_compares_every_vector_where_the_index_has_no_graphs() -> None:
    fields = {"v": {"type": "knn_vector", "dimension": 4, "space_type": "cosinesimil"}}
    for knn, exact in (("true", False), ("false", True)):
        one = {"mappings": {"properties": fields}, "settings": {"index": {"knn": knn}}}
        field = shape_of("i", {"i": one}, 1).vectors["v"]
        assert (field.exact, field.indexed, field.is_cosine) == (exact, not exact, True)
