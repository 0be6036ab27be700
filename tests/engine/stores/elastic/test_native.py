"""The engine's own fusion beside ours, on the real engines: which forms give our order, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.exporting import behind, wish_of
from console.native import beside, report, table
from engine.api import open_pipeline
from engine.export.given import given_of
from engine.settings import knobs
from engine.settings.schema import Settings
from engine.stores.elastic.native import Native, compare
from engine.stores.elastic.store import ElasticStore
from tests.engine.export.on_servers import BASE, INDEX, build, load, needs_cranfield
from tests.servers.engines import Server

pytestmark = needs_cranfield

QUERY = "wing flow in a slipstream"


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return build(tmp_path_factory.mktemp("native") / "index")


@pytest.fixture(scope="module")
def elasticsearch(vectors: dict, elasticsearch_8: Server) -> Server:
    load(elasticsearch_8, vectors)
    return elasticsearch_8


@pytest.fixture(scope="module")
def opensearch(vectors: dict, opensearch_2: Server) -> Server:
    load(opensearch_2, vectors)
    return opensearch_2


def settings_for(server: Server, **values: object) -> Settings:
    store = {"store.kind": server.kind, "store.url": server.url, "store.index": INDEX}
    changes = {name.replace("__", "."): value for name, value in values.items()}
    return knobs.replace_all(Settings(), {**BASE, **store, **changes})


async def asked(settings: Settings, depth: int = 20) -> dict[str, Native]:
    async with open_pipeline(settings, Path()) as pipeline:
        search = pipeline.begin(QUERY)
        trace = await search.finish(settings)
        assert isinstance(pipeline.store, ElasticStore)
        shape, version = behind(pipeline.store)
        wish = wish_of(settings, Path(), version, given_of(search, trace), shape)
        return {native.label: native for native in await compare(pipeline.store, wish, trace, depth)}


async def test_opensearch_fuses_as_we_do_where_it_is_asked_for_the_same(opensearch: Server) -> None:
    found = await asked(settings_for(opensearch))
    assert found["bool"].same
    assert found["bool"].agrees
    assert [change.path for change in found["hybrid"].changes] == ["fusion.normalizer"]
    assert 0.0 < found["hybrid"].rbo < 1.0
    assert not found["rrf"].refusal
    found = await asked(settings_for(opensearch, fusion__normalizer="opensearch-min-max"))
    assert found["hybrid"].same
    assert found["hybrid"].agrees
    assert found["hybrid"].rbo == pytest.approx(1.0)
    assert found["hybrid"].took_ms <= found["hybrid"].wall_ms + 1


async def test_elasticsearch_refuses_in_one_line_what_it_has_not(elasticsearch: Server) -> None:
    found = await asked(settings_for(elasticsearch))
    assert found["bool"].same
    assert found["bool"].agrees
    for name in ("linear", "rrf"):  # in a user's cluster they are refused without a licence, here they are unknown
        assert f"unknown retriever [{name}]" in found[name].refusal
        assert "\n" not in found[name].refusal
        assert found[name].ids == ()


async def test_the_engines_reranker_is_asked_as_well(elasticsearch: Server) -> None:
    settings = settings_for(
        elasticsearch,
        rerank__enabled=True,
        rerank__provider="tei",
        rerank__base_url="http://127.0.0.1:9",
        rerank__text="{text}",
    )
    found = await asked(settings)
    assert found["bool"].agrees, "without the reranker, beside our list before reranking"
    assert "licence does not include text_similarity_reranker" in found["bool + reranker"].refusal


async def test_what_is_printed_says_all_of_it(opensearch: Server) -> None:
    settings = settings_for(opensearch)
    async with open_pipeline(settings, Path()) as pipeline:
        search = pipeline.begin(QUERY)
        trace = await search.finish(settings)
        found = await beside(search, trace, pipeline.store, Path())
    said = report(found, trace)
    assert said["engine"] == "OpenSearch 2.19.1"
    assert [each["form"] for each in said["native"]] == ["bool", "hybrid", "rrf"]
    assert [hit["id"] for hit in said["native"][0]["results"]] == said["ours"]["fused"]
    assert said["native"][1]["changes"][0]["after"] == "opensearch-min-max"
    text = table(found, trace)
    assert "the same order" in text
    assert all(found.titles[document] for document in said["ours"]["fused"])
