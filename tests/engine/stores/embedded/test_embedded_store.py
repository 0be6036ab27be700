"""The store as the pipeline sees it: protocol, settings that fit or do not, synonyms, the account of a score."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.analysis.query import Query, parse
from engine.embedders.base import EmbedderInfo
from engine.errors import IndexMismatchError, SettingsError
from engine.records import Document, ScoreKind
from engine.settings.schema import DenseLeg, LexicalLeg
from engine.stores.base import LegRequest, LiveStore, Store
from engine.stores.embedded.schema import EmbeddingSpec, IndexSpec
from engine.stores.embedded.store import EmbeddedStore
from engine.stores.embedded.writer import IndexWriter

SPEC = IndexSpec(
    {"title": "english", "text": "identifier"}, EmbeddingSpec("static", 2, revision="r1"), source="python-docs"
)
DOCUMENTS = [
    Document(
        "time.sleep", {"title": "Sleeping", "text": "time.sleep suspends the thread", "module": "time", "rank": 1}
    ),
    Document(
        "Event.wait", {"title": "Waiting", "text": "Event.wait blocks a thread", "module": "threading", "rank": 2}
    ),
    Document("os.getcwd", {"title": "Folders", "text": "os.getcwd tells the current folder", "module": "os"}),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with IndexWriter(tmp_path / "index", SPEC) as writer:
        writer.add(DOCUMENTS, np.array([[3, 4], [4, 3], [np.nan, 0]], dtype=np.float32))
        writer.commit()
    return tmp_path / "index"


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


async def test_every_answer_of_the_protocol(path: Path, executor: ThreadPoolExecutor) -> None:
    opened = await EmbeddedStore.open(path, executor)
    store: Store = opened
    live: LiveStore = opened
    info = store.info
    assert (info.kind, info.documents, info.generation, info.embedder, info.dimension) == (
        "embedded",
        3,
        1,
        "static",
        2,
    )
    assert (info.text_fields, info.keyword_fields, info.numeric_fields) == (("title", "text"), ("module",), ("rank",))
    assert info.live_knobs == {"k1", "b", "boosts"}
    assert info.bm25_factor == 1.0
    lexical = LegRequest("lexical", LexicalLeg(), Query.plain("thread sleep"))
    hits = await store.search_leg(lexical)
    assert hits.ids == ("time.sleep", "Event.wait")
    assert live.search_leg_now(lexical).scores.tolist() == hits.scores.tolist()
    dense = LegRequest("dense", DenseLeg(), Query.plain("x"), vector=np.array([6, 8], dtype=np.float32))
    found = await store.search_leg(dense)
    assert found.ids == ("time.sleep", "Event.wait")
    assert found.scores == pytest.approx([1.0, 0.96])
    assert (found.scores <= 1).all()
    completed = await store.complete(dense, ["os.getcwd", "gone", "Event.wait"])
    assert completed.scores == pytest.approx([np.nan, np.nan, 0.96], nan_ok=True)
    completed = live.complete_now(lexical, ["os.getcwd", "gone", "Event.wait"])
    assert completed.scores == pytest.approx([0, np.nan, hits.scores[1]], nan_ok=True)
    assert [d.title for d in await store.fetch(["os.getcwd", "gone"])] == ["Folders", "gone"]
    assert await store.group_values("module", ["os.getcwd"]) == ["os"]
    assert (await store.feature_values(["rank"], ["os.getcwd", "time.sleep"])).tolist()[1] == [1.0]
    facets = await store.facets(lexical, ["module"])
    assert [(f.value, f.count) for f in facets["module"]] == [("threading", 1), ("time", 1)]
    assert [f.count for f in (await store.facets(dense, ["module"], 1))["module"]] == [1]
    await store.close()


async def test_the_query_is_accounted_for(path: Path, executor: ThreadPoolExecutor) -> None:
    store = await EmbeddedStore.open(path, executor)
    query = parse('thraed sleeping -block "the thread"', store.info.text_fields)
    analysis = await store.analyze(query, LexicalLeg())
    terms = {(t.field, t.text): t for t in analysis.terms}
    assert terms["text", "thraed"].nearest == ("thread",)
    assert terms["title", "sleep"].df == 1
    assert terms["text", "sleeping"].nearest == (), "the title has it"
    assert analysis.excluded == ("block",)
    assert analysis.phrases == ("the thread",)
    explained = await store.explain(query, LexicalLeg(), ["time.sleep", "gone"])
    hits = store.search_leg_now(LegRequest("lexical", LexicalLeg(), query))
    assert hits.ids == ("time.sleep",)
    assert explained.contributions.sum(axis=1) == pytest.approx([hits.scores[0], 0.0])
    spans = await store.highlights(query, LexicalLeg(), DOCUMENTS[0])
    assert [DOCUMENTS[0].text_of(s.field)[s.start : s.end] for s in spans] == ["Sleeping", "the", "thread"]
    await store.close()


async def test_a_clause_on_a_stored_field_filters_every_leg(path: Path, executor: ThreadPoolExecutor) -> None:
    store = await EmbeddedStore.open(path, executor)
    query = parse("thread module:time", ["module", "title"])
    assert store.search_leg_now(LegRequest("lexical", LexicalLeg(), query)).ids == ("time.sleep",)
    vector = np.ones(2, dtype=np.float32)
    assert store.search_leg_now(LegRequest("dense", DenseLeg(), query, vector=vector)).ids == ("time.sleep",)
    assert store.search_leg_now(LegRequest("lexical", LexicalLeg(), Query.plain(" \n"))).ids == ()
    await store.close()


async def test_synonyms_weigh_a_quarter_and_count_as_their_word(path: Path, executor: ThreadPoolExecutor) -> None:
    (path.parent / "synonyms.txt").write_text("pause => sleep\ndirectory => folder\n")
    store = await EmbeddedStore.open(path, executor, path.parent)
    leg = LexicalLeg(synonyms="synonyms.txt", minimum_should_match="100%")
    whole = store.search_leg_now(LegRequest("lexical", LexicalLeg(), Query.plain("sleep")))
    quarter = store.search_leg_now(LegRequest("lexical", leg, Query.plain("pause")))
    assert quarter.ids == whole.ids == ("time.sleep",)
    assert quarter.scores == pytest.approx(whole.scores / 4)
    assert store.search_leg_now(LegRequest("lexical", leg, Query.plain("pause thread"))).ids == ("time.sleep",)
    terms = (await store.analyze(Query.plain("pause"), leg)).terms
    assert {(t.text, t.weight, t.source) for t in terms if t.field == "title"} == {
        ("paus", 1, ""),
        ("sleep", 0.25, "pause"),
    }
    (path.parent / "synonyms.txt").write_text("pause => wait")
    assert store.search_leg_now(LegRequest("lexical", leg, Query.plain("pause"))).ids == ("Event.wait",)
    with pytest.raises(SettingsError, match=r"nowhere\.txt"):
        store.search_leg_now(LegRequest("lexical", LexicalLeg(synonyms="nowhere.txt"), Query.plain("pause")))
    await store.close()


STATIC = EmbedderInfo("static", 2, "r1")


@pytest.mark.parametrize(
    ("leg", "embedder", "explicit", "says", "rebuild"),
    [
        (LexicalLeg(analyzer="standard"), None, True, "was built with 'english'", "legs.lexical.analyzer=standard"),
        (LexicalLeg(), None, True, "'identifier' for 'text'", "legs.lexical.analyzer=english"),
        (
            LexicalLeg(analyzers={"text": "cjk"}),
            None,
            False,
            "built with 'identifier'",
            "legs.lexical.analyzers.text=cjk",
        ),
        (DenseLeg(embedder="other"), EmbedderInfo("other", 2, "r1"), False, "other@r1", "legs.dense.embedder=other"),
        (DenseLeg(), EmbedderInfo("static", 2, "r2"), False, "static@r1", "legs.dense.embedder=static"),
        (DenseLeg(), EmbedderInfo("static", 3, "r1"), False, "3 dimensions", "legs.dense.embedder=static"),
        (DenseLeg(), EmbedderInfo("static", 2, "r1", ScoreKind.DOT), False, "dot", "legs.dense.embedder=static"),
        (DenseLeg(text="{text}"), STATIC, True, "legs.dense.text", "'legs.dense.text={text}'"),
    ],
)
async def test_settings_that_do_not_fit_name_the_rebuild(
    path: Path, executor: ThreadPoolExecutor, leg: Any, embedder: Any, explicit: bool, says: str, rebuild: str
) -> None:
    store = await EmbeddedStore.open(path, executor)
    with pytest.raises(IndexMismatchError, match=says) as raised:
        store.check(leg.kind, leg, embedder=embedder, explicit=explicit)
    assert raised.value.hint.endswith(f"rankscope index python-docs --into {path} --rebuild --set {rebuild}")
    await store.close()


async def test_settings_that_fit(path: Path, executor: ThreadPoolExecutor) -> None:
    store = await EmbeddedStore.open(path, executor)
    store.check("lexical", LexicalLeg())
    store.check("lexical", LexicalLeg(analyzers={"title": "english", "text": "identifier"}), explicit=True)
    store.check("dense", DenseLeg(), embedder=STATIC)
    await store.close()


def test_ids_that_share_a_hash_are_told_apart(build: Any) -> None:
    assert zlib.crc32(b"plumless") == zlib.crc32(b"buckeroo")
    searcher = build(
        [Document("plumless", {"text": "a"}), Document("buckeroo", {"text": "b"})], IndexSpec({"text": "standard"})
    )
    assert searcher.index.ids.rows(["buckeroo", "plumless", "buckeroos", "é"]).tolist() == [1, 0, -1, -1]


def test_names_and_terms_outside_ascii(build: Any) -> None:
    documents = [Document("straße/日本", {"text": "Äpfel 日本"}), Document("b", {"text": "x"})]
    searcher = build(documents, IndexSpec({"text": "standard"}))
    leg = LexicalLeg(fields={"text": 1.0})
    assert searcher.search(LegRequest("lexical", leg, Query.plain("äpfel"))).ids == ("straße/日本",)


def test_an_empty_index_answers(build: Any) -> None:
    searcher = build([Document("a", {"text": ""})], IndexSpec({"text": "standard"}, EmbeddingSpec("v", 2)))
    leg = LexicalLeg(fields={"text": 1.0})
    assert searcher.search(LegRequest("lexical", leg, Query.plain("x"))).total == 0
    request = LegRequest("dense", DenseLeg(), Query.plain("x"), vector=np.ones(2, dtype=np.float32))
    assert searcher.search(request).ids == ()
    assert searcher.complete(LegRequest("lexical", leg, Query.plain("x")), ["a"]).scores.tolist() == [0.0]
