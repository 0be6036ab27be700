"""The whole way from files to a measured run: Cranfield indexed, searched, and judged by an evaluator of others."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import pytest
import pytrec_eval

from tests.console.cli.conftest import Cli

DATA = Path(__file__).parents[4] / "shared" / "data" / "cranfield"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the Cranfield collection is not at {DATA}")
QUERIES = 60
"""The first of 225: enough to tell a fault, and quick."""


@pytest.fixture(scope="module")
def qrels() -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    with (DATA / "qrels" / "test.tsv").open() as file:
        for row in csv.DictReader(file, delimiter="\t"):
            found[row["query-id"]][row["corpus-id"]] = int(row["score"])
    return found


def test_runs_measure_as_they_should(cli: Cli, tmp_path: Path, qrels: dict[str, dict[str, int]]) -> None:
    queries = tmp_path / "queries.jsonl"
    queries.write_text("\n".join((DATA / "queries.jsonl").read_text().splitlines()[:QUERIES]))
    assert cli("index", DATA, "--into", "index").code == 0

    def ndcg(*sets: str) -> float:
        options = [part for one in ("rerank.enabled=false", *sets) for part in ("--set", one)]
        ended = cli("search", "--queries", queries, "--run", "my.trec", *options)
        assert ended.code == 0, ended.err
        run: dict[str, dict[str, float]] = defaultdict(dict)
        for line in Path("my.trec").read_text().splitlines():
            query, _, document, _, score, _ = line.split()
            run[query][document] = float(score)
        assert len(run) == QUERIES
        judged = {query: qrels[query] for query in run}
        measured = pytrec_eval.RelevanceEvaluator(judged, {"ndcg_cut.10"}).evaluate(run)
        return sum(each["ndcg_cut_10"] for each in measured.values()) / QUERIES

    lexical, dense, fused = ndcg("weights.dense=0"), ndcg("weights.lexical=0"), ndcg()
    assert (lexical, dense, fused) == pytest.approx((0.308, 0.271, 0.327), abs=0.002)
    assert fused > max(lexical, dense)
