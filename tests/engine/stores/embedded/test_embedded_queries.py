"""Every rule that decides what matches, against brute force over random corpora."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.analysis.query import Clause, Query
from engine.errors import SettingsError
from engine.records import Document
from engine.settings.schema import DenseLeg, LexicalLeg
from engine.stores.base import LegRequest
from engine.stores.embedded import account, search, stored
from engine.stores.embedded.index import EmbeddedIndex
from engine.stores.embedded.matching import required_matches
from engine.stores.embedded.schema import EmbeddingSpec, IndexSpec
from engine.stores.embedded.search import Searcher
from engine.stores.embedded.writer import IndexWriter

FIELDS = {"title": "standard", "text": "english"}
SPEC = IndexSpec(FIELDS, EmbeddingSpec("random", 3))

word = st.sampled_from(["red", "green", "blues", "the", "running", "fox", "dogs"])
text = st.lists(word, max_size=8).map(" ".join)
document = st.fixed_dictionaries(
    {"title": text, "text": text},
    optional={"tags": st.lists(st.sampled_from("abc"), max_size=3), "n": st.integers(0, 3)},
)
corpora = st.lists(document, min_size=1, max_size=12)
vector = st.lists(st.integers(-2, 2), min_size=3, max_size=3)
clauses = st.lists(
    st.one_of(
        st.builds(Clause, text),
        st.builds(Clause, text, phrase=st.just(True)),
        st.builds(Clause, word, excluded=st.just(True)),
        st.builds(Clause, text, phrase=st.just(True), excluded=st.just(True)),
        st.builds(Clause, word, field=st.sampled_from(["title", "text"])),
    ),
    min_size=1,
    max_size=4,
).map(tuple)
filters = st.fixed_dictionaries(
    {},
    optional={
        "tags": st.one_of(st.sampled_from("abc"), st.lists(st.sampled_from("abcd"), min_size=1, max_size=2), st.none()),
        "n": st.one_of(st.integers(0, 3), st.lists(st.integers(0, 3), min_size=1, max_size=2)),
    },
)


def admitted(query: Query, wanted: dict[str, Any], oracle: Any, row: int) -> bool:
    """Whether filters and syntax let the document through, read off the rules one by one."""
    fields = oracle.documents[row].fields
    for name, value in wanted.items():
        if not passes(fields.get(name), value):
            return False
    for clause in query.clauses:
        scope = type(oracle)(oracle.documents, {clause.field: FIELDS[clause.field]}) if clause.field else oracle
        if not (clause.phrase or clause.excluded or clause.field) or empty(clause, scope):
            continue
        holds = scope.has_phrase(clause.text, row) if clause.phrase else scope.has(clause.text, row)
        if holds == clause.excluded:
            return False
    return True


def passes(value: Any, wanted: Any) -> bool:
    held = value if isinstance(value, list) else [] if value is None else [value]
    if wanted is None:
        return not held
    return any(one in held for one in (wanted if isinstance(wanted, list) else [wanted]))


def empty(clause: Clause, scope: Any) -> bool:
    from engine.analysis import analyzers

    return not any(analyzers.get(kind).terms(clause.text) for kind in scope.fields.values())


def scored(query: Query, oracle: Any, row: int) -> float:
    total = 0.0
    for clause in query.clauses:
        if not clause.excluded:
            boosts = {clause.field: 1.0} if clause.field else dict.fromkeys(FIELDS, 1.0)
            total += oracle.score(clause.text.split(), boosts, row)
    return total


def matched(query: Query, oracle: Any, row: int) -> tuple[int, int]:
    """(optional words that the document has, optional words in all); equal words count once."""
    words = {w for c in query.clauses if not (c.excluded or c.phrase or c.field) for w in c.text.split()}
    held = [w for w in words if any(oracle.term(f, t, row) for f, t in terms(w))]
    return len(held), len([w for w in words if terms(w)])


def terms(word: str) -> list[tuple[str, str]]:
    from engine.analysis import analyzers

    return [(name, t) for name, kind in FIELDS.items() for t in analyzers.get(kind).terms(word)]


def build(
    folder: str, fields: list[dict[str, Any]], vectors: np.ndarray | None = None
) -> tuple[Searcher, list[Document]]:
    documents = [Document(f"d{row}", one) for row, one in enumerate(fields)]
    # two fields that every corpus has, so that filters on them are never unknown
    documents.append(Document("last", {"title": "", "text": "", "tags": ["z"], "n": 9}))
    if vectors is not None:
        vectors = np.vstack([vectors, np.full((1, 3), np.nan)]).astype(np.float32)
    # what a device does with the files is not the question here, and flushing them is slow
    with patch("os.fsync"), IndexWriter(Path(folder) / "index", SPEC) as writer:
        writer.add(documents, vectors)
        writer.commit()
    return Searcher(EmbeddedIndex.open(Path(folder) / "index")), documents


@settings(max_examples=45, deadline=None)
@given(corpora, clauses, filters, st.sampled_from(["0%", "2", "60%", "-1", "1<75%"]), st.integers(1, 6))
def test_lexical_leg(
    brute_force: Any, fields: list[dict[str, Any]], parts: tuple[Clause, ...], wanted: dict[str, Any], msm: str, k: int
) -> None:
    query = Query("typed", "typed", parts)
    leg = LexicalLeg(minimum_should_match=msm, top_k=k)
    request = LegRequest("lexical", leg, query, wanted)
    with TemporaryDirectory() as folder:
        searcher, documents = build(folder, fields)
        oracle = brute_force(documents, FIELDS)
        scores = []
        for row in range(len(documents)):
            held, optional = matched(query, oracle, row)
            fits = admitted(query, wanted, oracle, row) and held >= required_matches(msm, optional)
            scores.append(scored(query, oracle, row) if fits else 0.0)
        hits = searcher.search(request)
        assert hits.total == sum(score > 0 for score in scores)
        assert [round(s, 9) for s in hits.scores] == sorted((round(s, 9) for s in scores if s > 0), reverse=True)[:k]
        assert sorted(hits.ids) == sorted(oracle.ranked(scores, k))
        for i, name in enumerate(hits.ids):
            assert hits.scores[i] == pytest.approx(scores[int(hits.rows[i])], rel=1e-9), name
        # equal scores in index order
        assert all(a > b or (a == b and r < s) for (a, r), (b, s) in pairs(hits))
        completed = searcher.complete(request, [d.id for d in documents])
        assert completed.scores == pytest.approx(scores, rel=1e-9)
        # to the last bit where the search returned them itself
        assert completed.scores[hits.rows].tolist() == hits.scores.tolist()
        with patch.object(search, "_MANY", 0):  # each row looked up, as in a large index
            looked_up = searcher.complete(request, [d.id for d in documents])
        assert looked_up.scores.tolist() == completed.scores.tolist()
        assert looked_up.field_scores.tolist() == completed.field_scores.tolist()  # type: ignore[union-attr]
        assert completed.field_scores is not None
        assert completed.field_scores[hits.rows].tolist() == hits.field_scores.tolist()  # type: ignore[union-attr]


def pairs(hits: Any) -> list[Any]:
    rows = list(zip(hits.scores.tolist(), hits.rows.tolist(), strict=True))
    return list(pairwise(rows))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(document, vector), min_size=1, max_size=12), vector, clauses, filters, st.integers(1, 6))
def test_dense_leg_is_restricted_by_filters_and_syntax(
    brute_force: Any, rows: list[Any], asked: list[int], parts: tuple[Clause, ...], wanted: dict[str, Any], k: int
) -> None:
    query = Query("typed", "typed", parts)
    vectors = np.array([v for _, v in rows], dtype=np.float32)
    with TemporaryDirectory() as folder:
        searcher, documents = build(folder, [f for f, _ in rows], vectors)
        oracle = brute_force(documents, FIELDS)
        request = LegRequest("dense", DenseLeg(top_k=k), query, wanted, np.array(asked, dtype=np.float32))
        hits = searcher.search(request)
        cosines = [cosine(one, asked) for _, one in rows] + [math.nan]
        known = [r for r, c in enumerate(cosines) if not math.isnan(c) and admitted(query, wanted, oracle, r)]
        assert hits.total == len(known)
        best = sorted(known, key=lambda r: (-round(cosines[r], 6), r))[:k]
        assert [round(float(s), 6) + 0.0 for s in hits.scores] == [round(cosines[r], 6) + 0.0 for r in best]
        completed = searcher.complete(request, [d.id for d in documents])
        assert completed.scores == pytest.approx(cosines, abs=1e-6, nan_ok=True)
        assert completed.scores[hits.rows].tolist() == hits.scores.tolist()


def cosine(a: list[int], b: list[int]) -> float:
    lengths = math.hypot(*a) * math.hypot(*b)
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else math.nan


def test_a_field_that_does_not_exist_names_the_nearest(build: Any) -> None:
    searcher = build([Document("a", {"title": "x", "text": "y", "author": "me"})], IndexSpec(FIELDS))
    with pytest.raises(SettingsError, match="nearest is 'author'"):
        searcher.search(LegRequest("lexical", LexicalLeg(), Query.plain("x"), {"autor": "me"}))
    with pytest.raises(SettingsError, match="nearest is 'title'"):
        searcher.search(LegRequest("lexical", LexicalLeg(fields={"titel": 1.0}), Query.plain("x")))


def test_the_default_fields_are_those_that_the_index_has(build: Any) -> None:
    searcher = build([Document("a", {"text": "x"})], IndexSpec({"text": "standard"}))
    assert searcher.search(LegRequest("lexical", LexicalLeg(), Query.plain("x"))).ids == ("a",)
    turned = LexicalLeg(fields={"title": 3.0, "text": 2.0})
    assert searcher.search(LegRequest("lexical", turned, Query.plain("x"))).field_names == ("text",)
    with pytest.raises(SettingsError, match="'title'"):
        searcher.search(LegRequest("lexical", LexicalLeg(fields={"title": 1.0}), Query.plain("x")))


def test_groups_keep_the_best_document_of_each_value(build: Any) -> None:
    documents = [
        Document("a1", {"text": "fox", "module": "a"}),
        Document("a2", {"text": "fox fox", "module": "a"}),
        Document("b1", {"text": "fox and more words", "module": "b"}),
        Document("none1", {"text": "fox in a much longer text"}),
        Document("none2", {"text": "fox in an even much longer text"}),
    ]
    vectors = np.array([[1, 0], [1, 1], [0, 1], [1, 0.1], [-1, 0]], dtype=np.float32)
    searcher = build(documents, IndexSpec({"text": "standard"}, EmbeddingSpec("v", 2)), vectors)
    leg = LexicalLeg(fields={"text": 1.0})
    hits = searcher.search(LegRequest("lexical", leg, Query.plain("fox"), group="module"))
    assert hits.ids == ("a2", "b1", "none1", "none2")
    assert hits.total == 5
    hits = searcher.search(
        LegRequest("dense", DenseLeg(top_k=3), Query.plain("fox"), vector=vectors[0], group="module")
    )
    assert hits.ids == ("a1", "none1", "b1")
    assert stored.group_values(searcher.index, "module", ["b1", "none1", "gone"]) == ["b", "", ""]


def test_facets_features_and_texts(build: Any) -> None:
    documents = [
        Document("a", {"text": "fox", "tags": ["x", "y", "x"], "year": 2001, "draft": True, "long": "l" * 300}),
        Document("b", {"text": "fox", "tags": "y", "year": 2.5, "draft": False, "long": "short"}),
        Document("c", {"text": "dog", "tags": ["y"], "note": None}),
    ]
    searcher = build(documents, IndexSpec({"text": "standard"}))
    request = LegRequest("lexical", LexicalLeg(fields={"text": 1.0}), Query.plain("fox"))
    facets = stored.facets(searcher.index, ["tags", "draft", "long"], searcher.matching(request), 10)
    assert [(f.value, f.count) for f in facets["tags"]] == [("y", 2), ("x", 1)]
    assert [(f.value, f.count) for f in facets["draft"]] == [("false", 1), ("true", 1)]
    assert [(f.value, f.count) for f in facets["long"]] == [("short", 1)]
    values = stored.feature_values(searcher.index, ["year"], ["b", "c", "gone", "a"])
    assert values[:, 0] == pytest.approx([2.5, math.nan, math.nan, 2001], nan_ok=True)
    assert [d.fields for d in stored.fetch(searcher.index, ["b", "gone", "a", "b"])] == [
        documents[1].fields,
        {},
        documents[0].fields,
        documents[1].fields,
    ]
    hits = searcher.search(LegRequest("lexical", LexicalLeg(fields={"text": 1.0}), Query.plain("fox"), {"draft": True}))
    assert hits.ids == ("a",)


def test_highlights_have_the_offsets_of_what_was_typed_in_the_document(build: Any) -> None:
    document = Document("a", {"title": "Running", "text": "He ran; the Dogs' runs."})
    searcher = build([document], IndexSpec({"title": "english", "text": "english"}))
    spans = account.highlights(searcher, Query.plain("run dog"), LexicalLeg(), document)
    assert [(s.field, document.text_of(s.field)[s.start : s.end], s.term) for s in spans] == [
        ("title", "Running", "run"),
        ("text", "Dogs", "dog"),
        ("text", "runs", "run"),
    ]
