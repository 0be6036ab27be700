"""``rankscope connect`` and ``rankscope index --into ENGINE:NAME``, as they are called."""

from __future__ import annotations

import json
import signal
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.console.cli.conftest import CORPUS, Cli, start
from tests.servers.engine_index import send
from tests.servers.engines import Server

NAME = "called"
LARGE = 12_000


@pytest.fixture
def engine(elasticsearch_8: Server) -> Iterator[Server]:
    """Elasticsearch, and afterwards without the indices that a test made."""
    yield elasticsearch_8
    for index in send(elasticsearch_8, "GET", f"/{NAME}*?expand_wildcards=all"):
        send(elasticsearch_8, "DELETE", f"/{index}")


def aliases(server: Server) -> dict[str, list[str]]:
    return {index: sorted(one["aliases"]) for index, one in send(server, "GET", f"/{NAME}*/_alias").items()}


def test_an_index_is_built_connected_to_and_searched(cli: Cli, corpus: Path, engine: Server, tmp_path: Path) -> None:
    done = cli("index", corpus, "--into", f"elasticsearch:{NAME}", "--url", engine.url)
    assert done.code == 0, done.err
    assert f"5 documents in {NAME} ({NAME}-000001)" in done.err
    assert f"rankscope connect {engine.url} --index {NAME}" in done.err
    again = cli("index", corpus, "--into", f"elasticsearch:{NAME}", "--url", engine.url)
    assert again.code == 2
    assert "holds an index of 5 documents already" in again.err
    file = tmp_path / "made.toml"
    made = cli("connect", engine.url, "--index", NAME, "-O", file, "--no-open")
    assert made.code == 0, made.err
    assert "the index says so itself" in made.out.decode()
    assert f"written: {file}" in made.err
    settings = tomllib.loads(file.read_text())
    assert settings["store"] == {"kind": "elasticsearch", "url": engine.url, "index": NAME}
    assert settings["legs"]["dense"]["embedder"] == "static"
    found = cli("search", "sleep without blocking", "-c", file)
    assert found.code == 0, found.err
    assert found.json["results"][0]["id"] == "asyncio.sleep"
    assert cli("connect", engine.url, "--index", NAME, "-O", file, "--no-open").code == 2


def test_the_proposal_is_printed_for_programs(cli: Cli, corpus: Path, engine: Server) -> None:
    cli("index", corpus, "--into", f"elasticsearch:{NAME}", "--url", engine.url, "--embedder", "none")
    told = cli("connect", engine.url, "--index", NAME, "-o", "json").json
    assert [one["name"] for one in told["fields"] if one["taken"]] == ["title", "text"]
    assert told["vector"]["name"] is None
    assert told["weights"] == {"lexical": 1.0, "dense": 0.0}
    assert tomllib.loads(told["settings"])["weights"] == {"lexical": 1.0}
    listing = cli("connect", engine.url, "-o", "json", "--all").json
    assert NAME in [one["asked"] for one in listing["indices"]]
    shown = cli("connect", engine.url, "--all")
    assert f"{NAME}-000001" in shown.out.decode()
    assert "choose one with --index" in shown.err


def test_a_missing_index_is_said(cli: Cli, engine: Server) -> None:
    done = cli("connect", engine.url, "--index", "nowhere", "--no-open")
    assert done.code == 3
    assert "it has no index nowhere" in done.err


def test_options_that_contradict_each_other_are_refused(cli: Cli, corpus: Path, tmp_path: Path) -> None:
    cases = {
        ("--into", str(tmp_path / "x"), "--knn", "hnsw"): "--knn is for an engine, and --into names a folder",
        ("--into", str(tmp_path / "x"), "--api-key", "env:K"): "--api-key is for an engine",
        ("--into", "elasticsearch:"): "names no index",
        ("--into", "elasticsearch:n", "--update"): "--update is for an index in a folder",
        ("--into", "opensearch:n"): "store.url is empty",
    }
    for options, said in cases.items():
        done = cli("index", corpus, *options)
        assert done.code == 2, done.err
        assert said in done.err


def played(status: int, body: object) -> tuple[str, Callable[[], None]]:
    """The address of a server that answers everything the same, and how it is ended."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def end() -> None:
        server.shutdown()
        server.server_close()

    return f"http://127.0.0.1:{server.server_address[1]}", end


def test_every_way_in_that_is_closed_names_the_way_out(cli: Cli) -> None:
    error = {"error": {"type": "security_exception", "reason": "missing authentication credentials"}, "status": 401}
    url, end = played(401, error)
    try:
        done = cli("connect", url)
        assert done.code == 3
        assert "it wants to know who asks" in done.err
        assert "--api-key env:NAME, or --username NAME" in done.err
        assert "does not speak TLS" in cli("connect", url.replace("http:", "https:")).err
    finally:
        end()
    other, end = played(200, {"hello": "world"})
    try:
        assert "neither Elasticsearch nor OpenSearch" in cli("connect", other).err
    finally:
        end()
    nobody = cli("connect", "127.0.0.1:1")
    assert nobody.code == 3
    assert "nothing answers there" in nobody.err
    assert cli("connect", "http://search.example.com:9200", "--offline").code == 2


def test_a_stopped_build_leaves_the_old_index_serving_and_goes_on(cli: Cli, engine: Server, tmp_path: Path) -> None:
    assert cli("index", _corpus(tmp_path, 3), "--into", f"elasticsearch:{NAME}", "--url", engine.url).code == 0
    large = _corpus(tmp_path, LARGE)
    options = ["--into", f"elasticsearch:{NAME}", "--url", engine.url, "--rebuild", "--embedder", "none"]
    for sign, code in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        process = start("index", large, *options)
        try:
            deadline = time.monotonic() + 40
            while process.poll() is None and _requests(engine) == 0:
                assert time.monotonic() < deadline, "the build did not begin"
                time.sleep(0.02)
            process.send_signal(sign)
            process.communicate()
        finally:
            process.kill()
        assert process.returncode == code
        assert aliases(engine) == {f"{NAME}-000001": [NAME], f"{NAME}-000002": [f"{NAME}-000002-building"]}
        assert send(engine, "GET", f"/{NAME}/_count")["count"] == 3
    done = cli("index", large, *options)
    assert done.code == 0, done.err
    assert aliases(engine) == {f"{NAME}-000002": [NAME]}
    assert send(engine, "GET", f"/{NAME}/_count")["count"] == LARGE


def _requests(engine: Server) -> int:
    """Bulk requests that the second index is busy with, or documents that it took."""
    found = send(engine, "GET", f"/{NAME}-000002/_stats/indexing", ignore=404)
    if found is None:
        return 0
    told = found["_all"]["total"].get("indexing", {})
    return int(told.get("index_total", 0)) + int(told.get("index_current", 0))


def _corpus(folder: Path, count: int) -> Path:
    file = folder / f"{count}.jsonl"
    rows = (CORPUS[number % len(CORPUS)] | {"_id": f"d{number}"} for number in range(count))
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file
