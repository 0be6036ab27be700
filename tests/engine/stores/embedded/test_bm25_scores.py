"""Scores by hand, by brute force, and by tantivy."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import tantivy

from engine.analysis.query import Query
from engine.records import Document
from engine.settings.schema import LexicalLeg
from engine.stores.base import LegRequest
from engine.stores.embedded import account
from engine.stores.embedded.schema import IndexSpec
from engine.stores.embedded.search import Searcher

BOTH = IndexSpec({"title": "standard", "text": "standard"})


def search(searcher: Searcher, text: str, **leg: Any) -> dict[str, float]:
    hits = searcher.search(LegRequest("lexical", LexicalLeg(**leg), Query.plain(text)))
    return dict(zip(hits.ids, hits.scores.tolist(), strict=True))


def test_by_hand_with_an_empty_field_and_lengths_at_the_edges_of_the_rounding(build: Any) -> None:
    lengths = {"a": 23, "b": 24, "c": 33, "d": 41, "e": 0}
    documents = [
        Document(
            name, {"title": "same" if name in "ae" else "", "text": " ".join(["fox"] + ["pad"] * (n - 1)) if n else ""}
        )
        for name, n in lengths.items()
    ]
    searcher = build(documents, BOTH)
    # four documents have the text, all of them the fox: idf = ln(1 + 0.5 / 4.5); avgdl = 121 / 4; 41 counts as 40
    idf = math.log(1 + 0.5 / 4.5)
    wanted = {
        name: idf * 1 / (1 + 1.2 * (0.25 + 0.75 * stored / 30.25))
        for name, stored in {"a": 23, "b": 24, "c": 33, "d": 40}.items()
    }
    found = search(searcher, "fox")
    assert found == pytest.approx(wanted, rel=1e-12)
    assert list(found) == ["a", "b", "c", "d"]
    # two documents have a title: N is 2, not 5
    title = math.log(1 + 0.5 / 2.5) * 1 / (1 + 1.2)
    assert search(searcher, "same") == pytest.approx({"a": title, "e": title}, rel=1e-12)


def test_repeated_query_words_knobs_and_boosts(build: Any) -> None:
    documents = [Document("a", {"title": "x y", "text": "x x z"}), Document("b", {"title": "z", "text": "y"})]
    searcher = build(documents, BOTH)
    once, twice = search(searcher, "x"), search(searcher, "x x")
    assert twice == pytest.approx({"a": 2 * once["a"]})
    # k1 = 0 leaves idf alone: two documents, one has it
    idf = math.log(2)
    assert search(searcher, "x", k1=0.0)["a"] == pytest.approx(2 * idf)
    assert search(searcher, "x", k1=0.0, fields={"title": 3.0, "text": 0.5})["a"] == pytest.approx(3.5 * idf)
    assert search(searcher, "x", k1=0.0, fields={"title": 3.0, "text": 0.0})["a"] == pytest.approx(3 * idf)
    assert search(searcher, "x", k1=1.0, b=0.0)["a"] == pytest.approx(idf * 1 / 2 + idf * 2 / 3)


def test_field_scores_and_contributions_sum_to_the_score(build: Any, brute_force: Any) -> None:
    rng = np.random.default_rng(3)
    documents = [Document(str(i), {"title": words(rng, 1, 6), "text": words(rng, 0, 50)}) for i in range(150)]
    searcher = build(documents, BOTH)
    oracle = brute_force(documents, dict(BOTH.text_fields))
    leg = LexicalLeg(fields={"text": 1.5, "title": 2.0}, k1=0.9, b=0.4, top_k=40)
    query = Query.plain("w1 w3 w9 w3 w30 unknown")
    hits = searcher.search(LegRequest("lexical", leg, query))
    brute = [oracle.score(query.text.split(), leg.fields, row, 0.9, 0.4) for row in range(150)]
    assert list(hits.ids) == oracle.ranked(brute, 40)
    assert hits.scores == pytest.approx([brute[int(i)] for i in hits.ids], rel=1e-12)
    assert hits.field_names == ("text", "title")
    assert hits.field_scores is not None
    assert (hits.field_scores.sum(axis=1) == hits.scores).all()
    assert hits.total == sum(score > 0 for score in brute)
    explained = account.explain(searcher, query, leg, hits.ids)
    assert explained.contributions.sum(axis=1) == pytest.approx(hits.scores, rel=1e-12)
    assert {(t.text, t.weight) for t in explained.terms if t.field == "title"} >= {("w3", 2.0), ("w1", 1.0)}
    row = int(hits.ids[0])
    for column, term in enumerate(explained.terms):
        alone = leg.fields[term.field] * term.weight * oracle.term(term.field, term.text, row, 0.9, 0.4)
        assert explained.contributions[0, column] == pytest.approx(alone, rel=1e-12)


def words(rng: np.random.Generator, least: int, most: int) -> str:
    # no word is in nearly every document: a float32 idf, such as tantivy's, has few digits there
    return " ".join(f"w{rank}" for rank in rng.integers(0, 150, int(rng.integers(least, most))) ** 2 // 50)


def tantivy_index(documents: list[Document]) -> tantivy.Index:
    builder = tantivy.SchemaBuilder()
    for name in ("title", "text"):
        builder.add_text_field(name, stored=False, tokenizer_name="whitespace")
    builder.add_unsigned_field("row", stored=True)
    schema = builder.build()
    index = tantivy.Index(schema)
    writer = index.writer(heap_size=50_000_000, num_threads=1)
    for row, document in enumerate(documents):
        writer.add_document(tantivy.Document.from_dict({**document.fields, "row": row}, schema))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return index


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_tantivy_gives_the_same_scores_and_the_same_order(seed: int, build: Any) -> None:
    """tantivy has Lucene's formula times k1 + 1 = 2.2, in float32, and counts every document: no field is empty."""
    rng = np.random.default_rng(seed)
    documents = [Document(str(i), {"title": words(rng, 2, 12), "text": words(rng, 20, 90)}) for i in range(1500)]
    searcher = build(documents, BOTH)
    peer = tantivy_index(documents)
    peer_searcher = peer.searcher()
    for _ in range(25):
        # tantivy counts a repeated word once
        text = " ".join(dict.fromkeys(words(rng, 3, 6).split()))
        found = search(searcher, text, top_k=1500)
        answer = peer_searcher.search(peer.parse_query(text, ["title", "text"]), 1500)
        theirs = {str(peer_searcher.doc(at)["row"][0]): score / 2.2 for score, at in answer.hits}
        assert found == pytest.approx(theirs, rel=1e-6)
        # the same order, but where float32 cannot tell two scores apart
        ours = [found[name] for name in theirs]
        assert all(a >= b * (1 - 1e-6) for a, b in pairwise(ours))
