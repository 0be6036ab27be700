"""A score is the same number however it is asked for: alone, with others, from a small table of ids or a large one."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest

from engine.records import Document
from engine.stores.embedded import ids
from engine.stores.embedded.knn import VectorSpace
from engine.stores.embedded.schema import IndexSpec


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
    assert together == pytest.approx(np.clip(matrix.astype(np.float64) @ query, -1, 1) if cosine else matrix @ query)


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
