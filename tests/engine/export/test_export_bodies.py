"""Bodies without an engine: what they say, what is refused by name, and ``linear`` and ``rrf`` held to the reference's
description, since no build at hand has them: a small reading of that description ranks what the body names, and the
order must be the console's.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.errors import SettingsError
from engine.export.base import VECTOR, VECTOR_FIELD, Wish, assumed
from engine.export.registry import ENGINES, export, express_in
from engine.fusion.presets import apply
from engine.settings import knobs
from engine.settings.schema import GraphLeg, LexicalLeg, Settings, SparseLeg
from engine.stores.elastic.mapping import IndexShape, VectorField
from engine.trace import Trace
from tests.engine.export.on_servers import Console, build, needs_cranfield, queries, shown

PLAIN = knobs.replace_all(Settings(), {"rerank.enabled": False, "store.index": "my-index"})


def changed(**values: Any) -> Settings:
    return knobs.replace_all(PLAIN, {name.replace("__", "."): value for name, value in values.items()})


def wish(settings: Settings, **more: Any) -> Wish:
    return Wish(settings, assumed(settings), **more)


def body(settings: Settings, engine: str = "elasticsearch", form: str = "", **more: Any) -> Any:
    return express_in(ENGINES[engine], wish(settings, **more), form).body


def refused(settings: Settings, target: str, **more: Any) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        export(wish(settings), target, **more)
    return caught.value


# ---- linear and rrf, by the reference


def read(retriever: Any, trace: Trace) -> dict[str, float]:
    """Document → score, as the reference describes the retriever, over what our legs returned."""
    (kind, said), pool = next(iter(retriever.items())), trace.pool
    if kind in ("standard", "knn"):
        leg = 1 if kind == "knn" else 0
        # what Elasticsearch reports: (1 + cosine)/2, and BM25 with its factor k1 + 1
        scores = (1 + pool.scores[:, 1]) / 2 if leg else 2.2 * pool.scores[:, 0]
        found = {pool.ids[row]: float(scores[row]) for row in np.flatnonzero(pool.returned[:, leg])}
        return first(found, said["k"]) if leg else found
    window, total = said["rank_window_size"], dict[str, float]()
    for each in said["retrievers"]:
        child = each.get("retriever", each)
        hits = first(read(child, trace), window)
        if kind == "linear":
            assert each["normalizer"] == "minmax"
            low, high = min(hits.values()), max(hits.values())
            gains = {i: (s - low) / (high - low) for i, s in hits.items()}
        else:
            gains = {i: 1 / (said["rank_constant"] + rank) for rank, i in enumerate(hits, 1)}
        for document, gain in gains.items():
            total[document] = total.get(document, 0.0) + each.get("weight", 1.0) * gain
    return first(total, window)


def first(scores: dict[str, float], count: int) -> dict[str, float]:
    return dict(sorted(scores.items(), key=lambda one: -one[1])[:count])


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("export") / "index"
    build(folder)
    opened = Console(folder)
    yield opened
    opened.close()


LINEAR = {"fusion__normalizer": "elasticsearch-min-max"}
BY_REFERENCE = {
    "linear": LINEAR,
    "linear, other weights": {**LINEAR, "weights": {"lexical": 2.0, "dense": 1.0}},
    "linear, fewer candidates": {**LINEAR, "legs__lexical__top_k": 80, "legs__dense__top_k": 50},
    "linear without weights": {**LINEAR, "fusion__combiner": "comb-sum"},
    "rrf": {"fusion__combiner": "rrf", "weights": {"lexical": 1.0, "dense": 1.0}},
    "rrf, weighted": {"fusion__combiner": "rrf", "weights": {"lexical": 0.4, "dense": 1.2}},
    "rrf, k = 5": {"fusion__combiner": "rrf", "fusion__rank_constant": 5, "weights": {"lexical": 1.0, "dense": 1.0}},
}


@needs_cranfield
@pytest.mark.parametrize("change", BY_REFERENCE.values(), ids=BY_REFERENCE.keys())
def test_a_retriever_read_as_the_reference_says_gives_our_order(console: Console, change: dict[str, Any]) -> None:
    settings = console.with_(**change)
    for text in queries()[::15]:
        trace, given = console.search(text, settings)
        made = express_in(ENGINES["elasticsearch"], console.wish(settings, given))
        scores = read(made.body["retriever"], trace)
        ours = [round(scores[document], 9) for document in shown(trace)]
        assert ours == [round(score, 9) for score in list(scores.values())[: len(ours)]]


def test_linear_says_our_weights_divided_by_their_sum() -> None:
    linear = body(changed(**LINEAR, weights={"lexical": 1.0, "dense": 3.0}))["retriever"]["linear"]
    assert [each["weight"] for each in linear["retrievers"]] == [0.25, 0.75]
    assert [next(iter(each["retriever"])) for each in linear["retrievers"]] == ["standard", "knn"]
    assert linear["rank_window_size"] == 1024
    knn = linear["retrievers"][1]["retriever"]["knn"]
    assert knn == {"field": "vector", "query_vector": VECTOR, "k": 1024, "num_candidates": 2048}


def test_a_reranker_goes_round_the_fusion_and_its_blends_round_both() -> None:
    tei = {
        "rerank__enabled": True,
        "rerank__provider": "tei",
        "rerank__base_url": "http://localhost:8080",
        "rerank__text": "{text}",
        "rerank__top_n": 40,
    }
    replaced = body(changed(**LINEAR, **tei))["retriever"]["text_similarity_reranker"]
    assert replaced["rank_window_size"] == 40
    assert replaced["field"] == "text"
    assert "linear" in replaced["retriever"]
    weighted = body(changed(**LINEAR, **tei, rerank__blend="weighted", rerank__weight=0.4))["retriever"]["linear"]
    assert [(each["weight"], next(iter(each["retriever"]))) for each in weighted["retrievers"]] == [
        (0.6, "linear"),
        (0.4, "text_similarity_reranker"),
    ]
    assert weighted["rank_window_size"] == 40
    ranks = body(changed(**LINEAR, **tei, rerank__blend="rank-fusion"))["retriever"]["rrf"]
    assert [next(iter(each)) for each in ranks["retrievers"]] == ["linear", "text_similarity_reranker"]
    free = body(changed(fusion__normalizer="identity", **tei))["retriever"]["text_similarity_reranker"]
    assert list(free["retriever"]) == ["rescorer"]


# ---- what cannot be expressed


@pytest.mark.parametrize(
    ("change", "target", "form", "named", "nearest"),
    [
        ({}, "opensearch", "", "fusion.normalizer = theoretical-min-max", "fusion.normalizer=opensearch-min-max"),
        ({"fusion__normalizer": "z-score"}, "opensearch", "", "z_score from 3.0", "opensearch-min-max"),
        ({"fusion__combiner": "rrf"}, "opensearch", "", "no weights before 3.1", "weights.lexical=1"),
        ({"fusion__combiner": "borda"}, "opensearch", "", "fusion.combiner = borda", "fusion.combiner=convex"),
        ({"fusion__combiner": "comb-mnz"}, "elasticsearch", "", "fusion.combiner = comb-mnz", "convex"),
        ({}, "elasticsearch", "", "minmax, l2_norm and none", "For one QUERY, or as python"),
        ({"fusion__normalizer": "atan"}, "elasticsearch", "bool", "no constant boost", "theoretical-min-max"),
        ({**LINEAR, "rerank__enabled": True}, "elasticsearch", "", "no reranker term", "rerank.enabled=false"),
        ({"legs__dense__similarity_threshold": 0.3}, "opensearch", "hybrid", "k or a least score", "=0"),
        ({"cut__threshold": 0.5, **LINEAR}, "elasticsearch", "linear", "another scale", "cut.threshold=0"),
        ({"cut__group": "parity", **LINEAR}, "elasticsearch", "linear", "groups before", 'cut.group=""'),
        ({**LINEAR, "legs__lexical__top_k": 100}, "elasticsearch", "linear", "share one window", "top_k=1024"),
        ({}, "ragflow", "", "b·BM25 + (1 + cos)/2", "fusion.combiner=ragflow"),
    ],
)
def test_refused_by_name_with_the_nearest(
    change: dict[str, Any], target: str, form: str, named: str, nearest: str
) -> None:
    error = refused(changed(**change), target, form=form)
    assert named in error.message
    assert nearest in error.hint
    taken = export(wish(changed(**change)), target, form=form, nearest=True)
    assert error.path in [change.path for change in taken.changes]
    json.loads(taken.text)


def test_blends_that_opensearch_has_not() -> None:
    settings = changed(
        fusion__normalizer="opensearch-min-max",
        rerank__enabled=True,
        rerank__provider="cohere",
        rerank__blend="weighted",
    )
    error = refused(settings, "opensearch")
    assert error.path == "rerank.blend"
    taken = export(wish(settings), "opensearch", nearest=True)
    said = json.loads(taken.text)
    assert said["search_pipeline"]["response_processors"][0]["rerank"]["context"]["document_fields"] == [
        "title",
        "text",
    ]
    assert said["size"] == 50
    assert said["ext"]["rerank"]["query_context"]["query_text"] == "{{query}}"


def test_newer_versions_have_more() -> None:
    weighted = changed(fusion__combiner="rrf", weights={"lexical": 1.0, "dense": 3.0})
    processor = body(weighted, "opensearch", version=(3, 1))["search_pipeline"]["phase_results_processors"][0]
    how = processor["score-ranker-processor"]["combination"]
    assert how == {"technique": "rrf", "rank_constant": 60, "parameters": {"weights": [0.25, 0.75]}}
    with pytest.raises(SettingsError, match=r"no weights before 9\.2"):
        body(weighted, version=(9, 1))
    assert body(weighted, version=(9, 2))["retriever"]["rrf"]["retrievers"][1]["weight"] == 3.0
    with pytest.raises(SettingsError, match=r"from 8\.18"):
        body(changed(**LINEAR), form="linear", version=(8, 17))
    with pytest.raises(SettingsError, match=r"bool \+ knn boosts, cannot express") as caught:
        body(changed(**LINEAR), version=(8, 17))
    assert caught.value.hint.endswith("Elasticsearch 8.18 expresses it by the linear retriever")


def test_one_leg_needs_no_fusion() -> None:
    words = body(changed(weights={"lexical": 1.0, "dense": 0.0}))
    assert "rescore" not in words
    assert "boost" not in json.dumps(words["query"])
    assert "knn" in body(changed(weights={"lexical": 0.0, "dense": 1.0}))["query"]
    assert "knn" in body(changed(weights={"lexical": 0.0, "dense": 1.0}), "opensearch")["query"]
    with pytest.raises(SettingsError, match="fuses 2 legs"):
        body(changed(weights={"lexical": 1.0, "dense": 0.0}), form="rrf")


def test_a_sparse_leg_is_expanded_by_the_engine() -> None:
    sparse = {"sparse": SparseLeg(field="tokens", inference_id="elser")}
    settings = msgspec.structs.replace(
        PLAIN, legs={**PLAIN.legs, **sparse}, weights={"lexical": 1.0, "dense": 1.0, "sparse": 2.0}
    )
    linear = body(knobs.replace(settings, "fusion.normalizer", "elasticsearch-min-max"))["retriever"]["linear"]
    third = linear["retrievers"][2]
    expanded = {"field": "tokens", "inference_id": "elser", "query": "{{query}}"}
    assert third["retriever"] == {"standard": {"query": {"sparse_vector": expanded}}}
    assert third["weight"] == 0.5
    hybrid = body(knobs.replace(settings, "fusion.normalizer", "opensearch-min-max"), "opensearch")["query"]["hybrid"]
    assert hybrid["queries"][2] == {"neural_sparse": {"tokens": {"query_text": "{{query}}", "model_id": "elser"}}}
    # OpenSearch searches this type approximately, for ten unless told (its documentation, 3.3 to 3.9)
    shape = replace(assumed(settings), sparse={"tokens": "sparse_vector"})
    asked = Wish(knobs.replace(settings, "fusion.normalizer", "opensearch-min-max"), shape, version=(3, 3))
    near = express_in(ENGINES["opensearch"], asked, "hybrid").body["query"]["hybrid"]["queries"][2]
    assert near["neural_sparse"]["tokens"]["method_parameters"] == {"k": 1024}
    bare = msgspec.structs.replace(settings, legs={**PLAIN.legs, "sparse": SparseLeg(field="tokens")})
    with pytest.raises(SettingsError, match=r"weights.sparse = 2 \(legs.sparse.inference_id is empty"):
        body(bare, form="bool")


def test_a_reranker_over_a_completed_sum_needs_8_18() -> None:
    settings = changed(fusion__normalizer="identity", rerank__enabled=True, rerank__provider="elasticsearch")
    settings = knobs.replace(settings, "rerank.text", "{text}")
    assert "rescorer" in json.dumps(body(settings))
    with pytest.raises(SettingsError, match=r"its retriever that completes the sum came with 8\.18"):
        body(settings, version=(8, 17))
    one = knobs.replace(settings, "weights.dense", 0.0)
    assert "text_similarity_reranker" in json.dumps(body(one, version=(8, 17)))


def test_no_more_are_reranked_or_shown_than_the_legs_find() -> None:
    few = {"legs.lexical.top_k": 4, "legs.dense.top_k": 4, "rerank.top_n": 50, "cut.top_k": 10, "rerank.text": "{text}"}
    settings = changed(fusion__normalizer="identity", rerank__enabled=True, rerank__provider="elasticsearch")
    made = body(knobs.replace_all(settings, few))
    outer = made["retriever"]["text_similarity_reranker"]
    assert outer["rank_window_size"] == outer["retriever"]["rescorer"]["rescore"]["window_size"] == made["size"] == 8


def test_ragflow_takes_its_own_preset() -> None:
    preset = knobs.replace_all(apply(PLAIN, "ragflow"), {"cut.threshold": 0.2, "rerank.top_n": 70})
    made = export(wish(preset), "ragflow")
    assert made.changes == ()
    assert json.loads(made.text) == {
        "question": "{{query}}",
        "dataset_ids": ["$DATASET_ID"],
        "page": 1,
        "page_size": 10,
        "similarity_threshold": 0.2,
        "vector_similarity_weight": 0.3,
        "top_k": 1024,
    }
    second = knobs.replace_all(preset, {"cut.offset": 20, "rerank.vector_weight": 0.6})
    assert json.loads(export(wish(second), "ragflow").text)["page"] == 3


def test_ragflow_without_a_leg_of_vectors_orders_by_shared_terms_alone() -> None:
    preset = knobs.replace(apply(PLAIN, "ragflow"), "rerank.top_n", 70)
    words = msgspec.structs.replace(preset, legs={"lexical": LexicalLeg()}, weights={"lexical": 1.0})
    with pytest.raises(SettingsError, match=r"rerank.vector_weight = 0.3 \(no leg has vectors to weigh") as caught:
        export(wish(words), "ragflow")
    assert "weights.lexical" not in caught.value.message + caught.value.hint
    made = export(wish(knobs.replace(words, "cut.threshold", 0.2)), "ragflow", nearest=True)
    assert [change.path for change in made.changes] == ["rerank.vector_weight", "cut.threshold"]
    body = json.loads(made.text)
    assert (body["vector_similarity_weight"], body["similarity_threshold"]) == (0.0, 0.0)
    assert any("RAGFlow asks its vectors all the same" in note for note in made.notes)
    model = knobs.replace_all(words, {"rerank.provider": "cohere", "rerank.model": "m", "rerank.weight": 0.6})
    asked = json.loads(export(wish(model), "ragflow").text)
    assert (asked["vector_similarity_weight"], asked["rerank_id"]) == (0.6, "m")


def test_ragflows_knowledge_graph_is_no_part_of_its_retrieval() -> None:
    preset = knobs.replace_all(apply(PLAIN, "ragflow"), {"rerank.top_n": 70, "cut.threshold": 0.2})
    graph = msgspec.structs.replace(
        preset, legs={**preset.legs, "graph": GraphLeg()}, weights={**preset.weights, "graph": 0.5}
    )
    with pytest.raises(SettingsError, match=r"weights.graph = 0.5 \(its retrieval has no such leg: use_kg adds"):
        export(wish(graph), "ragflow")
    assert export(wish(knobs.replace(graph, "weights.graph", 0.0)), "ragflow").changes == ()


def test_ragflow_cuts_cosines_alone_where_vectors_weigh_nothing() -> None:
    unweighed = knobs.replace_all(apply(PLAIN, "ragflow"), {"rerank.top_n": 70, "rerank.vector_weight": 0.0})
    made = export(wish(unweighed), "ragflow")
    assert (made.changes, json.loads(made.text)["similarity_threshold"]) == ((), 0.2)
    with pytest.raises(SettingsError, match="it cuts no results where vector_similarity_weight is 0"):
        export(wish(knobs.replace(unweighed, "cut.threshold", 0.2)), "ragflow")


# ---- programs and commands


def test_secrets_are_variables_and_foreign_text_is_only_text() -> None:
    settings = changed(
        store__kind="elasticsearch",
        store__url="https://me:hush@search.example:9200",
        store__username="me",
        store__password="not-to-be-shown",
        **LINEAR,
    )
    evil = changed(**LINEAR, legs__lexical__fields={"it's $(touch /tmp/never) `x` \\": 1.0})
    line = export(wish(settings), "curl").text
    assert '-u me:"$ELASTICSEARCH_PASSWORD"' in line
    assert "https://search.example:9200/my-index/_search" in line
    program = export(wish(settings), "python").text
    assert 'basic_auth=("me", os.environ["ELASTICSEARCH_PASSWORD"])' in program
    for text in (line, program):
        assert "hush" not in text
        assert "not-to-be-shown" not in text
    command = export(wish(evil), "curl").text.replace("curl -sS", "printf '%s\\n'")
    told = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    assert "it's $(touch /tmp/never) `x` \\\\" in told


def test_a_variable_in_a_body_is_filled_in_by_the_shell() -> None:
    settings = changed(
        **LINEAR, rerank__enabled=True, rerank__provider="cohere", rerank__text="{text}", rerank__api_key="env:KEY"
    )
    made = export(wish(settings), "curl")
    command = made.text.replace("curl -sS", "printf '%s\\n'")
    told = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True, env={"KEY": "s3cret"})
    assert '"api_key": "s3cret"' in told.stdout
    assert "s3cret" not in made.text


@pytest.mark.parametrize("engine", ["elasticsearch", "opensearch"])
@pytest.mark.parametrize(
    "change", [{}, {"fusion__normalizer": "identity"}, {"weights": {"lexical": 1.0, "dense": 0.0}}]
)
def test_a_program_compiles(engine: str, change: dict[str, Any]) -> None:
    made = export(wish(changed(**change)), "python", engine=engine)
    compile(made.text, "search.py", "exec")
    assert ("greatest" in made.text) is (change == {})


def test_exports_need_no_client_of_the_engine() -> None:
    code = "import sys, engine.export.registry; print(sorted({'elasticsearch', 'textual', 'torch'} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


# ---- indices and bodies of one's own


OWN = changed(legs__lexical__body="own.json", weights__dense=0.0)
OWN_QUERY = {"match": {"title": "the {{query}}", "_name": "t"}}


def own(query: Any, **more: Any) -> Wish:
    return wish(OWN, bodies={"lexical": {"size": 3, "query": query, **more}})


def test_a_body_of_ones_own_is_a_clause() -> None:
    made = express_in(ENGINES["elasticsearch"], own(OWN_QUERY)).body
    assert made["query"] == OWN_QUERY
    text = export(own(OWN_QUERY), "python").text
    assert '"the {{query}}".replace("{{query}}", query)' in text
    compile(text, "search.py", "exec")


def test_a_body_with_more_than_a_query_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"legs.lexical.body = own.json \(its min_score cannot be part"):
        express_in(ENGINES["elasticsearch"], own(OWN_QUERY, min_score=1.0))
    made = express_in(ENGINES["elasticsearch"], own(OWN_QUERY, min_score=1.0), nearest=True)
    assert "the {{query}}" not in json.dumps(made.body)


def indexed_by(similarity: str, *, graph: bool = True) -> IndexShape:
    shape = assumed(PLAIN)
    return replace(shape, vectors={VECTOR_FIELD: VectorField(VECTOR_FIELD, 4, similarity, not graph, graph)})


@pytest.mark.parametrize("engine", ["elasticsearch", "opensearch"])
def test_vectors_without_a_graph_are_compared_by_a_script(engine: str) -> None:
    settings = changed(fusion__normalizer="identity")
    made = express_in(ENGINES[engine], Wish(settings, indexed_by("cosine", graph=False)), "bool").body
    assert "script_score" in json.dumps(made)
    assert '"knn": {' not in json.dumps(made)


@pytest.mark.parametrize("engine", ["elasticsearch", "opensearch"])
def test_boosts_are_for_cosines(engine: str) -> None:
    asked = Wish(changed(fusion__normalizer="identity"), indexed_by("max_inner_product"))
    with pytest.raises(SettingsError, match="vector is compared by max_inner_product, not by cosine"):
        express_in(ENGINES[engine], asked, "bool")
    ranks = Wish(changed(fusion__combiner="rrf", weights__lexical=1.0, weights__dense=1.0), asked.shape)
    assert express_in(ENGINES[engine], ranks, "rrf").changes == ()


def test_the_title_to_rerank_by_is_the_index_s_own_field() -> None:
    settings = changed(
        rerank__enabled=True, rerank__provider="elasticsearch", rerank__text="{title}", store__title_field="meta.name"
    )
    made = json.dumps(body(knobs.replace_all(settings, {"weights.dense": 0.0})))
    assert '"field": "meta.name"' in made
