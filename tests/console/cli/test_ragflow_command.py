"""``rankscope ragflow`` on RAGFlow's own mapping."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import ragflow
from tests.servers.engines import Server

QUESTION = "how are failed requests repeated after a delay"


@pytest.fixture
def config(ragflow_index: Server, tmp_path: Path) -> Iterator[Path]:
    with ragflow.embedding_beside() as service:
        file = tmp_path / "ragflow.toml"
        file.write_text(
            f'''
[store]
kind = "ragflow"
url = "{ragflow_index.url}"
index = "{ragflow.OWN_INDEX}"
[legs.lexical]
[legs.dense]
embedder = "own/static-512"
similarity_threshold = 0.2
[weights]
lexical = 0.05
dense = 1.0
[fusion]
combiner = "ragflow"
[providers.own]
like = "openai-compatible"
base_url = "{service}"
'''
        )
        yield file


def test_without_a_question_it_lists_knowledge_bases_and_documents(cli, config):
    done = cli("ragflow", "-c", config)
    assert done.code == 0, done.err
    lines = done.out.decode().splitlines()
    assert lines[1].split() == [ragflow.PAPERS, "300"]
    assert any(line.split()[:3] == ["doc-resilience-guide", "2", "resilience"] for line in lines)
    listed = cli("ragflow", "-c", config, "-o", "json").json
    assert [(base["id"], base["chunks"], base["graph"]) for base in listed] == [
        ("kb-papers", 300, 0),
        ("kb-manuals", 12, 2),
    ]


def test_a_question_is_taken_apart(cli, config):
    done = cli("ragflow", QUESTION, "-c", config, "--kb", ragflow.MANUALS, "-o", "json")
    assert done.code == 0, done.err
    report = done.json
    assert [*report["rankings"]] == ["A", "B", "C", "D", "E"]
    assert report["version"]["text_boost"] == 0
    assert "retry-3" in report["lost"]
    assert report["chunks"]["retry-3"]["quirks"] == ["prefilter"]
    assert report["chunks"]["retry-1"]["ranks"] == dict.fromkeys("ABCDE", 1)
    rerank = report["chunks"]["retry-1"]["rerank"]
    assert rerank["total"] == pytest.approx(0.7 * rerank["token"] + 0.3 * rerank["knn"])
    assert {quirk["name"] for quirk in report["quirks"]} >= {"prefilter"}
    assert all(quirk["where"].startswith("https://") for quirk in [*report["notes"], *report["quirks"]])


def test_the_table_says_what_is_lost_and_why(cli, config):
    done = cli("ragflow", *QUESTION.split(), "-c", config, "--kb", ragflow.MANUALS, "--depth", "3")
    text = done.out.decode()
    assert "since 23 July 2026" in text
    assert "lost by the filter: 2 of the 5 that the vectors find" in text
    assert "https://github.com/infiniflow/ragflow/issues/19949" in text


def test_a_version_is_a_setting(cli, config):
    base = ("ragflow", QUESTION, "-c", config, "--kb", ragflow.MANUALS, "-o", "json")
    before = cli(*base, "--set", "store.ragflow.version=2026-04").json
    assert before["version"]["text_boost"] == 0.05
    cosine = before["chunks"]["retry-1"]["scores"]["C"]
    assert before["chunks"]["retry-1"]["rerank"]["knn"] == pytest.approx(cosine, abs=1e-5)
    wrong = cli(*base, "--set", "store.ragflow.version=2025")
    assert wrong.code == 2
    assert "2026-07, 2026-05, 2026-04" in wrong.err


def test_no_knowledge_base_is_a_clear_error(cli, config):
    done = cli("ragflow", QUESTION, "-c", config)
    assert done.code == 2
    assert "no knowledge base is named" in done.err
    assert "kb-papers (300 chunks)" in done.err
    unknown = cli("ragflow", QUESTION, "-c", config, "--kb", "kb-nobody", "-o", "json")
    assert unknown.code == 0
    assert all(not ranking["chunks"] for ranking in unknown.json["rankings"].values())


def test_search_works_on_it_too(cli, config):
    kb = f'store.ragflow.kb_ids=["{ragflow.MANUALS}"]'
    report = cli("search", QUESTION, "-c", config, "--set", kb).json
    assert report["results"][0]["id"] == "retry-1"
    assert {term["token"] for term in report["analysis"]} == {"fail", "request", "repeat", "after", "delai"}


def test_another_index_is_told_so(cli, tmp_path):
    done = cli("ragflow", "-c", Path(__file__).parents[3] / "sample_configs" / "beir.toml")
    assert done.code == 2
    assert 'store.kind = "ragflow"' in done.err
