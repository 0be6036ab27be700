"""An exported body, sent to the engine as it is, gives the order that the console showed.

The retrievers ``rrf`` and ``linear`` are in none of these builds: their bodies are held to the reference's description
in ``test_export_bodies``.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from engine.export.registry import ENGINES, express_in
from tests.engine.export.on_servers import (
    Console,
    load,
    needs_cranfield,
    queries,
    same_order,
    send,
    shown,
)
from tests.servers.engines import Server

pytestmark = needs_cranfield

SOME = slice(0, 225, 45)
"""Five queries of 225, far apart."""


@pytest.fixture(scope="module")
def opensearch(corpus: tuple[Console, dict], opensearch_2: Server) -> Server:
    load(opensearch_2, corpus[1])
    return opensearch_2


@pytest.fixture(scope="module")
def elasticsearch(corpus: tuple[Console, dict], elasticsearch_8: Server) -> Server:
    load(elasticsearch_8, corpus[1])
    return elasticsearch_8


CASES = {
    "theoretical min-max": {},
    "min-max": {"fusion__normalizer": "min-max"},
    "identity": {"fusion__normalizer": "identity", "weights": {"lexical": 0.05, "dense": 0.95}},
    "other weights": {"weights": {"lexical": 3.0, "dense": 2.0}},
    "few candidates": {"legs__dense__top_k": 50, "legs__lexical__top_k": 50},
    "exact": {"legs__dense__exact": True},
    "words alone": {"weights": {"lexical": 0.3, "dense": 0.0}},
    "vectors alone": {"weights": {"lexical": 0.0, "dense": 0.7}},
    "a filter": {"filter": {"parity": "odd"}},
    "a feature": {"features": {"n": {"field": "n", "scale": 0.001, "weight": 0.2}}},
    "the second page": {"cut__offset": 20},
    "ragflow's first stage": {"fusion__combiner": "ragflow", "weights": {"lexical": 0.05, "dense": 1.0}},
}


def differing(console: Console, server: Server, change: dict, texts: Sequence[str] = ()) -> list[str]:
    """The queries whose order on the engine is not the console's."""
    settings = console.with_(**change)
    wrong = []
    for text in texts or queries()[SOME]:
        trace, given = console.search(text, settings)
        made = express_in(ENGINES[server.kind], console.wish(settings, given))
        answer = send(server, "POST", made.search.path, made.body)
        if not same_order(trace, answer.ids):
            wrong.append(f"{text}\n  ours {shown(trace)}\n  engine {answer.ids} {answer.scores}")
    return wrong


@pytest.mark.parametrize("change", CASES.values(), ids=CASES.keys())
def test_boosts_on_elasticsearch(corpus: tuple[Console, dict], elasticsearch: Server, change: dict) -> None:
    assert differing(corpus[0], elasticsearch, change) == []


@pytest.mark.parametrize("change", CASES.values(), ids=CASES.keys())
def test_boosts_on_opensearch(corpus: tuple[Console, dict], opensearch: Server, change: dict) -> None:
    assert differing(corpus[0], opensearch, change) == []


EXACT = {"legs__dense__exact": True, "legs__dense__top_k": 2048, "legs__lexical__top_k": 2048}
"""Every vector compared: an HNSW that misses one of 1,024 neighbours moves the least score, and so all the others."""
MIN_MAX = {**EXACT, "fusion__normalizer": "opensearch-min-max"}

HYBRID = {
    "hybrid": MIN_MAX,
    "hybrid, other weights": {**MIN_MAX, "weights": {"lexical": 3.0, "dense": 4.0}},
    "hybrid, no weights": {**MIN_MAX, "fusion__combiner": "comb-sum"},
    "hybrid, a filter": {**MIN_MAX, "filter": {"parity": "even"}},
    "rank fusion": {"fusion__combiner": "rrf", "weights": {"lexical": 1.0, "dense": 1.0}},
    "rank fusion, k = 10": {
        "fusion__combiner": "rrf",
        "fusion__rank_constant": 10,
        "weights": {"lexical": 0.5, "dense": 0.5},
    },
}


@pytest.mark.parametrize("change", HYBRID.values(), ids=HYBRID.keys())
def test_pipelines_on_opensearch(corpus: tuple[Console, dict], opensearch: Server, change: dict) -> None:
    assert differing(corpus[0], opensearch, change) == []


TYPED = ('"boundary layer" transition', "shock wave -hypersonic", 'title:wing flow -"flat plate"')


def test_phrases_and_exclusions_travel(corpus: tuple[Console, dict], elasticsearch: Server, opensearch: Server) -> None:
    assert differing(corpus[0], elasticsearch, {}, TYPED) == []
    assert differing(corpus[0], opensearch, MIN_MAX, TYPED) == []


@pytest.mark.parametrize("change", [CASES["words alone"], CASES["vectors alone"]], ids=["words", "vectors"])
def test_what_needs_no_script_on_elasticsearch_9(
    corpus: tuple[Console, dict], elasticsearch_9: Server, change: dict
) -> None:
    """This build has no Painless: of the boosts only single legs can be asked."""
    load(elasticsearch_9, corpus[1])
    assert differing(corpus[0], elasticsearch_9, change) == []
