"""A score is the same number however it is asked for: alone, with others, from a small table of ids or a large one."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest

from engine.analysis.query import parse
from engine.records import Document
from engine.settings.schema import DenseLeg, LexicalLeg
from engine.stores.base import LegRequest
from engine.stores.embedded import ids
from engine.stores.embedded.knn import VectorSpace
from engine.stores.embedded.schema import EmbeddingSpec, IndexSpec


@pytest.mark.parametrize("dimension", [1, 3, 256, 1023, 9000])
@pytest.mark.parametrize("cosine", [True, False])
def test_a_vectors_score_does_not_depend_on_its_neighbours(dimension: int, cosine: bool) -> None:
    rng = np.random.default_rng(dimension)
    matrix = rng.standard_normal((331, dimension)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    space = VectorSpace(matrix, cosine, len(matrix), 1.0)
    query = space.query(rng.standard_normal(dimension).astype(np.float32))
    assert query is not None
    together = space.scores(query, np.arange(331))
    alone = [space.scores(query, np.array([row]))[0] for row in range(331)]
    assert together.tolist() == alone
    assert space.every(query).tolist() == alone
    few, most = (space.search(query.astype(np.float32), k, None) for k in (5, 300))
    assert few[3] is None, "five are found without scoring all"
    assert most[3] is not None, "300 are not"
    assert most[0][:5].tolist() == few[0].tolist()
    assert most[1][:5].tolist() == few[1].tolist()
    assert together == pytest.approx(np.clip(matrix.astype(np.float64) @ query, -1, 1) if cosine else matrix @ query)


@pytest.mark.parametrize("text", ["wing drag", '"wing" drag', "drag -body"])
def test_a_small_index_gives_every_score_with_its_first_answer(build, text: str) -> None:
    """The same numbers that completing gives, phrases and exclusions included."""
    texts = ["wing drag", "drag of a wing", "a body in a flow", "the drag", "", "a wing and a body: drag"]
    spec = IndexSpec({"text": "english"}, EmbeddingSpec("static", 2, "", "{text}"))
    documents = [Document(f"d{row}", {"text": text}) for row, text in enumerate(texts)]
    vectors = np.array([[1, 0], [0, 1], [0.6, 0.8], [0.8, 0.6], [np.nan, np.nan], [0, -1]], dtype=np.float32)
    searcher = build(documents, spec, vectors)
    names, rows = [document.id for document in documents], np.arange(len(texts))
    query, vector = parse(text, ["text"]), np.array([0.5, 1], dtype=np.float32)
    lexical = LexicalLeg(fields={"text": 2.0}, top_k=1, minimum_should_match="100%")
    for leg in (lexical, DenseLeg(top_k=4)):
        request = LegRequest("leg", leg, query, vector=vector)
        hits, completed = searcher.search(request), searcher.complete(request, names)
        assert hits.every is not None
        scores, parts = hits.every.at(rows)
        assert np.array_equal(scores, completed.scores, equal_nan=True)
        assert hits.scores.tolist() == scores[hits.rows].tolist()
        if parts is not None:
            assert np.array_equal(parts, completed.field_scores)
    searcher.index.close()


def test_rows_and_ids_find_each_other_in_small_and_in_large_tables(build) -> None:
    names = ["a", "ü", "a b", "~", "😀", "z" * 300]
    searcher = build([Document(name, {"text": "word"}) for name in names], IndexSpec({"text": "standard"}))
    asked = ["😀", "gone", "~", "a", "\ud800"]
    small = ids.IdTable.rows(searcher.index.ids, asked).tolist()
    assert small == [4, -1, 3, 0, -1]
    assert searcher.index.ids.ids(np.array([5, 0, 4])) == (names[5], names[0], names[4])
    with patch.object(ids, "_KEPT", 0):
        large = type(searcher.index)(searcher.index.path, searcher.index.manifest)
        assert large.ids.rows(asked).tolist() == small
        assert large.ids.ids(np.array([5, 0, 4])) == (names[5], names[0], names[4])
        large.close()
    searcher.index.close()
