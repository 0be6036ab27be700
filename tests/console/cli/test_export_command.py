"""``rankscope export`` and ``rankscope native``: data on stdout, what changed on stderr, refusals as exit code 2."""

from __future__ import annotations

import json
from pathlib import Path

from tests.console.cli.conftest import Cli

EXACT = ("--set", "fusion.normalizer=elasticsearch-min-max", "--set", "rerank.enabled=false")


def test_without_a_query_no_index_is_needed(cli: Cli) -> None:
    done = cli("export", "--to", "elasticsearch", *EXACT)
    assert done.code == 0
    assert done.json["retriever"]["linear"]["retrievers"][1]["retriever"]["knn"]["query_vector"] == "{{query_vector}}"
    assert "by the embedder static (leg dense), compared with the field vector" in done.err


def test_a_query_is_searched_for_its_vector_and_scales(cli: Cli, index: Path) -> None:
    done = cli("export", "some", "seconds", "--to", "opensearch", "--index", index, "--set", "rerank.enabled=false")
    assert done.code == 0, done.err
    knn = done.json["query"]["bool"]["should"][1]["knn"]["vector"]
    assert len(knn["vector"]) == 256
    assert knn["boost"] > 0.3
    assert done.json["query"]["bool"]["should"][0]["bool"]["should"][0]["match"]["title"]["query"] == "some seconds"


def test_a_refusal_names_setting_and_nearest_and_nearest_takes_it(cli: Cli, tmp_path: Path) -> None:
    refused = cli("export", "--to", "opensearch", "--set", "fusion.normalizer=z-score")
    assert refused.code == 2
    assert refused.out == b""
    assert "fusion.normalizer = z-score" in refused.err
    assert "fusion.normalizer=opensearch-min-max" in refused.err
    file = tmp_path / "body.json"
    taken = cli("export", "--to", "opensearch", "--set", "fusion.normalizer=z-score", "--nearest", "-O", file)
    assert taken.code == 0
    assert taken.out == b""
    assert "changed: fusion.normalizer z-score → opensearch-min-max" in taken.err
    assert "search_pipeline" in json.loads(file.read_text())


def test_the_setup_is_printed_as_the_engines_consoles_take_it(cli: Cli) -> None:
    tei = (
        "--set",
        "rerank.provider=tei",
        "--set",
        "rerank.base_url=http://localhost:8080",
        "--set",
        "rerank.text={text}",
    )
    done = cli("export", "--to", "elasticsearch", *EXACT, "--set", "rerank.enabled=true", *tei, "--setup")
    text = done.out.decode()
    assert text.startswith("# once: the endpoint that reranks\nPUT /_inference/rerank/rankscope-rerank\n{")
    assert "\nPOST /my-index/_search\n{" in text


def test_a_version_is_read_and_held_to(cli: Cli) -> None:
    assert cli("export", "--to", "elasticsearch", *EXACT, "--for-version", "9.2").code == 0
    old = cli("export", "--to", "elasticsearch", *EXACT, "--for-version", "8.11")
    assert old.code == 2
    assert "from 8.18" in old.err
    assert cli("export", "--to", "elasticsearch", *EXACT, "--for-version", "new").code == 2
    assert "known: bool, linear, rrf" in cli("export", "--to", "elasticsearch", "--form", "nothing").err


def test_native_is_for_engines(cli: Cli, index: Path) -> None:
    done = cli("native", "seconds", "--index", index)
    assert done.code == 2
    assert "only Elasticsearch and OpenSearch fuse on their own" in done.err
