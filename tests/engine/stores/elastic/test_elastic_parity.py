"""The engines' scores and orders against those of the embedded store, over the same documents and vectors.

``python tests/bench/engine_parity.py`` does the same with every query.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.stores.elastic.parity import Corpus, compare, needs_cranfield, queries
from tests.servers.engines import Server

EVERY = 45
"""One query of so many: the whole takes a minute for each engine."""


@pytest.fixture(scope="module")
def cranfield() -> Corpus:
    return Corpus.cranfield()


@needs_cranfield
@pytest.mark.parametrize("analyzer", ["standard", "english"])
async def test_scores_and_orders_are_those_of_the_embedded_store(
    any_engine: Server, cranfield: Corpus, analyzer: str, tmp_path: Path
) -> None:
    if analyzer == "english" and any_engine.name == "elasticsearch-9":
        pytest.skip("this build of Elasticsearch 9 has the analyzers of the core alone")
    index = cranfield.embedded(tmp_path / "index", analyzer)
    cranfield.into(any_engine, f"parity-{analyzer}", analyzer)
    wanted = {"minimum_should_match": "30%"} if analyzer == "english" else {}
    apart = await compare(index, any_engine.store(f"parity-{analyzer}"), queries()[::EVERY], **wanted)
    assert apart.scores > 10_000
    assert apart.pools == []
    assert apart.field_score < 1e-4
    assert apart.cosine < 1e-5
    assert apart.orders == []
