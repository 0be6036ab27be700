"""The query of a sparse leg as each engine and version takes it.

Elasticsearch 8.19 gives the same scores for ``sparse_vector`` and for the terms that older versions take (tried). What
OpenSearch has since 3.3 is on no server of the tests; the bodies are those of its documentation.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import SettingsError
from engine.executor import make_executor
from engine.settings.schema import Settings, SparseLeg, StoreSettings
from engine.stores.elastic.bodies import sparse_query
from engine.stores.elastic.detect import ELASTICSEARCH, OPENSEARCH, Engine
from engine.stores.elastic.mapping import shape_of
from engine.stores.elastic.opening import check

TOKENS = {"wing": 2.0, "flow": 1.0}
AMONG = {"ids": {"values": ["1", "2"]}}
NEW, OLD = Engine(ELASTICSEARCH, (8, 15, 0)), Engine(ELASTICSEARCH, (8, 14, 0))
OPEN = Engine(OPENSEARCH, (3, 3, 0))


def test_elasticsearch_takes_a_vector_or_its_terms() -> None:
    vector = {"sparse_vector": {"field": "s", "query_vector": TOKENS}}
    for type_ in ("sparse_vector", ""):
        assert sparse_query(NEW, "s", type_, "", "text", TOKENS, k=9) == vector
    assert sparse_query(OLD, "s", "sparse_vector", "", "text", TOKENS, k=9) == {
        "bool": {
            "should": [
                {"term": {"s": {"value": "wing", "boost": 2.0}}},
                {"term": {"s": {"value": "flow", "boost": 1.0}}},
            ]
        }
    }
    features = sparse_query(NEW, "s", "rank_features", "", "text", {"wing": 2.0}, k=9)
    assert features["bool"]["should"] == [{"rank_feature": {"field": "s.wing", "boost": 2.0, "linear": {}}}]
    assert sparse_query(OLD, "s", "sparse_vector", "elser", "text", {}, k=9) == {
        "text_expansion": {"s": {"model_id": "elser", "model_text": "text"}}
    }


def test_opensearch_is_told_how_many_of_its_approximate_search_and_among_which() -> None:
    plain = {"neural_sparse": {"s": {"query_tokens": TOKENS}}}
    assert sparse_query(OPEN, "s", "rank_features", "", "text", TOKENS, k=9, among=AMONG) == plain
    asked = {"query_text": "text", "model_id": "m", "method_parameters": {"k": 9, "filter": AMONG}}
    assert sparse_query(OPEN, "s", "sparse_vector", "m", "text", {}, k=9, among=AMONG) == {
        "neural_sparse": {"s": asked}
    }


def test_opensearchs_own_sparse_vectors_need_their_model() -> None:
    shape = shape_of("i", {"i": {"mappings": {"properties": {"s": {"type": "sparse_vector"}}}}}, 1)

    def opened(leg: SparseLeg, kind: str) -> None:
        settings = Settings(store=StoreSettings(kind=kind), legs={"sparse": leg}, weights={"sparse": 1.0})
        check(settings, shape, make_executor(), Path(), ())

    with pytest.raises(SettingsError, match=r"legs.sparse: s of i holds numbers of a model's tokens, and no words"):
        opened(SparseLeg(), OPENSEARCH)
    opened(SparseLeg(inference_id="m"), OPENSEARCH)
    opened(SparseLeg(), ELASTICSEARCH)
