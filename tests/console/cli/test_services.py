"""providers, doctor, stats, --offline and --yes, and an index by a service: the program against loopback servers."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.evaluation.agreement import kendall_tau_b, rank_biased_overlap
from engine.fusion.rank_lists import fuse_orders
from engine.rerankers.remote.providers import table
from tests.console.cli.conftest import Cli
from tests.servers import embedders, strict, vendors
from tests.servers.loopback import Loopback, Reply, Request, serving

KEY = strict.KEY


@contextmanager
def running(answer: Callable[[Request], Reply]) -> Iterator[Loopback]:
    """The server on a loop of its own: the program runs its own loops in this thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    context = serving(answer=answer)
    try:
        yield asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(5)
    finally:
        asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for row in table().values():
        for place in row.keys:
            for variable in place.split(":"):
                monkeypatch.delenv(variable, raising=False)


def test_providers_lists_the_table_with_what_is_configured(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CO_API_KEY", KEY)
    rows = {row["name"]: row for row in cli("providers", "-o", "json").json}
    assert set(table()) <= set(rows)
    cohere, tei, voyage = rows["cohere"], rows["tei"], rows["voyage"]
    assert (cohere["ready"], cohere["key"], cohere["where"]) == (True, "env:CO_API_KEY", "the internet")
    assert (tei["ready"], tei["missing"]) == (
        False,
        "rerank.base_url is empty, and HuggingFace TEI has no address of its own",
    )
    assert (voyage["ready"], voyage["key_variables"]) == (False, ["VOYAGE_API_KEY"])
    assert all(row["suits"] for row in rows.values())
    shown = cli("providers", "--ready")
    assert b"cohere" in shown.out
    assert b"voyage" not in shown.out
    assert KEY.encode() not in shown.out
    assert not any(row["ready"] for row in cli("providers", "cohere", "--offline", "-o", "json").json)


def test_providers_knows_those_of_the_settings(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '[rerank]\nprovider = "mine"\n[providers.mine]\nbase_url = "http://localhost:9"\nmodels = ["m"]\n'
    )
    (row,) = cli("providers", "mine", "-c", tmp_path / "mine.toml", "-o", "json").json
    assert (row["own"], row["chosen"], row["ready"], row["url"]) == (True, True, True, "http://localhost:9/rerank")
    (tmp_path / "key.toml").write_text(f'[providers.mine]\nbase_url = "http://localhost:9"\napi_key = "{KEY}"\n')
    told = [cli("providers", *more, "-c", tmp_path / "key.toml") for more in (["mine"], ["mine", "-o", "json"])]
    told.append(cli("doctor", "mine", "-c", tmp_path / "key.toml"))
    assert not any(KEY in each.out.decode() + each.err for each in told), "a key written into the settings"
    (tmp_path / "unset.toml").write_text('[providers.mine]\nbase_url = "http://localhost:9"\napi_key = "env:NOWHERE"\n')
    (row,) = cli("providers", "mine", "-c", tmp_path / "unset.toml", "-o", "json").json
    assert (row["ready"], row["key"], row["missing"]) == (False, "", "NOWHERE is not set")
    assert "– NOWHERE" in cli("providers", "mine", "-c", tmp_path / "unset.toml").out.decode()
    refused = cli("providers", "cohere2")
    assert refused.code == 2
    assert "there is no provider 'cohere2'" in refused.err


def test_doctor_asks_a_reranker_and_stats_counts_it(cli: Cli, index: Path) -> None:
    def tei(request: Request) -> Reply:
        if request.line.startswith("GET /info "):
            info = {"model_id": "bge", "model_type": {"reranker": {}}, "max_client_batch_size": 32}
            return strict.reply({**info, "max_input_length": 512})
        return vendors.VENDORS["tei"](request)

    with running(tei) as server:
        sets = ("--set", "rerank.provider=tei", "--set", f"rerank.base_url={server.url}", "--index", index)
        done = cli("doctor", *sets, "--repeat", "3")
        assert done.code == 0, done.out.decode()
        text = done.out.decode()
        assert "✓ index: small: 5 documents, vectors by static (256)" in text
        assert "✓ reranker tei, key: none, and none is needed" in text
        assert "the same every time" in text
        assert "✓ reranker tei, model: bge, 32 documents a request, 512 tokens each" in text
        small = cli("doctor", *sets, "--set", "providers.tei.max_documents=64", "--set", "providers.tei.batch=64")
        assert small.code == 1
        assert "but 64 are sent  → set providers.tei.batch = 32" in small.out.decode()
    with running(vendors.VENDORS["tei"]) as like_tei:
        told = cli("doctor", "tei", "--set", "rerank.provider=tei", "--set", f"rerank.base_url={like_tei.url}")
        assert (told.code, "– reranker tei, model: the server says nothing of itself" in told.out.decode()) == (0, True)
    (usage,) = cli("stats", "-o", "json").json
    assert (usage["provider"], usage["purpose"], usage["calls"], usage["failures"]) == ("tei", "rerank", 5, {})
    assert "tei" in cli("stats", "--days", "1").out.decode()


def test_doctor_asks_each_of_several_and_knows_a_tei_of_any_name(
    cli: Cli, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEAM", "blue-team")
    headers = []

    def tei(request: Request) -> Reply:
        headers.append(request.headers["x-team"])
        if request.line.startswith("GET /info "):
            info = {"model_id": "bge", "model_type": {"reranker": {}}, "max_client_batch_size": 32}
            return strict.reply({**info, "max_input_length": 512})
        return vendors.VENDORS["tei"](request)

    with running(tei) as server:
        (tmp_path / "several.toml").write_text(
            f'[rerank]\nprovider = "several"\nmodel = "term, mine, gone"\n'
            f'[providers.mine]\nlike = "tei"\nbase_url = "{server.url}"\nheaders = {{ X-Team = "env:TEAM" }}\n'
            '[providers.gone]\nlike = "tei"\nbase_url = "http://127.0.0.1:9"\nretries = 0\n'
        )
        done = cli("doctor", "-c", tmp_path / "several.toml", "--index", index)
    text = done.out.decode()
    assert done.code == 1
    assert "✓ reranker mine, model: bge, 32 documents a request, 512 tokens each" in text
    assert "✗ reranker gone: gone: cannot connect to 127.0.0.1:9" in text
    assert headers == ["blue-team"] * 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Reply(401, b'{"message": "invalid api token"}'), "Cohere: 401 Unauthorized: invalid api token"),
        (Reply(200, b"<html>hello</html>"), "no JSON"),
        (
            Reply(body=b'{"results": [{"index": 0, "relevance_score": 0.9}, {"index": 1, "relevance_score": 0.1}]}'),
            "the irrelevant document is above",
        ),
    ],
)
def test_doctor_fails_where_a_service_does(cli: Cli, answer: Reply, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CO_API_KEY", KEY)
    with running(lambda request: answer) as server:
        done = cli("doctor", "cohere", "--set", f"rerank.base_url={server.url}", "--set", "rerank.provider=cohere")
    assert done.code == 1
    assert said in done.out.decode()
    assert KEY not in done.out.decode() + done.err


def test_config_show_says_where_the_key_of_every_provider_is(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CO_API_KEY", KEY)
    (tmp_path / "three.toml").write_text(
        f'[providers.cohere]\nbatch = 5\n[providers.voyage]\nbatch = 5\n[providers.mine]\napi_key = "{KEY}"\n'
        '[rerank.cascade.second]\nprovider = "cohere"\n'
    )
    rows = {row["name"]: row for row in cli("config", "show", "-c", tmp_path / "three.toml", "--json").json}
    kept = {name: row["key_from"] for name, row in rows.items() if name.endswith(".api_key") and row["key_from"]}
    variable = "environment variable CO_API_KEY"
    assert kept.pop("providers.mine.api_key") == "the settings themselves"
    assert kept == {"providers.cohere.api_key": variable, "rerank.cascade.second.api_key": variable}
    assert KEY not in str(rows)
    address = ("--set", "rerank.base_url=http://me:pw-of-mine@localhost:9/v1")
    for more in ([], ["--json"]):
        shown = cli("config", "show", "rerank.base_url", *address, *more).out.decode()
        assert "pw-of-mine" not in shown
        assert "@localhost:9/v1" in shown


def test_doctor_tells_of_missing_things_without_asking_anybody(cli: Cli, tmp_path: Path) -> None:
    done = cli("doctor", "voyage", "-o", "json")
    assert done.code == 1
    failed = [one for one in done.json if one["ok"] is False]
    assert [one["text"] for one in failed] == ["Voyage AI needs a key: VOYAGE_API_KEY not set"]
    (tmp_path / "bad.toml").write_text("[rerank]\ntop_n = 0\n")
    assert "✗ settings: rerank.top_n" in cli("doctor", "-c", tmp_path / "bad.toml").out.decode()


def test_stats_of_nothing(cli: Cli) -> None:
    assert "no service was asked yet" in cli("stats").err


def test_offline_refuses_with_one_sentence(cli: Cli, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CO_API_KEY", KEY)
    sets = ("--set", "rerank.provider=cohere", "--index", index)
    report = cli("search", "seconds", *sets, "--offline").json
    outcome = next(stage for stage in report["stages"] if stage["name"] == "rerank")["outcome"]
    assert (outcome["status"], outcome["reason"]) == ("failed", "offline")
    monkeypatch.setenv("RANKSCOPE_REMOTE__OFFLINE", "true")
    assert cli("search", "seconds", *sets).json["results"] == report["results"]
    required = cli("search", "seconds", *sets, "--set", "rerank.required=true")
    assert required.code == 4


def test_a_set_of_queries_is_asked_for_once_before_it_leaves(
    cli: Cli, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can answer here, so that it takes --yes; nothing was sent before."""
    monkeypatch.setenv("CO_API_KEY", KEY)
    (tmp_path / "queries.txt").write_text("seconds\nwhite space\n")
    (tmp_path / "q.jsonl").write_text('{"_id": "1", "text": "seconds"}\n')
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n1\ttime.sleep\t1\n")
    sets = ("--set", "rerank.provider=cohere", "--set", "providers.cohere.price=2000", "--index", index)
    refused = cli("search", "--queries", tmp_path / "queries.txt", *sets)
    assert refused.code == 2
    assert not refused.out
    assert "note: rerank by Cohere (rerank-v4.0-pro) at api.cohere.com, on the internet: 2 requests, 10 " in refused.err
    assert "--yes agrees to that" in refused.err
    data = ("--queries", tmp_path / "q.jsonl", "--qrels", tmp_path / "qrels.tsv")
    (tmp_path / "a.toml").write_text("[cut]\ntop_k = 5\n")
    for command in (
        ("evaluate", *data),
        ("tune", *data),
        ("record", "--queries", tmp_path / "queries.txt", "-O", tmp_path / "out.rankscope"),
        ("diff", tmp_path / "a.toml", tmp_path / "a.toml", *data),
    ):
        told = cli(*command, *sets)
        assert (told.code, told.out) == (2, b""), command
        assert "note: rerank by Cohere" in told.err, command
        assert "--yes agrees to that" in told.err, command
    assert not (tmp_path / "out.rankscope").exists()
    offline = cli("search", "--queries", tmp_path / "queries.txt", *sets, "--offline")
    assert offline.code == 0
    assert len(offline.lines) == 2


@pytest.mark.parametrize("lexical", [0, 1])
def test_what_a_service_will_find_is_estimated_without_asking_it(
    cli: Cli, corpus: Path, tmp_path: Path, lexical: int
) -> None:
    """A leg by a service finds documents for every query, whatever the words of the sample find."""
    (tmp_path / "queries.txt").write_text("seconds\nzzzz\n")
    with running(embedders.VENDORS["ollama"]) as server:
        (tmp_path / "remote.toml").write_text(
            f"[legs.lexical]\n[legs.dense]\nembedder = 'ollama/nomic-embed-text'\n"
            f"[weights]\ndense = 1\nlexical = {lexical}\n"
            f"[rerank]\nprovider = 'cohere'\ntop_n = 4\n[providers.cohere]\nprice = 10_000\napi_key = '{KEY}'\n"
            f"[providers.ollama]\nbase_url = '{server.url}'\n"
        )
        made = ("-c", tmp_path / "remote.toml")
        assert cli("index", corpus, "--into", tmp_path / "made", *made).code == 0
        asked = len(server.requests)
        told = cli("search", "--queries", tmp_path / "queries.txt", *made, "--index", tmp_path / "made")
        assert len(server.requests) == asked
    assert "rerank by Cohere (rerank-v4.0-pro) at api.cohere.com, on the internet: 2 requests, 8 documents" in told.err
    assert "about 0.02 US$" in told.err


def test_what_stays_on_this_machine_needs_no_agreement_and_yes_is_agreement(
    cli: Cli, index: Path, tmp_path: Path
) -> None:
    (tmp_path / "queries.txt").write_text("seconds\nwhite space\n")
    with running(vendors.VENDORS["tei"]) as server:
        sets = ("--set", "rerank.provider=tei", "--set", f"rerank.base_url={server.url}", "--index", index)
        lines = cli("search", "--queries", tmp_path / "queries.txt", *sets).lines
        assert {line["reranker"]["provider"] for line in lines} == {"tei"}
        agreed = cli("search", "--queries", tmp_path / "queries.txt", *sets, "--yes", "--no-cache")
        assert agreed.code == 0
        assert len(server.requests) == 4
        kept = tmp_path / "kept.rankscope"
        for command in (("record", "--queries", tmp_path / "queries.txt"), ("record", "seconds")):
            assert cli(*command, "-O", kept, *sets, "--no-cache").code == 0, command
        assert len(server.requests) == 7


def test_documents_are_not_sent_to_be_embedded_before_that_is_agreed_to(
    cli: Cli, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CO_API_KEY", KEY)
    made, sets = tmp_path / "made", ("--set", "legs.dense.embedder=cohere/embed-v4.0")
    refused = cli("index", corpus, "--into", made, *sets)
    assert refused.code == 2
    assert "note: index by Cohere (embed-v4.0) at api.cohere.com, on the internet: 1 requests, 5 doc" in refused.err
    assert "these documents would be sent to a service" in refused.err
    assert not made.exists()
    offline = cli("index", corpus, "--into", made, *sets, "--offline")
    assert offline.code != 0
    assert "offline" in offline.err
    assert "would be sent" not in offline.err


def test_an_index_is_built_and_searched_by_a_service(cli: Cli, corpus: Path, tmp_path: Path) -> None:
    with running(embedders.VENDORS["ollama"]) as server:
        sets = (
            "--set",
            "legs.dense.embedder=ollama/nomic-embed-text",
            "--set",
            f"providers.ollama.base_url={server.url}",
        )
        built = cli("index", corpus, "--into", tmp_path / "made", *sets)
        assert built.code == 0, built.err
        report = cli("search", "seconds", "--index", tmp_path / "made", *sets).json
    embed = next(stage for stage in report["stages"] if stage["name"] == "embed")
    assert (embed["ran_on"], embed["outcome"]["status"]) == ("remote", "ok")
    assert all(result["legs"]["dense"]["raw"] is not None for result in report["results"])
    manifest: Any = json.loads((tmp_path / "made" / "rankscope-index.json").read_text())
    assert manifest["spec"]["embedding"]["dimension"] == embedders.DIMENSION


def test_several_rerankers_are_compared_on_one_query(cli: Cli, index: Path) -> None:
    """Orders, agreement, usage and outcome of each in the JSON; the same in the table."""
    with running(vendors.VENDORS["tei"]) as server, running(lambda _: Reply(status=401, body=b"{}")) as broken:
        own = (
            *("--set", f'providers.tei={{base_url="{server.url}"}}'),
            *("--set", f'providers.mine={{base_url="{broken.url}/v1", models=["m"]}}'),
        )
        asking = ("search", "seconds of sleep", "--index", index, "--rerankers", "term,tei,mine", *own)
        found = cli(*asking)
        assert found.code == 0, found.err
        comparison = found.json["comparison"]
        term, tei, mine = comparison["rerankers"]
        assert [each["outcome"]["status"] for each in (term, tei, mine)] == ["ok", "ok", "failed"]
        assert "401" in mine["outcome"]["text"]
        assert mine["outcome"]["hint"]
        assert tei["usage"]["requests"] == 1
        assert tei["ms"] > 0
        scores = [each["score"] for each in tei["ranking"]]
        assert scores == sorted(scores, reverse=True)
        assert comparison["first"] == len(scores) == len(term["ranking"])
        pairs = {(each["a"], each["b"]): each for each in comparison["agreement"]}
        assert pairs[("term", "mine")]["rbo"] is None
        orders = [[each["id"] for each in one["ranking"]] for one in (term, tei)]
        assert pairs[("term", "tei")]["rbo"] == pytest.approx(rank_biased_overlap(*orders))
        assert pairs[("term", "tei")]["kendall_tau"] == pytest.approx(kendall_tau_b(*orders))
        assert [each["id"] for each in comparison["fused"]] == list(fuse_orders(orders))
        shown = cli(*asking, "-o", "table").out.decode()
        assert all(word in shown for word in ("fused by rank", "RBO", "tau", "401"))
        assert f"mine → {mine['outcome']['hint']}" in shown


def test_what_cannot_be_compared_is_said_before_anything_is_asked(cli: Cli, index: Path) -> None:
    for names, expected in (("term", "two or more"), ("term,term", "each once"), ("term,jinna", "jinna")):
        refused = cli("search", "seconds", "--index", index, "--rerankers", names)
        assert (refused.code, refused.out) == (2, b"")
        assert expected in refused.err
    many = cli("search", "--queries", "-", "--index", index, "--rerankers", "term,tei")
    assert many.code == 2


def test_what_a_service_gets_is_said_once(cli: Cli, index: Path) -> None:
    far = 'providers.far={base_url="http://192.0.2.1/v1", models=["m"], connect_s=0.05, retries=0}'
    asking = ("search", "seconds", "--index", index, "--set", far, "--set", "rerank.provider=far")
    first = cli(*asking)
    assert first.code == 0
    assert "far (m) at 192.0.2.1" in first.err
    assert "the query and title and text of" in first.err
    assert "gets the query" not in cli(*asking).err
    assert "gets the query" not in cli(*asking, "--offline").err


def test_each_of_several_rerankers_is_estimated_before_a_set_of_queries(cli: Cli, index: Path, tmp_path: Path) -> None:
    queries = tmp_path / "queries.tsv"
    queries.write_text("1\tseconds\n2\tsleep\n", encoding="utf-8")
    far = [f'providers.{name}={{base_url="http://192.0.2.1/v1", models=["m"]}}' for name in ("far", "further")]
    sets = [*far, "rerank.provider=several", "rerank.model=term, far, further"]
    refused = cli("search", "--queries", queries, "--index", index, *(each for one in sets for each in ("--set", one)))
    assert refused.code == 2
    assert "rerank by far (m) at 192.0.2.1" in refused.err
    assert "rerank by further (m) at 192.0.2.1" in refused.err
    assert "--yes" in refused.err
