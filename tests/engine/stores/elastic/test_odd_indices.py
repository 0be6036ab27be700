"""Indices as they are met in the wild: several behind one name, data streams, nested objects, without source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace as with_
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.analysis.query import Query, parse
from engine.api import open_pipeline
from engine.errors import EngineError, SettingsError, StoreError
from engine.records import Document, Status
from engine.settings.schema import FieldValue, LexicalLeg, RerankSettings, Settings
from engine.stores.base import LegRequest
from engine.stores.elastic.bodies import counted, restrictions, stored
from engine.stores.elastic.detect import ELASTICSEARCH, Engine
from engine.stores.elastic.fields import exact_field, searched_fields
from engine.stores.elastic.listing import Seen, see
from engine.stores.elastic.mapping import shape_of
from engine.stores.elastic.proposal import propose
from tests.servers.engine_index import make, send
from tests.servers.engines import Server

LEG = LexicalLeg(fields={"text": 1.0})
ALIAS = "rankscope-both"


def settings(server: Server, name: str) -> Settings:
    return Settings(
        store=server.store(name), legs={"lexical": LEG}, weights={"lexical": 1.0}, rerank=RerankSettings(enabled=False)
    )


@pytest.fixture
def two_indices(any_engine: Server) -> Iterator[Server]:
    """Two indices behind one alias, each with documents of the same ids."""
    names = [f"rankscope-{part}" for part in "ab"]
    for name, word in zip(names, ("alpha", "beta"), strict=True):
        documents = [Document(str(n), {"text": f"the thread {word} waits {'again ' * n}"}) for n in range(3)]
        make(any_engine, name, documents, text={"text": "standard"}, ours=False)
    actions = [{"add": {"index": name, "alias": ALIAS}} for name in names]
    send(any_engine, "POST", "/_aliases", {"actions": actions})
    yield any_engine
    for name in names:
        send(any_engine, "DELETE", f"/{name}")


async def test_of_documents_that_share_an_id_the_best_is_shown_and_the_others_told(two_indices: Server) -> None:
    wanted = settings(two_indices, ALIAS)
    async with open_pipeline(wanted, Path()) as pipeline:
        trace = await pipeline.search("thread beta", wanted)
        analysis = await pipeline.store.analyze(parse("Thread beta", ("text",)), LEG)
    assert sorted(trace.pool.ids) == ["0", "1", "2"]
    stages = {stage.name: stage.outcome for stage in trace.stages}
    assert stages["analyse"].status is Status.OK
    assert stages["lexical"].status is Status.PARTIAL
    assert "3 left out, whose ids other documents have too" in stages["lexical"].text
    assert [(term.text, term.df) for term in analysis.terms] == [("thread", 6), ("beta", 3)]
    proposal = propose(await see(two_indices.store(ALIAS)))
    assert any(note.startswith("2 indices stand behind this name") for note in proposal.notes)


def test_a_data_stream_is_asked_about_its_analyzers_by_the_index_behind_it() -> None:
    """Not on a server: those of the tests make data streams and cannot take them away again."""
    one = {"mappings": {"properties": {"text": {"type": "text"}}}}
    other = {"mappings": {"properties": {"title": {"type": "text"}}}}
    stream = shape_of("logs", {".ds-logs-1": one}, 1)
    assert (stream.alone, stream.home("text")) == (False, ".ds-logs-1")
    both = shape_of("all", {"a": one, "b": other}, 1)
    assert (both.alone, both.home("text"), both.home("title"), both.home("?")) == (False, "a", "b", "a")
    plain = shape_of("alias", {"index-000001": one}, 1)
    assert (plain.alone, plain.home("text")) == (True, "alias")


async def test_an_index_that_keeps_no_documents_is_judged_by_names_alone(elasticsearch_8: Server) -> None:
    name = "rankscope-sourceless"
    fields = {"title": {"type": "text"}, "text": {"type": "text"}}
    send(elasticsearch_8, "PUT", f"/{name}", {"mappings": {"_source": {"enabled": False}, "properties": fields}})
    send(elasticsearch_8, "POST", f"/{name}/_doc?refresh=true", {"title": "a thread", "text": "waits"})
    try:
        proposal = propose(await see(elasticsearch_8.store(name)))
    finally:
        send(elasticsearch_8, "DELETE", f"/{name}")
    assert (proposal.title, proposal.fields) == ("title", {"title": 2.0, "text": 1.0})
    assert any("_source is off" in note for note in proposal.notes)


async def test_a_huge_document_is_marked_as_far_as_the_engine_goes(any_engine: Server) -> None:
    name = "rankscope-huge"
    text = "a thread waits " + "and so on " * 120_000
    make(any_engine, name, [Document("1", {"text": text})], text={"text": "standard"})
    wanted = settings(any_engine, name)
    try:
        async with open_pipeline(wanted, Path()) as pipeline:
            found = (await pipeline.store.fetch(["1"]))[0]
            spans = await pipeline.store.highlights(parse("thread waits", ("text",)), LEG, found)
        assert [found.text_of("text")[span.start : span.end] for span in spans] == ["thread", "waits"]
    finally:
        send(any_engine, "DELETE", f"/{name}")


@pytest.fixture
def odd_fields(any_engine: Server) -> Iterator[Server]:
    """A field by another name, one worked out at each search, and one that keeps a whole object."""
    name, opensearch = "rankscope-odd", any_engine.kind == "opensearch"
    fields = {
        "text": {"type": "text"},
        "tag": {"type": "keyword"},
        "n": {"type": "long"},
        "sold": {"type": "boolean"},
        "label": {"type": "alias", "path": "tag"},
        "number": {"type": "alias", "path": "n"},
        "words": {"type": "alias", "path": "text"},
        "about": {"type": "flat_object" if opensearch else "flattened"},
    }
    made: dict[str, Any] = {"runtime": {"twice": {"type": "keyword"}}}  # without a script: from the documents
    if opensearch:
        made = {"derived": {"twice": {"type": "keyword", "script": {"source": "emit(doc['tag'].value + '2')"}}}}
    send(any_engine, "PUT", f"/{name}", {"mappings": {"properties": fields, **made}})
    for number, tag in enumerate("ab"):
        about = {"lang": ["en", "de"][number], **({"deep": {"key": "v"}} if tag == "a" else {})}
        source = {"text": f"a thread {tag}", "tag": tag, "n": number, "about": about}
        source |= {} if opensearch else {"twice": f"{tag}2"}
        send(any_engine, "PUT", f"/{name}/_doc/{tag}?refresh=true", source)
    yield any_engine
    send(any_engine, "DELETE", f"/{name}")


async def test_filters_on_aliases_runtime_fields_and_flattened_objects_hold(odd_fields: Server) -> None:
    opensearch = odd_fields.kind == "opensearch"
    wanted = settings(odd_fields, "rankscope-odd")
    lacking: dict[str, FieldValue] = {} if opensearch else {"twice": None, "about.deep.key": None}
    holding: dict[str, FieldValue] = {
        "label": "a",
        "number": "0",
        "twice": ["a2", "zz"],
        "about": "v",
        "about.lang": "en",
        "about.deep.key": "v",
    }
    async with open_pipeline(wanted, Path()) as pipeline:

        async def kept(name: str, value: FieldValue) -> set[str]:
            trace = await pipeline.search("thread", replace(wanted, filter={name: value}))
            assert [stage.outcome.text for stage in trace.stages if stage.outcome.status is Status.FAILED] == []
            return set(trace.pool.ids)

        for name, value in holding.items():
            assert await kept(name, value) == {"a"}, name
        assert {name: await kept(name, value) for name, value in lacking.items()} == (
            {} if opensearch else {"twice": set(), "about.deep.key": {"b"}}
        )
        request = LegRequest("lexical", LEG, parse("thread", ("text",)))
        names = ["label", "number", "twice"] + ([] if opensearch else ["about", "about.lang"])
        counts = await pipeline.store.facets(request, names)
        assert {one.value for one in counts["label"]} == {"a", "b"}
        assert {one.value for one in counts["twice"]} == {"a2", "b2"}
        assert all(counts.values())
        for name in ("twice", "about.lang"):
            with pytest.raises(SettingsError, match=f"that the documents hold, and '{name}' is none"):
                await pipeline.store.search_leg(with_(request, group=name))
        with pytest.raises(EngineError, match="that the documents hold, and sold is none"):
            await pipeline.store.search_leg(with_(request, group="sold"))


def test_what_cannot_hold_is_refused_by_name() -> None:
    fields = {
        "text": {"type": "text"},
        "words": {"type": "alias", "path": "text"},
        "about": {"type": "flat_object"},
        "when": {"type": "date"},
    }
    shape = shape_of("i", {"i": {"mappings": {"properties": fields}}}, 1)
    with pytest.raises(SettingsError, match="'words' of the index i is analysed text, without exact values"):
        exact_field("words", shape, "filter.words")
    with pytest.raises(SettingsError, match="'words' is another name of 'text' in the index i"):
        searched_fields(LexicalLeg(fields={"words": 1.0}), shape)
    with pytest.raises(SettingsError, match=r"'about.lang' is in a field of type flat_object, .* counts no values"):
        counted({}, ["about.lang"], 5, shape)
    with pytest.raises(SettingsError, match=r"'about.lang' is in a field of type flat_object, .* lack a key"):
        restrictions(Query.plain("x"), {"about.lang": ["en", None]}, shape)  # type: ignore[list-item]
    assert exact_field("when", shape, "filter.when") == "when"


def test_nested_objects_are_named_and_not_searched() -> None:
    passages = {"type": "nested", "properties": {"text": {"type": "text"}}}
    one = {"mappings": {"properties": {"passages": passages, "n": {"type": "long"}}}}
    shape = shape_of("chunks", {"chunks": one}, 1)
    assert (shape.text, shape.vectors) == ({}, {})
    with pytest.raises(SettingsError, match="'passages' of the index chunks is of type nested: no filter, group or"):
        exact_field("passages", shape, "filter.passages")
    with pytest.raises(SettingsError, match=r"no stored field 'passages.text'"):
        exact_field("passages.text", shape, "filter.passages.text")
    with pytest.raises(StoreError, match=r"its fields: passages \(nested\), n") as told:
        propose(Seen(Engine(ELASTICSEARCH, (8, 19, 0)), shape, ()))
    assert "legs.lexical.body" in told.value.hint


def test_what_only_a_query_of_ones_own_searches_is_noted() -> None:
    fields = {"text": {"type": "text"}, "meaning": {"type": "semantic_text", "inference_id": "e5"}}
    shape = shape_of("i", {"i": {"mappings": {"properties": fields}}}, 1)
    notes = propose(Seen(Engine(ELASTICSEARCH, (8, 19, 0)), shape, ())).notes
    assert any(note.startswith("only a query of your own searches meaning (semantic_text)") for note in notes)
    assert stored(["1"], shape, ())["_source"]["excludes"] == ["meaning.inference"]


def test_a_long_keeps_all_of_its_digits() -> None:
    shape = shape_of("i", {"i": {"mappings": {"properties": {"n": {"type": "long"}}}}}, 1)
    query = parse("n:9007199254740993 word", ("n",))
    assert restrictions(query, {}, shape)["filter"] == [{"terms": {"n": [9007199254740993]}}]
